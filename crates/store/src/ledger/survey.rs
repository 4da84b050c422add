//! Reading one whole segment: what it holds, and how it ends.

use std::{io, path::Path};

use super::{
    DurableAt, LedgerError,
    encode::Outline,
    folder::{self, altered},
    index::Index,
    layout::{Head, Header},
    tail::{Tail, examine},
    walk::{Flaw, Next, Walk},
    window::Window,
};
use crate::{FileError, file};

/// The most records that are appended together.
pub(crate) const JOINED_MAX: usize = 4096;

/// What a segment holds.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Where everything in it is, up to the last append that is wholly there.
    pub(crate) index: Index,
    /// What comes behind that.
    pub(crate) ending: Ending,
}

/// How a segment ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With its last record; zeros follow at most.
    Whole,
    /// With something that the power may have cut short before it was acknowledged.
    Torn {
        /// How many records it was, as far as can be told.
        records: u64,
        /// Where it ends.
        end: u64,
        /// What is wrong with it.
        why: String,
    },
    /// With something that no power loss can leave.
    Bad(Flaw),
}

/// Looks at one record; says what is wrong with it, if something is.
pub(crate) type Look<'a> = &'a mut dyn FnMut(DurableAt, &Head, &[u8]) -> Option<String>;

/// Reads the segment of `header` from one end to the other. None where its file is not there.
pub(crate) fn survey(
    dir: &Path,
    header: &Header,
    look: Look<'_>,
) -> Result<Option<Survey>, FileError> {
    let path = folder::segment(dir, header.number);
    let Some(window) = Window::open(&path, Window::LONG)? else {
        return Ok(None);
    };
    of_window(window, header, look).map(Some).map_err(file::on("read", &path))
}

/// Reads the segment that `window` shows.
pub(crate) fn of_window(window: Window, header: &Header, look: Look<'_>) -> io::Result<Survey> {
    let mut walk = Walk::new(window, header);
    let mut index = Index::new(header);
    let flaw = records(&mut walk, &mut index, look)?;
    let ending = ending(&mut walk, &index, flaw)?;
    Ok(Survey { index, ending })
}

/// Reads a sealed segment, which must be whole.
pub(crate) fn survey_sealed(dir: &Path, header: &Header) -> Result<Index, LedgerError> {
    let found = survey(dir, header, &mut |_, _, _| None)?;
    let next = header.before.seq.saturating_add(1);
    let Some(Survey { index, ending }) = found else {
        return Err(altered(next, dir, header.number, "it is gone"));
    };
    let seq = index.last.seq.saturating_add(1);
    match ending {
        Ending::Whole => Ok(index),
        Ending::Torn { why, .. } | Ending::Bad(Flaw { why, .. }) => {
            Err(LedgerError::Tampered { seq, why })
        }
    }
}

/// A record whose append is not wholly read yet.
type Waiting = (DurableAt, (u64, u64), Outline);

/// Takes every record in; gives what ended that, where it was not the end.
fn records(walk: &mut Walk, index: &mut Index, look: Look<'_>) -> io::Result<Option<Flaw>> {
    let mut waiting: Vec<Waiting> = Vec::new();
    loop {
        match walk.step()? {
            Next::Record { place, head, outline, body } => {
                let at = DurableAt { seq: head.seq, chain: head.chain };
                let wrong = look(at, &head, body);
                if let Some(why) = wrong {
                    return Ok(Some(Flaw { seq: at.seq, why, torn: false }));
                }
                waiting.push((at, (place, head.room()), outline));
                if JOINED_MAX < waiting.len() {
                    let why = "too many records are appended together".to_owned();
                    return Ok(Some(Flaw { seq: at.seq, why, torn: false }));
                }
                if !head.joined {
                    waiting.drain(..).for_each(|(at, place, it)| index.add(at, place, &it));
                }
            }
            Next::Nothing if waiting.is_empty() => return Ok(None),
            Next::Nothing => {
                let why = "what was appended with it is missing".to_owned();
                return Ok(Some(Flaw { seq: walk.at.seq, why, torn: true }));
            }
            Next::Flaw(flaw) => return Ok(Some(flaw)),
        }
    }
}

fn ending(walk: &mut Walk, index: &Index, flaw: Option<Flaw>) -> io::Result<Ending> {
    if let Some(flaw) = flaw.clone().filter(|it| !it.torn) {
        return Ok(Ending::Bad(flaw));
    }
    let seq = index.last.seq.saturating_add(1);
    let tail = examine(walk.window(), index.end, seq)?;
    let bad = flaw.as_ref().map_or(seq, |it| it.seq);
    Ok(match (tail, flaw.map(|it| it.why)) {
        (Tail::Clean, None) => Ending::Whole,
        (Tail::Clean, Some(why)) => Ending::Bad(Flaw { seq: bad, why, torn: true }),
        (Tail::Torn { records, end }, why) => {
            let why = why.unwrap_or_else(|| "something that is no record follows".to_owned());
            Ending::Torn { records, end, why }
        }
        (Tail::Damaged { later }, why) => {
            let why = why.unwrap_or_else(|| "it is missing".to_owned());
            let why = format!("{why}; record {later} was written after it");
            Ending::Bad(Flaw { seq: bad, why, torn: false })
        }
    })
}
