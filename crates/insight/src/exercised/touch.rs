//! Where each identity was, and which credentials were made in sight.

use bailiwick_model::{Ended, Exercise, Timestamp, Via};

use super::{Exercised, SystemIdentity, told::nth};

/// What one identity did in one account, in counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// What was let through.
    pub done: u64,
    /// What was refused.
    pub denied: u64,
    /// How much of what was let through is no more than coming in.
    pub sign_ins: u64,
    /// The first and the last moment at which something was let through.
    pub when: Option<(Timestamp, Timestamp)>,
}

impl Touch {
    pub(super) fn add(&mut self, it: &Exercise<'_>, is_sign_in: bool) {
        match it.ended {
            Ended::Denied => self.denied = self.denied.saturating_add(1),
            Ended::Success | Ended::Error => {
                self.done = self.done.saturating_add(1);
                self.sign_ins = self.sign_ins.saturating_add(u64::from(is_sign_in));
                let (first, last) = self.when.unwrap_or((it.at, it.at));
                self.when = Some((first.min(it.at), last.max(it.at)));
            }
        }
    }
}

/// One identity in one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Who.
    pub who: SystemIdentity,
    /// In which account, as the log names it.
    pub account: String,
    /// What it did there.
    pub touch: Touch,
}

/// A credential that was made in sight of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeCredential {
    /// Its name.
    pub credential: String,
    /// For whom it counts.
    pub to: String,
    /// Who made it.
    pub by: SystemIdentity,
    /// In which account.
    pub account: String,
    /// When.
    pub at: Timestamp,
    /// How.
    pub via: Via,
}

impl Exercised {
    /// Gives where everybody was, in order.
    pub fn touched(&self) -> Vec<Touched> {
        let mut all = Vec::new();
        #[expect(clippy::iter_over_hash_type, reason = "what comes of it is sorted")]
        for ((who, account), touch) in &self.touched {
            let Some(who) = nth(&self.whos, *who) else { continue };
            let account = self.words.text(*account).to_owned();
            all.push(Touched { who: self.identity(who), account, touch: touch.clone() });
        }
        all.sort_by(|one, next| (&one.who, &one.account).cmp(&(&next.who, &next.account)));
        all
    }

    /// Gives every credential that was made, in order.
    pub fn made(&self) -> Vec<MadeCredential> {
        let mut all = Vec::new();
        #[expect(clippy::iter_over_hash_type, reason = "what comes of it is sorted")]
        for (credential, issues) in &self.issues {
            for issue in issues {
                let Some(by) = nth(&self.whos, issue.by) else { continue };
                all.push(MadeCredential {
                    credential: self.words.text(*credential).to_owned(),
                    to: self.words.text(issue.to).to_owned(),
                    by: self.identity(by),
                    account: self.words.text(by.account).to_owned(),
                    at: issue.at,
                    via: issue.via,
                });
            }
        }
        all.sort_by(|one, next| (&one.credential, one.at).cmp(&(&next.credential, next.at)));
        all
    }
}
