//! Whose turn it is to write: the ledger's own thread's, or a caller's that comes alone.
//!
//! Handing a record to another thread and being woken by it costs a caller more than a quick disk
//! does. So a caller that finds nobody writing and nobody waiting writes by itself, as long as
//! that is quick; whoever comes meanwhile waits for the thread, which writes for all of them at
//! once. What is written, and in which order, is the same either way.

use std::{
    sync::{Mutex, PoisonError, TryLockError},
    time::Instant,
};

use super::{
    inbox::Inbox,
    job::{Answered, Append},
    pace::Pace,
    writer::Writer,
};

/// What waits to be written, and the one who writes.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) inbox: Inbox,
    /// Whoever holds it writes, and takes out of the inbox: what was put there first is written
    /// first. It is gone once the ledger is closed.
    writer: Mutex<Option<Writer>>,
}

/// Tells those who still wait, however the thread ends.
struct End<'a>(&'a Inbox);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Turn {
    pub(super) fn new(writer: Writer) -> Self {
        Self { inbox: Inbox::default(), writer: Mutex::new(Some(writer)) }
    }

    /// The thread: writes until nothing more comes.
    pub(super) fn run(&self) {
        let _end = End(&self.inbox);
        let (mut pace, mut before) = (Pace::default(), Instant::now());
        while self.inbox.wait(pace.pause()) {
            let Some(waited) = self.write_for_all() else { break };
            pace.wrote(waited, before.elapsed());
            before = Instant::now();
        }
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer.filter(|_| !self.inbox.is_closed()) {
            writer.broke_off();
        }
    }

    /// Gives how many waited for the write; none where nobody can write any more.
    fn write_for_all(&self) -> Option<usize> {
        // A writer that panicked left things half done.
        let mut writer = self.writer.lock().ok()?;
        writer.as_mut().map(|it| it.write_for_all(&self.inbox))
    }

    /// Writes records here and now; gives them back where they have to wait for the thread. The
    /// disk is waited for: this is as long as it takes, which was short the last time.
    pub(super) fn here(&self, append: Append) -> Result<Answered, Append> {
        let mut writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => return Err(append),
        };
        match &mut *writer {
            Some(writer) => writer.write_here(append, &self.inbox),
            None => Err(append),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc, time::Duration};

    use super::{
        super::{
            LedgerOptions, SegmentSizes, Shared,
            encode::Encoded,
            job::{Answer, Errand, Job},
            layout,
            pen::Pen,
            records::Records,
            recover,
        },
        *,
    };
    use crate::CheckpointKey;

    /// More writes than a disk that is quick now and then needs.
    const TRIES: u64 = 1000;

    /// A turn without a thread.
    fn turn(dir: &Path) -> Turn {
        shared(dir).0
    }

    fn shared(dir: &Path) -> (Turn, Arc<Shared>) {
        let options = LedgerOptions {
            dir: dir.join("ledger"),
            key: CheckpointKey::load_or_create(&dir.join("key")).unwrap(),
            copies: None,
            checkpoint_every: Duration::MAX,
            retain: None,
        };
        std::fs::create_dir(&options.dir).unwrap();
        let found = recover::open(&options, SegmentSizes::default()).unwrap();
        let shared = Arc::new(Shared {
            records: Records::new(&options.dir, found.held),
            head: Mutex::new(super::super::DurableAt {
                seq: found.recovered.last_seq,
                chain: found.recovered.last_chain,
            }),
            failed: crate::sqlite::Failed::default(),
            trouble: Mutex::default(),
        });
        // Nobody does chores: segments are longer than these tests.
        let (chores, _) = std::sync::mpsc::channel();
        let pen = Pen::new(
            found.open,
            Arc::clone(&shared.failed),
            options.dir,
            SegmentSizes::default(),
            chores.clone(),
        );
        (Turn::new(Writer::new(pen, chores, Arc::clone(&shared))), shared)
    }

    fn append(number: u64) -> Append {
        let record = Encoded::outcome(number);
        let room = layout::room(record.body.len());
        Append { records: vec![record], room, answer: Answer::Nobody }
    }

    /// Puts so many appends before the thread, each waited for, and lets it write them at once.
    fn together(turn: &Turn, numbers: std::ops::Range<u64>) {
        let mut answers = Vec::new();
        for number in numbers {
            let (to, answered) = std::sync::mpsc::sync_channel(1);
            let append = Append { answer: Answer::Blocking(to), ..append(number) };
            turn.inbox.put_blocking(Job::Append(append)).unwrap();
            answers.push(answered);
        }
        assert!(turn.write_for_all().is_some());
        assert!(answers.iter().all(|it| it.recv().unwrap().is_ok()));
    }

    /// Writes one by one until a caller wrote by itself; gives how many writes that took.
    fn alone(turn: &Turn) -> u64 {
        for number in 0..TRIES {
            match turn.here(append(number)) {
                Ok(at) => {
                    at.unwrap();
                    return number;
                }
                Err(_) => together(turn, number..number.saturating_add(1)),
            }
        }
        TRIES
    }

    #[test]
    fn a_caller_writes_by_itself_once_nobody_else_came_for_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let turn = turn(dir.path());
        assert!((16..TRIES).contains(&alone(&turn)));
        together(&turn, 0..2);
        assert!(turn.here(append(1)).is_err());
        assert!((16..TRIES).contains(&alone(&turn)));
    }

    #[test]
    fn where_others_wait_a_caller_waits_behind_them() {
        let dir = tempfile::tempdir().unwrap();
        let turn = turn(dir.path());
        assert!(alone(&turn) < TRIES);
        turn.inbox.put_blocking(Job::Errand(Errand::Reach(Answer::Nobody))).unwrap();
        assert!(turn.here(append(1)).is_err());
        assert!(turn.write_for_all().is_some());
        let held = turn.writer.lock().unwrap();
        assert!(turn.here(append(1)).is_err());
        drop(held);
    }

    #[tokio::test]
    async fn what_lies_aside_goes_along() {
        let dir = tempfile::tempdir().unwrap();
        let turn = turn(dir.path());
        for _ in 0..TRIES {
            alone(&turn);
            let before = turn.here(append(1)).map_or(0, |it| it.unwrap().seq);
            turn.inbox.put_aside(append(2)).await.unwrap();
            turn.inbox.put_aside(append(3)).await.unwrap();
            if let Ok(at) = turn.here(append(4))
                && before != 0
            {
                assert_eq!(at.unwrap().seq, before + 3);
                return;
            }
        }
        panic!("the disk was never quick twice");
    }

    #[test]
    fn a_writer_that_panicked_writes_no_more_and_nobody_waits_in_vain() {
        let dir = tempfile::tempdir().unwrap();
        let (turn, shared) = shared(dir.path());
        std::thread::scope(|scope| {
            let broke = scope.spawn(|| {
                let _held = turn.writer.lock().unwrap();
                panic!("in the middle of a write");
            });
            assert!(broke.join().is_err());
        });
        assert!(turn.here(append(1)).is_err());
        let (to, answered) = std::sync::mpsc::sync_channel(1);
        let waiting = Append { answer: Answer::Blocking(to), ..append(2) };
        turn.inbox.put_blocking(Job::Append(waiting)).unwrap();
        turn.run();
        assert!(answered.recv().is_err());
        assert!(shared.failed.get().is_some(), "and everybody is told why");
        assert!(turn.inbox.put_blocking(Job::Append(append(3))).is_err());
    }
}
