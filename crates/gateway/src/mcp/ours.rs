//! Names of ours in what servers say: nobody else writes them.
//!
//! What the gateway did to a call it tells under `dev.bailiwick/…` in `_meta`. Whoever reads that believes
//! it, so a server must not be able to say it.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// What every name of ours begins with.
const OURS: &str = "dev.bailiwick/";
const META: &str = "_meta";

/// Leaves out of every `_meta` in it, however deep, what has a name of ours. Every other byte stays.
pub(crate) fn unforged(value: &RawValue) -> Cow<'_, RawValue> {
    let text = value.get();
    // Letters and points can be written otherwise in one way only.
    if !text.contains("dev.bailiwick") && !text.contains(r"\u") {
        return Cow::Borrowed(value);
    }
    let written = Reading::of(text).written();
    // It was JSON, so it is; if it were not, nothing of it would count.
    match written.map(RawValue::from_string) {
        None => Cow::Borrowed(value),
        Some(Ok(written)) => Cow::Owned(written),
        Some(Err(_)) => Cow::Borrowed(RawValue::NULL),
    }
}

/// What a place in the text lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    List,
    Object,
    Meta,
}

/// JSON that is gone through once, with one byte for each level of depth.
struct Reading<'a> {
    text: &'a str,
    at: usize,
    within: Vec<Within>,
    /// Whether the next text is a name.
    name_is_next: bool,
    /// Whether the next value is that of a `_meta`.
    meta_is_next: bool,
    /// What was written so far, and up to where of the text.
    out: String,
    taken: usize,
}

impl<'a> Reading<'a> {
    const fn of(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            within: Vec::new(),
            name_is_next: false,
            meta_is_next: false,
            out: String::new(),
            taken: 0,
        }
    }

    /// Writes it without names of ours; none where there are none.
    fn written(mut self) -> Option<String> {
        while let Some(byte) = self.byte() {
            self.step(byte);
        }
        if self.taken == 0 {
            return None;
        }
        self.out.push_str(self.text.get(self.taken..).unwrap_or_default());
        Some(self.out)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self, byte: u8) {
        let from = self.at;
        match byte {
            b'"' => {
                self.skip_text();
                if std::mem::take(&mut self.name_is_next) {
                    self.named(from);
                }
                return;
            }
            b'{' => {
                let meta = std::mem::take(&mut self.meta_is_next);
                self.within.push(if meta { Within::Meta } else { Within::Object });
                self.name_is_next = true;
            }
            b'[' => {
                self.meta_is_next = false;
                self.within.push(Within::List);
            }
            b'}' | b']' => {
                let _left = self.within.pop();
                (self.name_is_next, self.meta_is_next) = (false, false);
            }
            b',' => {
                self.name_is_next = self.within.last().is_some_and(|it| *it != Within::List);
                self.meta_is_next = false;
            }
            _ => {}
        }
        self.at = self.at.saturating_add(1);
    }

    /// Takes the name that stands from `from` to here.
    fn named(&mut self, from: usize) {
        let name = self.text.get(from..self.at).unwrap_or_default();
        if self.within.last() == Some(&Within::Meta) && is(name, |it| it.starts_with(OURS)) {
            self.leave_out(from);
        } else {
            self.meta_is_next = is(name, |it| it == META);
        }
    }

    /// Leaves out the member whose name stands from `from` to here, with one comma beside it.
    fn leave_out(&mut self, from: usize) {
        self.skip_value();
        self.out.push_str(self.text.get(self.taken..from).unwrap_or_default());
        if self.byte() == Some(b',') {
            self.at = self.at.saturating_add(1);
            self.name_is_next = true;
        } else {
            let kept = self.out.trim_ascii_end();
            self.out.truncate(kept.strip_suffix(',').unwrap_or(kept).len());
        }
        self.taken = self.at;
    }

    /// Goes on to the end of a text that begins here.
    fn skip_text(&mut self) {
        self.at = self.at.saturating_add(1);
        while let Some(byte) = self.byte() {
            self.at = self.at.saturating_add(if byte == b'\\' { 2 } else { 1 });
            if byte == b'"' {
                return;
            }
        }
    }

    /// Goes on from behind a name to what ends its member: a comma or a brace.
    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.byte() {
            match byte {
                b'"' => {
                    self.skip_text();
                    continue;
                }
                b',' | b'}' | b']' if depth == 0 => return,
                b'{' | b'[' => depth = depth.saturating_add(1),
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at = self.at.saturating_add(1);
        }
    }
}

/// Says what a name is that stands between quotes. One that nobody can read the same way is anything.
fn is(name: &str, like: impl Fn(&str) -> bool) -> bool {
    if !name.contains('\\') {
        return like(name.trim_matches('"'));
    }
    serde_json::from_str::<String>(name).map_or(true, |name| like(&name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn unforged_of(text: &str) -> String {
        unforged(&RawValue::from_string(text.to_owned()).unwrap()).get().to_owned()
    }

    #[test]
    fn nothing_of_ours_is_left_and_nothing_else_moves() {
        for (said, left) in [
            (r#"{"_meta":{"dev.bailiwick/decision":"dec_1"}}"#, r#"{"_meta":{}}"#),
            (
                r#"{"_meta":{ "a":1 , "dev.bailiwick/x":{"y":[1,"}"]} , "b":2.50}}"#,
                r#"{"_meta":{ "a":1 ,  "b":2.50}}"#,
            ),
            (
                r#"{"_meta":{"a":1, "dev.bailiwick/x":1,"dev.bailiwick/y":"," }}"#,
                r#"{"_meta":{"a":1}}"#,
            ),
            (
                r#"{"\u005fmeta":{"dev\u002ebailiwick\/x":1,"b":"\u00e4"}}"#,
                r#"{"\u005fmeta":{"b":"\u00e4"}}"#,
            ),
            (r#"{"content":[{"_meta":{"dev.bailiwick/x":[]}}]}"#, r#"{"content":[{"_meta":{}}]}"#),
            (r#"{"_meta":{"dev.bailiwick/\ud800":1}}"#, r#"{"_meta":{}}"#),
            (r#"{"_meta":{"_meta":{"dev.bailiwick/x":1}}}"#, r#"{"_meta":{"_meta":{}}}"#),
        ] {
            assert_eq!(unforged_of(said), left, "{said}");
        }
        for same in [
            r#"{ "dev.bailiwick/x": 1, "_meta": { "dev.bailiwick": 1, "x/dev.bailiwick/y": 2 } }"#,
            r#"{"_meta":[{"dev.bailiwick/x":1}],"a":"\"_meta\":{\"dev.bailiwick/x\":1}"}"#,
            r#"{"_meta":"dev.bailiwick/x","b":{"dev.bailiwick/x":1}}"#,
            r#"{"a":"\u00e4"}"#,
            r#"[{"_meta":7},{"dev.bailiwick/x":1}]"#,
        ] {
            assert_eq!(unforged_of(same), same);
        }
    }

    #[test]
    fn what_nests_as_deep_as_it_can_is_gone_through() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(200_000), "]".repeat(200_000));
        let said = unforged_of(&deep(r#"{"_meta":{"dev.bailiwick/x":1}}"#));
        assert!(said == deep(r#"{"_meta":{}}"#));
    }

    /// JSON as it may be written: names may come twice, and stand in escapes.
    #[derive(Clone, Debug)]
    enum Tree {
        Leaf(&'static str),
        List(Vec<Self>),
        Object(Vec<(Name, Self)>),
    }

    #[derive(Clone, Debug)]
    struct Name {
        text: &'static str,
        escaped: bool,
    }

    impl Tree {
        fn write(&self, out: &mut String) {
            match self {
                Self::Leaf(text) => out.push_str(text),
                Self::List(items) => {
                    out.push('[');
                    for (place, item) in items.iter().enumerate() {
                        out.push_str(if place == 0 { " " } else { " ,\n" });
                        item.write(out);
                    }
                    out.push(']');
                }
                Self::Object(members) => {
                    out.push('{');
                    for (place, (name, value)) in members.iter().enumerate() {
                        out.push_str(if place == 0 { "\t\"" } else { " , \"" });
                        for letter in name.text.chars() {
                            if name.escaped {
                                out.push_str(&format!("\\u{:04X}", u32::from(letter)));
                            } else {
                                out.push(letter);
                            }
                        }
                        out.push_str("\" : ");
                        value.write(out);
                    }
                    out.push_str(" }");
                }
            }
        }

        /// Leaves out what is to be left out, the slow way.
        fn without(&self, in_meta: bool) -> Self {
            match self {
                Self::Leaf(text) => Self::Leaf(text),
                Self::List(items) => Self::List(items.iter().map(|it| it.without(false)).collect()),
                Self::Object(members) => {
                    let kept =
                        members.iter().filter(|(name, _)| !in_meta || !name.text.starts_with(OURS));
                    let kept = kept.map(|(name, it)| (name.clone(), it.without(name.text == META)));
                    Self::Object(kept.collect())
                }
            }
        }

        fn text(&self) -> String {
            let mut out = String::new();
            self.write(&mut out);
            out
        }
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let leaf = prop::sample::select(vec![
            "1.50",
            "null",
            r#""dev.bailiwick/x""#,
            r#""\"},{\\""#,
            "true",
        ]);
        leaf.prop_map(Tree::Leaf).prop_recursive(6, 40, 4, |inner| {
            let names = [
                "_meta",
                "_meta",
                "dev.bailiwick/decision",
                "dev.bailiwick/",
                "dev.bailiwick",
                "a",
            ];
            let name = (prop::sample::select(names.to_vec()), any::<bool>());
            let name = name.prop_map(|(text, escaped)| Name { text, escaped });
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
                prop::collection::vec((name, inner), 0..5).prop_map(Tree::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_server_says_anything_under_a_name_of_ours(tree in trees()) {
            let (said, wanted) = (tree.text(), tree.without(false).text());
            let left = unforged_of(&said);
            if said == wanted {
                prop_assert_eq!(&left, &said, "not a byte moves");
            }
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            prop_assert_eq!(read(&left), read(&wanted));
            prop_assert_eq!(unforged_of(&left), left, "once is enough");
        }
    }
}
