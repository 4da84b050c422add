//! Walks a text of JSON (RFC 8259) once, and takes from it no more than is asked for.
//!
//! Logs come by the million, and most of each record is of no interest: what is not asked for is checked and passed by,
//! many bytes at a time.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::{
    NotRead,
    loose::Text,
    marks::{self, WINDOW},
};

/// How deep objects and lists may lie in one another.
const DEEP: u8 = 128;

/// An object of which some members are read.
pub(super) trait Members<'a>: Default {
    /// Takes the member `name`; what is of no interest is passed by with [`Scan::skip`].
    fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()>;
}

/// Reads a record into `it`: an object, and nothing behind it.
pub(super) fn object<'a, T: Members<'a>>(record: &'a [u8], it: &mut T) -> Result<(), NotRead> {
    let mut scan = Scan::new(record);
    let done = scan.object_to(it).is_some_and(|is_one| is_one && scan.is_at_end());
    if done { Ok(()) } else { Err(fault(record)) }
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
    at: usize,
    /// Which of the bytes from `window` on may end a string.
    marks: u64,
    window: usize,
    deeper: u8,
}

/// A string, as it is written.
struct Quoted<'a> {
    inside: &'a [u8],
    is_escaped: bool,
}

impl<'a> Scan<'a> {
    /// Begins before the first value.
    pub(super) fn new(text: &'a [u8]) -> Self {
        // One look at the whole is many times as fast as one at each string.
        Self { checked: str::from_utf8(text).ok(), ..Self::passing(text) }
    }

    /// Begins before the first value of a text that is not read to its end, and of which nothing is kept.
    pub(super) fn passing(text: &'a [u8]) -> Self {
        // As if there were a window before the text, and nothing in it.
        let window = 0_usize.wrapping_sub(WINDOW);
        Self { text, checked: None, at: 0, marks: 0, window, deeper: DEEP }
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
        if self.text.get(self.at) != Some(&wanted) && self.peek_behind_blanks()? != wanted {
            return None;
        }
        self.step(1);
        Some(())
    }

    /// Steps over bytes that are there, so that the sum is no more than their number.
    #[inline]
    fn step(&mut self, over: usize) {
        self.at = self.at.wrapping_add(over);
    }

    /// Reads the members of an object into `it`, and says whether there was one: another value is passed by.
    pub(super) fn object_to<T: Members<'a>>(&mut self, it: &mut T) -> Option<bool> {
        if self.peek()? != b'{' {
            return self.skip().map(|()| false);
        }
        self.members(|name, value| it.member(name, value)).map(|()| true)
    }

    /// Hands on the objects of a list; another value counts as an empty one.
    pub(super) fn objects<T: Members<'a>>(&mut self, mut each: impl FnMut(T)) -> Option<()> {
        if self.peek()? != b'[' {
            return self.skip();
        }
        self.elements(|value| {
            let mut one = T::default();
            value.object_to(&mut one)?;
            each(one);
            Some(())
        })
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
            b'"' => self.quote().map(|_| ()),
            b'{' => self.skip_members(),
            b'[' => self.elements(Self::skip),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn skip_members(&mut self) -> Option<()> {
        self.listed(b'}', |it| {
            it.quote()?;
            it.take(b':')?;
            it.skip()
        })
    }

    fn members(&mut self, mut each: impl FnMut(&[u8], &mut Self) -> Option<()>) -> Option<()> {
        self.listed(b'}', |it| {
            let name = it.quote()?;
            if name.is_escaped {
                let name = it.unescaped(name.inside)?;
                it.take(b':')?;
                return each(name.as_bytes(), it);
            }
            it.take(b':')?;
            each(name.inside, it)
        })
    }

    fn elements(&mut self, each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.listed(b']', each)
    }

    /// Goes through what stands between a bracket that was seen and its end.
    fn listed(&mut self, close: u8, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.step(1);
        if self.peek()? == close {
            self.step(1);
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
        let begin = self.at;
        let quoted = self.quote()?;
        if quoted.is_escaped {
            return self.unescaped(quoted.inside).map(Cow::Owned);
        }
        self.borrowed(begin.wrapping_add(1), self.at.wrapping_sub(1))
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
        self.quote().map(|it| it.inside)
    }

    #[inline]
    fn quote(&mut self) -> Option<Quoted<'a>> {
        self.take(b'"')?;
        let begin = self.at;
        self.at = self.marked()?;
        if *self.text.get(self.at)? != b'"' {
            return self.quote_with_escapes(begin);
        }
        let inside = self.text.get(begin..self.at)?;
        self.step(1);
        Some(Quoted { inside, is_escaped: false })
    }

    #[inline(never)]
    fn quote_with_escapes(&mut self, begin: usize) -> Option<Quoted<'a>> {
        loop {
            match self.text.get(self.at)? {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return None,
            }
            self.at = self.marked()?;
        }
        let inside = self.text.get(begin..self.at)?;
        self.step(1);
        Some(Quoted { inside, is_escaped: true })
    }

    /// Gives the place of the next byte that may end a string.
    #[inline]
    fn marked(&mut self) -> Option<usize> {
        match after(self.at, self.window, self.marks) {
            Some(place) => Some(place),
            None => self.marked_beyond(),
        }
    }

    #[inline(never)]
    fn marked_beyond(&mut self) -> Option<usize> {
        let mut begin = self.at.max(self.window.wrapping_add(WINDOW));
        while let Some(window) = self.text.get(begin..).and_then(|it| it.first_chunk()) {
            (self.window, self.marks) = (begin, marks::of_strings(window));
            if let Some(place) = after(begin, begin, self.marks) {
                return Some(place);
            }
            begin = begin.wrapping_add(WINDOW);
        }
        self.marked_at_last(begin)
    }

    /// Looks at the last bytes of the text, together with what stands before them, or else with blanks behind them.
    #[inline(never)]
    fn marked_at_last(&mut self, begin: usize) -> Option<usize> {
        if self.text.len() <= begin {
            return None;
        }
        if let Some(window) = self.text.last_chunk() {
            self.window = self.text.len().checked_sub(WINDOW)?;
            self.marks = marks::of_strings(window);
        } else {
            let mut window = [b' '; WINDOW];
            window.iter_mut().zip(self.text).for_each(|(to, from)| *to = *from);
            (self.window, self.marks) = (0, marks::of_strings(&window));
        }
        after(begin, self.window, self.marks)
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

/// Gives the first place from `at` on that is marked.
#[inline]
fn after(at: usize, window: usize, marks: u64) -> Option<usize> {
    let passed = u32::try_from(at.wrapping_sub(window)).unwrap_or(u32::MAX);
    let left = marks.unbounded_shr(passed);
    let further = usize::try_from(left.trailing_zeros()).ok()?;
    if left == 0 { None } else { Some(at.wrapping_add(further)) }
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
                b"inner" => {
                    self.inner.clear();
                    value.objects(|it| self.inner.push(it))?;
                }
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

    fn two(text: &[u8]) -> Result<Two<'_>, NotRead> {
        let mut read = Two::default();
        object(text, &mut read).map(|()| read)
    }

    fn told(text: &[u8]) -> String {
        match two(text) {
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
            prop_assert_eq!(two(&text).is_ok(), is_whole, "{}", String::from_utf8_lossy(&text));
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let is_whole = serde_json::from_slice::<IgnoredAny>(&text).is_ok();
            prop_assert!(is_whole || two(&text).is_err());
        }
    }
}
