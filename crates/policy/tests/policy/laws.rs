//! Laws: what holds for every set of policies and every request.

use std::fmt::Write as _;

use bailiwick_model::{Environment, Verdict, VerdictKind};
use bailiwick_policy::{PolicyOptions, PolicySet, PolicySource};
use proptest::{prelude::*, sample::subsequence};

use crate::fixture::{Asked, asked, compile_with, verdict};

/// What a policy does to a call that it applies to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Permit,
    Forbid,
    Hold,
}

/// A policy together with its meaning, told without Cedar.
#[derive(Clone, Copy, Debug)]
struct Known {
    id: &'static str,
    does: Does,
    text: &'static str,
    /// None where it cannot be evaluated.
    applies: fn(&Call) -> Option<bool>,
}

/// What the policies below look at.
#[derive(Clone, Debug)]
struct Call {
    amount: Option<i64>,
    effect: &'static str,
    granted: bool,
    approved: bool,
    secret: bool,
}

impl Call {
    fn asked(&self) -> Asked {
        let mut text = format!("files__tool {}", self.effect);
        if let Some(amount) = self.amount {
            write!(text, " amount={amount}").unwrap();
        }
        for (on, word) in [
            (!self.granted, " ungranted"),
            (self.approved, " approved"),
            (self.secret, " on:/secret"),
        ] {
            if on {
                text.push_str(word);
            }
        }
        asked(&text)
    }
}

const POOL: [Known; 10] = [
    Known {
        id: "any",
        does: Does::Permit,
        text: "permit (principal, action, resource);",
        applies: |_| Some(true),
    },
    Known {
        id: "reading",
        does: Does::Permit,
        text: "permit (principal, action in Action::\"read\", resource);",
        applies: |it| Some(it.effect == "read"),
    },
    Known {
        id: "small",
        does: Does::Permit,
        text: "permit (principal, action, resource) when { context.input.amount < 3 };",
        applies: |it| Some(it.amount? < 3),
    },
    Known {
        id: "egress",
        does: Does::Forbid,
        text: "forbid (principal, action in Action::\"egress\", resource);",
        applies: |it| Some(it.effect == "egress"),
    },
    Known {
        id: "large",
        does: Does::Forbid,
        text: "forbid (principal, action, resource) when { context.input.amount > 5 };",
        applies: |it| Some(it.amount? > 5),
    },
    Known {
        id: "guarded",
        does: Does::Forbid,
        text: "forbid (principal, action, resource)
            when { context.input has amount && context.input.amount > 4 };",
        applies: |it| Some(it.amount.is_some_and(|it| it > 4)),
    },
    Known {
        id: "secret",
        does: Does::Forbid,
        text: "forbid (principal, action, resource == Resource::\"files:/secret\")
            when { resource.sensitivity_rank == 1 };",
        applies: |it| Some(it.secret),
    },
    Known {
        id: "hold-write",
        does: Does::Hold,
        text: "forbid (principal, action in Action::\"write\", resource)
            unless { context.approval.granted };",
        applies: |it| Some(it.effect == "write" && !it.approved),
    },
    Known {
        id: "hold-large",
        does: Does::Hold,
        text: "forbid (principal, action, resource) when { context.input.amount > 2 }
            unless { context.approval.granted };",
        applies: |it| Some(it.amount? > 2 && !it.approved),
    },
    Known {
        id: "hold-lazy",
        does: Does::Hold,
        text: "forbid (principal, action, resource) unless { context.approval.granted }
            when { context.input.amount > 1 };",
        applies: |it| if it.approved { Some(false) } else { Some(it.amount? > 1) },
    },
];

fn text(policies: &[Known]) -> String {
    let one = |it: &Known| match it.does {
        Does::Hold => format!("@id(\"{}\") @hold(\"ask\")\n{}\n", it.id, it.text),
        Does::Permit | Does::Forbid => format!("@id(\"{}\")\n{}\n", it.id, it.text),
    };
    policies.iter().map(one).collect()
}

/// The meaning of a set, written the plainest way.
fn reference(policies: &[Known], builtin_permit: bool, call: &Call) -> String {
    let which = |does: Does, said: Option<bool>| {
        let mut ids: Vec<_> = policies
            .iter()
            .filter(|it| it.does == does && (it.applies)(call) == said)
            .map(|it| it.id)
            .collect();
        ids.sort_unstable();
        ids
    };
    // Reasons come in the order of their codes: what forbids, then what could not be evaluated.
    let mut broken = [which(Does::Forbid, None), which(Does::Hold, None)].concat();
    broken.sort_unstable();
    let denials = [which(Does::Forbid, Some(true)), broken].concat();
    let permitted = (builtin_permit && call.granted) || !which(Does::Permit, Some(true)).is_empty();
    let holds = which(Does::Hold, Some(true));
    if !denials.is_empty() {
        format!("deny {}", denials.join(" "))
    } else if !permitted {
        "deny policies".to_owned()
    } else if !holds.is_empty() {
        format!("hold {}", holds.join(" "))
    } else {
        "allow".to_owned()
    }
}

prop_compose! {
    fn calls()(
        amount in proptest::option::of(0_i64..8),
        effect in proptest::sample::select(vec!["read", "write", "egress"]),
        granted: bool,
        approved: bool,
        secret: bool,
    ) -> Call {
        Call { amount, effect, granted, approved, secret }
    }
}

fn sets() -> impl Strategy<Value = Vec<Known>> {
    subsequence(POOL.to_vec(), 0..=POOL.len()).prop_shuffle()
}

fn judge(policies: &[Known], builtin_permit: bool, call: &Call) -> Verdict {
    let policies = compile_with(&text(policies), builtin_permit);
    policies.evaluate(&call.asked().case()).verdict
}

/// What conditions are put together from: known before the call, known with it, and in error.
const PIECES: [&str; 27] = [
    "true",
    "context.environment == \"production\"",
    "context.server == \"files\"",
    "context.facts.isEmpty()",
    "context.depth == 0",
    "context.task.params has ticket",
    "context.task.params.ticket == \"T-1\"",
    "context.task.purpose like \"Triage*\"",
    "context.chain.contains(\"one\")",
    "principal.owner == \"team-support\"",
    "resource.environment == \"production\"",
    "resource has owner",
    "resource.owner == \"team-support\"",
    "context.task.opened < context.now",
    "principal.kind == \"agent\"",
    "principal in Class::\"batch\"",
    "action in Action::\"read\"",
    "context has input",
    "context.input has amount",
    "context.input.amount > 3",
    "context.destinations.isEmpty()",
    "context.granted",
    "context.now > datetime(\"2026-11-03T00:00:00Z\")",
    "resource is Resource",
    "resource.sensitivity_rank >= 2",
    "resource in Tool::\"files__tool\"",
    "Resource::\"files:/secret\" in Server::\"files\"",
];

pub(crate) fn conditions() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(PIECES.to_vec()).prop_map(str::to_owned);
    piece.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| format!("!({it})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} && {other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} || {other})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(one, two, three)| format!("(if {one} then {two} else {three})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_verdict_is_what_its_policies_mean(policies in sets(), builtin: bool, call in calls()) {
        let said = verdict(&judge(&policies, builtin, &call));
        prop_assert_eq!(said, reference(&policies, builtin, &call));
    }

    #[test]
    fn an_approval_never_weakens_a_forbid_that_does_not_hold(
        policies in sets(),
        builtin: bool,
        call in calls(),
    ) {
        let without = judge(&policies, builtin, &Call { approved: false, ..call.clone() });
        let with = judge(&policies, builtin, &Call { approved: true, ..call });
        let forbids = |it: &Verdict| -> Vec<String> {
            let plain = |id: &String| POOL.iter().any(|it| it.does == Does::Forbid && it.id == id);
            it.reasons().into_iter().map(|it| it.source).filter(plain).collect()
        };
        if without.kind() == VerdictKind::Deny {
            prop_assert!(forbids(&without) == forbids(&with), "{without:?} {with:?}");
        }
        prop_assert!(with.kind() != VerdictKind::Hold, "an approval answers every hold");
        if without.kind() == VerdictKind::Hold {
            prop_assert_eq!(with.kind(), VerdictKind::Allow);
        }
    }

    #[test]
    fn what_can_be_called_is_shown(policies in sets(), builtin: bool, call in calls()) {
        let set = compile_with(&text(&policies), builtin);
        let asked = call.asked();
        let shown = set.could_ever_allow(&asked.list_question());
        let called = set.evaluate(&asked.case()).verdict;
        prop_assert!(shown || called.kind() == VerdictKind::Deny, "{called:?}");
    }

    #[test]
    fn what_can_be_called_is_shown_whatever_the_conditions(
        permit in conditions(),
        forbids in proptest::collection::vec(conditions(), 0..3),
        call in calls(),
        production: bool,
        later: bool,
    ) {
        let mut policies =
            format!("@id(\"p\") permit (principal, action, resource) when {{ {permit} }};");
        for (place, forbid) in forbids.iter().enumerate() {
            let scope = "forbid (principal, action, resource)";
            write!(policies, "@id(\"f{place}\") {scope} when {{ {forbid} }};").unwrap();
        }
        let set = compile_with(&policies, false);
        let mut asked = call.asked();
        if production {
            asked.request.facts.environment = Environment::Production;
        }
        if later {
            asked.now = "2026-11-04T00:00:00Z".parse().unwrap();
        }
        let shown = set.could_ever_allow(&asked.list_question());
        let called = set.evaluate(&asked.case()).verdict;
        prop_assert!(shown || called.kind() == VerdictKind::Deny, "{policies}");
    }

    #[test]
    fn any_text_is_compiled_or_refused_within_its_bounds(text in any::<String>()) {
        bounded(&text)?;
    }

    #[test]
    fn a_damaged_policy_is_compiled_or_refused_within_its_bounds(
        policies in sets(),
        at in any::<proptest::sample::Index>(),
        with in "[@\"(){};=.é a-z]{0,3}",
    ) {
        let mut text = text(&policies);
        let at = at.index(text.len().saturating_add(1));
        text.insert_str(at, &with);
        bounded(&text)?;
    }
}

fn bounded(text: &str) -> Result<(), TestCaseError> {
    let source = PolicySource { name: "any.cedar".to_owned(), text: text.to_owned() };
    for error in PolicySet::compile(&[source], PolicyOptions::default()).err().into_iter().flatten()
    {
        let span = error.span();
        prop_assert!(span.start <= span.end && span.end <= text.len(), "{error} {span:?}");
    }
    Ok(())
}
