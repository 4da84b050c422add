//! What waits for the writer: bounded, with a bounded wait for a place.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

use tokio::sync::{
    mpsc::{self, error::SendTimeoutError, error::TrySendError},
    oneshot,
};

use super::{
    DurableAt, LedgerError,
    aside::{Aside, Inbox, NoPlace},
    encode::Encoded,
};

/// How long one waits for a place.
pub(super) const PLACE_WAIT: Duration = Duration::from_millis(250);
/// How long one waits for the disk once there is a place: a disk that hangs must not hang the
/// caller for ever.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(10);
const PLACES: usize = 2048;

/// What is answered once the records are on the disk, or cannot be.
pub(super) type Answered = Result<DurableAt, LedgerError>;

/// Who waits for the answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// A task.
    Async(oneshot::Sender<Answered>),
    /// A thread.
    Blocking(SyncSender<Answered>),
    /// Nobody: readers wait instead.
    Nobody,
}

impl Answer {
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

/// Work for the writer.
#[derive(Debug)]
pub(super) enum Job {
    /// Append records.
    Append(Append),
    /// Go on in a new segment.
    Roll(Answer),
    /// Write what was queued before.
    Reach(Answer),
}

/// The way to the writer.
#[derive(Debug)]
pub(super) struct Queue {
    sender: Mutex<Option<mpsc::Sender<Job>>>,
    aside: Arc<Aside>,
}

/// A way to the writer that does not keep it running.
#[derive(Clone, Debug)]
pub(super) struct WeakQueue(Option<mpsc::WeakSender<Job>>);

impl Queue {
    pub(super) fn new() -> (Self, Inbox) {
        let (sender, receiver) = mpsc::channel(PLACES);
        let aside = Arc::default();
        let inbox = Inbox::new(receiver, Arc::clone(&aside));
        (Self { sender: Mutex::new(Some(sender)), aside }, inbox)
    }

    fn sender(&self) -> Result<mpsc::Sender<Job>, LedgerError> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        sender.clone().ok_or(LedgerError::Closed)
    }

    pub(super) async fn put(&self, job: Job) -> Result<(), LedgerError> {
        let sent = self.sender()?.send_timeout(job, PLACE_WAIT).await;
        sent.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => LedgerError::Busy { waited: PLACE_WAIT },
            SendTimeoutError::Closed(_) => LedgerError::Closed,
        })
    }

    /// Puts what nobody waits for where the next job takes it along. Only where too much lies there
    /// already it waits for a place.
    pub(super) async fn put_aside(&self, append: Append) -> Result<(), LedgerError> {
        match self.aside.put(append) {
            Ok(()) => Ok(()),
            Err(NoPlace::Full(append)) => self.put(Job::Append(append)).await,
            Err(NoPlace::Over) => Err(LedgerError::Closed),
        }
    }

    pub(super) fn put_blocking(&self, job: Job) -> Result<(), LedgerError> {
        put_blocking(&self.sender()?, job)
    }

    pub(super) fn downgrade(&self) -> WeakQueue {
        WeakQueue(self.sender().ok().map(|it| it.downgrade()))
    }

    /// Lets the writer end once it has written what is queued.
    pub(super) fn close(&self) {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl WeakQueue {
    pub(super) fn put_blocking(&self, job: Job) -> Result<(), LedgerError> {
        let sender = self.0.as_ref().and_then(mpsc::WeakSender::upgrade);
        put_blocking(&sender.ok_or(LedgerError::Closed)?, job)
    }
}

fn put_blocking(sender: &mpsc::Sender<Job>, mut job: Job) -> Result<(), LedgerError> {
    let since = Instant::now();
    loop {
        match sender.try_send(job) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(LedgerError::Closed),
            Err(TrySendError::Full(_)) if PLACE_WAIT < since.elapsed() => {
                return Err(LedgerError::Busy { waited: PLACE_WAIT });
            }
            Err(TrySendError::Full(back)) => job = back,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for an answer.
pub(super) fn wait(answered: &Receiver<Answered>) -> Result<Answered, LedgerError> {
    answered.recv_timeout(ANSWER_WAIT).map_err(|error| match error {
        RecvTimeoutError::Timeout => LedgerError::Late { waited: ANSWER_WAIT },
        RecvTimeoutError::Disconnected => LedgerError::Closed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        Job::Roll(Answer::Blocking(std::sync::mpsc::sync_channel(1).0))
    }

    #[tokio::test]
    async fn a_full_queue_is_told_in_time() {
        // Nobody takes anything out.
        let (queue, mut inbox) = Queue::new();
        for _ in 0..PLACES {
            queue.put(job()).await.unwrap();
        }
        let refused = queue.put(job()).await;
        assert!(matches!(refused, Err(LedgerError::Busy { waited: PLACE_WAIT })), "{refused:?}");
        let refused = queue.put_blocking(job());
        assert!(matches!(refused, Err(LedgerError::Busy { waited: PLACE_WAIT })), "{refused:?}");
        // A place that becomes free is taken.
        inbox.try_next().unwrap();
        queue.put(job()).await.unwrap();
        queue.close();
        assert!(matches!(queue.put(job()).await, Err(LedgerError::Closed)));
    }
}
