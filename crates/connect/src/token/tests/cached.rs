//! A cached token stops exactly when a verified one would.

use std::cell::Cell;

use bailiwick_model::EndCause;
use proptest::prelude::*;

use super::*;

#[test]
fn the_second_time_is_a_hit_and_says_the_same() {
    let house = House::new();
    let token = house.token();
    let first = house.verify(token.expose(), NOW).unwrap();
    let second = house.verify(token.expose(), later(1)).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    let counts = TokenCounts { hits: 1, verified: 1, refused: 0, cached: 1 };
    assert_eq!(house.verifier.counts(), counts);
}

#[test]
fn an_entry_is_verified_again_after_a_minute() {
    let house = House::new();
    let token = house.token();
    for seconds in [0, 59, 60, 119, 120] {
        house.verify(token.expose(), later(seconds)).unwrap();
    }
    assert_eq!((house.verifier.counts().verified, house.verifier.counts().hits), (3, 2));
}

#[test]
fn a_cached_token_expires_to_the_millisecond() {
    let house = House::new();
    let token = house.token();
    let end = Timestamp::from_millis(1_800_000_300_000);
    let last = Timestamp::from_millis(1_800_000_299_999);
    house.verify(token.expose(), last).unwrap();
    house.verify(token.expose(), last).unwrap();
    assert_eq!(house.verifier.counts().hits, 1);
    assert!(matches!(house.verify(token.expose(), end), Err(TokenError::Expired(_))));
}

#[test]
fn ending_the_task_stops_the_very_next_call_from_the_cache_too() {
    let house = House::new();
    let token = house.token();
    let generation = Cell::new(Some(7));
    let verify =
        || house.verifier.verify(token.expose(), &Audience::All, NOW, &|_| generation.get());
    verify().unwrap();
    verify().unwrap();
    generation.set(Some(8));
    assert!(matches!(verify(), Err(TokenError::Stale(_))));
    generation.set(None);
    assert_eq!(verify(), Err(TokenError::NoTask));
    generation.set(Some(7));
    verify().unwrap();
    assert_eq!(house.verifier.counts().verified, 1);
    assert_eq!(house.verifier.counts().refused, 2);
}

#[test]
fn withdrawing_the_keys_stops_the_very_next_call_from_the_cache_too() {
    let house = House::new();
    let token = house.token();
    house.verify(token.expose(), NOW).unwrap();
    house.keys.withdraw(None, NOW).unwrap();
    assert_eq!(house.verify(token.expose(), NOW), Err(TokenError::UnknownKey));
    let fresh = house.token();
    house.verify(fresh.expose(), NOW).unwrap();
}

#[test]
fn rotating_the_keys_leaves_the_cache_alone() {
    let house = House::new();
    let token = house.token();
    house.verify(token.expose(), NOW).unwrap();
    house.turn_over(NOW);
    house.verify(token.expose(), NOW).unwrap();
    assert_eq!(house.verifier.counts().hits, 1);
}

#[test]
fn refusals_are_counted_and_not_remembered() {
    let house = House::new();
    let good = house.token();
    let forged = good.expose().replacen('.', "..", 1);
    for _ in 0..100 {
        assert!(house.verify(&forged, NOW).is_err());
    }
    let stale = house.verifier.verify(good.expose(), &Audience::All, NOW, &|_| Some(8));
    assert!(matches!(stale, Err(TokenError::Stale(_))));
    let counts = TokenCounts { hits: 0, verified: 1, refused: 101, cached: 0 };
    assert_eq!(house.verifier.counts(), counts);
}

#[test]
fn an_ended_task_gets_no_new_token_and_its_old_one_is_stale() {
    let house = House::new();
    let token = house.token();
    let mut ended = task();
    ended.status = TaskStatus::Ended { at: NOW, cause: EndCause::Asked };
    ended.generation = 8;
    assert!(house.mint.mint_for(&ended, "p", NOW).is_err());
    let current = |_: &TaskId| Some(ended.generation);
    let verified = house.verifier.verify(token.expose(), &Audience::All, NOW, &current);
    assert!(matches!(verified, Err(TokenError::Stale(_))));
}

/// One thing that may happen between two calls.
#[derive(Clone, Debug)]
enum Event {
    Call { token: usize, server: Option<&'static str> },
    Mint,
    Pass(u64),
    Revoke,
    Rotate,
    Withdraw,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let server = prop::sample::select(vec![None, Some("files"), Some("git")]);
    let event = prop_oneof![
        8 => (0_usize..6, server).prop_map(|(token, server)| Event::Call { token, server }),
        3 => Just(Event::Mint),
        3 => (1_u64..90).prop_map(Event::Pass),
        1 => Just(Event::Revoke),
        1 => Just(Event::Rotate),
        1 => Just(Event::Withdraw),
    ];
    prop::collection::vec(event, 1..60)
}

proptest! {
    #[test]
    fn the_cache_never_changes_an_answer(events in events()) {
        let house = House::new();
        let (mut now, mut generation, mut tokens) = (NOW, 7_u64, Vec::new());
        for event in events {
            match event {
                Event::Call { token, server: asked } => {
                    let Some(token): Option<&Secret> = tokens.get(token) else { continue };
                    let asked = asked.map_or(Audience::All, server);
                    // A verifier of the same keys that remembers nothing.
                    let fresh = TokenVerifier::new(Arc::clone(&house.keys), Issuer::new(URL));
                    let current = |_: &TaskId| Some(generation);
                    prop_assert_eq!(
                        house.verifier.verify(token.expose(), &asked, now, &current),
                        fresh.verify(token.expose(), &asked, now, &current)
                    );
                }
                Event::Mint => {
                    let mut task = task();
                    task.generation = generation;
                    let audience = if tokens.len() % 2 == 0 { Audience::All } else { server("files") };
                    let claims = TaskClaims::of(&task, audience, "p", now);
                    tokens.extend(claims.and_then(|it| house.mint.mint(&it)));
                }
                Event::Pass(seconds) => {
                    now = now.after(Duration::from_secs(seconds));
                    house.keys.tend(now).unwrap();
                }
                Event::Revoke => generation = generation.saturating_add(1),
                Event::Rotate => drop(house.keys.rotate(now).unwrap()),
                Event::Withdraw => drop(house.keys.withdraw(None, now).unwrap()),
            }
        }
    }
}
