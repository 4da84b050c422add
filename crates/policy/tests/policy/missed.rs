//! What keeps a policy from applying.

use std::collections::BTreeSet;

use proptest::{collection, prelude::*};

use crate::{
    fixture::{asked, compile_with},
    law_9::{Dice, request, sets},
};

/// Gives what a permit with this condition misses.
fn missed(when: &str, call: &str) -> String {
    let text =
        format!("@id(\"one\") permit (principal, action in Action::\"read\", resource) {when};");
    let asked = asked(call);
    let missed = compile_with(&text, false).missed("one", &asked.case());
    let line = |it: &bailiwick_policy::Missed| match &it.error {
        Some(error) => format!("{} ({error})", it.part),
        None => it.part.clone(),
    };
    missed.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[test]
fn every_part_that_must_hold_is_asked_by_itself() {
    let three = "when { context.granted && context.depth > 3 } unless { context.tool == \"tool\" }";
    assert_eq!(
        missed(three, "files__tool write"),
        "action in [Action::\"read\"]; context.depth > 3; context.tool != \"tool\""
    );
    assert_eq!(missed("when { context.granted }", "files__tool read"), "");
}

#[test]
fn what_stands_behind_a_guard_is_no_mistake() {
    let guarded = "when { context.input has amount && context.input.amount > 5 }";
    assert_eq!(missed(guarded, "files__tool read"), "context.input has amount");
    let bare = missed("when { context.input.amount > 5 }", "files__tool read");
    assert!(bare.starts_with("context.input.amount > 5 (") && bare.contains("amount"), "{bare}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Something is missed exactly where the policy applies to none of the resources.
    #[test]
    fn what_is_missed_is_why_it_does_not_apply(
        text in sets(),
        dice in collection::vec(any::<Dice>(), 16),
    ) {
        let set = compile_with(&text, false);
        for dice in dice {
            let asked = request(dice);
            let case = asked.case();
            let applying = set.applying(&case).into_iter().flat_map(|it| it.satisfied);
            let applying: BTreeSet<String> = applying.collect();
            for policy in set.list() {
                let missed = set.missed(&policy.id, &case);
                prop_assert_eq!(missed.is_empty(), applying.contains(&policy.id), "{:?}", missed);
            }
        }
    }
}
