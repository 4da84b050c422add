//! The life of one lease: minting, active, revoking, revoked, or stuck and told again for ever.

mod book;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

use bailiwick_model::{CredentialId, Finding, Lease, LeaseCause, LeaseEnd, LeaseState, Timestamp};

pub use book::{LeaseBook, LeaseEffect};

/// After how many tries in vain a lease is stuck.
const STUCK_AFTER: u32 = 6;
/// The first pause after a try in vain; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that we choose.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// The longest pause that a target may ask for.
const PATIENCE_MAX: Duration = Duration::from_secs(15 * 60);
/// How long a target may still carry out what it was asked for and never answered: what it says to
/// be gone before is told to it once more.
pub const UNSURE: Duration = Duration::from_secs(60);

/// Something that happens to a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseEvent {
    /// Its target made the credential.
    Issued {
        /// What the target calls it.
        called: String,
        /// When it ends by itself.
        until: Timestamp,
    },
    /// Its target made none, and says so.
    NotIssued {
        /// Why.
        why: String,
    },
    /// Its target was asked for it, and nobody knows what became of that.
    Unheard {
        /// What was seen.
        why: String,
    },
    /// Its credential was handed out, or somebody more waits for it to be made.
    Used {
        /// What whoever asked for it showed.
        shown: BTreeSet<CredentialId>,
    },
    /// It ends.
    Ends(LeaseCause),
    /// Its target has something of it.
    Found,
    /// Its target says that it is gone.
    Gone,
    /// Its target was told, and cannot end it: it ends by itself.
    Lasts {
        /// Why.
        why: String,
        /// When.
        until: Timestamp,
    },
    /// Its target was told in vain.
    Failed {
        /// What was seen.
        why: String,
        /// How long the target wants to be left alone.
        after: Option<Duration>,
        /// Chance, in thousandths: many that fail together shall not come back together.
        jitter: u16,
    },
}

/// What its target is being asked of a lease at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    Nothing,
    /// To make it. It is not told to end it meanwhile: what is made after would be alive.
    Making,
    /// To end it.
    Telling,
}

/// One lease while something of it may be alive.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    lease: Lease,
    asking: Asking,
    /// When its target is told next.
    next: Timestamp,
    /// Until when its target may still make it: before, it is not believed to be gone.
    unsure: Option<Timestamp>,
    /// Its end is not on record yet.
    owed: bool,
}

impl Life {
    /// Begins with what is on record and about to be asked for.
    fn begin(lease: Lease) -> Self {
        let next = lease.until;
        Self { lease, asking: Asking::Making, next, unsure: None, owed: false }
    }

    /// Takes up what another process left. What was being made there is ended: nobody has it.
    fn take_up(lease: Lease, now: Timestamp) -> Self {
        let unheard = lease.state == LeaseState::Minting
            || (lease.called.is_none() && lease.state != LeaseState::Active);
        let unsure = unheard.then(|| now.after(UNSURE));
        let mut life = Self { lease, asking: Asking::Nothing, next: now, unsure, owed: false };
        if life.lease.state == LeaseState::Minting {
            life.end(LeaseCause::Restart, now);
        }
        life
    }

    /// Takes up what its target still has though it should be gone.
    fn orphan(mut lease: Lease, now: Timestamp) -> Self {
        lease.state = LeaseState::Revoking;
        lease.ended = Some(LeaseEnd { at: now, cause: LeaseCause::Orphan });
        lease.gone = None;
        "its target still had it".clone_into(&mut lease.why);
        Self { lease, asking: Asking::Nothing, next: now, unsure: None, owed: true }
    }

    /// Gives when its target is to be told next.
    fn due(&self) -> Option<Timestamp> {
        match (self.lease.state, self.asking) {
            (LeaseState::Revoked, _) => None,
            (LeaseState::Active, Asking::Nothing) => Some(self.lease.until),
            (LeaseState::Revoking | LeaseState::Stuck, Asking::Nothing) => Some(self.next),
            (LeaseState::Minting, _)
            | (
                LeaseState::Active | LeaseState::Revoking | LeaseState::Stuck,
                Asking::Making | Asking::Telling,
            ) => None,
        }
    }

    /// Accepts its end. What has ended stays so, for the reason it ended first.
    fn end(&mut self, cause: LeaseCause, now: Timestamp) -> bool {
        if self.lease.has_ended() {
            return false;
        }
        self.lease.ended = Some(LeaseEnd { at: now, cause });
        self.lease.state = LeaseState::Revoking;
        (self.next, self.owed) = (now, true);
        true
    }

    /// Lets something happen, and says whether that goes on record at once.
    fn step(&mut self, event: LeaseEvent, now: Timestamp) -> bool {
        match event {
            LeaseEvent::Issued { called, until } => {
                self.made(now);
                self.lease.issued.get_or_insert(now);
                self.lease.called = Some(called);
                self.lease.until = self.lease.until.min(until);
                if !self.lease.has_ended() {
                    self.lease.state = LeaseState::Active;
                }
                true
            }
            LeaseEvent::NotIssued { why } => {
                self.made(now);
                self.lease.why = why;
                self.end(LeaseCause::NotIssued, now);
                false
            }
            LeaseEvent::Unheard { why } => {
                self.made(now);
                self.lease.why = why;
                self.unsure = Some(now.after(UNSURE));
                self.end(LeaseCause::NotIssued, now);
                false
            }
            LeaseEvent::Used { shown } => {
                let before = self.lease.shown.len();
                self.lease.shown.extend(shown);
                if self.lease.issued.is_some() {
                    self.lease.used = Some(now);
                }
                // What was shown for it ends it, also after a restart.
                before < self.lease.shown.len()
            }
            LeaseEvent::Ends(cause) => {
                self.end(cause, now);
                false
            }
            LeaseEvent::Found => {
                // What was made after its target had said that there is none is not left until the pause is over.
                if self.unsure.is_some() && self.asking == Asking::Nothing && self.lease.has_ended()
                {
                    self.next = self.next.min(now);
                }
                false
            }
            LeaseEvent::Gone => self.gone(now),
            LeaseEvent::Lasts { why, until } => self.lasts(why, until, now),
            LeaseEvent::Failed { why, after, jitter } => {
                self.failed(why, pause(self.lease.tries, after, jitter), now)
            }
        }
    }

    /// Its target has answered what it was asked to make, or never will.
    fn made(&mut self, now: Timestamp) {
        if self.asking == Asking::Making {
            self.asking = Asking::Nothing;
            self.next = now;
        }
    }

    fn gone(&mut self, now: Timestamp) -> bool {
        if self.asking == Asking::Telling {
            self.asking = Asking::Nothing;
        }
        if !self.lease.has_ended() || self.asking == Asking::Making {
            return false;
        }
        if let Some(unsure) = self.unsure.filter(|it| now < *it) {
            self.next = unsure;
            return false;
        }
        self.lease.state = LeaseState::Revoked;
        self.lease.gone = Some(now);
        self.owed = false;
        true
    }

    /// Its target is asked again when it has ended by itself; that it waits for that goes on record.
    fn lasts(&mut self, why: String, until: Timestamp, now: Timestamp) -> bool {
        if self.asking == Asking::Telling {
            self.asking = Asking::Nothing;
        }
        if !self.lease.has_ended() {
            return false;
        }
        let new = self.lease.why != why;
        self.lease.why = why;
        self.next = until.max(now.after(FIRST_PAUSE));
        new
    }

    fn failed(&mut self, why: String, pause: Duration, now: Timestamp) -> bool {
        if self.asking == Asking::Telling {
            self.asking = Asking::Nothing;
        }
        if !self.lease.has_ended() {
            return false;
        }
        self.lease.why = why;
        self.lease.tries = self.lease.tries.saturating_add(1);
        self.next = now.after(pause);
        let stuck = self.lease.state != LeaseState::Stuck && STUCK_AFTER <= self.lease.tries;
        if stuck {
            self.lease.state = LeaseState::Stuck;
        }
        stuck
    }

    /// Says that its target could not be told for long.
    fn stuck(&self, now: Timestamp) -> Finding {
        let Lease { id, target, tries, why, .. } = &self.lease;
        let age = self.lease.ended.map(|it| now.since(it.at)).unwrap_or_default();
        let text = format!(
            "`{id}` at `{target}` was to end {} s ago and is not known to be gone after {tries} tries; it is told again, for ever: {why}",
            age.as_secs()
        );
        self.finding("lease-stuck", text, now)
    }

    /// Says that its target still had it.
    fn found(&self, now: Timestamp) -> Finding {
        let Lease { id, target, .. } = &self.lease;
        let text = format!("`{target}` still had `{id}`, which should be gone: it is ended there");
        self.finding("lease-orphan", text, now)
    }

    fn finding(&self, code: &str, text: String, now: Timestamp) -> Finding {
        Finding {
            code: code.to_owned(),
            text,
            at: now,
            task: Some(self.lease.task.clone()),
            identity: Some(self.lease.identity.clone()),
            subject: self.lease.target.to_string(),
        }
    }
}

/// Says how long a target is left alone after `tries` in vain and one more.
fn pause(tries: u32, after: Option<Duration>, jitter: u16) -> Duration {
    let doubled = 1_u32.checked_shl(tries.min(20)).unwrap_or(u32::MAX);
    let whole = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
    let half = whole.checked_div(2).unwrap_or_default();
    let chance = half.saturating_mul(jitter.min(1000).into()).checked_div(1000);
    let ours = half.saturating_add(chance.unwrap_or_default());
    ours.max(after.unwrap_or_default().min(PATIENCE_MAX))
}
