//! What PostgreSQL says in its protocol, version 3.0, to somebody who signs in and asks in plain text.
//!
//! Only what such a conversation has is read; whatever else comes ends it.

/// The longest message that is read: no answer of ours has a longer row.
pub(super) const MESSAGE_MAX: usize = 64 * 1024;
/// The longest text of a complaint that is passed on.
const TEXT_MAX: usize = 200;

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Signing in is done.
    Welcome,
    /// It signs in by SASL, in one of these ways.
    Sasl(Vec<String>),
    /// The next line of SASL.
    SaslNext(String),
    /// The last line of SASL.
    SaslLast(String),
    /// It wants a password in a way that we do not give one.
    OtherProof(u32),
    /// A row of an answer, each field as text.
    Row(Vec<Option<String>>),
    /// It could not do what was asked.
    Complaint(Complaint),
    /// It waits for the next question.
    Ready,
    /// Something that matters to nobody here.
    Aside,
}

/// Why the server did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    /// `SQLSTATE`: five letters and digits.
    pub(super) code: String,
    /// One line for a person.
    pub(super) text: String,
}

/// Reads one message; nothing where it is not what the protocol has at such a place.
pub(super) fn read(kind: u8, body: &[u8]) -> Option<Said> {
    match kind {
        b'R' => proof(body),
        b'D' => row(body).map(Said::Row),
        b'E' => complaint(body).map(Said::Complaint),
        b'Z' => Some(Said::Ready),
        // Notices, settings, keys to cancel by, heads of rows, ends of commands, what it does not know.
        b'N' | b'A' | b'S' | b'K' | b'T' | b'C' | b'I' | b'v' => Some(Said::Aside),
        _ => None,
    }
}

fn proof(body: &[u8]) -> Option<Said> {
    let (code, rest) = body.split_first_chunk::<4>()?;
    Some(match u32::from_be_bytes(*code) {
        0 => Said::Welcome,
        10 => Said::Sasl(mechanisms(rest)?),
        11 => Said::SaslNext(line(rest)?),
        12 => Said::SaslLast(line(rest)?),
        other => Said::OtherProof(other),
    })
}

/// Names, each with a zero behind it, and one more at the end.
fn mechanisms(bytes: &[u8]) -> Option<Vec<String>> {
    let names = bytes.strip_suffix(&[0, 0])?;
    names.split(|it| *it == 0).map(line).collect()
}

fn line(bytes: &[u8]) -> Option<String> {
    str::from_utf8(bytes).ok().map(str::to_owned)
}

fn row(body: &[u8]) -> Option<Vec<Option<String>>> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut fields = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let len = i32::from_be_bytes(*len);
        if len == -1 {
            fields.push(None);
            rest = after;
        } else {
            let (field, after) = after.split_at_checked(usize::try_from(len).ok()?)?;
            fields.push(Some(line(field)?));
            rest = after;
        }
    }
    rest.is_empty().then_some(fields)
}

/// Fields, each a letter and a text with a zero behind it, and one more zero at the end.
fn complaint(body: &[u8]) -> Option<Complaint> {
    let mut found = Complaint { code: String::new(), text: String::new() };
    for field in body.split(|it| *it == 0) {
        match field.split_first() {
            Some((b'C', code)) => found.code = shown(code),
            Some((b'M', text)) => found.text = shown(text),
            Some(_) | None => {}
        }
    }
    (!found.code.is_empty()).then_some(found)
}

/// What may be shown of a foreign text: one bounded line.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).take(TEXT_MAX).collect()
}

/// Reads a message of any bytes: its kind, then its body.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    match read(*kind, body) {
        Some(Said::Row(fields)) => {
            let len: usize = fields.iter().flatten().map(String::len).sum();
            assert!(len <= body.len() && fields.len() <= body.len(), "more than there was");
        }
        Some(Said::Complaint(it)) => {
            assert!(it.text.chars().count() <= TEXT_MAX && !it.text.contains('\n'), "{it:?}");
        }
        Some(_) | None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_texts_and_gaps() {
        let body = b"\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0";
        let wanted = Said::Row(vec![Some("ab".into()), None, Some(String::new())]);
        assert_eq!(read(b'D', body), Some(wanted));
        assert_eq!(read(b'D', b"\0\x01\0\0\0\x03ab"), None, "a field longer than its message");
        assert_eq!(read(b'D', b"\0\x01\xff\xff\xff\xfe"), None, "a length that is none");
        assert_eq!(read(b'D', b"\0\0left"), None, "something left");
    }

    #[test]
    fn complaints_become_one_bounded_line() {
        let body = format!("SERROR\0C42501\0Mno\nway{}\0\0", "!".repeat(1000));
        let Some(Said::Complaint(found)) = read(b'E', body.as_bytes()) else { panic!() };
        assert_eq!(found.code, "42501");
        assert!(found.text.starts_with("no way!!!") && found.text.len() == TEXT_MAX);
        assert_eq!(read(b'E', b"Mwithout a code\0\0"), None);
    }

    #[test]
    fn ways_to_sign_in_are_told_apart() {
        assert_eq!(read(b'R', b"\0\0\0\0"), Some(Said::Welcome));
        assert_eq!(read(b'R', b"\0\0\0\x05salt"), Some(Said::OtherProof(5)));
        let sasl = b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
        let wanted = vec!["SCRAM-SHA-256-PLUS".to_owned(), "SCRAM-SHA-256".to_owned()];
        assert_eq!(read(b'R', sasl), Some(Said::Sasl(wanted)));
        assert_eq!(read(b'R', b"\0\0"), None);
        assert_eq!(read(b'G', b""), None, "nobody asked to copy");
    }
}
