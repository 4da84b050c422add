//! Writing: what waits becomes one write and one wait for the disk, then everyone is answered.

use std::{
    iter::Peekable,
    sync::Arc,
    time::{Duration, Instant},
    vec::IntoIter,
};

use bailiwick_model::Digest;

use super::{
    DurableAt, LedgerError, Shared,
    chores::{Chore, Chores},
    encode::{Encoded, FORMAT, Outline},
    inbox::Inbox,
    job::{Answer, Answered, Append, Errand},
    layout::{Head, room},
    pen::Pen,
};

/// The most records of one write.
const BATCH_MAX: usize = 2048;
/// How long a write may have taken for the next caller to wait for its own where it is: about as
/// long as waking two threads.
const QUICK: Duration = Duration::from_micros(400);
/// How many writes in a row nobody else may have waited for, for a caller to write by itself: where
/// many come, one write for all of them costs less than many that are quick.
const ALONE: u32 = 16;

/// The one end that writes.
#[derive(Debug)]
pub(super) struct Writer {
    pen: Pen,
    chores: Chores,
    shared: Arc<Shared>,
    head: DurableAt,
    /// How long the last write took.
    took: Duration,
    /// How many writes in a row only one caller waited for, at most.
    alone: u32,
    /// What is written at once, as bytes and as what readers find it by.
    bytes: Vec<u8>,
    written: Vec<(DurableAt, (u64, u64), Outline)>,
}

type Batch = Peekable<IntoIter<Append>>;

impl Writer {
    pub(super) fn new(pen: Pen, chores: Chores, shared: Arc<Shared>) -> Self {
        let (head, took) = (shared.head(), Duration::MAX);
        let (bytes, written) = (Vec::new(), Vec::new());
        Self { pen, chores, shared, head, took, alone: 0, bytes, written }
    }

    /// Writes what waits, up to the bound, for everyone who waits for it; gives how many that were.
    pub(super) fn write_for_all(&mut self, inbox: &Inbox) -> usize {
        let (batch, errand) = inbox.take(BATCH_MAX);
        let waited = self.append(batch);
        match errand {
            Some(Errand::Roll(answer)) => {
                let rolled = self.roll(0).map(|()| self.head);
                answer.send(rolled.map_err(|why| LedgerError::Failed { why }));
            }
            Some(Errand::Reach(answer)) => answer.send(Ok(self.head)),
            None => {}
        }
        waited
    }

    /// Writes records for who brings them, with what lies aside; gives them back where others
    /// wait, where that is not likely to be quick, or where there is no room without a new segment.
    pub(super) fn write_here(&mut self, append: Append, inbox: &Inbox) -> Result<Answered, Append> {
        let room = self.pen.room().checked_sub(append.room);
        let room = room.filter(|_| self.took < QUICK && ALONE <= self.alone);
        let Some(mut batch) = room.and_then(|it| inbox.take_alone(it)) else { return Err(append) };
        batch.push(append);
        self.append(batch);
        if inbox.has_jobs() {
            self.alone = 0;
        }
        let failed = self.shared.failed.get();
        Ok(failed.map_or(Ok(self.head), |why| Err(LedgerError::Failed { why: why.clone() })))
    }

    /// Says that whoever wrote broke off, so that nothing is written any more.
    pub(super) fn broke_off(self) {
        self.pen.fail("whoever wrote to it broke off".to_owned());
    }

    /// Gives how many waited for it.
    fn append(&mut self, batch: Vec<Append>) -> usize {
        let waited = batch.iter().filter(|it| it.answer.is_waited_for()).count();
        self.alone = if waited <= 1 { self.alone.saturating_add(1) } else { 0 };
        let mut batch: Batch = batch.into_iter().peekable();
        let refuse = |answer: Answer, why: &str| {
            answer.send(Err(LedgerError::Failed { why: why.to_owned() }));
        };
        while let Some(next) = batch.peek().map(|it| it.room) {
            let rolled = if self.pen.room() < next { self.roll(next) } else { Ok(()) };
            let (answers, end) = self.chain(&mut batch);
            let began = Instant::now();
            match rolled.and_then(|()| self.pen.write(&self.bytes)) {
                Ok(()) => {
                    self.took = began.elapsed();
                    self.publish(end);
                    for (answer, at) in answers {
                        answer.send(Ok(at));
                    }
                    self.pen.look_ahead();
                }
                Err(why) => {
                    let written = answers.into_iter().map(|(answer, _)| answer);
                    for answer in written.chain(batch.by_ref().map(|it| it.answer)) {
                        refuse(answer, &why);
                    }
                }
            }
        }
        waited
    }

    /// Chains as many records of the batch as the segment has room for. Gives who waits for
    /// which, and the last one.
    fn chain(&mut self, batch: &mut Batch) -> (Vec<(Answer, DurableAt)>, DurableAt) {
        let (mut at, mut place, mut left) = (self.head, self.pen.at(), self.pen.room());
        let mut answers = Vec::new();
        self.bytes.clear();
        self.written.clear();
        while let Some(append) = batch.next_if(|it| it.room <= left) {
            left = left.saturating_sub(append.room);
            let mut more = append.records.len();
            for Encoded { outline, body, sum } in append.records {
                more = more.saturating_sub(1);
                let chain = Digest::chain(&at.chain, &body);
                at = DurableAt { seq: at.seq.saturating_add(1), chain };
                let head = Head {
                    len: u32::try_from(body.len()).unwrap_or(u32::MAX),
                    seq: at.seq,
                    durable: self.head.seq,
                    time: outline.time,
                    kind: outline.kind.code(),
                    format: FORMAT,
                    joined: more != 0,
                    landmark: outline.landmark,
                    body_sum: sum,
                    chain,
                };
                head.write(&mut self.bytes);
                self.bytes.extend_from_slice(&body);
                self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
                let room = room(body.len());
                self.written.push((at, (place, room), outline));
                place = place.saturating_add(room);
            }
            answers.push((append.answer, at));
        }
        (answers, at)
    }

    /// Lets readers find the records, now that nothing can lose them.
    fn publish(&mut self, end: DurableAt) {
        self.shared.records.add(self.written.iter().map(|(at, place, it)| (*at, *place, it)));
        self.head = end;
        self.shared.set_head(end);
    }

    /// Goes on in a new segment.
    fn roll(&mut self, need: u64) -> Result<(), String> {
        let header = self.pen.roll(self.head, need)?;
        let sealed = self.shared.records.roll(&header);
        // Where nobody lays it down any more, the next start does.
        drop(self.chores.send(Chore::LayDown(sealed)));
        Ok(())
    }
}
