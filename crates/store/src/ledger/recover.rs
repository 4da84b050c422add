//! Opening a ledger: what nothing vouches for is read, and nothing is repaired in silence.

use std::{fs::File, path::Path, sync::Arc};

use super::{
    DurableAt, GENESIS, LedgerError, LedgerOptions, Recovered, SegmentSizes, chores,
    folder::{self, Folder, OLD},
    head_path,
    layout::Header,
    pen::{self, Open},
    records::{Held, Live, chain_at},
    retain,
    sealed::Sealed,
    survey::{Ending, Survey, survey},
    walk::Flaw,
};
use crate::{
    Checkpoint, FileError,
    checkpoint::{Purpose, read_notes},
    file::{self, FileWatch},
};

/// A ledger that was found to be as it was left.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) held: Held,
    pub(super) open: Open,
    pub(super) recovered: Recovered,
    pub(super) checkpoint: Option<Checkpoint>,
}

/// Opens the directory for writing. Every record of the live segment is read; sealed segments are
/// known by their indexes, which must follow on each other without a gap.
pub(super) fn open(options: &LedgerOptions, sizes: SegmentSizes) -> Result<Found, LedgerError> {
    let dir = &options.dir;
    let old = dir.join(OLD);
    if old.exists() {
        return Err(LedgerError::Old { path: old });
    }
    let folder = Folder::read(dir, Some(options.key.public()))?;
    let checkpoint = signed_head(options)?;
    let signed = checkpoint.map(|it| DurableAt { seq: it.seq, chain: it.chain });
    let signed = signed.filter(|it| folder.base.seq < it.seq);
    retain::tidy_up(dir, &folder)?;
    let Some((header, sealed)) = folder.segments.split_last() else {
        return begin(dir, &folder, sizes, signed).map(|found| Found { checkpoint, ..found });
    };
    let nexts = folder.segments.iter().skip(1);
    let sealed = sealed.iter().zip(nexts).map(|(it, next)| Sealed::open(dir, it, next));
    let sealed = sealed.map(|it| it.map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    if let Some(signed) = signed {
        known_in(dir, &sealed, signed)?;
    }
    let (open, survey, truncated) = open_live(dir, header, signed)?;
    let last = survey.index.last;
    let recovered = Recovered {
        records: last.seq.saturating_sub(folder.base.seq),
        truncated,
        last_seq: last.seq,
        last_chain: last.chain,
    };
    let live = Live { number: header.number, index: survey.index };
    Ok(Found { held: Held { sealed, live }, open, recovered, checkpoint })
}

/// Begins the first segment of a ledger of which nothing is known.
fn begin(
    dir: &Path,
    folder: &Folder,
    sizes: SegmentSizes,
    signed: Option<DurableAt>,
) -> Result<Found, LedgerError> {
    if let Some(known) = signed.or(Some(folder.base)).filter(|it| *it != GENESIS) {
        return Err(end_missing(folder.base.seq, known));
    }
    let header = Header { number: 1, before: GENESIS, capacity: 0 };
    let room = chores::Room { capacity: sizes.first, least: pen::long_enough(0) };
    let open = chores::prepare(dir, room).and_then(|spare| pen::begin(dir, spare, header));
    let open = open.map_err(file::on("prepare", &folder::segment(dir, 1)))?;
    let index = super::index::Index::new(&open.header);
    let recovered = Recovered { records: 0, truncated: 0, last_seq: 0, last_chain: GENESIS.chain };
    let held = Held { sealed: Vec::new(), live: Live { number: 1, index } };
    Ok(Found { held, open, recovered, checkpoint: None })
}

/// Reads the live segment. Only its very end may be bad: what was never acknowledged.
fn open_live(
    dir: &Path,
    header: &Header,
    signed: Option<DurableAt>,
) -> Result<(Open, Survey, u64), LedgerError> {
    let mut found = None;
    let read = survey(dir, header, &mut |at, _, _| {
        found = found.or((signed.map(|it| it.seq) == Some(at.seq)).then_some(at));
        None
    })?;
    let next = header.before.seq.saturating_add(1);
    let Some(survey) = read else {
        return Err(folder::altered(next, dir, header.number, "it is gone"));
    };
    let last = survey.index.last;
    if let Ending::Bad(Flaw { seq, why, .. }) = &survey.ending {
        return Err(LedgerError::Tampered { seq: *seq, why: why.clone() });
    }
    if let Some(signed) = signed {
        if last.seq < signed.seq {
            return Err(end_missing(last.seq, signed));
        }
        if found.is_some_and(|it| it != signed) {
            return Err(other_head(signed.seq));
        }
    }
    let (open, truncated) = cut(dir, header, &survey)?;
    Ok((open, survey, truncated))
}

/// Cuts what was never acknowledged, and makes the room whole again.
fn cut(dir: &Path, header: &Header, survey: &Survey) -> Result<(Open, u64), FileError> {
    let path = folder::segment(dir, header.number);
    let file = file::open_private(&path)?;
    let at = survey.index.end;
    let truncated = match &survey.ending {
        Ending::Torn { records, end, why } => {
            tracing::warn!(records, why, "the end of the ledger was never acknowledged: cut");
            chores::zero(&file, at, *end).map_err(file::on("cut", &path))?;
            *records
        }
        Ending::Whole | Ending::Bad(_) => 0,
    };
    let watch = whole(&file, &path, header)?;
    Ok((Open { file, watch, header: header.clone(), at }, truncated))
}

/// Gives the file its whole length back, full of zeros, where a power loss took of it.
fn whole(file: &File, path: &Path, header: &Header) -> Result<FileWatch, FileError> {
    let len = file.metadata().map_err(file::on("look at", path))?.len();
    if len < header.capacity {
        let zeroed = chores::zero(file, len, header.capacity).and_then(|()| file.sync_all());
        zeroed.map_err(file::on("prepare", path))?;
    }
    Ok(FileWatch::new(path)?.of_len(header.capacity))
}

/// Compares the signed head with the sealed segment that it was made in, if it was.
fn known_in(dir: &Path, sealed: &[Arc<Sealed>], signed: DurableAt) -> Result<(), LedgerError> {
    let behind = sealed.partition_point(|it| it.summary.last.seq < signed.seq);
    match sealed.get(behind) {
        Some(sealed) if chain_at(dir, sealed, signed.seq)? != Some(signed.chain) => {
            Err(other_head(signed.seq))
        }
        Some(_) | None => Ok(()),
    }
}

fn other_head(seq: u64) -> LedgerError {
    let why = "it is not the one that the signed head was made for".to_owned();
    LedgerError::Tampered { seq, why }
}

fn end_missing(last: u64, signed: DurableAt) -> LedgerError {
    let why = format!("the end is missing: a signed head knows {} records", signed.seq);
    LedgerError::Tampered { seq: last.saturating_add(1), why }
}

/// Reads the last head that was signed here.
fn signed_head(options: &LedgerOptions) -> Result<Option<Checkpoint>, LedgerError> {
    let Some(notes) = read_notes(&head_path(&options.dir))? else {
        return Ok(None);
    };
    match notes.as_slice() {
        [note] if note.purpose == Purpose::Head && note.is_signed_by(options.key.public()) => {
            Ok(Some(note.checkpoint))
        }
        other => {
            let seq = other.first().map_or(0, |it| it.checkpoint.seq);
            let why = "the ledger's own signed head is not signed by its key".to_owned();
            Err(LedgerError::Tampered { seq, why })
        }
    }
}
