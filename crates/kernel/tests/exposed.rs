//! The law of bound tokens: where tokens come over a network, no call goes out that needed a bound one and
//! came with a token that is bound to nothing.
#![expect(clippy::unwrap_used, reason = "what is broken in a test should stop it")]

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_kernel::{Names, Outcome, Snapshot, TaskState, decide, open};
use bailiwick_model::{
    BoundTokens, DayAccount, DecisionId, Effect, Environment, HoldId, Json, OpenRequest, Opener,
    Reach, ReasonCode, TaskId, Timestamp, Ulid,
};
use bailiwick_testkit::{World, build};
use proptest::prelude::*;

fn ulid(number: u8) -> Ulid {
    Ulid::new(Timestamp::default(), [number; 10])
}

fn request(identity: &str, parent: Option<&TaskState>) -> OpenRequest {
    OpenRequest {
        identity: identity.parse().unwrap(),
        template: identity.parse().unwrap(),
        opener: parent
            .map_or(Opener::Itself, |it| Opener::Orchestrator(it.task().identity.clone())),
        params: BTreeMap::new(),
        purpose: None,
        parent: parent.map(|it| it.task().id.clone()),
        credential: None,
        people: BTreeSet::new(),
        on_behalf: None,
        shown: None,
    }
}

/// A task of `ann`, or one that she handed on to `bob`, each with a template of its own.
fn task(said: [BoundTokens; 3], handed: bool) -> (Snapshot, TaskState) {
    let mut snapshot = World::default().snapshot();
    let [server, ann, bob] = said;
    for (name, bound) in [("ann", ann), ("bob", bob)] {
        let mut template = build::template(name);
        template.allow = vec![build::line("s", "t", None, "t.toml:1")];
        template.bound_tokens = bound;
        let mut charter = build::charter(name);
        charter.templates.insert(template.name.clone());
        charter.servers = ["s".parse().unwrap()].into();
        charter.delegates_to = ["bob".parse().unwrap()].into();
        snapshot.templates.insert(template.name.clone(), template.into());
        snapshot.charters.insert(charter.identity.clone(), charter.into());
    }
    let pin = BTreeMap::from([("t".to_owned(), build::pin(1, Timestamp::default()))]);
    snapshot.pins.insert("s".parse().unwrap(), pin);
    snapshot.bound_tokens.insert("s".parse().unwrap(), server);
    let open = |parent: Option<&mut TaskState>, request: &OpenRequest, number| {
        let named = (TaskId::new(ulid(number)), 0, DayAccount::default());
        *open(&snapshot, parent, request, named, Timestamp::default()).outcome.unwrap()
    };
    let mut first = open(None, &request("ann", None), 1);
    let state = if handed {
        let wish = request("bob", Some(&first));
        open(Some(&mut first), &wish, 2)
    } else {
        first
    };
    (snapshot, state)
}

/// Says what a call came to, and whether it was for its token.
fn called(
    (snapshot, mut state): (Snapshot, TaskState),
    (exposed, effects, reach, environment): (bool, &BTreeSet<Effect>, Reach, Environment),
) -> (bool, bool) {
    let mut request =
        build::request(state.task(), build::tool("s", "t"), Json::Object(BTreeMap::new()));
    request.caller.exposed = exposed;
    request.facts.effects.clone_from(effects);
    (request.facts.reach, request.facts.environment) = (reach, environment);
    let names = Names { decision: DecisionId::new(ulid(7)), hold: HoldId::new(ulid(7)) };
    let made = decide(&snapshot, &mut state, &request, names, Timestamp::default());
    match made.outcome {
        Outcome::Forward(..) => (true, false),
        Outcome::Hold(..) => (false, false),
        Outcome::Refuse(why) => (false, why.iter().any(|it| it.code == ReasonCode::UnboundToken)),
    }
}

fn word() -> impl Strategy<Value = BoundTokens> {
    prop::sample::select(BoundTokens::ALL)
}

proptest! {
    #[test]
    fn no_call_goes_out_by_a_token_that_is_bound_to_nothing_where_it_takes_a_bound_one(
        said in [word(), word(), word()],
        (handed, exposed) in (any::<bool>(), any::<bool>()),
        effects in prop::collection::btree_set(prop::sample::select(Effect::ALL), 1..4),
        reach in prop::sample::select(Reach::ALL),
        environment in prop::sample::select(Environment::ALL),
    ) {
        let impact = effects.iter().any(|it| match it {
            Effect::Read => false,
            Effect::Write => environment == Environment::Production,
            Effect::Egress => reach == Reach::External,
            Effect::Delete
            | Effect::Money
            | Effect::Credential
            | Effect::Secret
            | Effect::Membership
            | Effect::Exec
            | Effect::Automation => true,
        });
        let [server, ann, bob] = said;
        let hands = if handed { vec![ann, bob] } else { vec![ann] };
        let always = server == BoundTokens::Always || hands.contains(&BoundTokens::Always);
        let waived = server == BoundTokens::Waived
            || hands.iter().all(|it| *it == BoundTokens::Waived);
        let needs = always || (impact && !waived);
        let (sent, for_its_token) =
            called(task(said, handed), (exposed, &effects, reach, environment));
        prop_assert_eq!(for_its_token, exposed && needs);
        prop_assert_eq!(sent, !(exposed && needs));
    }
}
