//! Messages of the Workload API as they are written (Protocol Buffers 3), by hand: they are few, small and
//! made of texts, bytes and what holds these.

use std::collections::BTreeMap;

use bailiwick_model::Json;

/// The most trust domains that one message names.
const BUNDLES_MAX: usize = 1024;

/// A field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// Texts, bytes and messages.
    Bytes(&'a [u8]),
    /// Anything else; none of ours has one.
    Other,
}

/// Reads the fields of a message, in order; none where it is malformed.
pub(super) fn fields(mut rest: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let tag = number(&mut rest)?;
        let field = match tag & 7 {
            0 => number(&mut rest).map(|_| Field::Other)?,
            1 => cut(&mut rest, 8).map(|_| Field::Other)?,
            2 => {
                let length = usize::try_from(number(&mut rest)?).ok()?;
                Field::Bytes(cut(&mut rest, length)?)
            }
            5 => cut(&mut rest, 4).map(|_| Field::Other)?,
            _ => return None,
        };
        fields.push((tag >> 3, field));
    }
    Some(fields)
}

/// Gives the texts of the fields numbered `wanted`.
pub(super) fn texts(message: &[u8], wanted: u64) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    for (number, field) in fields(message)? {
        if number == wanted {
            let Field::Bytes(bytes) = field else { return None };
            texts.push(std::str::from_utf8(bytes).ok()?.to_owned());
        }
    }
    Some(texts)
}

/// Gives the text of the field numbered `wanted`: the last one, as readers of this format have it.
pub(super) fn text(message: &[u8], wanted: u64) -> Option<String> {
    texts(message, wanted).map(|mut it| it.pop().unwrap_or_default())
}

/// Reads the bundles of a message, by what their trust domains are called; none is there twice.
pub(super) fn bundles(message: &[u8], wanted: u64) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut bundles = BTreeMap::new();
    for (number, field) in fields(message)? {
        if number != wanted {
            continue;
        }
        let Field::Bytes(entry) = field else { return None };
        let bytes = |number| match fields(entry)?.into_iter().rfind(|it| it.0 == number) {
            Some((_, Field::Bytes(bytes))) => Some(bytes.to_vec()),
            Some((_, Field::Other)) => None,
            None => Some(Vec::new()),
        };
        let (name, bundle) = (text(entry, 1)?, bytes(2)?);
        if bundles.insert(name, bundle).is_some() || BUNDLES_MAX < bundles.len() {
            return None;
        }
    }
    Some(bundles)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0_u32);
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 127);
        let moved = bits.checked_shl(shift).filter(|it| it.checked_shr(shift) == Some(bits))?;
        value |= moved;
        if *byte < 128 {
            return Some(value);
        }
        shift = shift.checked_add(7).filter(|it| *it < 64)?;
    }
}

fn cut<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

/// A message that is written. It is not shown: it may hold a key.
#[derive(Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// Adds a text, bytes, or a message. What is empty is not written.
    pub(super) fn with(self, field: u8, bytes: impl AsRef<[u8]>) -> Self {
        if bytes.as_ref().is_empty() { self } else { self.with_any(field, bytes) }
    }

    /// Adds one of a list, even where it is empty.
    pub(super) fn with_any(mut self, field: u8, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.tag(field, 2);
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds what is kept under a name.
    pub(super) fn with_entry(self, field: u8, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.with_any(field, Self::default().with(1, name).with(2, bytes))
    }

    fn tag(&mut self, field: u8, kind: u8) {
        self.number(u64::from(field) << 3 | u64::from(kind));
    }

    fn number(&mut self, mut number: u64) {
        while 128 <= number {
            self.0.push(u8::try_from(number & 127).unwrap_or_default() | 128);
            number >>= 7;
        }
        self.0.push(u8::try_from(number).unwrap_or_default());
    }

    /// Gives its bytes.
    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Writes an object (`google.protobuf.Struct`); anything else is an empty one.
pub(super) fn object(json: &Json) -> Message {
    let Json::Object(members) = json else { return Message::default() };
    let add = |all: Message, (name, it): (&String, &Json)| all.with_entry(1, name, value(it));
    members.iter().fold(Message::default(), add)
}

/// Writes a value (`google.protobuf.Value`). Numbers are all of one kind there.
fn value(json: &Json) -> Message {
    let mut message = Message::default();
    let mut double = |it: f64| {
        message.tag(2, 1);
        message.0.extend(it.to_le_bytes());
    };
    match json {
        Json::Float(it) => double(*it),
        #[expect(clippy::cast_precision_loss, reason = "the format has no other number")]
        Json::Int(it) => double(*it as f64),
        Json::Null | Json::Bool(_) => {
            let (field, it) = if let Json::Bool(it) = json { (4, *it) } else { (1, false) };
            message.tag(field, 0);
            message.0.push(it.into());
        }
        Json::Text(it) => return message.with_any(3, it),
        Json::Object(_) => return message.with_any(5, object(json)),
        Json::List(list) => {
            let all = list.iter().fold(Message::default(), |all, it| all.with_any(1, value(it)));
            return message.with_any(6, all);
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_cut_off_too_long_or_not_text_is_refused() {
        for bytes in [
            &b"\x0a"[..],
            b"\x0a\x05ab",
            b"\x0b",
            b"\x80",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            b"\x09\x00",
        ] {
            assert_eq!(fields(bytes), None, "{bytes:?}");
        }
        assert_eq!(texts(b"\x0a\x01\xff", 1), None);
        assert_eq!(texts(b"\x08\x01", 1), None, "a number is no text");
        // Fields of others are passed over, of whatever kind.
        let mixed =
            b"\x0a\x01a\x10\x07\x1d\x00\x00\x00\x00\x21\x00\x00\x00\x00\x00\x00\x00\x00\x0a\x00";
        assert_eq!(texts(mixed, 1), Some(vec!["a".to_owned(), String::new()]));
    }

    #[test]
    fn a_trust_domain_that_is_there_twice_could_be_read_in_two_ways() {
        let once = Message::default().with_entry(2, "spiffe://a", "x");
        let twice =
            [once.as_ref(), Message::default().with_entry(2, "spiffe://a", "y").as_ref()].concat();
        assert_eq!(bundles(once.as_ref(), 2).unwrap().len(), 1);
        assert_eq!(bundles(&twice, 2), None);
        assert_eq!(bundles(b"\x12\x00", 2).unwrap().get(""), Some(&Vec::new()));
    }

    #[test]
    fn claims_are_written_as_others_read_them() {
        let json = br#"{"a":"b","n":1.5,"t":true,"z":null,"l":[1],"o":{}}"#;
        let limits = bailiwick_model::JsonLimits { bytes: 100, depth: 4, values: 20 };
        let written = object(&Json::parse(json, limits).unwrap()).bytes();
        let entry =
            |name: &str, value: &[u8]| Message::default().with_entry(1, name, value).bytes();
        let wanted = [
            entry("a", b"\x1a\x01b"),
            entry("l", b"\x32\x0b\x0a\x09\x11\x00\x00\x00\x00\x00\x00\xf0\x3f"),
            entry("n", b"\x11\x00\x00\x00\x00\x00\x00\xf8\x3f"),
            entry("o", b"\x2a\x00"),
            entry("t", b"\x20\x01"),
            entry("z", b"\x08\x00"),
        ];
        assert_eq!(written, wanted.concat());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            texts_in in proptest::collection::vec("\\PC{0,200}", 0..5),
            entries in proptest::collection::btree_map("[a-z:/.]{0,20}", proptest::collection::vec(any::<u8>(), 0..300), 0..5),
        ) {
            let message = texts_in.iter().fold(Message::default(), |all, it| all.with_any(1, it));
            let message = entries.iter().fold(message, |all, (name, it)| all.with_entry(2, name, it));
            prop_assert_eq!(texts(message.as_ref(), 1), Some(texts_in));
            prop_assert_eq!(bundles(message.as_ref(), 2), Some(entries));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read_or_not = (fields(&bytes), texts(&bytes, 1), bundles(&bytes, 2));
        }
    }
}
