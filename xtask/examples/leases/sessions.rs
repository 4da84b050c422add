//! One measurement for every kind of target: sixty-four sessions of a lease are at work at a real system,
//! the broker is told to end the lease, and the system's own clock says when each was at work last.

use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use bailiwick_connect::{Broker, BrokerError, Credential, EndedLease, Field, LeaseOrder};
use bailiwick_model::{LeaseId, TaskId, Timestamp, Ulid};

use crate::{figures::Spread, rows::Rows, tell};

/// How many sessions are open when a lease ends.
pub(crate) const SESSIONS: usize = 64;
/// How long a session, and whoever is told to end it, may take before that is a stall.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const RUNS: usize = 5;

/// A real system, and sessions at it.
pub(crate) trait Target {
    /// What its metrics are called after.
    const NAME: &'static str;
    /// How many leases are ended in a run.
    const LEASES: usize;
    /// Sessions that are at work.
    type Open;

    /// Who issues and revokes.
    fn broker(&self) -> &dyn Broker;

    /// What each lease is for.
    fn wants(&self) -> Vec<String>;

    /// Opens the sessions, and comes back when every one of them is at work.
    fn open(&mut self, credential: &Credential) -> anyhow::Result<Self::Open>;

    /// Waits until all of them are closed, and gives when each was at work last, by the target's clock.
    fn closed(&mut self, open: Self::Open) -> anyhow::Result<Vec<Timestamp>>;
}

/// Measures from the word to the broker until each session was at work last, and until the broker says
/// that all is gone.
pub(crate) async fn measure<T: Target>(mut target: T) -> anyhow::Result<Vec<(String, Spread)>> {
    let mut rows = Rows::default();
    // Each lease has a number of its own: by it the target knows which it was told of.
    let mut numbers = 0..u8::MAX;
    for run in 1..=RUNS {
        tell(&format!("    {}: run {run} of {RUNS}", T::NAME));
        let (mut last, mut gone) = (Vec::new(), Vec::new());
        for number in numbers.by_ref().take(T::LEASES) {
            let (seen, told) = once(&mut target, number).await?;
            last.extend(seen);
            gone.push(told);
        }
        rows.add_shares(&format!("revoke_{}_ms", T::NAME), &last)?;
        rows.add_middle(&format!("revoke_{}_gone_ms", T::NAME), &gone)?;
    }
    rows.told()
}

/// Gives how long after the word each session was still at work, and when the broker was done.
async fn once<T: Target>(target: &mut T, number: u8) -> anyhow::Result<(Vec<Duration>, Duration)> {
    let now = clock()?;
    let ulid = Ulid::new(now, [number; 10]);
    let order = LeaseOrder {
        lease: LeaseId::new(ulid),
        task: TaskId::new(ulid),
        identity: "bench".parse()?,
        on_behalf: None,
        wants: target.wants(),
        until: now.after(Duration::from_secs(300)),
        now,
    };
    let issued = target.broker().issue(&order).await?;
    let open = target.open(&issued.credential)?;
    let (asked, began) = (clock()?, Instant::now());
    let ended = EndedLease {
        lease: order.lease,
        called: Some(issued.called),
        keepsake: issued.keepsake,
        enforced: target.broker().reach(),
        until: order.until,
        now: asked,
    };
    end(target.broker(), &ended, began).await?;
    let told = began.elapsed();
    let last = target.closed(open)?;
    anyhow::ensure!(last.len() == SESSIONS, "{} sessions were at work", last.len());
    Ok((last.into_iter().map(|it| it.since(asked)).collect(), told))
}

/// Tells the broker until it says that all is gone, as the engine does.
async fn end(broker: &dyn Broker, ended: &EndedLease, began: Instant) -> anyhow::Result<()> {
    loop {
        match broker.revoke(ended).await {
            Ok(()) => return Ok(()),
            Err(error @ BrokerError::Away { .. }) if began.elapsed() < PATIENCE => {
                tell(&format!("    told once more: {error}"));
            }
            Err(error) => return Err(error).context("the lease could not be ended"),
        }
    }
}

/// The time of this machine, which is also the targets'.
pub(crate) fn clock() -> anyhow::Result<Timestamp> {
    let since = SystemTime::UNIX_EPOCH.elapsed()?;
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis())?))
}

/// Gives a field of a credential.
pub(crate) fn field<'a>(credential: &'a Credential, wanted: &str) -> anyhow::Result<&'a str> {
    let found = credential.fields().find(|(name, _)| *name == wanted);
    let (_, field) = found.with_context(|| format!("the credential has no `{wanted}`"))?;
    Ok(match field {
        Field::Plain(text) => text,
        Field::Secret(secret) => secret.expose(),
    })
}
