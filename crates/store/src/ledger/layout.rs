//! How bytes lie in a segment: its header, and the head that stands before each record's body.
//!
//! All numbers are little-endian. A record begins at a multiple of 8; zeros fill the gap.

use bailiwick_model::{Digest, Timestamp};

use super::DurableAt;

/// Where a segment's first record begins. No later write touches the header's block.
pub(crate) const HEADER: usize = 4096;
/// How long the head of a record is.
pub(crate) const HEAD: usize = 80;
/// The longest body of a record.
pub(crate) const BODY_MAX: usize = 16 << 20;
/// The longest segment: places in it fit into 32 bits.
pub(crate) const CAPACITY_MAX: u64 = 1 << 30;

const MAGIC: [u8; 16] = *b"bailiwick ledger";
const VERSION: u32 = 1;
/// Holds bytes that no JSON text holds, so that no body can pass for a head.
pub(crate) const MARK: [u8; 4] = [0xf7, b'b', b'w', 1];

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its number: the file's name says the same.
    pub(crate) number: u64,
    /// The record before its first one.
    pub(crate) before: DurableAt,
    /// How long its file is while it is written to.
    pub(crate) capacity: u64,
}

impl Header {
    /// Gives the header's block.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(self.before.seq.to_le_bytes());
        bytes.extend(self.capacity.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(self.before.chain.as_bytes());
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes.resize(HEADER, 0);
        bytes
    }

    /// Reads a header's block; says what is wrong where it is none.
    pub(crate) fn read(block: &[u8]) -> Result<Self, &'static str> {
        const DAMAGED: &str = "its header is damaged or altered";
        let mut rest = block;
        if take(&mut rest) != Some(MAGIC) {
            return Err("it is no segment of a ledger");
        }
        let version = take(&mut rest).map(u32::from_le_bytes).ok_or(DAMAGED)?;
        if version != VERSION {
            return Err("it is of a version that this program does not know");
        }
        let _zeros: [u8; 4] = take(&mut rest).ok_or(DAMAGED)?;
        let mut number = || take(&mut rest).map(u64::from_le_bytes).ok_or(DAMAGED);
        let (number, seq, capacity, _zeros) = (number()?, number()?, number()?, number()?);
        let chain = Digest::from_bytes(take(&mut rest).ok_or(DAMAGED)?);
        let signed = block.len().saturating_sub(rest.len());
        let sum = take(&mut rest).map(u32::from_le_bytes);
        if sum != block.get(..signed).map(crc32c::crc32c) || CAPACITY_MAX < capacity {
            return Err(DAMAGED);
        }
        Ok(Self { number, before: DurableAt { seq, chain }, capacity })
    }
}

/// What stands before a record's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// How long the body is.
    pub(crate) len: u32,
    /// The record's number.
    pub(crate) seq: u64,
    /// The last record that was on the disk when this one was written. What it names cannot have
    /// been cut by a power loss.
    pub(crate) durable: u64,
    /// When it happened.
    pub(crate) time: Timestamp,
    /// The code of its kind.
    pub(crate) kind: u8,
    /// The format of its body.
    pub(crate) format: u8,
    /// Whether it goes with the next record: both are kept, or none.
    pub(crate) joined: bool,
    /// Whether it outlives its task.
    pub(crate) landmark: bool,
    /// The sum over its body.
    pub(crate) body_sum: u32,
    /// The chain up to it.
    pub(crate) chain: Digest,
}

impl Head {
    /// Appends the head to `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let from = out.len();
        let flags = u8::from(self.joined) | u8::from(self.landmark) << 1;
        out.extend(MARK);
        out.extend(self.len.to_le_bytes());
        out.extend(self.seq.to_le_bytes());
        out.extend(self.durable.to_le_bytes());
        out.extend(self.time.millis().to_le_bytes());
        out.extend([self.kind, self.format, flags, 0]);
        out.extend(self.body_sum.to_le_bytes());
        out.extend(self.chain.as_bytes());
        out.extend([0; 4]);
        let sum = out.get(from..).map_or(0, crc32c::crc32c);
        out.extend(sum.to_le_bytes());
    }

    /// Reads a head; none where the bytes are not one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (said, sum) = bytes.get(..HEAD)?.split_last_chunk::<4>()?;
        let mut rest = said;
        if take(&mut rest)? != MARK || crc32c::crc32c(said) != u32::from_le_bytes(*sum) {
            return None;
        }
        let len = u32::from_le_bytes(take(&mut rest)?);
        let seq = u64::from_le_bytes(take(&mut rest)?);
        let durable = u64::from_le_bytes(take(&mut rest)?);
        let time = Timestamp::from_millis(i64::from_le_bytes(take(&mut rest)?));
        let [kind, format, flags, _] = take(&mut rest)?;
        let body_sum = u32::from_le_bytes(take(&mut rest)?);
        let chain = Digest::from_bytes(take(&mut rest)?);
        let (joined, landmark) = (flags & 1 != 0, flags & 2 != 0);
        Some(Self { len, seq, durable, time, kind, format, joined, landmark, body_sum, chain })
    }

    /// Gives how many bytes of the segment the whole record takes.
    pub(crate) fn room(&self) -> u64 {
        room(usize::try_from(self.len).unwrap_or(usize::MAX))
    }
}

/// Gives how many bytes of a segment a record with a body of `len` bytes takes.
pub(crate) fn room(len: usize) -> u64 {
    let all = len.saturating_add(HEAD);
    u64::try_from(all.checked_next_multiple_of(8).unwrap_or(usize::MAX)).unwrap_or(u64::MAX)
}

/// Takes the first bytes off.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let before = DurableAt { seq: 41, chain: Digest::of(b"before") };
        Header { number: 3, before, capacity: 1 << 20 }
    }

    fn head() -> Head {
        Head {
            len: 9,
            seq: 42,
            durable: 41,
            time: Timestamp::from_millis(-5),
            kind: 2,
            format: 1,
            joined: true,
            landmark: false,
            body_sum: 7,
            chain: Digest::of(b"chain"),
        }
    }

    #[test]
    fn a_header_and_a_head_read_as_they_were_written() {
        assert_eq!(Header::read(&header().to_bytes()), Ok(header()));
        let mut bytes = Vec::new();
        head().write(&mut bytes);
        assert_eq!(bytes.len(), HEAD);
        assert_eq!(Head::read(&bytes), Some(head()));
        assert_eq!(head().room(), 96);
    }

    #[test]
    fn no_altered_bit_of_a_head_or_header_goes_unseen() {
        let mut bytes = Vec::new();
        head().write(&mut bytes);
        for bit in 0..HEAD * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::read(&altered), None, "bit {bit}");
        }
        for bit in 0..92 * 8 {
            let mut altered = header().to_bytes();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::read(&altered).is_err(), "bit {bit}");
        }
        assert!(Header::read(&[]).is_err());
    }
}
