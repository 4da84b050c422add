//! The one thread that writes: what is queued becomes one write and one wait for the disk, then
//! everyone is answered.

use std::{iter::Peekable, sync::Arc, vec::IntoIter};

use bailiwick_model::Digest;

use super::{
    DurableAt, LedgerError, Shared,
    aside::Inbox,
    chores::{Chore, Chores},
    encode::{Encoded, FORMAT, Outline},
    layout::{Head, room},
    pen::Pen,
    queue::{Answer, Append, Job},
};

/// The most records of one write.
const BATCH_MAX: usize = 2048;

/// The writing end of the queue.
#[derive(Debug)]
pub(super) struct Writer {
    pen: Pen,
    chores: Chores,
    shared: Arc<Shared>,
    inbox: Inbox,
    head: DurableAt,
    /// What is written at once, as bytes and as what readers find it by.
    bytes: Vec<u8>,
    written: Vec<(DurableAt, (u64, u64), Outline)>,
}

/// What is to be done once a batch is written.
enum Then {
    GoOn,
    Roll(Answer),
    /// Tell whoever waited for the batch.
    Tell(Answer),
}

type Batch = Peekable<IntoIter<Append>>;

impl Writer {
    pub(super) fn new(pen: Pen, chores: Chores, shared: Arc<Shared>, inbox: Inbox) -> Self {
        let head = shared.head();
        Self { pen, chores, shared, inbox, head, bytes: Vec::new(), written: Vec::new() }
    }

    /// Writes until nobody can send any more.
    pub(super) fn run(mut self) {
        while let Some((aside, job)) = self.inbox.next() {
            let (batch, then) = self.gather(aside, job);
            self.append(batch.into_iter().peekable());
            match then {
                Then::Roll(answer) => {
                    let rolled = self.roll(0).map(|()| self.head);
                    answer.send(rolled.map_err(|why| LedgerError::Failed { why }));
                }
                Then::Tell(answer) => answer.send(Ok(self.head)),
                Then::GoOn => {}
            }
        }
    }

    /// Takes what is queued behind `batch` and `next`, up to the bound.
    fn gather(&mut self, mut batch: Vec<Append>, mut next: Option<Job>) -> (Vec<Append>, Then) {
        let mut records = batch.iter().map(|it| it.records.len()).sum::<usize>();
        while let Some(job) = next {
            match job {
                Job::Append(append) => {
                    records = records.saturating_add(append.records.len());
                    batch.push(append);
                }
                Job::Roll(answer) => return (batch, Then::Roll(answer)),
                Job::Reach(answer) => {
                    // What came while this batch was gathered counts as before.
                    batch.extend(self.inbox.take_aside());
                    return (batch, Then::Tell(answer));
                }
            }
            next = if records < BATCH_MAX { self.inbox.try_next() } else { None };
        }
        (batch, Then::GoOn)
    }

    fn append(&mut self, mut batch: Batch) {
        let refuse = |answer: Answer, why: &str| {
            answer.send(Err(LedgerError::Failed { why: why.to_owned() }));
        };
        while let Some(next) = batch.peek().map(|it| it.room) {
            let rolled = if self.pen.room() < next { self.roll(next) } else { Ok(()) };
            let (answers, end) = self.chain(&mut batch);
            match rolled.and_then(|()| self.pen.write(&self.bytes)) {
                Ok(()) => {
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
