//! Work for whoever writes, and the answer to it.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{DurableAt, LedgerError, encode::Encoded};

/// How long one waits for the disk once there is a place: a disk that hangs must not hang the
/// caller for ever.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// What is answered once the records are on the disk, or cannot be.
pub(super) type Answered = Result<DurableAt, LedgerError>;

/// Who waits for the answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// A task.
    Async(oneshot::Sender<Answered>),
    /// A thread.
    Blocking(SyncSender<Answered>),
    /// Nobody: readers wait instead, or whoever writes knows by itself.
    Nobody,
}

impl Answer {
    /// Says whether somebody waits for it.
    pub(super) const fn is_waited_for(&self) -> bool {
        match self {
            Self::Async(_) | Self::Blocking(_) => true,
            Self::Nobody => false,
        }
    }

    /// Answers; whoever no longer waits does not hear it.
    pub(super) fn send(self, answer: Answered) {
        match self {
            Self::Async(to) => drop(to.send(answer)),
            Self::Blocking(to) => drop(to.try_send(answer)),
            Self::Nobody => {}
        }
    }
}

/// Records that are appended together.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) records: Vec<Encoded>,
    /// How many bytes of a segment they take.
    pub(super) room: u64,
    pub(super) answer: Answer,
}

/// Work for whoever writes.
#[derive(Debug)]
pub(super) enum Job {
    /// Append records.
    Append(Append),
    /// Do something else, once what came before is written.
    Errand(Errand),
}

/// What else is done between two writes.
#[derive(Debug)]
pub(super) enum Errand {
    /// Go on in a new segment.
    Roll(Answer),
    /// Say that what came before is written.
    Reach(Answer),
}

/// Waits for an answer.
pub(super) fn wait(answered: &Receiver<Answered>) -> Result<Answered, LedgerError> {
    answered.recv_timeout(ANSWER_WAIT).map_err(|error| match error {
        RecvTimeoutError::Timeout => LedgerError::Late { waited: ANSWER_WAIT },
        RecvTimeoutError::Disconnected => LedgerError::Closed,
    })
}
