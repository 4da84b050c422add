//! Cuts a file of policies into policies without reading them: each can then be compiled by itself,
//! and kept for as long as it says the same.

/// One policy as it is written, with whatever stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'t> {
    /// Where it begins in the file, in bytes.
    pub(crate) start: usize,
    /// On which line, counted from one.
    pub(crate) line: usize,
    pub(crate) text: &'t str,
    /// Whether a semicolon ends it. Else it ends with the file, and may go on in the next edition.
    pub(crate) ended: bool,
}

/// What a byte stands in.
#[derive(Clone, Copy)]
enum Within {
    Policy,
    /// A text between quotes.
    Text,
    /// A remark, down to the end of its line.
    Remark,
}

/// Cuts a text behind every semicolon that ends a policy. Together the pieces are the text.
///
/// Where the text is no Cedar, a piece may be none either: then the whole of it is, too. A piece says
/// nothing of what comes before it: from where one ends on, a text is cut as if it began there.
#[derive(Clone, Debug)]
pub(crate) struct Pieces<'t> {
    text: &'t str,
    start: usize,
    line: usize,
}

impl<'t> Pieces<'t> {
    /// Cuts all of `text`.
    pub(crate) const fn of(text: &'t str) -> Self {
        Self { text, start: 0, line: 1 }
    }

    /// Cuts `text` from a place on at which a piece begins.
    pub(crate) const fn from(text: &'t str, start: usize, line: usize) -> Self {
        Self { text, start, line }
    }

    /// Gives the place, and its line, at which the next one begins.
    pub(crate) const fn place(&self) -> (usize, usize) {
        (self.start, self.line)
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        let rest = self.text.get(self.start..).filter(|it| !it.is_empty())?;
        let end = first(rest);
        let text = end.and_then(|it| rest.get(..it)).unwrap_or(rest);
        let piece = Piece { start: self.start, line: self.line, text, ended: end.is_some() };
        self.start = self.start.saturating_add(text.len());
        self.line = self.line.saturating_add(lines(text));
        Some(piece)
    }
}

/// Says where the first semicolon of a text ends that ends a policy.
fn first(text: &str) -> Option<usize> {
    let mut within = Within::Policy;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        within = match (within, byte) {
            (Within::Policy, b'"') => Within::Text,
            (Within::Text, b'"') | (Within::Remark, b'\n' | b'\r') => Within::Policy,
            (Within::Policy, b'/') if bytes.peek().is_some_and(|(_, next)| *next == b'/') => {
                Within::Remark
            }
            (Within::Text, b'\\') => {
                bytes.next();
                Within::Text
            }
            (Within::Policy, b';') => return Some(at.saturating_add(1)),
            (same, _) => same,
        };
    }
    None
}

/// Counts the ends of lines in `text`.
pub(crate) fn lines(text: &str) -> usize {
    text.bytes().filter(|it| *it == b'\n').count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        Pieces::of(text).map(|it| it.text).collect()
    }

    #[test]
    fn a_semicolon_in_a_text_or_a_remark_ends_nothing() {
        assert_eq!(texts(r#"a ";" b; c"#), [r#"a ";" b;"#, " c"]);
        assert_eq!(texts("a // ; \"\nb; c;\n"), ["a // ; \"\nb;", " c;", "\n"]);
        assert_eq!(texts("a // ;\rb;"), ["a // ;\rb;"]);
        assert_eq!(texts(r#""\";" ; "\\"; x"#), [r#""\";" ;"#, r#" "\\";"#, " x"]);
        assert_eq!(texts(r#""//"; x"#), [r#""//";"#, " x"]);
        assert!(texts("").is_empty());
    }

    #[test]
    fn what_ends_with_the_file_is_not_ended_by_a_semicolon_in_a_remark() {
        let ended: Vec<bool> = Pieces::of("a;\n// b;").map(|it| it.ended).collect();
        assert_eq!(ended, [true, false]);
        assert!(Pieces::of("a; b;").all(|it| it.ended));
    }

    #[test]
    fn a_piece_knows_its_line() {
        let lines: Vec<usize> = Pieces::of("a;\nb\n;c;\n").map(|it| it.line).collect();
        assert_eq!(lines, [1, 1, 3, 3]);
    }

    proptest! {
        #[test]
        fn the_pieces_of_a_text_are_the_text(text in "[a;\"/\\\\\n\ré]{0,40}") {
            let found: Vec<_> = Pieces::of(&text).collect();
            prop_assert_eq!(found.iter().map(|it| it.text).collect::<String>(), text.clone());
            for (place, it) in found.iter().enumerate() {
                let from_here: Vec<_> = Pieces::from(&text, it.start, it.line).collect();
                prop_assert_eq!(Some(from_here.as_slice()), found.get(place..));
                let (before, from) = text.split_at(it.start);
                prop_assert!(from.starts_with(it.text));
                prop_assert_eq!(it.line, before.matches('\n').count().saturating_add(1));
            }
        }
    }
}
