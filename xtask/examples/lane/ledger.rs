//! The ledger alone, fed by many producers with records as the lane makes them.

use std::{
    ops::ControlFlow,
    path::Path,
    slice,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bailiwick_model::{DecisionId, Record, Timestamp, Ulid};
use bailiwick_store::{CheckpointKey, Ledger, LedgerOptions, LedgerReader};

/// As the product does it.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);
const RETAIN: Duration = Duration::from_secs(400 * 86_400);

/// The last decision and the last outcome in the ledger of a governor.
pub(crate) fn samples(dir: &Path) -> anyhow::Result<Vec<Record>> {
    let (mut decision, mut outcome) = (None, None);
    let reader = LedgerReader::open(dir)?;
    reader.scan(1, &mut |it| {
        match &it.record {
            Record::Decision(_) => decision = Some(it.record),
            Record::Outcome(_) => outcome = Some(it.record),
            Record::Command { .. }
            | Record::Finding(_)
            | Record::Evaluation(_)
            | Record::Lease(_)
            | Record::Search(_) => {}
        }
        ControlFlow::Continue(())
    })?;
    Ok(vec![decision.context("no call was decided")?, outcome.context("no call came back")?])
}

/// Gives the records as the bytes that a ledger keeps of them.
pub(crate) fn bodies(samples: &[Record]) -> anyhow::Result<Vec<Vec<u8>>> {
    samples.iter().map(|it| Ok(serde_json::to_vec(it)?)).collect()
}

/// Lets `producers` append the samples in turns, each time as another decision, until `window` is
/// over. Gives how many records were acknowledged.
pub(crate) fn together(
    dir: &Path,
    producers: usize,
    samples: &[Record],
    window: Duration,
) -> anyhow::Result<u32> {
    let options = LedgerOptions {
        dir: dir.join("ledger"),
        key: CheckpointKey::load_or_create(&dir.join("checkpoint.key"))?,
        copies: Some(dir.join("checkpoints")),
        checkpoint_every: CHECKPOINT_EVERY,
        retain: Some(RETAIN),
    };
    let (ledger, _) = Ledger::open(options)?;
    let next = AtomicU64::new(0);
    let count = thread::scope(|scope| {
        let produce = || produce(&ledger, samples, &next, window);
        let running: Vec<_> = (0..producers).map(|_| scope.spawn(produce)).collect();
        running.into_iter().try_fold(0_u32, |all, it| {
            let count = it.join().map_err(|_| anyhow::anyhow!("a producer broke off"))??;
            anyhow::Ok(all.saturating_add(count))
        })
    });
    ledger.close();
    count
}

fn produce(
    ledger: &Ledger,
    samples: &[Record],
    next: &AtomicU64,
    window: Duration,
) -> anyhow::Result<u32> {
    let began = Instant::now();
    let mut count = 0_u32;
    // What a record is made of is no matter of the ledger's: each is made once.
    let mut records = samples.to_vec();
    while began.elapsed() <= window {
        for record in &mut records {
            rename(record, next.fetch_add(1, Ordering::Relaxed));
            ledger.append_blocking(slice::from_ref(record))?;
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}

/// Makes the record one of another decision.
fn rename(record: &mut Record, number: u64) {
    let mut tail = [0; 10];
    tail.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
    let id = DecisionId::new(Ulid::new(Timestamp::default(), tail));
    match record {
        Record::Decision(it) => it.decision = id,
        Record::Outcome(it) => it.decision = id,
        Record::Evaluation(it) => it.decision = id,
        Record::Search(it) => it.decision = id,
        Record::Command { .. } | Record::Finding(_) | Record::Lease(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_model::{OutcomeKind, OutcomeRecord, TaskId};

    use super::*;

    #[test]
    fn a_record_of_another_decision_is_as_long_and_otherwise_the_same() {
        let ulid = Ulid::new(Timestamp::default(), [7; 10]);
        let sample = Record::Outcome(OutcomeRecord {
            decision: DecisionId::new(ulid),
            task: TaskId::new(ulid),
            time: Timestamp::default(),
            outcome: OutcomeKind::Ok,
            detail: String::new(),
            bytes_in: 7,
            millis: 1,
            secret: None,
        });
        let (mut one, mut two) = (sample.clone(), sample.clone());
        rename(&mut one, 1);
        rename(&mut two, 2);
        assert!(one != two && one != sample);
        assert_eq!(one.task(), sample.task());
        let all = bodies(&[sample, one, two]).unwrap();
        assert!(all.iter().all(|it| it.len() == all[0].len()));
    }
}
