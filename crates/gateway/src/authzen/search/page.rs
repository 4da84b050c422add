//! Where a page begins, as whoever asks carries it: closed, so that it says nothing to anybody else.
//!
//! A token belongs to one search of one enforcement point under one set of policies, and as long as
//! nothing else changes that answers depend on; for an hour.
//! With whatever else it comes back, the search begins anew or not at all.

use std::time::Duration;

use bailiwick_connect::StateKey;
use bailiwick_model::{Digest, Sought, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        limits::PAGE,
        read::bad,
        refusal::{Code, Refusal},
    },
    read::Question,
};

/// How long a page can be asked for.
const LIFE: Duration = Duration::from_secs(60 * 60);

/// The place of a page in its search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pep: String,
    sought: Sought,
    /// The digest of all that was asked beside the page.
    asked: Digest,
    /// The policies, and what was known.
    policy: String,
    /// The digest of the facts that held and of who was contained.
    world: Digest,
    limit: Option<usize>,
    more: Option<Digest>,
    /// How many were passed before it.
    from: usize,
    until: Timestamp,
}

impl Place {
    /// Finds where the page of `question` begins, asked by whom, under which policies and in which
    /// world, and when.
    pub(super) fn open(
        question: &Question,
        (pep, (policy, world), now): (&str, (&str, Digest), Timestamp),
        key: &StateKey,
    ) -> Result<Self, Refusal> {
        let first = Self {
            pep: pep.to_owned(),
            sought: question.search.sought(),
            asked: question.asked,
            policy: policy.to_owned(),
            world,
            limit: question.limit,
            more: question.more,
            from: 0,
            until: now.after(LIFE),
        };
        let Some(token) = &question.token else { return Ok(first) };
        let place = key.open(token).and_then(|it| serde_json::from_str::<Self>(&it).ok());
        let refused = |why: &str| Err(bad(format!("`page.token` {why}")));
        let Some(place) = place else { return refused("was not made here") };
        if place.until <= now {
            return refused("is too old: begin the search again");
        }
        if place.policy != first.policy {
            return refused("is of other policies than those in force: begin the search again");
        }
        if place.world != first.world {
            let why = "is from before a fact or a containment changed: begin the search again";
            return refused(why);
        }
        // What a page says of pages holds for the next ones, too, where these say nothing.
        let same = Self {
            limit: first.limit.or(place.limit),
            more: first.more.or(place.more),
            from: place.from,
            until: place.until,
            ..first
        };
        if same == place { Ok(place) } else { refused("is of another search") }
    }

    /// How many were passed before the page.
    pub(super) const fn from(&self) -> usize {
        self.from
    }

    /// How many the page may hold.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE)
    }

    /// Gives the place of the page that begins with the one at `from`.
    pub(super) fn after(&self, from: usize, now: Timestamp) -> Self {
        Self { from, until: now.after(LIFE), ..self.clone() }
    }

    /// Closes it for its way out and back.
    pub(super) fn close(&self, key: &StateKey) -> Result<String, Refusal> {
        let closed = serde_json::to_string(self).ok().and_then(|it| key.close(&it).ok());
        closed.ok_or_else(|| Code::Broken.says("no token can be made for the next page"))
    }
}

/// What a token opens to: it is read as it is written.
#[cfg(any(test, fuzzing))]
pub(super) fn foreign(bytes: &[u8]) {
    let Ok(place) = serde_json::from_slice::<Place>(bytes) else { return };
    let again = serde_json::to_vec(&place).ok();
    let again = again.and_then(|it| serde_json::from_slice::<Place>(&it).ok());
    assert_eq!(again.as_ref(), Some(&place), "a place is read as it is written");
}
