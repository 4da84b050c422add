//! Policies that do nothing.

use bailiwick_policy::{IdleWhy, PolicyEffect};
use proptest::{collection, prelude::*};

use crate::{
    fixture::compile_with,
    law_9::{Dice, request, sets},
};

/// Lists what does nothing, with why.
fn idle(policies: &str) -> String {
    let shown = |it: &bailiwick_policy::Idle| {
        let why = match &it.why {
            IdleWhy::NeverHolds(part) => format!("never holds: {part}"),
            IdleWhy::NeverEvaluates(part) => format!("never evaluates: {part}"),
            IdleWhy::Beaten(by) => format!("beaten by {by}"),
            IdleWhy::Covered(by) => format!("covered by {by}"),
        };
        format!("{} {why}", it.policy.id)
    };
    compile_with(policies, true).idle().iter().map(shown).collect::<Vec<_>>().join("; ")
}

#[test]
fn what_holds_for_no_call_is_told_with_the_part_that_does_not() {
    for (policy, expected) in [
        ("permit (principal, action, resource) when { false };", "p never holds: false"),
        (
            "permit (principal, action, resource) when { context.depth > 1 && 2 < 1 };",
            "p never holds: 2 < 1",
        ),
        ("permit (principal, action, resource) unless { true };", "p never holds: unless true"),
        (
            "forbid (principal, action, resource) when { 1 + 9223372036854775807 > 2 };",
            "p never evaluates: 1 + 9223372036854775807 > 2",
        ),
        ("permit (principal, action in [], resource);", "p never holds: action in []"),
        ("forbid (principal, action, resource) when { context.depth > 1 };", ""),
        ("permit (principal, action, resource) when { context.depth > 1 || true };", ""),
        ("permit (principal, action, resource) when { resource has owner };", ""),
    ] {
        assert_eq!(idle(&format!("@id(\"p\") {policy}")), expected, "{policy}");
    }
}

#[test]
fn what_another_has_said_already_is_told_with_the_other() {
    const READS: &str = "principal, action in [Action::\"read\", Action::\"write\"], resource";
    for (policies, expected) in [
        (
            format!("@id(\"a\") forbid ({READS}); @id(\"b\") permit (principal, action in [Action::\"read\"], resource) when {{ context.depth > 1 }};"),
            "b beaten by a",
        ),
        (
            format!("@id(\"a\") permit ({READS}) when {{ context.depth > 1 }}; @id(\"b\") permit ({READS}) when {{ context.tool == \"x\" && context.depth > 1 }};"),
            "b covered by a",
        ),
        (
            format!("@id(\"a\") forbid ({READS}); @id(\"b\") forbid ({READS});"),
            "b covered by a",
        ),
        // Each hold asks its own question, and what expires or observes is gone one day.
        (
            "@id(\"a\") @hold(\"x\") forbid (principal, action, resource) unless { context.approval.granted }; @id(\"b\") @hold(\"y\") forbid (principal, action, resource) when { context.depth > 1 } unless { context.approval.granted };".to_owned(),
            "",
        ),
        (
            format!("@id(\"a\") @expires(\"2027-01-01T00:00:00Z\") forbid ({READS}); @id(\"b\") permit ({READS});"),
            "",
        ),
        (
            format!("@id(\"a\") @mode(\"observe\") @owner(\"o\") @until(\"2026-12-01T00:00:00Z\") forbid ({READS}); @id(\"b\") permit ({READS});"),
            "",
        ),
        (
            "@id(\"a\") permit (principal == Identity::\"x\", action, resource); @id(\"b\") permit (principal, action, resource) when { context.depth > 1 };".to_owned(),
            "",
        ),
    ] {
        assert_eq!(idle(&policies), expected, "{policies}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// What is told of is so for every request.
    #[test]
    fn what_is_said_to_do_nothing_does_nothing(
        text in sets(),
        again in sets(),
        dice in collection::vec(any::<Dice>(), 24),
    ) {
        // Twice much of the same, so that much covers much.
        let text = format!("{text}{}", again.replace("@id(\"p", "@id(\"q"));
        let set = compile_with(&text, false);
        let idle = set.idle();
        for dice in dice {
            let asked = request(dice);
            for applying in set.applying(&asked.case()) {
                let applies = |id: &str| applying.satisfied.contains(id);
                for it in &idle {
                    let id = &it.policy.id;
                    match &it.why {
                        IdleWhy::NeverHolds(part) | IdleWhy::NeverEvaluates(part) => {
                            prop_assert!(!applies(id), "{id}: {part}");
                        }
                        IdleWhy::Beaten(by) | IdleWhy::Covered(by) => {
                            prop_assert!(!applies(id) || applies(by), "{id}: {by}");
                        }
                    }
                    if let IdleWhy::Beaten(_) = &it.why {
                        prop_assert_eq!(it.policy.effect, PolicyEffect::Permit);
                    }
                }
            }
        }
    }
}
