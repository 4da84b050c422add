//! One connection of a process that asks who it is.

use std::{collections::BTreeMap, io, time::Duration};

use bailiwick_connect::{
    Secret, WorkloadAnswer, WorkloadAsk, WorkloadCall, WorkloadCalls, WorkloadHeard, WorkloadStatus,
};
use bailiwick_model::{Json, Timestamp};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::broadcast::error::RecvError,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Known, Workloads, issue::Refused};
use crate::desk::Changed;

/// How long nothing of an answer may be taken.
const WRITE_WAIT: Duration = Duration::from_secs(10);
/// How long a connection may be there that asks nothing.
const IDLE: Duration = Duration::from_secs(60);
/// How long one that goes on is not looked at.
const LOOKED_AT: Duration = Duration::from_secs(30);
/// How often an answer is made anew that was overtaken while it was recorded.
const TRIES: usize = 4;

/// A call that goes on, and what it was told last.
#[derive(Debug)]
enum Following {
    /// Its SVIDs: whose, and when they come again.
    Svids(Vec<Known>, Timestamp),
    Certificates,
    Keys(Json),
}

pub(super) struct Guest<'a> {
    of: &'a Workloads,
    account: Option<u32>,
    calls: WorkloadCalls,
    following: BTreeMap<WorkloadCall, Following>,
    /// Something was refused.
    refused: bool,
}

impl<'a> Guest<'a> {
    pub(super) fn new(of: &'a Workloads, account: Option<u32>) -> Self {
        let (calls, following, refused) = <_>::default();
        Self { of, account, calls, following, refused }
    }

    pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        mut self,
        mut stream: S,
        stop: &CancellationToken,
    ) {
        if let Err(error) = self.carry(&mut stream, stop).await {
            tracing::debug!(account = ?self.account, %error, "a workload's connection is over");
        }
        // Whatever is said last: nobody waits for it.
        let _said = self.flush(&mut stream).await;
    }

    async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        let mut changes = self.of.desk.changes();
        let mut keys = self.of.keys.subscribe();
        let mut bytes = vec![0; 16 << 10];
        // What is only said to show that somebody is there delays neither.
        let (mut idle, mut looked) = (after(IDLE), after(LOOKED_AT));
        loop {
            // Whoever is nobody keeps no place after hearing so.
            if std::mem::take(&mut self.refused) && !self.of.may_see_bundles(self.account) {
                self.calls.leave();
                return Ok(());
            }
            self.flush(stream).await?;
            let waits = if self.following.is_empty() { idle } else { looked };
            tokio::select! {
                () = stop.cancelled() => {
                    self.end_all(WorkloadStatus::Unavailable, "the governor is stopping");
                    return Ok(());
                }
                read = stream.read(&mut bytes) => {
                    let read = bytes.get(..read?).unwrap_or_default();
                    if read.is_empty() {
                        return Ok(());
                    }
                    let heard = self.calls.receive(read).map_err(io::Error::other);
                    if heard.is_err() {
                        self.calls.leave_broken();
                    }
                    for it in heard? {
                        self.hear(it).await?;
                        idle = after(IDLE);
                    }
                }
                changed = changes.recv() => match changed {
                    Ok(Changed::Task(_)) => {}
                    Ok(Changed::Everything) | Err(RecvError::Lagged(_)) => self.look_again().await?,
                    Err(RecvError::Closed) => return Ok(()),
                },
                changed = keys.changed() => match changed {
                    Ok(()) => self.look_again().await?,
                    Err(_) => return Ok(()),
                },
                () = sleep_until(waits) => {
                    if self.following.is_empty() {
                        self.calls.leave();
                        return Ok(());
                    }
                    self.look_again().await?;
                    (idle, looked) = (after(IDLE), after(LOOKED_AT));
                }
            }
        }
    }

    async fn flush<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        let out = self.calls.take_out();
        if out.is_empty() {
            return Ok(());
        }
        timeout(WRITE_WAIT, stream.write_all(&out)).await?
    }

    async fn hear(&mut self, heard: WorkloadHeard) -> io::Result<()> {
        let (call, ask) = match heard {
            WorkloadHeard::Asked(call, ask) => (call, ask),
            WorkloadHeard::Gone(call) => {
                self.following.remove(&call);
                return Ok(());
            }
        };
        if let Err(refused) = self.of.paced_question(self.account) {
            self.refuse(call, refused);
            return Ok(());
        }
        match ask {
            WorkloadAsk::X509Svids => self.tell_svids(call).await,
            WorkloadAsk::X509Bundles => self.tell_certificates(call),
            WorkloadAsk::JwtBundles => self.tell_keys(call),
            WorkloadAsk::JwtSvids { audiences, only } => {
                match self.of.jwt(self.account, (&audiences, only.as_ref())).await {
                    Ok(svids) => self.answer(call, WorkloadAnswer::JwtSvids(&svids), false),
                    Err(refused) => {
                        self.refuse(call, refused);
                        Ok(())
                    }
                }
            }
            WorkloadAsk::ValidateJwt { audience, svid } => self.validate(call, &audience, &svid),
        }
    }

    /// Looks at what is told to those who follow: whoever is nobody any more is told so, and whatever
    /// changed, or is about to get old, is told anew.
    async fn look_again(&mut self) -> io::Result<()> {
        let (known, now) = (self.of.known(self.account), self.of.desk.now());
        let (keys, sees) = (self.of.authority.keys(now), self.of.may_see_bundles(self.account));
        let is_old = |it: &Following| match it {
            Following::Svids(told, again) => *told != known || *again <= now,
            // This authority stays as long as the governor runs.
            Following::Certificates => !sees,
            Following::Keys(told) => !sees || *told != keys,
        };
        let old = self.following.iter().filter(|(_, it)| is_old(it));
        let old: Vec<_> =
            old.map(|(call, it)| (*call, matches!(it, Following::Svids(..)))).collect();
        for (call, svids) in old {
            if svids {
                self.tell_svids(call).await?;
            } else if sees {
                self.tell_keys(call)?;
            } else {
                self.refuse(call, self.of.nobody(self.account));
            }
        }
        Ok(())
    }

    async fn tell_svids(&mut self, call: WorkloadCall) -> io::Result<()> {
        for _ in 0..TRIES {
            let known = self.of.known(self.account);
            if known.is_empty() {
                break;
            }
            let svids = match self.of.x509(self.account, &known).await {
                Ok(svids) => svids,
                Err(refused) => {
                    self.refuse(call, refused);
                    return Ok(());
                }
            };
            // Somebody may have been contained while that was written.
            if self.of.known(self.account) != known {
                continue;
            }
            let now = self.of.desk.now();
            let until = svids.iter().map(|it| it.until).min().unwrap_or(now);
            self.following.insert(call, Following::Svids(known, again(now, until)));
            let certificate = self.of.authority.certificate();
            return self.answer(call, WorkloadAnswer::X509Svids(&svids, certificate), true);
        }
        self.refuse(call, self.of.nobody(self.account));
        Ok(())
    }

    fn tell_certificates(&mut self, call: WorkloadCall) -> io::Result<()> {
        if !self.of.may_see_bundles(self.account) {
            self.refuse(call, self.of.nobody(self.account));
            return Ok(());
        }
        self.following.insert(call, Following::Certificates);
        let authority = &self.of.authority;
        let answer = WorkloadAnswer::X509Bundle(authority.domain(), authority.certificate());
        self.answer(call, answer, true)
    }

    fn tell_keys(&mut self, call: WorkloadCall) -> io::Result<()> {
        if !self.of.may_see_bundles(self.account) {
            self.refuse(call, self.of.nobody(self.account));
            return Ok(());
        }
        let authority = &self.of.authority;
        let keys = authority.keys(self.of.desk.now());
        self.following.insert(call, Following::Keys(keys.clone()));
        self.answer(call, WorkloadAnswer::JwtBundle(authority.domain(), &keys), true)
    }

    fn validate(&mut self, call: WorkloadCall, audience: &str, svid: &Secret) -> io::Result<()> {
        if self.of.known(self.account).is_empty() {
            self.refuse(call, self.of.nobody(self.account));
            return Ok(());
        }
        let validated = self.of.authority.validate(svid, audience, self.of.desk.now());
        let why = match validated {
            Ok((id, claims)) if self.of.counts(&id) => {
                return self.answer(call, WorkloadAnswer::Validated(&id, &claims), false);
            }
            Ok(_) => "whom the token names is nobody any more".to_owned(),
            Err(why) => why,
        };
        self.refuse(call, (WorkloadStatus::InvalidArgument, why));
        Ok(())
    }

    fn answer(
        &mut self,
        call: WorkloadCall,
        answer: WorkloadAnswer<'_>,
        goes_on: bool,
    ) -> io::Result<()> {
        self.calls.answer(call, answer, goes_on).map_err(io::Error::other)
    }

    fn refuse(&mut self, call: WorkloadCall, (status, why): Refused) {
        self.refused = true;
        self.following.remove(&call);
        self.calls.end(call, status, &why);
    }

    fn end_all(&mut self, status: WorkloadStatus, why: &str) {
        for (call, _) in std::mem::take(&mut self.following) {
            self.calls.end(call, status, why);
        }
        if status == WorkloadStatus::Unavailable {
            self.calls.leave();
        }
    }
}

/// Says when what ends at `until` comes again: before half of its life is over.
fn again(now: Timestamp, until: Timestamp) -> Timestamp {
    let life = until.millis().saturating_sub(now.millis());
    Timestamp::from_millis(now.millis().saturating_add(life.saturating_mul(2) / 5))
}

fn after(span: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(span).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_comes_again_before_half_of_its_life_is_over() {
        let at = Timestamp::from_millis;
        assert_eq!(again(at(1000), at(1000 + 3_600_000)), at(1000 + 1_440_000));
        assert_eq!(again(at(1000), at(1000)), at(1000));
    }
}
