//! Headers as HTTP/2 carries them (HPACK, RFC 7541). What we write is plain: every name and value in
//! full, so that nothing of ours is remembered anywhere.

use std::collections::VecDeque;

use super::huffman;

/// How much a reader remembers for its peer, as long as nothing else is said (RFC 9113, section 6.5.2).
const TABLE_MAX: usize = 4096;
/// The most of one head: as the standard counts, each field has 32 bytes more than are seen.
pub(crate) const HEAD_MAX: usize = 16 << 10;
/// The largest number that is read.
const NUMBER_MAX: usize = 1 << 20;

/// A header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl Field {
    fn new(name: &[u8], value: &[u8]) -> Self {
        Self { name: name.to_vec(), value: value.to_vec() }
    }

    fn size(&self) -> usize {
        self.name.len().saturating_add(self.value.len()).saturating_add(32)
    }
}

/// Gives the one value of `name`; none where it is not there, twice there, or no text.
pub(crate) fn one<'a>(fields: &'a [Field], name: &str) -> Option<&'a str> {
    let mut found = fields.iter().filter(|it| it.name == name.as_bytes());
    let value = std::str::from_utf8(&found.next()?.value).ok()?;
    found.next().is_none().then_some(value)
}

/// Writes fields.
pub(crate) fn encode(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        // Literal, not to be indexed, the name in full (section 6.2.2).
        out.push(0);
        text(&mut out, name);
        text(&mut out, value);
    }
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length) if length < 127 => out.push(length),
        Ok(_) | Err(_) => {
            out.push(127);
            let mut left = text.len().saturating_sub(127);
            while 128 <= left {
                out.push(u8::try_from(left & 127).unwrap_or_default() | 128);
                left >>= 7;
            }
            out.push(u8::try_from(left).unwrap_or_default());
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// Reads the heads of one connection, in order: what came before is referred to later.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The newest first.
    table: VecDeque<Field>,
    size: usize,
    most: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { table: VecDeque::new(), size: 0, most: TABLE_MAX }
    }
}

impl Decoder {
    /// Reads one head; none where it is malformed or too large. The connection is of no use then.
    pub(crate) fn decode(&mut self, block: &[u8]) -> Option<Vec<Field>> {
        let (mut rest, mut fields, mut size) = (Reader(block), Vec::new(), 0_usize);
        while let Some(first) = rest.0.first().copied() {
            let field = match first {
                0x80.. => self.indexed(rest.number(7)?)?,
                0x40.. => {
                    let field = self.literal(&mut rest, 6)?;
                    self.remember(field.clone());
                    field
                }
                0x20.. => {
                    // Only before the first field (section 4.2), and never beyond what we said.
                    let most = rest.number(5)?;
                    if TABLE_MAX < most || !fields.is_empty() {
                        return None;
                    }
                    self.most = most;
                    self.shrink(most);
                    continue;
                }
                _ => self.literal(&mut rest, 4)?,
            };
            size = size.checked_add(field.size()).filter(|it| *it <= HEAD_MAX)?;
            fields.push(field);
        }
        Some(fields)
    }

    fn literal(&self, rest: &mut Reader<'_>, bits: u32) -> Option<Field> {
        let name = match rest.number(bits)? {
            0 => rest.text()?,
            index => self.indexed(index)?.name,
        };
        Some(Field { name, value: rest.text()? })
    }

    fn indexed(&self, index: usize) -> Option<Field> {
        let at = index.checked_sub(1)?;
        match STATIC.get(at) {
            Some((name, value)) => Some(Field::new(name.as_bytes(), value.as_bytes())),
            None => self.table.get(at.checked_sub(STATIC.len())?).cloned(),
        }
    }

    fn remember(&mut self, field: Field) {
        let size = field.size();
        // What is larger than the table empties it (section 4.4).
        self.shrink(self.most.saturating_sub(size));
        if size <= self.most {
            self.size = self.size.saturating_add(size);
            self.table.push_front(field);
        }
    }

    fn shrink(&mut self, most: usize) {
        while most < self.size {
            let Some(last) = self.table.pop_back() else { break };
            self.size = self.size.saturating_sub(last.size());
        }
    }
}

/// What is left of a head.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Reads a number that begins in the last `bits` of the next byte (section 5.1).
    fn number(&mut self, bits: u32) -> Option<usize> {
        let most = 1_usize.checked_shl(bits)?.checked_sub(1)?;
        let mut number = usize::from(self.byte()?) & most;
        if number < most {
            return Some(number);
        }
        let mut factor = 1_usize;
        loop {
            let byte = self.byte()?;
            let more = usize::from(byte & 127).checked_mul(factor)?;
            number = number.checked_add(more).filter(|it| *it <= NUMBER_MAX)?;
            if byte < 128 {
                return Some(number);
            }
            factor = factor.checked_mul(128).filter(|it| *it <= NUMBER_MAX)?;
        }
    }

    fn text(&mut self) -> Option<Vec<u8>> {
        let coded = self.0.first()? & 128 != 0;
        let length = self.number(7)?;
        let (bytes, rest): (&'a [u8], _) = self.0.split_at_checked(length)?;
        self.0 = rest;
        if coded { huffman::decode(bytes) } else { Some(bytes.to_vec()) }
    }
}

/// What everybody knows beforehand (appendix A).
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(decoder: &mut Decoder, block: &[u8]) -> Option<String> {
        let shown = |it: &Field| format!("{}: {}", it.name.escape_ascii(), it.value.escape_ascii());
        Some(decoder.decode(block)?.iter().map(shown).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn the_examples_of_the_standard_are_read_one_after_the_other() {
        // Appendix C.4: three requests on one connection.
        let mut decoder = Decoder::default();
        let first = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        let second = b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf";
        let third = b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
        let usual = ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com";
        assert_eq!(read(&mut decoder, first).as_deref(), Some(usual));
        let cached = format!("{usual}\ncache-control: no-cache");
        assert_eq!(read(&mut decoder, second), Some(cached));
        let custom = ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value";
        assert_eq!(read(&mut decoder, third).as_deref(), Some(custom));
        assert_eq!(decoder.size, 164);
    }

    #[test]
    fn what_is_forgotten_is_not_there_any_more() {
        let mut decoder = Decoder::default();
        let taken = b"\x40\x01a\x01b";
        assert_eq!(read(&mut decoder, taken).as_deref(), Some("a: b"));
        assert_eq!(read(&mut decoder, b"\xbe").as_deref(), Some("a: b"));
        // The table is made empty, and a reference into it is a mistake then.
        assert_eq!(read(&mut decoder, b"\x20\x82").as_deref(), Some(":method: GET"));
        assert_eq!(read(&mut decoder, b"\xbe"), None);
    }

    #[test]
    fn nobody_makes_us_remember_or_read_without_end() {
        let mut decoder = Decoder::default();
        // More than we offered; in the middle of a head; an endless number; a text beyond the head.
        for block in [
            &b"\x3f\xe2\x1f"[..],
            b"\x82\x20",
            b"\xff\xff\xff\xff\xff\xff\xff",
            b"\x00\x7f\xff\xff\xff\xff",
            b"\x00\x05ab",
            b"\x80",
            b"\x00",
        ] {
            assert_eq!(read(&mut Decoder::default(), block), None, "{block:?}");
        }
        let long = "v".repeat(3000);
        let once = encode(&[("a", &long)]);
        let mut indexed = once.clone();
        indexed[0] = 0x40;
        for _ in 0..20 {
            assert!(read(&mut decoder, &indexed).is_some());
            assert!(decoder.size <= TABLE_MAX && decoder.table.len() < 2);
        }
        // A little block that unfolds.
        let bomb = [0xbe; 20];
        assert_eq!(read(&mut decoder, &bomb), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            fields in proptest::collection::vec(("[a-z:-]{1,20}", "\\PC{0,300}"), 0..8),
        ) {
            let given: Vec<_> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let read = Decoder::default().decode(&encode(&given)).unwrap();
            let wanted: Vec<_> =
                fields.iter().map(|(a, b)| Field::new(a.as_bytes(), b.as_bytes())).collect();
            prop_assert_eq!(read, wanted);
        }
    }
}
