//! What lies behind the last good record: nothing, what the power cut short, or damage.

use std::io;

use super::{
    layout::{HEAD, Head, MARK},
    window::Window,
};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Zeros to the end of the file.
    Clean,
    /// What a write left that was never acknowledged.
    Torn {
        /// How many records it was, as far as can be told; one at least.
        records: u64,
        /// Where it ends.
        end: u64,
    },
    /// Something stands there that was written after record `bad` was on the disk.
    Damaged {
        /// The number of what was written later.
        later: u64,
    },
}

/// How much is looked through at once.
const PIECE: usize = 64 << 10;

/// Looks through all from `place` on, where record number `bad` should stand. A record is written
/// only once those before are on the disk, and its head says up to which: where such a head
/// stands behind `bad`, no power loss has taken `bad` away. Heads have a sum of their own, so the
/// time this takes grows with the file alone, whatever is in it.
pub(crate) fn examine(window: &mut Window, place: u64, bad: u64) -> io::Result<Tail> {
    let (mut at, mut end, mut last) = (place, None, 0);
    loop {
        let piece = window.read(at, PIECE)?;
        let Some(len) = u64::try_from(piece.len()).ok().filter(|it| *it != 0) else { break };
        if let Some(last) = piece.iter().rposition(|it| *it != 0) {
            end = u64::try_from(last).ok().and_then(|it| at.checked_add(it)?.checked_add(1));
        }
        let marks: Vec<u64> = (at..)
            .step_by(8)
            .zip(piece.chunks(8))
            .filter(|(_, it)| it.starts_with(&MARK))
            .map(|(place, _)| place)
            .collect();
        for place in marks {
            let head = Head::read(window.read(place, HEAD)?);
            match head {
                Some(head) if bad <= head.durable && bad <= head.seq => {
                    return Ok(Tail::Damaged { later: head.seq });
                }
                Some(head) => last = head.seq.max(last),
                None => {}
            }
        }
        at = at.saturating_add(len);
    }
    Ok(match end {
        None => Tail::Clean,
        Some(end) => {
            // A sum that is right by chance must not make up records.
            let records = last.saturating_add(1).saturating_sub(bad).clamp(1, 1 << 20);
            Tail::Torn { records, end }
        }
    })
}
