//! Remote calls over HTTP/2 (gRPC): how messages are framed, and how a call ends.

use std::fmt;

use crate::http2::Field;

/// What a call's head says that it is.
pub(super) const CONTENT_TYPE: &str = "application/grpc";
const PREFIX: usize = 5;

/// How a call ends (the codes of gRPC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadStatus {
    /// All is said.
    Ok,
    /// What was asked makes no sense.
    InvalidArgument,
    /// Whoever asks is nobody known.
    PermissionDenied,
    /// Too much is asked for.
    ResourceExhausted,
    /// There is no such call.
    Unimplemented,
    /// It is our fault.
    Internal,
    /// Not now.
    Unavailable,
}

impl WorkloadStatus {
    /// Gives its number as text.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Ok => "0",
            Self::InvalidArgument => "3",
            Self::PermissionDenied => "7",
            Self::ResourceExhausted => "8",
            Self::Unimplemented => "12",
            Self::Internal => "13",
            Self::Unavailable => "14",
        }
    }
}

/// Says whether a head is one of such calls.
pub(super) fn is_call(fields: &[Field]) -> bool {
    let said = crate::http2::one(fields, "content-type");
    said.and_then(|it| it.strip_prefix(CONTENT_TYPE))
        .is_some_and(|it| it.is_empty() || it.starts_with(['+', ';']))
}

/// Writes a text as heads have it: letters of ASCII as they are, anything else by its bytes.
pub(super) fn message_text(text: &str) -> String {
    let each = |it: u8| match it {
        b' '..=b'~' if it != b'%' => char::from(it).to_string(),
        _ => format!("%{it:02X}"),
    };
    text.bytes().map(each).collect()
}

/// Puts what frames it before a message.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0][..], &length.to_be_bytes(), message].concat()
}

/// Puts messages together again, of a length at most.
pub(super) struct Messages {
    bytes: Vec<u8>,
    max: usize,
}

/// What came may hold a token.
impl fmt::Debug for Messages {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Messages({} bytes)", self.bytes.len())
    }
}

impl Messages {
    pub(super) const fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), max }
    }

    /// Takes what came, and gives the messages that are whole; none where one is too long or packed.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        self.bytes.extend_from_slice(bytes);
        let (mut whole, mut rest) = (Vec::new(), self.bytes.as_slice());
        while let Some(([packed, length @ ..], after)) = rest.split_first_chunk::<PREFIX>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            if *packed != 0 || self.max < length {
                return None;
            }
            let Some((message, after)) = after.split_at_checked(length) else { break };
            whole.push(message.to_vec());
            rest = after;
        }
        self.bytes = rest.to_vec();
        Some(whole)
    }

    /// Says whether nothing is left over.
    pub(super) fn is_done(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_that_is_packed_or_too_long_is_refused_before_it_is_kept() {
        assert_eq!(Messages::new(10).take(b"\x01\x00\x00\x00\x00"), None);
        assert_eq!(Messages::new(10).take(b"\x00\x00\x00\x00\x0b"), None);
        assert_eq!(Messages::new(10).take(b"\x00\xff\xff\xff\xff"), None);
        assert_eq!(Messages::new(10).take(b"\x00\x00\x00\x00\x0a"), Some(vec![]));
    }

    #[test]
    fn texts_of_heads_are_ascii() {
        assert_eq!(message_text("nobody 100% \u{e9}\n"), "nobody 100%25 %C3%A9%0A");
    }

    proptest! {
        #[test]
        fn messages_are_whole_however_they_come(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..6),
            piece in 1_usize..60,
        ) {
            let sent: Vec<u8> = messages.iter().flat_map(|it| framed(it)).collect();
            let mut reader = Messages::new(50);
            let came: Vec<_> = sent.chunks(piece).flat_map(|it| reader.take(it).unwrap()).collect();
            prop_assert!(reader.is_done());
            prop_assert_eq!(came, messages);
        }
    }
}
