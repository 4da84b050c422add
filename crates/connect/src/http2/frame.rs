//! Frames of HTTP/2 (RFC 9113, section 4): cut out of what came, and written.

use super::Broken;

/// The longest frame: nobody is told that we take longer ones.
pub(super) const FRAME_MAX: usize = 16 << 10;
const HEAD: usize = 9;

/// What frames are there for.
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const PRIORITY: u8 = 2;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PUSH_PROMISE: u8 = 5;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 8;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// What flags say.
pub(super) mod flag {
    /// Of SETTINGS and PING: an answer.
    pub(in super::super) const ACK: u8 = 1;
    /// Nothing follows on this stream.
    pub(in super::super) const END_STREAM: u8 = 1;
    /// Nothing follows of this head.
    pub(in super::super) const END_HEADERS: u8 = 4;
    pub(in super::super) const PADDED: u8 = 8;
    pub(in super::super) const PRIORITY: u8 = 32;
}

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Cuts the first frame off what came; none where it is not whole yet.
    pub(super) fn cut(input: &mut &'a [u8]) -> Result<Option<Self>, Broken> {
        let Some((head, rest)) = input.split_first_chunk::<HEAD>() else { return Ok(None) };
        let [a, b, c, kind, flags, stream @ ..] = *head;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        if FRAME_MAX < length {
            return Err(Broken::Not("a frame is longer than 16 KiB"));
        }
        let Some((body, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        *input = rest;
        let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
        Ok(Some(Self { kind, flags, stream, body }))
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Gives its body without what pads it and what it says of priorities.
    pub(super) fn content(&self) -> Result<&'a [u8], Broken> {
        let short = Broken::Not("a frame is too short");
        let mut body = self.body;
        if self.has(flag::PADDED) {
            let (padding, rest) = body.split_first().ok_or(short)?;
            let kept = rest.len().checked_sub(usize::from(*padding)).ok_or(short)?;
            body = rest.get(..kept).ok_or(short)?;
        }
        if self.kind == kind::HEADERS && self.has(flag::PRIORITY) {
            body = body.get(5..).ok_or(short)?;
        }
        Ok(body)
    }

    /// Writes it; the body is no longer than a frame may be.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.body.len()).unwrap_or(u32::MAX).to_be_bytes();
        out.extend(length.iter().skip(1));
        out.extend([self.kind, self.flags]);
        out.extend(self.stream.to_be_bytes());
        out.extend_from_slice(self.body);
    }
}
