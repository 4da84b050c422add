//! SVIDs are made, and on record before anybody has them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use bailiwick_connect::{JwtSvid, WorkloadStatus, X509Svid};
use bailiwick_model::{CommandRecord, SpiffeId, Timestamp};

use super::{Known, Workloads};

/// How many SVIDs an account is given in one second, and how many questions it asks.
const PACE: usize = 64;

/// Why nothing is handed out, and what the workload is told.
pub(super) type Refused = (WorkloadStatus, String);

/// How much each account had in the second that is under way.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<(i64, BTreeMap<Option<u32>, usize>)>);

impl Pace {
    fn take(&self, account: Option<u32>, count: usize, now: Timestamp) -> bool {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.0 != now.seconds() {
            *taken = (now.seconds(), BTreeMap::new());
        }
        let theirs = taken.1.entry(account).or_default();
        *theirs = theirs.saturating_add(count);
        *theirs <= PACE
    }
}

impl Workloads {
    /// Makes an X.509-SVID for each of `known`.
    pub(super) async fn x509(
        &self,
        account: Option<u32>,
        known: &[Known],
    ) -> Result<Vec<X509Svid>, Refused> {
        let now = self.paced(account, known.len())?;
        let make = |it: &Known| self.authority.x509(&it.identity, &it.id, now);
        let mut svids = known.iter().map(make).collect::<Result<Vec<_>, _>>().map_err(fault)?;
        distinct(svids.iter_mut().map(|it| &mut it.hint));
        let records = known
            .iter()
            .zip(&svids)
            .map(|(it, svid)| issued(it, ("x509", svid.serial.clone()), Vec::new(), svid.until));
        self.on_record(records.collect(), account).await?;
        Ok(svids)
    }

    /// Makes a JWT-SVID for each of `known`, or for the one that is meant.
    pub(super) async fn jwt(
        &self,
        account: Option<u32>,
        (audiences, only): (&[String], Option<&SpiffeId>),
    ) -> Result<Vec<JwtSvid>, Refused> {
        let meant = || {
            let mut known = self.known(account);
            known.retain(|it| only.is_none_or(|only| *only == it.id));
            known
        };
        let known = meant();
        if known.is_empty() {
            return Err(self.nobody(account));
        }
        let now = self.paced(account, known.len())?;
        let make = |it: &Known| self.authority.jwt((&it.identity, &it.id), audiences, now);
        let mut svids = known.iter().map(make).collect::<Result<Vec<_>, _>>().map_err(fault)?;
        distinct(svids.iter_mut().map(|it| &mut it.hint));
        let records = known.iter().zip(&svids).map(|(it, svid)| {
            issued(it, ("jwt", svid.name.clone()), audiences.to_vec(), svid.until)
        });
        self.on_record(records.collect(), account).await?;
        // Somebody may have been contained while that was written.
        if meant() == known { Ok(svids) } else { Err(self.nobody(account)) }
    }

    /// Says that an account is nobody here.
    pub(super) fn nobody(&self, account: Option<u32>) -> Refused {
        let domain = self.authority.domain();
        let text = match account {
            Some(account) => format!(
                "no charter gives account {account} an identity of `{domain}` that counts now: it wants `uid` and `spiffe` in its `proof`"
            ),
            None => {
                "nobody knows whose process this is, or it is a confined tool server".to_owned()
            }
        };
        (WorkloadStatus::PermissionDenied, text)
    }

    fn paced(&self, account: Option<u32>, count: usize) -> Result<Timestamp, Refused> {
        let now = self.desk.now();
        if account.is_none() {
            return Err(self.nobody(None));
        }
        if self.pace.take(account, count, now) {
            return Ok(now);
        }
        let text = format!("this account asks for more than {PACE} SVIDs a second");
        Err((WorkloadStatus::ResourceExhausted, text))
    }

    /// Lets a question of an account through, where it does not ask too fast.
    pub(super) fn paced_question(&self, account: Option<u32>) -> Result<(), Refused> {
        if self.questions.take(account, 1, self.desk.now()) {
            return Ok(());
        }
        let text = format!("this account asks more than {PACE} questions a second");
        Err((WorkloadStatus::ResourceExhausted, text))
    }

    async fn on_record(
        &self,
        records: Vec<CommandRecord>,
        account: Option<u32>,
    ) -> Result<(), Refused> {
        let by = account.map_or_else(|| "uid:?".to_owned(), |it| format!("uid:{it}"));
        for record in records {
            if let Err(error) = self.desk.command(record, &by).await {
                tracing::error!(%error, "an SVID could not be recorded, and is not handed out");
                let text = "what is handed out cannot be recorded now".to_owned();
                return Err((WorkloadStatus::Unavailable, text));
            }
        }
        Ok(())
    }
}

/// No two have one hint (SPIFFE Workload API, section 5.2.1): an identity's first SVID has its name.
fn distinct<'a>(hints: impl Iterator<Item = &'a mut String>) {
    let mut before = None;
    for hint in hints {
        if before.as_ref() == Some(hint) {
            hint.clear();
        } else {
            before = Some(hint.clone());
        }
    }
}

fn issued(
    known: &Known,
    (sort, name): (&str, String),
    audiences: Vec<String>,
    expires: Timestamp,
) -> CommandRecord {
    CommandRecord::SvidIssued {
        identity: known.identity.clone(),
        id: known.id.clone(),
        sort: sort.to_owned(),
        name,
        audiences,
        expires,
    }
}

fn fault(why: String) -> Refused {
    tracing::error!(why, "an SVID could not be made");
    (WorkloadStatus::Internal, "the SVID could not be made".to_owned())
}
