//! How deep a text of Cedar goes, found out before anybody reads it: its reader, and whatever walks
//! what was read, goes as deep as the text, and a stack that is used up ends the program.

use std::ops::Range;

use crate::mistake::{Found, Mistake};

/// How deep a text may go.
const DEEPEST: usize = 2_048;
/// What one bracket, one sign before a value, or one `if` counts: Cedar's grammar has many levels
/// between two of them.
const NESTED: usize = 32;
/// What an operator between two values counts, and what `&&` and `||` do.
const BETWEEN: usize = 4;

/// How deep a text goes between two brackets.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// By the bracket, and by all that is joined.
    joined: usize,
    /// By what stands between two that are.
    single: usize,
}

/// Says that `text` goes deeper than can be read, and where.
pub(crate) fn too_deep(text: &str) -> Option<Found> {
    let mut levels = vec![Level::default()];
    let mut above = 0_usize;
    for (at, token) in Tokens::of(text) {
        let level = levels.last_mut()?;
        match token {
            Token::Opens => {
                above = above.saturating_add(level.depth());
                levels.push(Level { joined: NESTED, single: 0 });
            }
            Token::Closes => {
                if 1 < levels.len() {
                    levels.pop();
                }
                let level = levels.last_mut()?;
                above = above.saturating_sub(level.depth());
                // `a["b"]["c"]`: each goes around what came before.
                level.single = level.single.saturating_add(BETWEEN);
            }
            // What follows is beside what came before, not around it.
            Token::Parts => *level = Level { joined: level.joined.min(NESTED), single: 0 },
            Token::Ends => (levels, above) = (vec![Level::default()], 0),
            Token::Before => level.single = level.single.saturating_add(NESTED),
            // All that follows is in it.
            Token::Goes => level.joined = level.joined.saturating_add(NESTED),
            Token::Between => level.single = level.single.saturating_add(BETWEEN),
            Token::Joins => {
                *level = Level { joined: level.joined.saturating_add(BETWEEN), single: 0 };
            }
        }
        if DEEPEST < above.saturating_add(levels.last()?.depth()) {
            return Some(Found { mistake: Mistake::TooDeep, at });
        }
    }
    None
}

impl Level {
    const fn depth(self) -> usize {
        self.joined.saturating_add(self.single)
    }
}

/// What makes a text deeper, or brings it back.
#[derive(Clone, Copy, Debug)]
enum Token {
    Opens,
    Closes,
    Parts,
    Ends,
    /// A sign before a value.
    Before,
    /// An operator between two values.
    Between,
    /// `&&`, `||`
    Joins,
    /// `if`
    Goes,
}

/// Goes through a text, past quoted words and remarks.
struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    const fn of(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Goes on as long as bytes are `such`.
    fn pass(&mut self, such: impl Fn(u8) -> bool) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let passed = rest.iter().position(|it| !such(*it)).unwrap_or(rest.len());
        self.at = self.at.saturating_add(passed);
    }

    /// Goes past a quoted word, whose first quote is behind.
    fn pass_quoted(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let mut bytes = rest.iter().enumerate();
        let end = loop {
            match bytes.next() {
                None => break rest.len(),
                Some((_, b'\\')) => drop(bytes.next()),
                Some((end, b'"')) => break end.saturating_add(1),
                Some(_) => {}
            }
        };
        self.at = self.at.saturating_add(end);
    }
}

impl Iterator for Tokens<'_> {
    type Item = (Range<usize>, Token);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (begin, byte) = (self.at, *self.text.as_bytes().get(self.at)?);
            self.at = self.at.saturating_add(1);
            let token = match byte {
                b'"' => {
                    self.pass_quoted();
                    continue;
                }
                b'/' => {
                    self.pass(|it| !matches!(it, b'\n' | b'\r'));
                    continue;
                }
                b'(' | b'[' | b'{' => Token::Opens,
                b')' | b']' | b'}' => Token::Closes,
                b',' => Token::Parts,
                b';' => Token::Ends,
                b'!' if self.text.as_bytes().get(self.at) == Some(&b'=') => Token::Between,
                // One before a value, or between two: who knows.
                b'!' | b'-' => Token::Before,
                b'&' | b'|' => {
                    self.pass(|it| it == byte);
                    Token::Joins
                }
                b'=' | b'<' | b'>' => {
                    self.pass(|it| it == b'=');
                    Token::Between
                }
                b'+' | b'*' | b'.' => Token::Between,
                _ if byte.is_ascii_alphabetic() || byte == b'_' => {
                    self.pass(|it| it.is_ascii_alphanumeric() || it == b'_');
                    match self.text.get(begin..self.at) {
                        Some("if") => Token::Goes,
                        Some("in" | "has" | "like" | "is") => Token::Between,
                        Some(_) | None => continue,
                    }
                }
                _ => continue,
            };
            return Some((begin..self.at, token));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{PolicyOptions, PolicySet, PolicySource};

    /// Texts that go as deep as they are long, each in its own way: what comes again and again before
    /// the middle, and behind it.
    const WAYS: [(&str, &str, &str); 19] = [
        ("(", "true", ")"),
        ("[", "1", "]"),
        ("{a: ", "1", "}"),
        ("!", "true", ""),
        ("!(", "true", ")"),
        ("-", "1", ""),
        ("-(", "1", ")"),
        ("if true then 1 else ", "1", ""),
        ("if if true then true else ", "true", " then 1 else 2"),
        ("if true && true then 1 else ", "1", ""),
        ("true && ", "true", ""),
        ("true && !", "true", ""),
        ("1 == 1 || (true && ", "true", ")"),
        ("[1, ", "1", "]"),
        ("{a: 1, b: if true then 1 else ", "1", "}"),
        ("1 + ", "1", ""),
        ("", "context", ".a"),
        ("", "context", "[\"a\"]"),
        ("", "[1]", ".contains(1)"),
    ];

    fn text(way: (&str, &str, &str), times: usize) -> String {
        let (before, middle, behind) = way;
        let deep = format!("{}{middle}{}", before.repeat(times), behind.repeat(times));
        format!("@id(\"a\") permit (principal, action, resource) when {{ {deep} == 1 }};")
    }

    fn deepest(way: (&str, &str, &str)) -> usize {
        (1..=DEEPEST).take_while(|it| too_deep(&text(way, *it)).is_none()).last().unwrap_or(0)
    }

    /// Half of what a thread has: what is let through leaves as much room again.
    const ROOM: usize = 1 << 20;

    #[test]
    fn whatever_is_let_through_can_be_read_formed_and_let_go_again() {
        for way in WAYS {
            let most = deepest(way);
            assert!((10..=DEEPEST).contains(&most), "{way:?}: {most}");
            let source = PolicySource { name: "deep".to_owned(), text: text(way, most) };
            let read = move || {
                let formed = crate::format(&source);
                let read = PolicySet::compile(&[source], PolicyOptions::default());
                drop((formed, read));
            };
            std::thread::Builder::new().stack_size(ROOM).spawn(read).unwrap().join().unwrap();
        }
    }

    #[test]
    fn what_goes_deeper_is_refused_and_never_read() {
        for way in WAYS {
            for times in [deepest(way) + 1, 100_000] {
                let source = PolicySource { name: "deep".to_owned(), text: text(way, times) };
                let errors =
                    PolicySet::compile(std::slice::from_ref(&source), PolicyOptions::default());
                let codes: Vec<_> =
                    errors.unwrap_err().iter().map(crate::PolicyError::code).collect();
                assert_eq!(codes, ["POL-021"], "{way:?}");
                assert_eq!(crate::format(&source).unwrap_err()[0].code(), "POL-021", "{way:?}");
            }
        }
    }

    #[test]
    fn what_is_long_and_not_deep_is_read() {
        let many: Vec<String> = (0..5_000).map(|it| format!("ip(\"10.0.0.{it}\")")).collect();
        let policy = format!(
            "permit (principal, action, resource) when {{ [{}].contains(1) }};",
            many.join(", ")
        );
        assert_eq!(too_deep(&policy.repeat(3)), None);
        let quoted = format!(
            "permit (principal, action, resource) when {{ \"{}\\\"(\" == 1 }}; // {}",
            "(".repeat(9_000),
            "(".repeat(9_000)
        );
        assert_eq!(too_deep(&quoted), None);
        let ors = vec!["context.input.path == \"/srv/a\""; 400].join(" || ");
        assert_eq!(
            too_deep(&format!("permit (principal, action, resource) when {{ {ors} }};")),
            None
        );
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at(text in "[a-z(){}\\[\\],;!\\-\"\\\\/\\n.&|=é ]{0,200}") {
            if let Some(found) = too_deep(&text) {
                prop_assert!(text.get(found.at).is_some());
            }
        }
    }
}
