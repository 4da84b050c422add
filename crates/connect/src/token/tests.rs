//! Task tokens: what is accepted, what is refused, and when a cached one stops.

mod cached;
mod cold;
mod forged;
mod minted;
mod rotated;

use std::{sync::Arc, time::Duration};

use bailiwick_model::{
    Budget, Grant, Json, JsonLimits, Mode, OnWiden, Opener, Task, TaskId, TaskStatus, Timestamp,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;
use crate::{jws, secret::Secret};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_500);
const URL: &str = "http://127.0.0.1:8470";
const TASK: &str = "task_01JD8X00000000000000000000";

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn server(name: &str) -> Audience {
    Audience::Server(name.parse().unwrap())
}

fn task() -> Task {
    Task {
        id: TASK.parse().unwrap(),
        identity: "triage-agent".parse().unwrap(),
        via: Vec::new(),
        template: "ticket-triage".parse().unwrap(),
        purpose: "Triage the ticket of Mrs. Jones".to_owned(),
        opener: Opener::Itself,
        params: [].into(),
        parent: None,
        above: Vec::new(),
        opened: NOW,
        deadline: later(3600),
        idle: None,
        calendars: Vec::new(),
        grant: Grant {
            layers: Vec::new(),
            budget: Budget::default(),
            on_widen: OnWiden::Deny,
            mode: Mode::Enforce,
        },
        generation: 7,
        status: TaskStatus::Open,
        on_behalf: None,
        people: std::collections::BTreeSet::new(),
    }
}

/// A mint and a verifier over keys of their own.
struct House {
    keys: Arc<TokenKeys>,
    mint: TokenMint,
    verifier: TokenVerifier,
    root: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let keys = Arc::new(TokenKeys::load_or_create(&root.path().join("keys"), NOW).unwrap());
        let issuer = Issuer::new(URL);
        let mint = TokenMint::new(Arc::clone(&keys), issuer.clone());
        let verifier = TokenVerifier::new(Arc::clone(&keys), issuer);
        Self { keys, mint, verifier, root }
    }

    /// Has a next key sign at `now`, which was published five minutes before.
    fn turn_over(&self, now: Timestamp) {
        let before = Timestamp::from_millis(now.millis().saturating_sub(300_000));
        self.keys.rotate(before).unwrap();
        self.keys.tend(now).unwrap();
    }

    fn token(&self) -> Secret {
        self.mint.mint_for(&task(), "sha256:1", NOW).unwrap()
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Verified>, TokenError> {
        self.verifier.verify(token, &Audience::All, now, &open)
    }

    /// Signs `header` and `claims` as they are with the current key.
    fn sign(&self, header: &str, claims: &str) -> String {
        let part = |it: &str| URL_SAFE_NO_PAD.encode(it);
        let signed = format!("{}.{}", part(header), part(claims));
        format!("{signed}.{}", self.keys.signing().key.sign(&signed).unwrap())
    }

    fn header(&self) -> String {
        jws::header(KIND, self.keys.signing().name.clone()).canonical()
    }

    /// Signs a good token's claims after `change`.
    fn with(&self, change: impl FnOnce(&mut std::collections::BTreeMap<String, Json>)) -> String {
        let Json::Object(mut claims) = claims_of(self.token().expose()) else { panic!("claims") };
        change(&mut claims);
        self.sign(&self.header(), &Json::Object(claims).canonical())
    }
}

/// The task is known and its generation is 7.
fn open(task: &TaskId) -> Option<u64> {
    (task.as_str() == TASK).then_some(7)
}

fn claims_of(token: &str) -> Json {
    let payload = token.split('.').nth(1).unwrap();
    Json::parse(&URL_SAFE_NO_PAD.decode(payload).unwrap(), JsonLimits::default()).unwrap()
}
