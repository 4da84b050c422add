//! Retention: the oldest segments go, only ever as a whole beginning, and a signed text stays.

use std::{path::Path, time::Duration};

use bailiwick_model::Timestamp;

use super::{
    LedgerError, Shared, chores,
    folder::{self, Folder},
    inbox::Inbox,
    job::{Answer, Errand, Job, wait},
    notary::Notary,
    now,
};
use crate::{FileError, file};

/// How much older than the others a segment's first record may become before a new segment is
/// begun: retention takes whole segments, and must not be held up by the latest record in one.
const SPAN: Duration = Duration::from_secs(86_400);

/// What retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// How many records it dropped.
    pub dropped: u64,
}

/// Drops the oldest segments, those whose records are all from before `cutoff`.
pub(super) fn drop_before(
    cutoff: Timestamp,
    shared: &Shared,
    notary: &Notary,
    inbox: &Inbox,
) -> Result<Retained, LedgerError> {
    if let Some(why) = shared.failed.get() {
        return Err(LedgerError::Failed { why: why.clone() });
    }
    let times = shared.records.live_times();
    if times.is_some_and(|(first, last)| last < cutoff || first < long_before(now())) {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        inbox.put_blocking(Job::Errand(Errand::Roll(Answer::Blocking(answer))))?;
        wait(&answered)??;
    }
    let old = shared.records.oldest_before(cutoff);
    let Some(last) = old.last() else {
        return Ok(Retained::default());
    };
    notary.sign_base(last.summary.last, now())?;
    shared.records.forget_through(last.number);
    let numbers: Vec<u64> = old.iter().map(|it| it.number).collect();
    remove(notary.dir(), &numbers)?;
    let count =
        |it: &super::sealed::Sealed| it.summary.last.seq.saturating_sub(it.summary.before.seq);
    let dropped = old.iter().fold(0_u64, |all, it| all.saturating_add(count(it)));
    tracing::info!(dropped, through = last.summary.last.seq, "retention dropped old segments");
    Ok(Retained { dropped })
}

fn long_before(now: Timestamp) -> Timestamp {
    let span = i64::try_from(SPAN.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.millis().saturating_sub(span))
}

/// Removes segments with their indexes, the oldest first: what is left is a whole rest always.
fn remove(dir: &Path, numbers: &[u64]) -> Result<(), FileError> {
    for number in numbers {
        for path in [folder::segment(dir, *number), folder::index(dir, *number)] {
            chores::remove_if_there(&path).map_err(file::on("remove", &path))?;
        }
    }
    file::sync_parent(&dir.join("base"))
}

/// Ends what was begun before the last stop: a file that nothing was written to, segments that
/// retention let go, indexes without a segment.
pub(super) fn tidy_up(dir: &Path, folder: &Folder) -> Result<(), FileError> {
    let spare = dir.join(folder::SPARE);
    chores::remove_if_there(&spare).map_err(file::on("remove", &spare))?;
    for numbers in [&folder.gone, &folder.orphans] {
        if !numbers.is_empty() {
            remove(dir, numbers)?;
        }
    }
    Ok(())
}
