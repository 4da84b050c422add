//! Law 9: indexed policy evaluation is full evaluation.

use std::fmt::Write as _;

use bailiwick_model::{Environment, VerdictKind};
use proptest::{prelude::*, sample::select, strategy::ValueTree as _, test_runner::TestRunner};

use crate::{
    fixture::{Asked, asked, compile_with, verdict},
    full::{self, Full, Said},
    laws::conditions,
};

/// Sets a run, and requests a set: together at least a hundred thousand.
const SETS: u32 = 256;
const REQUESTS: usize = 400;

const PRINCIPALS: [&str; 10] = [
    "principal",
    "principal == Identity::\"triage-agent\"",
    "principal == Identity::\"summary-agent\"",
    "principal in Identity::\"summary-agent\"",
    "principal in Class::\"batch\"",
    "principal in Class::\"nobody\"",
    "principal is Identity",
    "principal is Identity in Class::\"batch\"",
    "principal is Tool",
    "principal is Class in Class::\"batch\"",
];

const ACTIONS: [&str; 11] = [
    "action",
    "action == Action::\"files__tool\"",
    "action == Action::\"egress\"",
    "action in Action::\"read\"",
    "action in Action::\"egress\"",
    "action in Action::\"server:files\"",
    "action in Action::\"files__tool\"",
    "action in [Action::\"read\", Action::\"write\"]",
    "action in [Action::\"egress\", Action::\"server:tickets\", Action::\"files__other\"]",
    "action in [Action::\"server:files\", Action::\"files__tool\", Action::\"read\"]",
    "action in []",
];

const RESOURCES: [&str; 12] = [
    "resource",
    "resource == Tool::\"files__tool\"",
    "resource == Resource::\"files:/secret\"",
    "resource == Resource::\"files:/other\"",
    "resource in Resource::\"files:/secret\"",
    "resource in Tool::\"files__tool\"",
    "resource in Server::\"files\"",
    "resource is Resource",
    "resource is Tool",
    "resource is Server",
    "resource is Resource in Server::\"files\"",
    "resource is Tool in Tool::\"tickets__tool\"",
];

/// What stands before a policy that is not always enforced.
const LIFTED: [&str; 2] = [
    "@expires(\"2026-11-02T12:00:00Z\")",
    "@mode(\"observe\") @owner(\"o\") @until(\"2026-12-01T00:00:00Z\")",
];

/// One policy without its id.
pub(crate) fn policies() -> impl Strategy<Value = String> {
    let lifted = prop_oneof![9 => Just(""), 1 => select(LIFTED.to_vec())];
    let effect = select(vec!["permit", "forbid"]);
    let head = (select(PRINCIPALS.to_vec()), select(ACTIONS.to_vec()), select(RESOURCES.to_vec()));
    (lifted, effect, head, conditions()).prop_map(
        |(lifted, effect, (principal, action, resource), condition)| {
            format!("{lifted} {effect} ({principal}, {action}, {resource}) when {{ {condition} }};")
        },
    )
}

pub(crate) fn sets() -> impl Strategy<Value = String> {
    proptest::collection::vec(policies(), 1..16).prop_map(|policies| {
        policies.iter().enumerate().fold(String::new(), |mut text, (place, policy)| {
            writeln!(text, "@id(\"p{place}\") {policy}").unwrap();
            text
        })
    })
}

/// The number that a request is made of, a byte for each of its parts.
pub(crate) type Dice = u64;

/// Makes a request: who, does what, to what, with what, when.
pub(crate) fn request(dice: Dice) -> Asked {
    let [action, effects, resources, amount, who, class, about, with] = dice.to_le_bytes();
    let pick = |words: &'static [&'static str], die: u8| {
        *words.iter().cycle().nth(usize::from(die)).unwrap()
    };
    let mut text = String::new();
    for word in [
        pick(&["files__tool", "files__other", "tickets__tool"], action),
        pick(&["", "read", "write", "egress", "read write", "read egress"], effects),
        pick(&["", "on:/secret", "on:/other", "on:/secret on:/other"], resources),
        pick(&["", "amount=2", "amount=5", "amount=\"5\"", "amount=2.5"], amount),
        pick(&["internal", "confidential"], about),
        pick(&["", "to:https://x", "via:one", "ungranted", "approved"], with),
        pick(&["", "fact:freeze@2026-11-02T11:00:00Z"], about >> 1),
        pick(&["", "at:2026-11-04T00:00:00Z"], about >> 2),
    ] {
        text.push_str(word);
        text.push(' ');
    }
    let mut asked = asked(&text);
    asked.task.identity = pick(&["triage-agent", "summary-agent"], who).parse().unwrap();
    asked.charter.class = pick(&["interactive-agent", "batch"], class).parse().unwrap();
    if 200 < with {
        asked.request.facts.environment = Environment::Production;
    }
    asked
}

/// Draws requests. They are the same for all sets of a run, since showing one takes longer than
/// asking about it.
fn requests(how_many: usize) -> Vec<(Dice, Asked)> {
    let mut runner = TestRunner::default();
    let drawn = proptest::collection::vec(any::<Dice>(), how_many).new_tree(&mut runner);
    drawn.unwrap().current().into_iter().map(|it| (it, request(it))).collect()
}

fn config() -> ProptestConfig {
    ProptestConfig::with_cases(SETS)
}

#[test]
fn law_9_indexed_policy_evaluation_is_full_evaluation() {
    let requests = requests(REQUESTS);
    let shown: Vec<_> =
        requests.iter().map(|(dice, asked)| (dice, asked.case(), full::shown(asked))).collect();
    proptest!(config(), |(text in sets())| {
        let (indexed, full) = (compile_with(&text, false), Full::parse(&text));
        let plain = !text.contains("@expires") && !text.contains("@mode");
        for (dice, case, shown) in &shown {
            let by_cedar = full.said(shown);
            let applying = indexed.applying(case).into_iter();
            let said: Vec<Said> = applying.map(|it| Said::of(it, |id| full.forbids(id))).collect();
            prop_assert_eq!(&said, &by_cedar, "{:?}", dice);
            if plain {
                let broken = |it: &Said| it.errors.iter().any(|id| full.forbids(id));
                let allowed = by_cedar.iter().all(|it| it.allowed && !broken(it));
                let said = indexed.evaluate(case).verdict;
                prop_assert_eq!(said.kind() == VerdictKind::Allow, allowed, "{}", verdict(&said));
            }
        }
    });
}

#[test]
fn law_9_indexed_listing_is_full_listing() {
    let requests = requests(REQUESTS / 10);
    let shown: Vec<_> =
        requests.iter().map(|(dice, asked)| (dice, asked, full::shown_in_part(asked))).collect();
    proptest!(config(), |(text in sets())| {
        let (indexed, full) = (compile_with(&text, false), Full::parse(&text));
        for (dice, asked, shown) in &shown {
            let said = indexed.could_ever_allow(&asked.list_question());
            prop_assert_eq!(said, full.could_ever_allow(shown), "{:?}", dice);
        }
    });
}
