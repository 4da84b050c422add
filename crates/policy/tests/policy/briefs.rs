//! Briefs: what is known of a task's calls shortens the work and never changes an answer.

use bailiwick_model::{IdentityKind, VerdictKind};
use bailiwick_policy::{Briefs, Case, PolicyOptions, PolicySet, PolicySource};
use proptest::prelude::*;

use crate::{
    fixture::{Asked, asked, compile, compile_with},
    law_9::{Dice, request, sets},
};

/// One call of a task: one of a few, with one of its parts drawn anew, under one of three sets.
#[derive(Clone, Debug)]
struct Step {
    like: usize,
    part: usize,
    drawn: u8,
    set: usize,
    twist: Twist,
}

/// What may change about a task's identity, and what never should about a task.
#[derive(Clone, Copy, Debug)]
enum Twist {
    Nothing,
    Owner,
    Kind,
    Params,
    Purpose,
    Opened,
}

impl Twist {
    fn turn(self, asked: &mut Asked) {
        match self {
            Self::Nothing => {}
            Self::Owner => "team-other".clone_into(&mut asked.charter.owner),
            Self::Kind => asked.charter.kind = IdentityKind::Service,
            Self::Params => asked.task.params.clear(),
            Self::Purpose => "Something else".clone_into(&mut asked.task.purpose),
            Self::Opened => asked.task.opened = "2026-11-09T00:00:00Z".parse().unwrap(),
        }
    }
}

fn steps() -> impl Strategy<Value = Step> {
    let twist = prop_oneof![
        6 => Just(Twist::Nothing),
        1 => Just(Twist::Owner),
        1 => Just(Twist::Kind),
        1 => Just(Twist::Params),
        1 => Just(Twist::Purpose),
        1 => Just(Twist::Opened),
    ];
    (
        0..3_usize,
        0..8_usize,
        any::<u8>(),
        prop_oneof![5 => Just(0_usize), 1 => Just(1), 2 => Just(2)],
        twist,
    )
        .prop_map(|(like, part, drawn, set, twist)| Step { like, part, drawn, set, twist })
}

/// Gives `dice` with one of its bytes drawn anew.
fn redrawn(dice: Dice, part: usize, drawn: u8) -> Dice {
    let mut parts = dice.to_le_bytes();
    parts[part] = drawn;
    Dice::from_le_bytes(parts)
}

fn questioned<'a>(asked: &'a Asked, briefs: &mut Briefs, policies: &PolicySet) -> Case<'a> {
    briefs.case(policies, asked.question())
}

/// Gives the set of `text`, loaded where `before` was in force.
fn after(before: &PolicySet, text: &str) -> PolicySet {
    let source = PolicySource { name: "guardrails.cedar".to_owned(), text: text.to_owned() };
    let options = PolicyOptions { builtin_permit: false };
    PolicySet::compile_after(Some(before), &[source], options).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What was made ready for one call serves others, and none that it was not made of: whatever
    /// is registered, written or asked in between, each is answered as if it were the first.
    #[test]
    fn a_brief_never_outlives_what_it_was_made_of(
        texts in [sets(), sets()],
        dice in proptest::array::uniform3(any::<Dice>()),
        steps in proptest::collection::vec(steps(), 1..32),
    ) {
        let [one, other] = &texts;
        let [one, other] = [one, other].map(|it| (it, compile_with(it, false)));
        // What is edited and then says again what it said.
        let again = after(&after(&one.1, other.0), one.0);
        let sets = [one.1, other.1, again];
        let mut briefs = Briefs::default();
        for Step { like, part, drawn, set, twist } in steps {
            let mut asked = request(redrawn(dice[like], part, drawn));
            twist.turn(&mut asked);
            let case = questioned(&asked, &mut briefs, &sets[set]);
            let fresh = asked.case();
            for policies in &sets {
                prop_assert_eq!(policies.evaluate(&case), policies.evaluate(&fresh));
            }
            prop_assert!(briefs.len() <= Briefs::MOST);
        }
    }
}

#[test]
fn one_brief_serves_every_call_that_differs_in_what_it_carries_alone() {
    let policies = compile("");
    let mut briefs = Briefs::default();
    for text in [
        "files__tool read on:/a amount=1",
        "files__tool read on:/b amount=2 to:https://x",
        "files__tool read on:/a on:/b approved",
        "files__tool read on:/c at:2026-11-04T00:00:00Z fact:freeze@2026-12-01T00:00:00Z",
    ] {
        questioned(&asked(text), &mut briefs, &policies);
        assert_eq!(briefs.len(), 1, "{text}");
    }
    for (text, expected) in [
        ("files__tool read", 2),
        ("files__tool write on:/a", 3),
        ("files__tool read on:/a confidential", 4),
        ("files__tool read on:/a production", 5),
        ("files__tool read on:/a via:one", 6),
        ("files__other read on:/a", 7),
    ] {
        questioned(&asked(text), &mut briefs, &policies);
        assert_eq!(briefs.len(), expected, "{text}");
    }
}

#[test]
fn briefs_are_few_and_none_is_kept_of_other_policies() {
    let (policies, others) =
        (compile(""), compile("@id(\"a\") permit (principal, action, resource);"));
    let mut briefs = Briefs::default();
    for number in 0..Briefs::MOST * 2 {
        questioned(&asked(&format!("files__tool_{number}")), &mut briefs, &policies);
    }
    assert_eq!(briefs.len(), Briefs::MOST);
    questioned(&asked("files__tool_0"), &mut briefs, &others);
    assert_eq!(briefs.len(), 1);
    briefs.forget();
    assert!(briefs.is_empty());
}

#[test]
fn a_brief_serves_no_set_that_says_the_same_and_was_loaded_otherwise() {
    let first = "@id(\"b\") forbid (principal == Identity::\"triage-agent\", action == Action::\"files__tool\", resource == Resource::\"files:/secret\");
@id(\"c\") permit (principal, action, resource);
";
    let more = "@id(\"a\") permit (principal == Identity::\"x\", action, resource);\n";
    let before = compile_with(first, false);
    let asked = asked("files__tool on:/secret");
    let mut briefs = Briefs::default();
    let denied = before.evaluate(&questioned(&asked, &mut briefs, &before));
    assert_eq!(denied.verdict.kind(), VerdictKind::Deny);
    let between = after(&before, &format!("{more}{first}"));
    let again = after(&between, first);
    assert_eq!(again.version(), before.version());
    let case = questioned(&asked, &mut briefs, &again);
    assert_eq!(again.evaluate(&case), denied);
}
