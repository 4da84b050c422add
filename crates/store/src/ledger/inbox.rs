//! What waits to be written: jobs, which come at once, and what nobody waits for, which lies aside
//! for milliseconds until something that somebody waits for takes it along into one write.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, TryAcquireError};

use super::{
    LedgerError,
    job::{Append, Errand, Job},
};

/// How long one waits for a place.
pub(super) const PLACE_WAIT: Duration = Duration::from_millis(250);
/// How many jobs have a place, and how many appends that nobody waits for.
const PLACES: usize = 2048;
const PLACES_ASIDE: usize = 1024;
/// How long records stay aside for company. An agent that calls again at once then costs the disk
/// one write a call, and its next decision waits for no write but its own.
const LINGER: Duration = Duration::from_millis(2);
/// How many jobs are company enough for each other.
const ENOUGH: usize = 16;

/// What waits to be written: bounded, with a bounded wait for a place.
#[derive(Debug)]
pub(super) struct Inbox {
    pile: Mutex<Pile>,
    places: Semaphore,
}

#[derive(Debug, Default)]
struct Pile {
    jobs: VecDeque<Job>,
    aside: Vec<Append>,
    /// How many bytes of a segment lie aside.
    room: u64,
    /// When the first of what lies aside came.
    since: Option<Instant>,
    sleeper: Option<Sleeper>,
    /// Whether nothing more is let in.
    closed: bool,
}

/// Whoever waits for something to write.
#[derive(Debug)]
struct Sleeper {
    thread: Thread,
    /// How many jobs it waits for.
    jobs: usize,
    /// Whether it looks again by itself, before what comes aside now is to be written.
    dozes: bool,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { pile: Mutex::default(), places: Semaphore::new(PLACES) }
    }
}

impl Inbox {
    /// Puts a job behind the others, once there is a place.
    pub(super) async fn put(&self, job: Job) -> Result<(), LedgerError> {
        let place = match self.places.try_acquire() {
            Ok(place) => place,
            Err(TryAcquireError::Closed) => return Err(LedgerError::Closed),
            Err(TryAcquireError::NoPermits) => {
                let place = tokio::time::timeout(PLACE_WAIT, self.places.acquire()).await;
                let place = place.map_err(|_| LedgerError::Busy { waited: PLACE_WAIT })?;
                place.map_err(|_| LedgerError::Closed)?
            }
        };
        place.forget();
        self.push(job)
    }

    /// Does the same where blocking is allowed.
    pub(super) fn put_blocking(&self, job: Job) -> Result<(), LedgerError> {
        let since = Instant::now();
        loop {
            match self.places.try_acquire() {
                Ok(place) => place.forget(),
                Err(TryAcquireError::Closed) => return Err(LedgerError::Closed),
                Err(TryAcquireError::NoPermits) if PLACE_WAIT < since.elapsed() => {
                    return Err(LedgerError::Busy { waited: PLACE_WAIT });
                }
                Err(TryAcquireError::NoPermits) => {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                }
            }
            return self.push(job);
        }
    }

    fn push(&self, job: Job) -> Result<(), LedgerError> {
        let mut pile = self.pile();
        if pile.closed {
            return Err(LedgerError::Closed);
        }
        pile.jobs.push_back(job);
        let jobs = pile.jobs.len();
        let sleeper = pile.sleeper.take_if(|it| it.jobs <= jobs);
        drop(pile);
        wake(sleeper);
        Ok(())
    }

    /// Puts what nobody waits for where the next job takes it along. Only where too much lies there
    /// already it waits for a place.
    pub(super) async fn put_aside(&self, append: Append) -> Result<(), LedgerError> {
        match self.lay_aside(append)? {
            None => Ok(()),
            Some(append) => self.put(Job::Append(append)).await,
        }
    }

    /// Gives the append back where there is no room for it. Who writes is woken only where it does
    /// not look by itself.
    fn lay_aside(&self, append: Append) -> Result<Option<Append>, LedgerError> {
        let mut pile = self.pile();
        if pile.closed {
            return Err(LedgerError::Closed);
        }
        if PLACES_ASIDE <= pile.aside.len() {
            return Ok(Some(append));
        }
        pile.since.get_or_insert_with(Instant::now);
        pile.room = pile.room.saturating_add(append.room);
        pile.aside.push(append);
        let sleeper = pile.sleeper.take_if(|it| !it.dozes);
        drop(pile);
        wake(sleeper);
        Ok(None)
    }

    /// Waits until there is something to write, and where that is a job, up to `pause` longer for
    /// company. Says no once there is nothing and nothing more comes.
    pub(super) fn wait(&self, pause: Duration) -> bool {
        // Right after a write there is likely to be more: it is looked for again by itself first.
        let awake = Instant::now();
        let mut came = None;
        loop {
            let mut pile = self.pile();
            if pile.closed {
                return !(pile.jobs.is_empty() && pile.aside.is_empty());
            }
            let (jobs, left) = if pile.jobs.is_empty() {
                match pile.since {
                    Some(since) => (1, left(LINGER, since)),
                    None => (1, Some(LINGER.saturating_sub(awake.elapsed()))),
                }
            } else {
                (ENOUGH, left(pause, *came.get_or_insert_with(Instant::now)))
            };
            let Some(left) = left.filter(|_| pile.jobs.len() < ENOUGH) else { return true };
            let dozes = !left.is_zero();
            pile.sleeper = Some(Sleeper { thread: thread::current(), jobs, dozes });
            drop(pile);
            if dozes { thread::park_timeout(left) } else { thread::park() }
        }
    }

    /// Takes what lies aside, where no job waits and all of it has `room`.
    pub(super) fn take_alone(&self, room: u64) -> Option<Vec<Append>> {
        let mut pile = self.pile();
        let alone = pile.jobs.is_empty() && pile.room <= room && !pile.closed;
        alone.then(|| pile.take_aside())
    }

    /// Says whether a job waits.
    pub(super) fn has_jobs(&self) -> bool {
        !self.pile().jobs.is_empty()
    }

    /// Takes what waits: what lies aside, which came before the jobs or along with them, and appends
    /// in order until there are `most` records, or up to an errand, given beside them.
    pub(super) fn take(&self, most: usize) -> (Vec<Append>, Option<Errand>) {
        let mut pile = self.pile();
        let mut batch = pile.take_aside();
        let mut records: usize = batch.iter().map(|it| it.records.len()).sum();
        let (mut errand, aside) = (None, batch.len());
        batch.reserve(pile.jobs.len());
        while records < most && errand.is_none() {
            match pile.jobs.pop_front() {
                Some(Job::Append(append)) => {
                    records = records.saturating_add(append.records.len());
                    batch.push(append);
                }
                Some(Job::Errand(it)) => errand = Some(it),
                None => break,
            }
        }
        drop(pile);
        let jobs = batch.len().saturating_sub(aside).saturating_add(usize::from(errand.is_some()));
        self.places.add_permits(jobs);
        (batch, errand)
    }

    /// Says whether nothing more is let in.
    pub(super) fn is_closed(&self) -> bool {
        self.pile().closed
    }

    /// Lets nothing more in; what is in is still to be written.
    pub(super) fn close(&self) {
        self.places.close();
        let mut pile = self.pile();
        pile.closed = true;
        let sleeper = pile.sleeper.take();
        drop(pile);
        wake(sleeper);
    }

    /// Lets nothing more in, and tells whoever waits that nobody writes any more.
    pub(super) fn end(&self) {
        self.close();
        let mut pile = self.pile();
        let left = (mem::take(&mut pile.jobs), pile.take_aside());
        drop(pile);
        // Whoever waits for an answer hears that it will not come.
        drop(left);
    }

    fn pile(&self) -> MutexGuard<'_, Pile> {
        self.pile.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(sleeper: Option<Sleeper>) {
    if let Some(sleeper) = sleeper {
        sleeper.thread.unpark();
    }
}

/// Gives what is left of a time, where something is.
fn left(of: Duration, since: Instant) -> Option<Duration> {
    of.checked_sub(since.elapsed()).filter(|it| !it.is_zero())
}

impl Pile {
    fn take_aside(&mut self) -> Vec<Append> {
        (self.since, self.room) = (None, 0);
        mem::take(&mut self.aside)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{encode::Encoded, job::Answer},
        *,
    };

    fn append(room: u64) -> Append {
        Append { records: Vec::new(), room, answer: Answer::Nobody }
    }

    fn rooms(appends: &[Append]) -> Vec<u64> {
        appends.iter().map(|it| it.room).collect()
    }

    fn put(inbox: &Inbox, room: u64) {
        inbox.put_blocking(Job::Append(append(room))).unwrap();
    }

    /// Takes what waits, with what lies aside before it.
    fn take(inbox: &Inbox) -> Vec<u64> {
        rooms(&inbox.take(usize::MAX).0)
    }

    fn lay_aside(inbox: &Inbox, room: u64) {
        assert!(inbox.lay_aside(append(room)).unwrap().is_none());
    }

    #[test]
    fn jobs_come_at_once_and_in_order() {
        let inbox = Inbox::default();
        put(&inbox, 1);
        put(&inbox, 2);
        assert!(inbox.wait(Duration::ZERO));
        assert_eq!((take(&inbox), take(&inbox)), (vec![1, 2], vec![]));
    }

    #[test]
    fn no_more_is_taken_at_once_than_is_asked_for_and_nothing_beyond_an_errand() {
        let inbox = Inbox::default();
        for room in 1..=3 {
            let append = Append { records: vec![Encoded::outcome(1)], ..append(room) };
            inbox.put_blocking(Job::Append(append)).unwrap();
        }
        inbox.put_blocking(Job::Errand(Errand::Roll(Answer::Nobody))).unwrap();
        put(&inbox, 4);
        assert_eq!(rooms(&inbox.take(2).0), [1, 2]);
        let (batch, errand) = inbox.take(2);
        assert_eq!((rooms(&batch), matches!(errand, Some(Errand::Roll(_)))), (vec![3], true));
        assert_eq!(take(&inbox), [4]);
        assert_eq!(inbox.places.available_permits(), PLACES, "each has given its place back");
    }

    #[test]
    fn what_lies_aside_is_waited_for_alone_where_no_job_comes() {
        let inbox = Inbox::default();
        thread::scope(|scope| {
            // Whether the writer looks already, or sleeps already, or neither.
            let waits = scope.spawn(|| inbox.wait(Duration::ZERO));
            lay_aside(&inbox, 1);
            assert!(waits.join().unwrap());
        });
        assert_eq!(take(&inbox), [1]);
    }

    #[test]
    fn what_lies_aside_comes_before_the_job_that_came_after_it() {
        let inbox = Inbox::default();
        put(&inbox, 1);
        lay_aside(&inbox, 2);
        assert_eq!(take(&inbox), [2, 1]);
        lay_aside(&inbox, 3);
        put(&inbox, 4);
        assert_eq!((take(&inbox), take(&inbox)), (vec![3, 4], vec![]));
    }

    #[test]
    fn a_writer_that_sleeps_is_woken() {
        for aside in [true, false] {
            let inbox = Inbox::default();
            thread::scope(|scope| {
                let waits = scope.spawn(|| inbox.wait(Duration::ZERO));
                while inbox.pile().sleeper.as_ref().is_none_or(|it| it.dozes) {
                    thread::yield_now();
                }
                if aside {
                    lay_aside(&inbox, 1);
                } else {
                    put(&inbox, 1);
                }
                assert!(waits.join().unwrap());
            });
        }
    }

    #[test]
    fn a_job_waits_for_company_until_there_is_enough_of_it() {
        let inbox = Inbox::default();
        put(&inbox, 1);
        thread::scope(|scope| {
            let waits = scope.spawn(|| inbox.wait(Duration::MAX));
            while inbox.pile().sleeper.as_ref().is_none_or(|it| it.jobs == 1) {
                thread::yield_now();
            }
            for more in 2..=u64::try_from(ENOUGH).unwrap() {
                assert!(inbox.pile().sleeper.is_some());
                put(&inbox, more);
            }
            assert!(waits.join().unwrap());
        });
        // What comes alone does not wait for ever.
        let inbox = Inbox::default();
        put(&inbox, 1);
        assert!(inbox.wait(Duration::from_micros(500)));
        // Nor does a close.
        thread::scope(|scope| {
            let waits = scope.spawn(|| inbox.wait(Duration::MAX));
            inbox.close();
            assert!(waits.join().unwrap());
        });
    }

    #[test]
    fn what_lies_aside_is_given_to_a_writer_that_is_alone_and_has_room_for_it() {
        let inbox = Inbox::default();
        assert!(inbox.take_alone(0).unwrap().is_empty());
        lay_aside(&inbox, 3);
        lay_aside(&inbox, 4);
        assert!(inbox.take_alone(6).is_none());
        assert_eq!(rooms(&inbox.take_alone(7).unwrap()), [3, 4]);
        lay_aside(&inbox, 5);
        put(&inbox, 1);
        assert!(inbox.take_alone(7).is_none());
        assert_eq!(take(&inbox), [5, 1]);
    }

    #[test]
    fn after_a_close_what_is_there_is_still_to_be_written_and_nothing_more_comes() {
        let inbox = Inbox::default();
        lay_aside(&inbox, 1);
        put(&inbox, 2);
        inbox.close();
        assert!(inbox.wait(Duration::ZERO));
        assert!(inbox.take_alone(9).is_none());
        assert_eq!(take(&inbox), [1, 2]);
        assert!(!inbox.wait(Duration::ZERO));
        assert!(matches!(inbox.lay_aside(append(3)), Err(LedgerError::Closed)));
        let refused = inbox.put_blocking(Job::Append(append(3)));
        assert!(matches!(refused, Err(LedgerError::Closed)), "{refused:?}");
    }

    #[test]
    fn at_the_end_nobody_waits_in_vain() {
        let inbox = Inbox::default();
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        inbox.put_blocking(Job::Errand(Errand::Reach(Answer::Blocking(answer)))).unwrap();
        inbox.end();
        assert!(answered.recv().is_err());
        assert!(!inbox.wait(Duration::ZERO));
    }

    #[test]
    fn there_is_room_aside_for_so_much_and_no_more() {
        let inbox = Inbox::default();
        for room in 0..u64::try_from(PLACES_ASIDE).unwrap() {
            lay_aside(&inbox, room);
        }
        let refused = inbox.lay_aside(append(9999)).unwrap();
        assert!(matches!(refused, Some(Append { room: 9999, .. })), "{refused:?}");
        assert_eq!(take(&inbox).len(), PLACES_ASIDE);
        lay_aside(&inbox, 1);
    }

    #[tokio::test]
    async fn a_full_inbox_is_told_in_time() {
        // Nobody takes anything out.
        let inbox = Inbox::default();
        for _ in 0..PLACES {
            inbox.put(Job::Append(append(1))).await.unwrap();
        }
        let refused = inbox.put(Job::Append(append(1))).await;
        assert!(matches!(refused, Err(LedgerError::Busy { waited: PLACE_WAIT })), "{refused:?}");
        let refused = inbox.put_blocking(Job::Append(append(1)));
        assert!(matches!(refused, Err(LedgerError::Busy { waited: PLACE_WAIT })), "{refused:?}");
        // A place that becomes free is taken.
        assert_eq!(take(&inbox).len(), PLACES);
        inbox.put(Job::Append(append(1))).await.unwrap();
        inbox.close();
        let refused = inbox.put(Job::Append(append(1))).await;
        assert!(matches!(refused, Err(LedgerError::Closed)), "{refused:?}");
    }
}
