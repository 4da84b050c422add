//! Records that are delivered in one list, `{"Records":[…]}` or `[…]`: each is handed on as soon as it is whole.
//!
//! So a file of any length takes the room of its longest record, and one that is cut off costs what is missing.

use serde_json::value::RawValue;

use super::{NotRead, Reader, Record, scan::Scan};

/// The members that a list of records is under, where nothing stands before them.
const MEMBERS: [&[u8]; 2] = [b"Records", b"records"];
/// How long what stands before the first record may be: it is blanks and a name.
const BEGIN_MAX: usize = 4096;

/// Where in a list of records the reading is.
#[derive(Debug, Default)]
pub(super) struct List {
    at: At,
}

#[derive(Clone, Copy, Debug, Default)]
enum At {
    /// Before one, perhaps.
    #[default]
    Before,
    /// Among its records.
    Inside { is_member: bool },
    /// Behind its records, and still in the object that it is a member of.
    Behind,
    /// Behind something that is broken: what begins on a new line may be whole again.
    Lost,
    /// Before what is no list of records.
    Elsewhere,
}

/// What one step takes off the text, and where it leads to: nowhere, if more of the text must come first.
type Step = (usize, Option<At>);

impl List {
    /// Says whether what comes next is its own.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.at, At::Elsewhere)
    }

    /// Hands on the records that are whole, and says how much of the text they took.
    pub(super) fn take(
        &mut self,
        text: &[u8],
        is_end: bool,
        reader: &mut Reader,
        each: &mut dyn FnMut(Record<'_>),
    ) -> usize {
        let mut taken = 0_usize;
        loop {
            let rest = text.get(taken..).unwrap_or_default();
            let (count, next) = match self.at {
                At::Before => before(rest, is_end),
                At::Inside { is_member } => inside(rest, is_end, is_member, reader, each),
                At::Behind => behind(rest, is_end, reader, each),
                At::Lost => lost(rest),
                At::Elsewhere => (0, None),
            };
            taken = taken.saturating_add(count);
            match next {
                Some(at) => self.at = at,
                None => return taken,
            }
        }
    }
}

fn before(text: &[u8], is_end: bool) -> Step {
    let mut scan = Scan::passing(text);
    match opening(&mut scan) {
        Some(Opening::List { is_member }) => (scan.at(), Some(At::Inside { is_member })),
        None if !is_end && text.len() < BEGIN_MAX => (0, None),
        Some(Opening::Other) | None => (0, Some(At::Elsewhere)),
    }
}

/// Says whether a text begins as a list of records does.
pub(super) fn is_list(text: &[u8]) -> bool {
    matches!(opening(&mut Scan::passing(text)), Some(Opening::List { .. }))
}

/// What a text begins with.
enum Opening {
    /// A list of records, by itself or as a member of an object.
    List { is_member: bool },
    /// Something else.
    Other,
}

/// Passes by what stands before the first record, and says what it is; nothing, where the text ends before that can be said.
fn opening(scan: &mut Scan<'_>) -> Option<Opening> {
    let is_member = match scan.peek()? {
        b'[' => false,
        b'{' => {
            scan.take(b'{')?;
            if scan.peek()? != b'"' {
                return Some(Opening::Other);
            }
            if !MEMBERS.contains(&scan.quoted()?) {
                return Some(Opening::Other);
            }
            if scan.peek()? != b':' {
                return Some(Opening::Other);
            }
            scan.take(b':')?;
            true
        }
        _ => return Some(Opening::Other),
    };
    if scan.peek()? != b'[' {
        return Some(Opening::Other);
    }
    scan.take(b'[')?;
    let is_list = scan.peek()? == b'{' || is_member;
    Some(if is_list { Opening::List { is_member } } else { Opening::Other })
}

fn inside(
    text: &[u8],
    is_end: bool,
    is_member: bool,
    reader: &mut Reader,
    each: &mut dyn FnMut(Record<'_>),
) -> Step {
    let mut scan = Scan::passing(text);
    loop {
        let first = scan.peek();
        let begin = scan.at();
        match first {
            Some(b']') => {
                let next = if is_member { At::Behind } else { At::Before };
                return (begin.saturating_add(1), Some(next));
            }
            Some(b',') => {
                scan.take(b',');
                continue;
            }
            None if is_end => {
                reader
                    .fault_of_next(NotRead::Json("it ends before its list does".to_owned()), each);
                return (begin, Some(At::Elsewhere));
            }
            None => return (begin, None),
            Some(_) => {}
        }
        let record = scan.skip().and_then(|()| text.get(begin..scan.at()));
        // A number may go on in what is still to come.
        let is_whole =
            is_end || matches!(first, Some(b'{' | b'[' | b'"')) || scan.at() < text.len();
        match record.filter(|_| is_whole) {
            Some(record) => reader.held_record(record, each),
            None => {
                let rest = text.get(begin..).unwrap_or_default();
                let (count, next) = broken(rest, is_end, is_member, reader, each);
                return (begin.saturating_add(count), next);
            }
        }
    }
}

/// Says what becomes of a record that is not whole: more of it is to come, or it is broken.
fn broken(
    text: &[u8],
    is_end: bool,
    is_member: bool,
    reader: &mut Reader,
    each: &mut dyn FnMut(Record<'_>),
) -> Step {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    match values.next() {
        Some(Err(error)) if is_end || !error.is_eof() => {
            // Where in its list a record lies says nothing of where in the file.
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default().to_owned();
            reader.fault_of_next(NotRead::Json(why), each);
            (0, Some(At::Lost))
        }
        // What lies too deep for us is no fault of theirs, and its end is known.
        Some(Ok(_)) if is_end || values.byte_offset() < text.len() => {
            reader.fault_of_next(NotRead::Shape("it lies too deep".to_owned()), each);
            (values.byte_offset(), Some(At::Inside { is_member }))
        }
        Some(_) | None => (0, None),
    }
}

fn behind(
    text: &[u8],
    is_end: bool,
    reader: &mut Reader,
    each: &mut dyn FnMut(Record<'_>),
) -> Step {
    let mut scan = Scan::passing(text);
    loop {
        let first = scan.peek();
        let begin = scan.at();
        let member = match first {
            Some(b'}') => return (begin.saturating_add(1), Some(At::Before)),
            Some(b',') => scan.take(b','),
            Some(_) => scan.quoted().and_then(|_| scan.take(b':')).and_then(|()| scan.skip()),
            None => None,
        };
        match member {
            Some(()) if is_end || scan.at() < text.len() => {}
            Some(()) | None if !is_end => return (begin, None),
            Some(()) | None => {
                reader.fault_of_next(NotRead::Json("it ends within an object".to_owned()), each);
                return (begin, Some(At::Elsewhere));
            }
        }
    }
}

fn lost(text: &[u8]) -> Step {
    match text.iter().position(|it| *it == b'\n') {
        Some(place) => (place.saturating_add(1), Some(At::Before)),
        None => (text.len(), None),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use proptest::prelude::*;

    use super::*;
    use crate::source::read_from;

    const ONE: &str = r#"{"eventTime":"2026-03-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"a","requestParameters":{"x":"]},{[\\\""}}"#;

    /// Gives what it has in small portions, as a pipe may.
    struct Portions<'a> {
        text: &'a [u8],
        size: usize,
    }

    impl Read for Portions<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.size.min(into.len()).min(self.text.len());
            let (now, later) = self.text.split_at(count);
            into[..count].copy_from_slice(now);
            self.text = later;
            Ok(count)
        }
    }

    fn told(text: &str, size: usize) -> String {
        let mut words = Vec::new();
        let mut take = |record: Record<'_>| match record {
            Record::Exercise(_, it) => words.push(it.operation.to_string()),
            Record::Nothing => words.push("nothing".to_owned()),
            Record::Undated => words.push("undated".to_owned()),
            Record::Error(error) => words.push(format!("({error})")),
        };
        let portions = Portions { text: text.as_bytes(), size };
        read_from(portions, None, &mut take, &|_| {}).unwrap();
        words.join(" ")
    }

    #[test]
    fn records_are_handed_on_whatever_stands_around_them() {
        for (text, is) in [
            (format!("{{\"Records\":[{ONE},{ONE}]}}"), "GetObject GetObject"),
            (format!(" [ {ONE} , {ONE} ] "), "GetObject GetObject"),
            (
                format!("{{\n \"Records\" : [\n{ONE}\n],\n \"seen\": [1, {{}}, \"]\"] }}\n"),
                "GetObject",
            ),
            (
                format!("{{\"Records\":[]}}{{\"Records\":[{ONE}]}}\n[{ONE}]\n{ONE}\n"),
                "GetObject GetObject GetObject",
            ),
            ("{\"Records\":[]}".to_owned(), ""),
            (
                format!("{{\"Records\":[{ONE}"),
                "GetObject (record 2: this is no JSON: it ends before its list does)",
            ),
            (
                format!("{{\"Records\":[{ONE},{{\"bro\n{{\"Records\":[{ONE}]}}\n"),
                "GetObject (record 2: this is no JSON: control character (\\u0000-\\u001F) found while parsing a string) GetObject",
            ),
            (
                format!("{{\"Records\":[{ONE},{{\"cut"),
                "GetObject (record 2: this is no JSON: EOF while parsing a string)",
            ),
        ] {
            for size in [1, 7, 64, 100_000] {
                assert_eq!(told(&text, size), is, "{text} by {size}");
            }
        }
    }

    #[test]
    fn what_lies_too_deep_costs_itself_alone() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(129), "]".repeat(129));
        for (text, is) in [
            (format!("{{\"Records\":[{deep},{ONE}]}}"), "{} GetObject"),
            (
                format!("[{ONE},{deep} , {deep},{ONE}]\n{ONE}\n"),
                "GetObject {} {} GetObject GetObject",
            ),
        ] {
            for size in [1, 7, 64, 100_000] {
                let words = told(&text, size);
                let first = usize::from(text.starts_with('['));
                let faults = (1..3).map(|it| {
                    format!("(record {}: this is no record: it lies too deep)", it + first)
                });
                let is = faults.fold(is.to_owned(), |is, it| is.replacen("{}", &it, 1));
                assert_eq!(words, is, "{text} by {size}");
            }
        }
    }

    #[test]
    fn a_long_list_is_never_held_as_a_whole() {
        // A list is handed on while it comes: the first record is there long before the last piece is asked for.
        let text = format!("{{\"Records\":[{ONE}{}]}}", format!(",{ONE}").repeat(40_000));
        let (mut count, mut first_at) = (0_u64, None);
        let read = std::cell::Cell::new(0_u64);
        let mut take = |record: Record<'_>| {
            if matches!(record, Record::Exercise(..)) {
                count = count.saturating_add(1);
                first_at.get_or_insert(read.get());
            }
        };
        let heard = |more: u64| read.set(read.get().saturating_add(more));
        read_from(text.as_bytes(), None, &mut take, &heard).unwrap();
        assert_eq!(count, 40_001);
        assert!(first_at.unwrap() < read.get() / 8, "{first_at:?} of {}", read.get());
    }

    proptest! {
        /// Where a text is cut into portions makes no difference.
        #[test]
        fn portions_make_no_difference(
            pieces in proptest::collection::vec(prop_oneof![
                Just(ONE), Just("["), Just("]"), Just("{"), Just("}"), Just("{\"Records\":["), Just(","),
                Just("\n"), Just("12"), Just("\"a\""), Just(":"), Just("]}"), Just("{}"), Just("{\"bro"),
            ], 0..12),
            size in 1..40_usize,
        ) {
            let text = pieces.concat();
            prop_assert_eq!(told(&text, size), told(&text, 1 << 20), "{}", text);
        }
    }
}
