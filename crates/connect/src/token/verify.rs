//! Verifies task tokens: strictly the first time, by looking up what was verified after that.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bailiwick_model::{Json, TaskId, Timestamp};

use super::{Audience, Binding, Issuer, KIND, TASK_TOKEN_LIFE, TokenKeys, Verified, cache::Cache};
use crate::{
    dpop::DpopError,
    jws::{Jws, ShapeError},
};

/// Why a token is not taken. No message ever holds a part of the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not a token of the expected shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// It does not say which key signed it.
    #[error("the token names no key (`kid`)")]
    NoKeyId,
    /// Its key is not, or no longer, one of ours.
    #[error("the token's key is not known here, or was withdrawn")]
    UnknownKey,
    /// Its signature does not fit.
    #[error("the token's signature does not fit")]
    BadSignature,
    /// Minted by somebody else.
    #[error("the token's `iss` is not this gateway")]
    WrongIssuer,
    /// Minted for something else.
    #[error("the token is not for this resource")]
    WrongAudience,
    /// Minted for another server behind this gateway.
    #[error("the token is for another server")]
    OtherServer,
    /// It is bound to a key, and shown without a proof of it.
    #[error("the token is bound to a key (`cnf`): show it with a DPoP proof of that key")]
    Bound,
    /// It is bound to a certificate, and shown without it.
    #[error(
        "the token is bound to a client certificate (`cnf`): show it as a bearer token, on a connection made with that certificate"
    )]
    OtherCertificate,
    /// It is bound to no key, and shown as if it were.
    #[error("the token is bound to no key: show it as a bearer token")]
    NotBound,
    /// It is bound to another key than the one that was proved.
    #[error("the token is bound to another key")]
    OtherKey,
    /// The proof of its key proves nothing.
    #[error(transparent)]
    Proof(#[from] DpopError),
    /// Its time is over.
    #[error("the token has expired: ask for a new one")]
    Expired(
        /// What it said, which was true once: the refusal can be explained and recorded.
        Arc<Verified>,
    ),
    /// Its time has not come.
    #[error("the token lies in the future: check the clocks")]
    NotYet,
    /// It would live longer than a task token may.
    #[error("the token would live longer than 5 minutes")]
    TooLongLived,
    /// Its task is not known here.
    #[error("the token's task is not known here")]
    NoTask,
    /// Its task has ended, or its tokens were revoked.
    #[error("the token was revoked, or its task has ended")]
    Stale(
        /// What it said, which was true once: the refusal can be explained and recorded.
        Arc<Verified>,
    ),
}

/// How often tokens were looked up, verified and refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Answered by what was verified before.
    pub hits: u64,
    /// Verified in full.
    pub verified: u64,
    /// Refused, for whatever reason.
    pub refused: u64,
    /// Remembered now.
    pub cached: u64,
}

/// Verifies the tokens of one issuer.
#[derive(Debug)]
pub struct TokenVerifier {
    keys: Arc<TokenKeys>,
    issuer: Issuer,
    /// Tokens come over a network.
    exposed: bool,
    cache: Cache,
    hits: AtomicU64,
    verified: AtomicU64,
    refused: AtomicU64,
}

impl TokenVerifier {
    /// Makes the verifier.
    pub fn new(keys: Arc<TokenKeys>, issuer: Issuer) -> Self {
        let (hits, verified, refused) = Default::default();
        let cache = Cache::default();
        Self { keys, issuer, exposed: false, cache, hits, verified, refused }
    }

    /// Tells of tokens that are bound to nothing that others may have read them, where they come over a
    /// network.
    #[must_use]
    pub fn over_a_network(self, exposed: bool) -> Self {
        Self { exposed, ..self }
    }

    /// Says whose tokens it verifies.
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Accepts `token` for a call to `asked`; one that is bound to a key is refused. `current` gives a task's generation, none for a task
    /// that is not known; it is asked every time.
    pub fn verify(
        &self,
        token: &str,
        asked: &Audience,
        now: Timestamp,
        current: &dyn Fn(&TaskId) -> Option<u64>,
    ) -> Result<Arc<Verified>, TokenError> {
        self.verify_held(token, (asked, &unheld), now, current)
    }

    /// Does the same for a token that may be bound: `held` gets what it says, and says whether
    /// whoever shows it holds what it is bound to.
    pub fn verify_held(
        &self,
        token: &str,
        (asked, held): (&Audience, &Held<'_>),
        now: Timestamp,
        current: &dyn Fn(&TaskId) -> Option<u64>,
    ) -> Result<Arc<Verified>, TokenError> {
        let result = self.look_up(token, (Some(asked), held), now, current);
        if result.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Says what `token` is good for, whatever that is and whatever it is bound to: for those who
    /// trade, end or look at it.
    pub fn shown(
        &self,
        token: &str,
        now: Timestamp,
        current: &dyn Fn(&TaskId) -> Option<u64>,
    ) -> Result<Arc<Verified>, TokenError> {
        let result = self.look_up(token, (None, &|_| Ok(())), now, current);
        if result.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Gives the claims of a token that was verified before, as they are written.
    pub fn claims(token: &str) -> Option<Json> {
        Jws::read(token, KIND).ok().map(|it| it.claims)
    }

    fn look_up(
        &self,
        token: &str,
        shown: Shown<'_>,
        now: Timestamp,
        current: &dyn Fn(&TaskId) -> Option<u64>,
    ) -> Result<Arc<Verified>, TokenError> {
        // Read before the keys are: what is verified under an older set is never kept as newer.
        let key_generation = self.keys.generation();
        if let Some(found) = self.cache.get(token, key_generation, now) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            check(&found, shown, now, current)?;
            return Ok(found);
        }
        let verified = Arc::new(self.verify_in_full(token, now)?);
        self.verified.fetch_add(1, Ordering::Relaxed);
        check(&verified, shown, now, current)?;
        self.cache.keep(token, Arc::clone(&verified), key_generation, now);
        // The keys may have been withdrawn meanwhile.
        if self.keys.generation() == key_generation {
            Ok(verified)
        } else {
            Err(TokenError::UnknownKey)
        }
    }

    /// Verifies the signature first: only then is anything that the token says worth an answer.
    fn verify_in_full(&self, token: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let jws = Jws::read(token, KIND)?;
        let name = jws.key_id.as_deref().ok_or(TokenError::NoKeyId)?;
        match self.keys.verify(name, jws.signed, jws.signature, now) {
            None => return Err(TokenError::UnknownKey),
            Some(false) => return Err(TokenError::BadSignature),
            Some(true) => {}
        }
        let verified = Verified::read(&jws, &self.issuer)?;
        if jws.is_early(now)? {
            return Err(TokenError::NotYet);
        }
        if verified.issued.after(TASK_TOKEN_LIFE) < verified.expires {
            return Err(TokenError::TooLongLived);
        }
        let exposed = self.exposed && verified.bound.is_none();
        Ok(Verified { exposed, ..verified })
    }

    /// Gives the counts since the start.
    pub fn counts(&self) -> TokenCounts {
        let count = |it: &AtomicU64| it.load(Ordering::Relaxed);
        TokenCounts {
            hits: count(&self.hits),
            verified: count(&self.verified),
            refused: count(&self.refused),
            cached: u64::try_from(self.cache.len()).unwrap_or(u64::MAX),
        }
    }
}

/// What a token is shown for, and what says whether its key is held.
type Shown<'a> = (Option<&'a Audience>, &'a Held<'a>);

/// Says whether the key that a token is bound to, if it is to one, is held by whoever shows it.
pub type Held<'a> = dyn Fn(&Verified) -> Result<(), TokenError> + 'a;

/// Takes what is bound to nothing.
fn unheld(shown: &Verified) -> Result<(), TokenError> {
    match shown.bound {
        None => Ok(()),
        Some(Binding::Key(_)) => Err(TokenError::Bound),
        Some(Binding::Certificate(_)) => Err(TokenError::OtherCertificate),
    }
}

/// Checks what can change from one call to the next.
fn check(
    verified: &Arc<Verified>,
    (asked, held): Shown<'_>,
    now: Timestamp,
    current: &dyn Fn(&TaskId) -> Option<u64>,
) -> Result<(), TokenError> {
    // Whoever does not hold its key is told nothing else of it.
    held(verified)?;
    if verified.expires <= now {
        return Err(TokenError::Expired(Arc::clone(verified)));
    }
    if asked.is_some_and(|it| !verified.audience.covers(it)) {
        return Err(TokenError::OtherServer);
    }
    match current(&verified.task) {
        None => Err(TokenError::NoTask),
        Some(generation) if generation != verified.generation => {
            Err(TokenError::Stale(Arc::clone(verified)))
        }
        Some(_) => Ok(()),
    }
}
