//! Walks a text of JSON (RFC 8259) once, and takes from it no more than is asked for.
//!
//! Logs come by the million, and most of each record is of no interest: what is not asked for is checked and passed by,
//! eight bytes at a time.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::{NotRead, loose::Text};

/// How deep objects and lists may lie in one another.
const DEEP: u8 = 128;

/// An object of which some members are read.
pub(super) trait Members<'a>: Default {
    /// Takes the member `name`; what is of no interest is passed by with [`Scan::skip`].
    fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()>;
}

/// Reads a record: an object, and nothing behind it.
pub(super) fn object<'a, T: Members<'a>>(record: &'a [u8]) -> Result<T, NotRead> {
    let mut scan = Scan::new(record);
    let mut read = T::default();
    let done = scan.object_to(&mut read).is_some_and(|is_one| is_one && scan.is_at_end());
    if done { Ok(read) } else { Err(fault(record)) }
}

/// Says what is wrong with a record.
fn fault(record: &[u8]) -> NotRead {
    match serde_json::from_slice::<IgnoredAny>(record) {
        Err(error) => error.into(),
        Ok(_) if record.trim_ascii_start().starts_with(b"{") => {
            NotRead::Shape("it lies too deep, or a text in it is none".to_owned())
        }
        Ok(_) => NotRead::Shape("it is no object".to_owned()),
    }
}

/// A place in a text of JSON. Each step is over a whole value, or gives nothing: then the text is none, or cut off.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    text: &'a [u8],
    /// The same, where it is text from end to end: then no part of it has to be looked at again.
    checked: Option<&'a str>,
    /// Whether nothing in it is escaped, and nothing a control character: then a string ends at the next quote.
    is_plain: bool,
    at: usize,
    deeper: u8,
}

impl<'a> Scan<'a> {
    /// Begins before the first value.
    pub(super) fn new(text: &'a [u8]) -> Self {
        // Both looks at the whole are many times as fast as one at each string.
        let is_plain =
            text.iter().fold(true, |so_far, it| so_far & !matches!(it, 0..=0x1f | b'\\'));
        Self { text, checked: str::from_utf8(text).ok(), is_plain, at: 0, deeper: DEEP }
    }

    /// Begins before the first value of a text that is not read to its end, and of which nothing is kept.
    pub(super) fn passing(text: &'a [u8]) -> Self {
        Self { text, checked: None, is_plain: false, at: 0, deeper: DEEP }
    }

    /// Says how many bytes lie behind.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Says whether nothing but blanks is left.
    fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Passes blanks by, and looks at what is there.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let found = *self.text.get(self.at)?;
        if b' ' < found { Some(found) } else { self.peek_behind_blanks() }
    }

    #[inline(never)]
    fn peek_behind_blanks(&mut self) -> Option<u8> {
        let is_blank = |it: &u8| matches!(it, b' ' | b'\t' | b'\n' | b'\r');
        let count = self.text.get(self.at..)?.iter().take_while(|it| is_blank(it)).count();
        self.step(count);
        self.text.get(self.at).copied()
    }

    /// Passes `wanted` by, where it is there.
    #[inline]
    pub(super) fn take(&mut self, wanted: u8) -> Option<()> {
        if self.peek()? == wanted {
            self.step(1);
            Some(())
        } else {
            None
        }
    }

    fn step(&mut self, over: usize) {
        self.at = self.at.saturating_add(over);
    }

    /// Reads the members of an object into `it`, and says whether there was one: another value is passed by.
    pub(super) fn object_to<T: Members<'a>>(&mut self, it: &mut T) -> Option<bool> {
        if self.peek()? != b'{' {
            return self.skip().map(|()| false);
        }
        self.members(|name, value| it.member(name, value)).map(|()| true)
    }

    /// Reads the objects of a list; another value counts as an empty one.
    pub(super) fn objects<T: Members<'a>>(&mut self) -> Option<Vec<T>> {
        let mut all = Vec::new();
        if self.peek()? != b'[' {
            return self.skip().map(|()| all);
        }
        self.elements(|value| {
            let mut one = T::default();
            value.object_to(&mut one)?;
            all.push(one);
            Some(())
        })?;
        Some(all)
    }

    /// Reads a text, number or truth value; what is none of them is empty.
    pub(super) fn text(&mut self) -> Option<Text<'a>> {
        let first = self.peek()?;
        let begin = self.at;
        if first == b'"' {
            return self.string().map(Text);
        }
        self.skip()?;
        if matches!(first, b'{' | b'[' | b'n') {
            return Some(Text::default());
        }
        self.borrowed(begin, self.at).map(Text)
    }

    /// Says whether an object is there that has something in it.
    pub(super) fn has_members(&mut self) -> Option<bool> {
        let mut any = false;
        if self.peek()? != b'{' {
            return self.skip().map(|()| any);
        }
        self.members(|_, value| {
            any = true;
            value.skip()
        })?;
        Some(any)
    }

    /// Passes a value by.
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.quoted().map(|_| ()),
            b'{' => self.skip_members(),
            b'[' => self.elements(Self::skip),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn skip_members(&mut self) -> Option<()> {
        self.listed(b'{', b'}', |it| {
            it.quoted()?;
            it.take(b':')?;
            it.skip()
        })
    }

    fn members(&mut self, mut each: impl FnMut(&[u8], &mut Self) -> Option<()>) -> Option<()> {
        self.listed(b'{', b'}', |it| {
            let name = it.quoted()?;
            if !it.is_plain && name.contains(&b'\\') {
                let name = it.unescaped(name)?;
                it.take(b':')?;
                return each(name.as_bytes(), it);
            }
            it.take(b':')?;
            each(name, it)
        })
    }

    fn elements(&mut self, each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.listed(b'[', b']', each)
    }

    /// Goes through what stands between two brackets.
    fn listed(
        &mut self,
        open: u8,
        close: u8,
        mut each: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.take(open)?;
        if self.take(close).is_some() {
            return Some(());
        }
        self.deeper = self.deeper.checked_sub(1)?;
        loop {
            each(self)?;
            match self.peek()? {
                b',' => self.step(1),
                it if it == close => break,
                _ => return None,
            }
        }
        self.step(1);
        self.deeper = self.deeper.saturating_add(1);
        Some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.step(word.len()))
    }

    fn number(&mut self) -> Option<()> {
        self.may(|it| it == b'-');
        match self.text.get(self.at)? {
            b'0' => self.step(1),
            _ => self.digits()?,
        }
        if self.may(|it| it == b'.') {
            self.digits()?;
        }
        if self.may(|it| matches!(it, b'e' | b'E')) {
            self.may(|it| matches!(it, b'+' | b'-'));
            self.digits()?;
        }
        Some(())
    }

    fn may(&mut self, fits: impl Fn(u8) -> bool) -> bool {
        let there = self.text.get(self.at).is_some_and(|it| fits(*it));
        self.step(usize::from(there));
        there
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let count = rest.iter().take_while(|it| it.is_ascii_digit()).count();
        self.step(count);
        (0 < count).then_some(())
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        let inside = self.quoted()?;
        if !self.is_plain && inside.contains(&b'\\') {
            return self.unescaped(inside).map(Cow::Owned);
        }
        let end = self.at.checked_sub(1)?;
        self.borrowed(end.checked_sub(inside.len())?, end)
    }

    fn borrowed(&self, begin: usize, end: usize) -> Option<Cow<'a, str>> {
        let said = match self.checked {
            Some(text) => text.get(begin..end)?,
            None => str::from_utf8(self.text.get(begin..end)?).ok()?,
        };
        Some(Cow::Borrowed(said))
    }

    #[cold]
    fn unescaped(&self, inside: &[u8]) -> Option<String> {
        let end = self.at;
        let quoted = self.text.get(end.checked_sub(inside.len().checked_add(2)?)?..end)?;
        serde_json::from_slice(quoted).ok()
    }

    /// Passes a string by; gives what stands between its quotes, as it is written.
    pub(super) fn quoted(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        if !self.is_plain {
            return self.quoted_with_escapes();
        }
        let rest = self.text.get(self.at..)?;
        let inside = rest.get(..until(rest, |word| zeros(word ^ each(b'"')))?)?;
        self.step(inside.len().saturating_add(1));
        Some(inside)
    }

    #[inline(never)]
    fn quoted_with_escapes(&mut self) -> Option<&'a [u8]> {
        let begin = self.at;
        loop {
            self.step(until(self.text.get(self.at..)?, |word| {
                let control = word.wrapping_sub(each(0x20)) & !word;
                zeros(word ^ each(b'"')) | zeros(word ^ each(b'\\')) | control
            })?);
            match self.text.get(self.at)? {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
        let inside = self.text.get(begin..self.at)?;
        self.step(1);
        Some(inside)
    }

    fn escape(&mut self) -> Option<()> {
        let length = match self.text.get(self.at.saturating_add(1))? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' => {
                let digits = self.text.get(self.at.saturating_add(2)..self.at.saturating_add(6))?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(6)?
            }
            _ => return None,
        };
        self.step(length);
        Some(())
    }
}

/// Counts the bytes before the first for which `marks` sets the highest bit. Of the bits that it sets only the lowest must
/// be right, for only that one is looked at.
fn until(text: &[u8], marks: impl Fn(u64) -> u64) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    let place = words.iter().position(|it| marks(u64::from_le_bytes(*it)) & each(0x80) != 0);
    if let Some(place) = place {
        return place.checked_mul(8)?.checked_add(until_in_word(*words.get(place)?, marks)?);
    }
    // What is missing from the last word is filled with what is never marked.
    let within = until_in_word(filled(rest), marks)?;
    words.len().checked_mul(8)?.checked_add(within)
}

#[inline]
fn until_in_word(word: [u8; 8], marks: impl Fn(u64) -> u64) -> Option<usize> {
    let marked = marks(u64::from_le_bytes(word)) & each(0x80);
    if marked == 0 { None } else { usize::try_from(marked.trailing_zeros() / 8).ok() }
}

#[cold]
#[inline(never)]
fn filled(rest: &[u8]) -> [u8; 8] {
    let mut last = [b' '; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    last
}

/// Marks the bytes that are zero: the lowest of them for sure.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(each(1)) & !word
}

/// Gives the word that has the same byte eight times.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    /// Keeps two members, one of them by another's name.
    #[derive(Debug, Default)]
    struct Two<'a> {
        one: Text<'a>,
        inner: Vec<One<'a>>,
    }

    #[derive(Debug, Default)]
    struct One<'a>(Text<'a>);

    impl<'a> Members<'a> for Two<'a> {
        fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()> {
            match name {
                b"one" => self.one = value.text()?,
                b"inner" => self.inner = value.objects()?,
                _ => value.skip()?,
            }
            Some(())
        }
    }

    impl<'a> Members<'a> for One<'a> {
        fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()> {
            if name == b"one" {
                self.0 = value.text()?;
                return Some(());
            }
            value.skip()
        }
    }

    fn told(text: &[u8]) -> String {
        match object::<Two<'_>>(text) {
            Ok(it) => {
                let inner: Vec<_> = it.inner.iter().map(|it| it.0.0.to_string()).collect();
                format!("{} [{}]", it.one.0, inner.join(" "))
            }
            Err(why) => format!("({why})"),
        }
    }

    #[test]
    fn what_is_asked_for_is_found_and_the_rest_passed_by() {
        for (text, is) in [
            (r#"{"one":"a"}"#, "a []"),
            (r#" { "zero" : [ { "one" : "x" } , [ ] , { } , -1.5e+3 ] , "one" : "a" } "#, "a []"),
            (r#"{"inner":[{"one":1},{"two":2},3,{"one":true}],"one":null}"#, "[1   true]"),
            (r#"{"inner":{"one":1},"one":{"one":2}}"#, "[]"),
            (r#"{"\u006fne":"caf\u00e9 \"q\" \\"}"#, r#"café "q" \ []"#),
            (r#"{"one":"é{[\\","inner":[{"one":"]}"}]}"#, r"é{[\ []}]"),
            ("{}", "[]"),
            ("", "(this is no JSON: EOF while parsing a value at line 1 column 0)"),
            ("[]", "(this is no record: it is no object)"),
            (r#"{"one":"a"#, "(this is no JSON: EOF while parsing a string at line 1 column 9)"),
            (r#"{"one":"a"} x"#, "(this is no JSON: trailing characters at line 1 column 13)"),
        ] {
            assert_eq!(told(text.as_bytes()).trim_start(), is, "{text}");
        }
        assert_eq!(
            told(b"{\"two\":\"\xff\",\"one\":\"a\"}"),
            "a []",
            "what is not read may be no text"
        );
        assert!(
            told(b"{\"one\":\"\xff\"}").starts_with("(this is no record"),
            "what is read may not"
        );
    }

    #[test]
    fn depth_has_an_end() {
        let deep = |count| format!("{{\"a\":{}{}}}", "[".repeat(count), "]".repeat(count));
        assert_eq!(told(deep(100).as_bytes()), " []");
        assert_eq!(
            told(deep(100_000).as_bytes()),
            "(this is no record: it lies too deep, or a text in it is none)"
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[ -~é\\n\\t\u{1}\u{1F600}]{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            let name =
                prop_oneof![Just("one".to_owned()), Just("inner".to_owned()), "[a-z\"\\\\]{0,9}"];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((name, inner), 0..5)
                    .prop_map(|it| Value::Object(Map::from_iter(it))),
            ]
        })
    }

    /// Says the same, by way of the whole value.
    fn plainly(value: &Value) -> String {
        let text = |it: &Value| match it {
            Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
            Value::Bool(is) => is.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
        };
        let one = |it: &Value| it.get("one").map(text).unwrap_or_default();
        let inner = value.get("inner").and_then(Value::as_array);
        let inner: Vec<_> = inner.into_iter().flatten().map(one).collect();
        format!("{} [{}]", one(value), inner.join(" "))
    }

    proptest! {
        /// What is read is what the whole value has, however it is written.
        #[test]
        fn it_reads_what_others_read(value in value(), is_pretty in any::<bool>()) {
            let value = json!({ "one": value, "inner": [value, value] });
            let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            prop_assert_eq!(told(text.unwrap().as_bytes()), plainly(&value));
        }

        /// What is broken is refused, and what is whole is not: as others judge.
        #[test]
        fn it_refuses_what_others_refuse(
            value in value(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in any::<bool>(),
        ) {
            let mut text = serde_json::to_vec(&json!({ "two": value })).unwrap();
            let at = at.index(text.len());
            if cut { text.truncate(at) } else { text[at] = byte }
            let is_whole = serde_json::from_slice::<IgnoredAny>(&text).is_ok() && text[0] == b'{';
            prop_assert_eq!(object::<Two<'_>>(&text).is_ok(), is_whole, "{}", String::from_utf8_lossy(&text));
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let is_whole = serde_json::from_slice::<IgnoredAny>(&text).is_ok();
            prop_assert!(is_whole || object::<Two<'_>>(&text).is_err());
        }
    }
}
