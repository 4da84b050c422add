//! Everything that is bounded in time has ended at once, as when a laptop slept: an agent's key is all
//! that is needed to begin again.

use bailiwick_model::{Charter, IdentityKind, Proof};

use super::*;
use crate::{AssertionVerifier, IdentityKey, ProofError};

const HOUR: u64 = 60 * 60;

fn charter(key: &IdentityKey) -> Charter {
    Charter {
        identity: "triage-agent".parse().unwrap(),
        kind: IdentityKind::Agent,
        class: "interactive-agent".parse().unwrap(),
        owner: "team-support".to_owned(),
        purpose: "Triage".to_owned(),
        proof: vec![Proof::Key { path: "a".to_owned(), pem: key.public_pem() }],
        templates: [].into(),
        servers: [].into(),
        targets: [].into(),
        delegates_to: [].into(),
    }
}

/// A task that was opened at `now`.
fn fresh(now: Timestamp) -> Task {
    Task { opened: now, deadline: now.after(Duration::from_secs(HOUR)), ..task() }
}

#[test]
fn after_half_a_day_and_after_days_asleep_a_key_alone_opens_the_way_again() {
    let key = IdentityKey::generate().unwrap();
    let charter = charter(&key);
    for hours in [12_u64, 24, 24 * 30] {
        let house = House::new();
        let assertions = AssertionVerifier::new(URL, NOW);
        let old = house.token();
        assert!(house.verify(old.expose(), NOW).is_ok());

        // Before anything that is done in the background was done.
        let now = later(hours.saturating_mul(HOUR));
        assert!(matches!(house.verify(old.expose(), now), Err(TokenError::Expired(_))));
        let proof = key.assertion(&charter.identity, URL, now).unwrap();
        assert!(assertions.verify(proof.expose(), (&charter, &[]), now).is_ok());
        let token = house.mint.mint_for(&fresh(now), "sha256:1", now).unwrap();
        assert!(house.verify(token.expose(), now).is_ok(), "{hours} h");
        // And after: the key that signed is one of those that are published still.
        house.keys.tend(now).unwrap();
        assert!(house.verify(token.expose(), now).is_ok(), "{hours} h");
    }
}

#[test]
fn a_start_after_a_day_takes_what_was_signed_since_and_nothing_of_before() {
    let key = IdentityKey::generate().unwrap();
    let charter = charter(&key);
    let house = House::new();
    let old = house.token();
    let before = key.assertion(&charter.identity, URL, NOW).unwrap();

    let now = later(24 * HOUR);
    let keys = house.root.path().join("keys");
    let keys = Arc::new(TokenKeys::load_or_create(&keys, now).unwrap());
    let mint = TokenMint::new(Arc::clone(&keys), Issuer::new(URL));
    let verifier = TokenVerifier::new(Arc::clone(&keys), Issuer::new(URL));
    let assertions = AssertionVerifier::new(URL, now);
    let told = assertions.verify(before.expose(), (&charter, &[]), now).unwrap_err();
    assert_eq!(told, ProofError::Expired);
    assert!(told.to_string().contains("check the clocks"), "{told}");
    let proof = key.assertion(&charter.identity, URL, now).unwrap();
    assert!(assertions.verify(proof.expose(), (&charter, &[]), now).is_ok());
    let token = mint.mint_for(&fresh(now), "sha256:1", now).unwrap();
    let verify = |it: &str| verifier.verify(it, &Audience::All, now, &open);
    assert!(verify(token.expose()).is_ok());
    assert!(verify(old.expose()).is_err());
}

#[test]
fn a_clock_of_an_agent_that_was_turned_back_or_ahead_is_told_so() {
    let key = IdentityKey::generate().unwrap();
    let charter = charter(&key);
    let assertions = AssertionVerifier::new(URL, NOW);
    let now = later(24 * HOUR);
    for (its, wanted) in
        [(later(23 * HOUR), ProofError::Expired), (later(25 * HOUR), ProofError::NotYet)]
    {
        let proof = key.assertion(&charter.identity, URL, its).unwrap();
        let told = assertions.verify(proof.expose(), (&charter, &[]), now).unwrap_err();
        assert_eq!(told, wanted);
        assert!(told.to_string().contains("check the clocks"), "{told}");
    }
    // Within what clocks may differ by it counts.
    let proof = key.assertion(&charter.identity, URL, later(24 * HOUR - 29)).unwrap();
    assert!(assertions.verify(proof.expose(), (&charter, &[]), now).is_ok());
}
