//! What nobody waits for: it lies beside the queue for milliseconds, until something that somebody
//! waits for takes it along into one write.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::sync::mpsc::Receiver;

use super::queue::{Append, Job};

/// How long records stay behind for company. An agent that calls again at once then costs the disk
/// one write a call, and its next decision waits for no write but its own.
const LINGER: Duration = Duration::from_millis(2);
/// How much may lie here before its giver has to wait for a place in the queue.
const PLACES: usize = 1024;

/// Where records lie that nobody waits for.
#[derive(Debug, Default)]
pub(super) struct Aside {
    pile: Mutex<Pile>,
}

#[derive(Debug, Default)]
struct Pile {
    appends: Vec<Append>,
    /// When the first of them came.
    since: Option<Instant>,
    /// The writer, where it sleeps until it is woken.
    sleeper: Option<Thread>,
    /// Whether nobody comes to take them any more.
    over: bool,
}

/// Why something was not put aside.
#[derive(Debug)]
pub(super) enum NoPlace {
    /// There is no room now.
    Full(Append),
    /// Nobody comes any more.
    Over,
}

impl Aside {
    /// Puts records aside. The writer is woken only where it does not look by itself.
    pub(super) fn put(&self, append: Append) -> Result<(), NoPlace> {
        let mut pile = self.pile();
        if pile.over {
            return Err(NoPlace::Over);
        }
        if PLACES <= pile.appends.len() {
            return Err(NoPlace::Full(append));
        }
        pile.since.get_or_insert_with(Instant::now);
        pile.appends.push(append);
        let sleeper = pile.sleeper.take();
        drop(pile);
        if let Some(writer) = sleeper {
            writer.unpark();
        }
        Ok(())
    }

    fn pile(&self) -> MutexGuard<'_, Pile> {
        self.pile.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Append> {
        let mut pile = self.pile();
        pile.since = None;
        mem::take(&mut pile.appends)
    }

    /// Says how much longer what lies here may stay; the writer that finds nothing is remembered,
    /// where it is about to `sleep`.
    fn left(&self, sleep: bool) -> Option<Duration> {
        let mut pile = self.pile();
        let left = pile.since.map(|it| LINGER.saturating_sub(it.elapsed()));
        pile.sleeper = (sleep && left.is_none()).then(thread::current);
        left
    }

    /// Takes what is left, and lets nothing more in.
    fn end(&self) -> Vec<Append> {
        self.pile().over = true;
        self.take()
    }
}

/// The writer's end of the queue and of what lies beside it.
#[derive(Debug)]
pub(super) struct Inbox {
    jobs: Receiver<Job>,
    aside: Arc<Aside>,
}

impl Inbox {
    pub(super) const fn new(jobs: Receiver<Job>, aside: Arc<Aside>) -> Self {
        Self { jobs, aside }
    }

    /// Waits for the next job, and gives it behind what lay aside. A job comes at once; what lies
    /// aside comes alone only when no job came for a while. None once there is nothing more to come.
    pub(super) fn next(&mut self) -> Option<(Vec<Append>, Option<Job>)> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        // Right after a write there is likely to be more: the writer looks again by itself first.
        let awake = Instant::now();
        loop {
            match self.jobs.poll_recv(&mut context) {
                Poll::Ready(Some(job)) => return Some((self.aside.take(), Some(job))),
                Poll::Ready(None) => {
                    let last = self.aside.end();
                    return (!last.is_empty()).then_some((last, None));
                }
                Poll::Pending => {}
            }
            let grace = LINGER.saturating_sub(awake.elapsed());
            match self.aside.left(grace.is_zero()) {
                Some(left) if left.is_zero() => return Some((self.aside.take(), None)),
                Some(left) => thread::park_timeout(left),
                None if grace.is_zero() => thread::park(),
                None => thread::park_timeout(grace),
            }
        }
    }

    /// Takes what lies aside now.
    pub(super) fn take_aside(&self) -> Vec<Append> {
        self.aside.take()
    }

    /// Gives the next job, if there is one already.
    pub(super) fn try_next(&mut self) -> Option<Job> {
        self.jobs.try_recv().ok()
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::{super::queue::Answer, *};

    fn append(room: u64) -> Append {
        Append { records: Vec::new(), room, answer: Answer::Nobody }
    }

    fn rooms(appends: &[Append]) -> Vec<u64> {
        appends.iter().map(|it| it.room).collect()
    }

    fn inbox() -> (mpsc::Sender<Job>, Arc<Aside>, Inbox) {
        let (sender, jobs) = mpsc::channel(8);
        let aside = Arc::new(Aside::default());
        (sender, Arc::clone(&aside), Inbox::new(jobs, aside))
    }

    #[test]
    fn a_job_takes_along_what_lies_aside() {
        let (sender, aside, mut inbox) = inbox();
        aside.put(append(1)).unwrap();
        aside.put(append(2)).unwrap();
        sender.blocking_send(Job::Append(append(3))).unwrap();
        let (lay, job) = inbox.next().unwrap();
        assert_eq!(rooms(&lay), [1, 2]);
        assert!(matches!(job, Some(Job::Append(Append { room: 3, .. }))), "{job:?}");
    }

    #[test]
    fn what_lies_aside_comes_alone_where_no_job_comes() {
        let (_sender, aside, mut inbox) = inbox();
        thread::scope(|scope| {
            // Whether the writer looks already, or sleeps already, or neither.
            let next = scope.spawn(move || inbox.next().unwrap());
            aside.put(append(1)).unwrap();
            let (lay, job) = next.join().unwrap();
            assert_eq!(rooms(&lay), [1]);
            assert!(job.is_none(), "{job:?}");
        });
    }

    #[test]
    fn a_writer_that_sleeps_is_woken() {
        let (_sender, aside, mut inbox) = inbox();
        thread::scope(|scope| {
            let next = scope.spawn(move || inbox.next().unwrap());
            while aside.pile().sleeper.is_none() {
                thread::yield_now();
            }
            aside.put(append(1)).unwrap();
            assert_eq!(rooms(&next.join().unwrap().0), [1]);
        });
    }

    #[test]
    fn the_end_takes_the_last_of_it_and_nothing_comes_after() {
        let (sender, aside, mut inbox) = inbox();
        aside.put(append(1)).unwrap();
        drop(sender);
        assert_eq!(rooms(&inbox.next().unwrap().0), [1]);
        assert!(inbox.next().is_none());
        assert!(matches!(aside.put(append(2)), Err(NoPlace::Over)));
    }

    #[test]
    fn there_is_room_for_so_much_and_no_more() {
        let (_sender, aside, mut inbox) = inbox();
        for room in 0..u64::try_from(PLACES).unwrap() {
            aside.put(append(room)).unwrap();
        }
        let refused = aside.put(append(9999));
        assert!(matches!(refused, Err(NoPlace::Full(Append { room: 9999, .. }))), "{refused:?}");
        assert_eq!(inbox.next().unwrap().0.len(), PLACES);
        aside.put(append(1)).unwrap();
    }
}
