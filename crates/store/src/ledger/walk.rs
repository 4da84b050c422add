//! Walking along the chain of one segment: each record against the one before it.

use std::io;

use bailiwick_model::Digest;

use super::{
    DurableAt,
    encode::Outline,
    layout::{BODY_MAX, HEAD, HEADER, Head, Header},
    window::Window,
};

/// What comes before the first record.
pub(crate) const GENESIS: DurableAt = DurableAt { seq: 0, chain: Digest::from_bytes([0; 32]) };

/// Something wrong with the record that comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The number of the first record that is not as it was.
    pub(crate) seq: u64,
    /// What is wrong.
    pub(crate) why: String,
    /// Whether a write that the power cut short can have left this.
    pub(crate) torn: bool,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    /// A record that is right.
    Record {
        /// Where it begins.
        place: u64,
        /// What its head says.
        head: Head,
        /// What its body says in short.
        outline: Outline,
        /// Its body.
        body: &'a [u8],
    },
    /// Nothing: there are zeros, or the file ends.
    Nothing,
    /// Something that is not the next record.
    Flaw(Flaw),
}

/// A place in a segment, up to which everything is right.
#[derive(Debug)]
pub(crate) struct Walk {
    window: Window,
    /// The last record that was right.
    pub(crate) at: DurableAt,
    /// Where the next one begins.
    pub(crate) place: u64,
}

impl Walk {
    /// Begins before a segment's first record.
    pub(crate) fn new(window: Window, header: &Header) -> Self {
        let place = u64::try_from(HEADER).unwrap_or(u64::MAX);
        Self { window, at: header.before, place }
    }

    /// Gives the view of the file.
    pub(crate) const fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    /// Goes on to the next record, or says why there is none.
    pub(crate) fn step(&mut self) -> io::Result<Next<'_>> {
        let seq = self.at.seq.saturating_add(1);
        let flaw = |why: &str, torn| Ok(Next::Flaw(Flaw { seq, why: why.to_owned(), torn }));
        let place = self.place;
        let bytes = self.window.read(place, HEAD)?;
        if bytes.iter().all(|it| *it == 0) {
            return Ok(Next::Nothing);
        }
        let Some(head) = Head::read(bytes) else {
            return flaw("its head is damaged or altered", true);
        };
        let len = usize::try_from(head.len).unwrap_or(usize::MAX);
        let behind = place.saturating_add(u64::try_from(HEAD).unwrap_or(u64::MAX));
        if BODY_MAX < len {
            return flaw("its head is altered", false);
        }
        let body = self.window.read(behind, len)?;
        if body.len() < len || crc32c::crc32c(body) != head.body_sum {
            return flaw("its body is damaged or altered", true);
        }
        if head.seq != seq {
            let why = format!("it is missing; record {} follows", head.seq);
            return flaw(&why, false);
        }
        let chain = Digest::chain(&self.at.chain, body);
        if head.chain != chain {
            return flaw("the chain breaks: its body or its chain was altered", false);
        }
        let Some(outline) = Outline::of(seq, head.format, body) else {
            let why = format!("it cannot be read as what its head says, format {}", head.format);
            return flaw(&why, false);
        };
        let said = (head.kind, head.time, head.landmark);
        if said != (outline.kind.code(), outline.time, outline.landmark) || seq <= head.durable {
            return flaw("its head does not say what its body says", false);
        }
        self.at = DurableAt { seq, chain };
        self.place = place.saturating_add(head.room());
        let body = self.window.read(behind, len)?;
        Ok(Next::Record { place, head, outline, body })
    }
}
