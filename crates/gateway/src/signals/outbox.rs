//! What a receiver does not have yet, in order.
//!
//! The ledger is the queue: a number in it says up to where a receiver has everything, and this is what
//! was read of it from there on. So what is to be told is on disk before it is told.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bailiwick_model::Timestamp;
use serde::Serialize;

use super::tell::Tidings;

/// How much may wait for one receiver.
pub(super) const WAITING_MAX: usize = 10_000;
/// How long something waits at the most.
pub(super) const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a receiver does not have yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Arc<Tidings>>,
    /// Up to where the ledger was read.
    read: u64,
    /// How much was given up.
    lost: u64,
    taken: u64,
    /// What went wrong last, until something went well.
    pub(super) trouble: Option<String>,
    /// A person was told that it is behind.
    pub(super) told: bool,
}

/// How a receiver stands.
#[derive(Clone, Debug, Serialize)]
pub struct OutboxView {
    /// What the configuration calls it.
    pub receiver: String,
    /// `push` or `poll`.
    pub delivery: &'static str,
    /// How much it does not have yet.
    pub waiting: usize,
    /// Since when the oldest of that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
    /// How much it has taken since the start.
    pub taken: u64,
    /// How much it will never have: it was too old, too much, or refused.
    pub lost: u64,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl Outbox {
    /// Goes on from where a receiver has everything.
    pub(super) fn from(seq: u64) -> Self {
        Self { read: seq, ..Self::default() }
    }

    /// Says up to where the ledger was read.
    pub(super) const fn read(&self) -> u64 {
        self.read
    }

    /// Takes in what comes next in the ledger: its number, and what of it is to be told.
    /// Gives how much had to make room.
    pub(super) fn put(&mut self, seq: u64, tidings: impl IntoIterator<Item = Arc<Tidings>>) -> u64 {
        if seq <= self.read {
            return 0;
        }
        self.read = seq;
        let before = self.lost;
        self.waiting.extend(tidings);
        while WAITING_MAX < self.waiting.len() {
            self.waiting.pop_front();
            self.lost = self.lost.saturating_add(1);
        }
        self.lost.saturating_sub(before)
    }

    /// Adds what is in no ledger: an answer to a receiver that asks whether anything arrives.
    pub(super) fn ask(&mut self, tidings: Tidings) -> bool {
        let asked = self.waiting.iter().filter(|it| it.seq.is_none()).count();
        let room = asked < 16 && self.waiting.len() < WAITING_MAX;
        if room {
            self.waiting.push_back(Arc::new(tidings));
        }
        room
    }

    /// Gives up what is too old, and says how much that was.
    pub(super) fn age(&mut self, now: Timestamp) -> u64 {
        let before = self.lost;
        while self.waiting.front().is_some_and(|it| it.at.after(AGE_MAX) < now) {
            self.waiting.pop_front();
            self.lost = self.lost.saturating_add(1);
        }
        self.lost.saturating_sub(before)
    }

    pub(super) fn first(&self) -> Option<Arc<Tidings>> {
        self.waiting.front().cloned()
    }

    /// Gives the first so many, and whether there are more.
    pub(super) fn some(&self, count: usize) -> (Vec<Arc<Tidings>>, bool) {
        (self.waiting.iter().take(count).cloned().collect(), count < self.waiting.len())
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Says whether this waits.
    pub(super) fn is_there(&self, jti: &str) -> bool {
        self.waiting.iter().any(|it| it.jti == jti)
    }

    /// Takes out what a receiver has, or will never have; gives it where it was there.
    pub(super) fn done(&mut self, jti: &str, taken: bool) -> Option<Arc<Tidings>> {
        let place = self.waiting.iter().position(|it| it.jti == jti)?;
        if taken {
            self.taken = self.taken.saturating_add(1);
            self.trouble = None;
            self.told = false;
        } else {
            self.lost = self.lost.saturating_add(1);
        }
        self.waiting.remove(place)
    }

    /// Says up to where in the ledger a receiver has everything.
    pub(super) fn has_up_to(&self) -> u64 {
        let first = self.waiting.iter().find_map(|it| it.seq);
        first.map_or(self.read, |it| it.saturating_sub(1))
    }

    pub(super) fn view(&self, receiver: &str, delivery: &'static str) -> OutboxView {
        OutboxView {
            receiver: receiver.to_owned(),
            delivery,
            waiting: self.waiting.len(),
            oldest: self.waiting.front().map(|it| it.at),
            taken: self.taken,
            lost: self.lost,
            trouble: self.trouble.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::tell::What;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default().after(Duration::from_secs(seconds))
    }

    fn tidings(seq: Option<u64>, jti: &str) -> Tidings {
        let what = What::Verification(None);
        Tidings { seq, jti: jti.to_owned(), at: at(seq.unwrap_or(0)), what }
    }

    fn outbox(seqs: &[u64]) -> Outbox {
        let mut outbox = Outbox::from(10);
        for seq in seqs {
            outbox.put(*seq, Some(Arc::new(tidings(Some(*seq), &seq.to_string()))));
        }
        outbox
    }

    #[test]
    fn whatever_order_it_is_taken_in_nothing_is_skipped_after_a_restart() {
        let mut outbox = outbox(&[11, 15, 20]);
        outbox.put(25, None);
        assert_eq!(outbox.has_up_to(), 10);
        assert!(outbox.done("15", true).is_some() && outbox.done("15", true).is_none());
        assert_eq!(outbox.has_up_to(), 10, "the first is still missing");
        outbox.done("11", true);
        assert_eq!(outbox.has_up_to(), 19);
        outbox.done("20", true);
        assert_eq!(outbox.has_up_to(), 25);
        assert_eq!(outbox.put(25, Some(Arc::new(tidings(Some(25), "again")))), 0);
        assert_eq!(outbox.len(), 0, "what was read is not read again");
    }

    #[test]
    fn of_one_record_all_that_is_told_must_be_there_before_it_is_done() {
        let mut outbox = Outbox::from(10);
        let both = ["a", "b"].map(|it| Arc::new(tidings(Some(11), it)));
        assert_eq!((outbox.put(11, both), outbox.len()), (0, 2));
        for (jti, up_to) in [("a", 10), ("b", 11)] {
            outbox.done(jti, true);
            assert_eq!(outbox.has_up_to(), up_to);
        }
    }

    #[test]
    fn what_waits_is_bounded_in_number_and_in_age_and_what_is_lost_is_counted() {
        let mut outbox = Outbox::default();
        let count = u64::try_from(WAITING_MAX).unwrap() + 3;
        let lost: u64 = (1..=count)
            .map(|seq| outbox.put(seq, Some(Arc::new(tidings(Some(seq), &seq.to_string())))))
            .sum();
        assert_eq!((lost, outbox.len()), (3, WAITING_MAX));
        assert_eq!(outbox.first().unwrap().jti, "4", "the oldest make room");
        assert_eq!(outbox.age(at(AGE_MAX.as_secs() + 10)), 6);
        assert_eq!(outbox.view("siem", "push").lost, 9);
    }

    #[test]
    fn a_question_waits_behind_what_is_there_and_moves_no_number() {
        let mut outbox = outbox(&[11]);
        assert!(outbox.ask(tidings(None, "v")));
        assert_eq!(outbox.some(9).0.len(), 2);
        assert!((0..100).filter(|it| outbox.ask(tidings(None, &it.to_string()))).count() < 16);
        outbox.done("11", true);
        assert_eq!(outbox.has_up_to(), 11);
    }
}
