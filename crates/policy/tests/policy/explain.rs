//! What is told of why: each part by itself, with what it looked at.

use std::collections::BTreeSet;

use bailiwick_model::{Asked, Json, JsonLimits, Otherwise, PartSaid};
use proptest::{collection, prelude::*};

use crate::{
    fixture::{self, asked, compile_with},
    full::{self, Full},
    law_9::{Dice, request, sets},
};

/// Gives what a permit with this condition misses.
fn missed(when: &str, call: &str) -> String {
    let text =
        format!("@id(\"one\") permit (principal, action in Action::\"read\", resource) {when};");
    let asked = asked(call);
    let told = compile_with(&text, false).explain_one("one", &asked.case());
    told.iter().map(missing).collect::<Vec<_>>().join(" | ")
}

fn missing(asked: &Asked) -> String {
    let mut missing = Vec::new();
    for part in &asked.parts {
        let unless = if part.unless { "unless " } else { "" };
        match part.said {
            PartSaid::Fails => missing.push(format!("{unless}{}", part.text)),
            PartSaid::Breaks => missing.push(format!(
                "{unless}{} ({})",
                part.text,
                part.error.as_deref().unwrap_or_default()
            )),
            PartSaid::Holds | PartSaid::NotAsked => {}
        }
    }
    missing.join("; ")
}

#[test]
fn every_part_that_must_hold_is_asked_by_itself() {
    let three = "when { context.granted && context.depth > 3 } unless { context.tool == \"tool\" }";
    assert_eq!(
        missed(three, "files__tool write"),
        "action in [Action::\"read\"]; context.depth > 3; unless context.tool == \"tool\""
    );
    assert_eq!(missed("when { context.granted }", "files__tool read"), "");
}

#[test]
fn neither_of_two_that_stand_behind_unless_may_hold() {
    let either = "unless { context.depth < 3 || context.granted }";
    assert_eq!(
        missed(either, "files__tool read"),
        "unless context.depth < 3; unless context.granted"
    );
}

#[test]
fn what_stands_behind_a_guard_is_no_mistake() {
    let guarded = "when { context.input has amount && context.input.amount > 5 }";
    assert_eq!(missed(guarded, "files__tool read"), "context.input has amount");
    let bare = missed("when { context.input.amount > 5 }", "files__tool read");
    assert!(bare.starts_with("context.input.amount > 5 (") && bare.contains("amount"), "{bare}");
}

#[test]
fn a_part_is_told_in_its_authors_words_with_its_place_and_what_it_saw() {
    let text = "@id(\"big\")\nforbid (principal, action, resource)\nwhen {\n  context.input has amount &&\n  context.input.amount > 5\n}\nunless { principal.class == \"batch\" };\n";
    let asked = asked("files__tool write amount=9");
    let set = compile_with(text, true);
    let told = set.explain(&asked.case(), 1);
    assert_eq!((told.more, told.asked.len()), (1, 1));
    let big = &told.asked[0].1;
    for part in &big.parts {
        let (start, end) = part.span.unwrap();
        assert_eq!(text.get(start..end), Some(part.text.as_str()));
    }
    let shown: Vec<String> = big
        .parts
        .iter()
        .map(|it| {
            let saw = it.saw.iter().map(|it| format!("{} {:?}", it.name, it.value));
            let saw: Vec<_> = saw.collect();
            format!("{} {} {} [{}]", it.line.unwrap(), it.said, it.text, saw.join(", "))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    4 holds context.input has amount [context.input.amount Some("9")]
    5 holds context.input.amount > 5 [context.input.amount Some("9")]
    7 holds principal.class == "batch" [principal.class Some("\"interactive-agent\"")]
    "#);
}

#[test]
fn what_would_change_it_is_a_value_that_stands_there() {
    let ways = |policies: &str, call: &str| {
        let asked = asked(call);
        let ways = compile_with(policies, true).ways(&asked.case());
        let way = |way: &Vec<Otherwise>| {
            way.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        ways.iter().map(way).collect::<Vec<_>>().join("; ")
    };
    let forbid = |when: &str| format!("@id(\"f\") forbid (principal, action, resource) {when};");
    for (when, call, expected) in [
        ("when { context.input.amount > 5 }", "amount=9", "with `amount` = 5"),
        ("when { context.input.amount >= 5 }", "amount=9", "with `amount` = 4"),
        ("when { 5 < context.input.amount }", "amount=9", "with `amount` = 5"),
        ("when { context.input has amount }", "amount=9", "without `amount`"),
        (
            "unless { context.input.path like \"/srv/*\" }",
            "path=/etc",
            "with `path` = \"/srv/any\"",
        ),
        (
            "unless { [\"a\", \"b\"].contains(context.input.to) }",
            "to=c",
            "with `to` = \"a\"; with `to` = \"b\"",
        ),
        (
            "unless { context.input.ticket == context.task.params.ticket }",
            "ticket=T-2",
            "with `ticket` = \"T-1\"; in a task whose parameter `ticket` is `T-2`",
        ),
        (
            "unless { context.input has amount && context.input.amount < 3 }",
            "x=1",
            "with `amount` = 2",
        ),
        (
            "when { context.facts.contains(\"freeze\") }",
            "fact:freeze@2026-11-02T11:00:00Z",
            "once `freeze` no longer holds",
        ),
        ("when { context.input.path != \"/a\" }", "path=/b", "with `path` = \"/a\""),
        ("when { context.input.path == \"/b\" }", "path=/b", ""),
        ("when { resource.sensitivity == \"internal\" }", "", ""),
        ("when { context.input.dry == false }", "dry=false", "with `dry` = true"),
    ] {
        assert_eq!(ways(&forbid(when), &format!("files__tool {call}")), expected, "{when}");
    }
}

/// What parts come to, read without the code that tells of them.
fn together(asked: &Asked) -> Option<bool> {
    for part in &asked.parts {
        match part.said {
            PartSaid::Holds => {}
            PartSaid::Fails => return Some(false),
            PartSaid::Breaks => return None,
            PartSaid::NotAsked => panic!("not asked, and nothing before it fails"),
        }
    }
    Some(true)
}

/// Asks Cedar one part by itself, as a policy of its own: neither the index nor our views have a
/// hand in it.
fn naive(condition: &str, shown: &(cedar_policy::Request, cedar_policy::Entities)) -> Option<bool> {
    let policy =
        format!("@id(\"one\") permit (principal, action, resource) when {{ {condition} }};");
    let said = Full::parse(&policy).said(std::slice::from_ref(shown));
    if said[0].errors.is_empty() { Some(said[0].allowed) } else { None }
}

/// Holds what is told of a policy against Cedar: every part, and every value that it saw.
fn check_by_cedar(asked: &Asked, shown: &(cedar_policy::Request, cedar_policy::Entities)) {
    for part in &asked.parts {
        let condition = if part.unless { format!("!({})", part.text) } else { part.text.clone() };
        let expected = match part.said {
            PartSaid::Holds => Some(true),
            PartSaid::Fails => Some(false),
            PartSaid::Breaks | PartSaid::NotAsked => None,
        };
        assert_eq!(naive(&condition, shown), expected, "{}: {condition}", asked.by);
        for saw in &part.saw {
            let Some(value) = &saw.value else {
                assert_eq!(naive(&format!("{0} == {0}", saw.name), shown), None, "{}", saw.name);
                continue;
            };
            let value = Json::parse(value.as_bytes(), JsonLimits::default()).unwrap();
            assert_eq!(naive(&in_cedar(&saw.name, &value), shown), Some(true), "{}", saw.name);
        }
    }
}

/// Says in Cedar that something has a value.
fn in_cedar(name: &str, value: &Json) -> String {
    match value {
        // A thing, a moment or a decimal is shown as Cedar writes it.
        Json::Text(text) if text.contains("::\"") || text.contains("(\"") => {
            format!("{name} == {text}")
        }
        Json::Object(_) => format!("{name} == {name}"),
        Json::Null
        | Json::Bool(_)
        | Json::Int(_)
        | Json::Float(_)
        | Json::Text(_)
        | Json::List(_) => format!("{name} == {}", value.canonical()),
    }
}

#[test]
fn why_of_thirty_varied_decisions_is_what_cedar_says_of_each_part() {
    const POLICIES: &str = r#"
@id("in-srv") permit (principal, action, resource)
  when { context.input has path && context.input.path like "/srv/*" };
@id("own-ticket") permit (principal, action in Action::"write", resource)
  when { context.input.ticket == context.task.params.ticket && context.depth < 2 };
@id("batch-reads") permit (principal in Class::"batch", action in Action::"read", resource)
  when { resource.sensitivity_rank <= 1 } unless { context.facts.contains("freeze") };
@id("small") forbid (principal, action, resource)
  when { context.input has amount && context.input.amount > 100 }
  unless { context.environment == "development" || principal.owner == "team-money" };
@id("breaks") forbid (principal, action in Action::"egress", resource)
  when { context.input.amount + 1 > 5 && context.destinations.contains("https://x") };
@id("secret") forbid (principal, action, resource)
  when { resource is Resource && resource.sensitivity == "confidential" && principal.kind == "agent" };
@hold("money leaves") @id("money") forbid (principal, action in Action::"money", resource)
  when { context.input has amount && context.input.amount >= 10 }
  unless { context.approval.granted };
"#;
    let (set, mut decisions, mut verdicts) = (compile_with(POLICIES, false), 0, BTreeSet::new());
    for action in ["read", "write", "read egress", "write money"] {
        for rest in [
            "path=/srv/a on:/srv/a",
            "path=/etc/shadow on:/etc/shadow",
            "ticket=T-1 amount=3 to:https://x",
            "ticket=T-2 amount=300 production confidential on:/a on:/b",
            "amount=\"many\" via:one via:two",
            "path=/srv/b amount=20 fact:freeze@2026-11-02T11:00:00Z",
            "path=/srv/c amount=2.5 at:2026-11-03T00:00:00Z",
            "path=/srv/d amount=12 approved",
        ] {
            let asked = asked(&format!("files__tool {action} {rest}"));
            let (case, shown) = (asked.case(), full::shown(&asked));
            verdicts.insert(set.evaluate(&case).verdict.kind());
            for policy in set.list() {
                let told = set.explain_one(&policy.id, &case);
                assert_eq!(told.len(), shown.len());
                told.iter().zip(&shown).for_each(|(told, shown)| check_by_cedar(told, shown));
            }
            decisions += 1;
        }
    }
    assert!(30 <= decisions && verdicts.len() == 3, "{decisions} {verdicts:?}");
}

#[test]
fn a_line_is_told_part_by_part_and_what_it_would_cover() {
    let when = "context.input.path like \"/srv/*\" && context.input.n < 3";
    let lines = vec![
        fixture::line("files", &["tool"], Some("context.input.n == 7"), "t.toml:9"),
        fixture::line("files", &["tool"], Some(when), "t.toml:5"),
    ];
    let grant = fixture::grant(vec![fixture::layer(&[], lines)]);
    let program = bailiwick_policy::GrantProgram::compile(&grant).unwrap();
    let asked = asked("files__tool read path=/etc n=2");
    let told = program.explain(&asked.case(), 8).asked;
    let shown: Vec<_> = told.iter().map(|(_, it)| format!("{}: {}", it.by, missing(it))).collect();
    assert_eq!(
        shown,
        ["t.toml:9: context.input.n == 7", "t.toml:5: context.input.path like \"/srv/*\""]
    );
    let ways: Vec<_> = program.ways(&asked.case()).iter().map(|it| it[0].to_string()).collect();
    assert_eq!(ways, ["with `n` = 7", "with `path` = \"/srv/any\""]);
}

/// Gives the values that were told of, in bytes.
fn told_bytes(asked: &Asked) -> usize {
    let values = asked.parts.iter().flat_map(|it| &it.saw).filter_map(|it| it.value.as_ref());
    values.map(String::len).sum()
}

#[test]
fn a_condition_that_never_looks_at_the_resource_is_told_once_for_a_thousand() {
    let one = "@id(\"big\") forbid (principal, action, resource) when { context.input.n > 5 };";
    let on: String = (0..1000).map(|it| format!(" on:/srv/{it}")).collect();
    let asked = asked(&format!("files__tool write n=9{on}"));
    let told = compile_with(one, true).explain(&asked.case(), 8);
    let big: Vec<_> = told.asked.iter().filter(|(_, it)| it.by == "big").collect();
    assert_eq!((big.len(), big[0].1.resource.as_deref()), (1, None));
    let line = fixture::line("files", &["tool"], Some("context.input.n == 7"), "t.toml:9");
    let grant = fixture::grant(vec![fixture::layer(&[], vec![line])]);
    let program = bailiwick_policy::GrantProgram::compile(&grant).unwrap();
    assert_eq!(program.explain(&asked.case(), 8).asked.len(), 1);
}

#[test]
fn of_many_resources_the_first_that_stopped_the_call_are_told_and_what_forbids_comes_first() {
    let text = "
@id(\"a-permit\") permit (principal, action, resource) when { resource == Resource::\"files:x\" };
@id(\"b-permit\") permit (principal, action, resource) when { context.granted };
@id(\"z-forbid\") forbid (principal, action, resource)
  unless { resource in [Resource::\"files:/srv/100\", Resource::\"files:/srv/101\"] };";
    let on: String = (100..1000).map(|it| format!(" on:/srv/{it}")).collect();
    let asked = asked(&format!("files__tool write{on}"));
    let told = compile_with(text, false).explain(&asked.case(), 4);
    let shown = told.asked.iter().map(|(_, it)| (it.by.as_str(), it.resource.as_deref()));
    let [a, b, c] = ["/srv/102", "/srv/103", "/srv/104"].map(Some);
    let first = [("z-forbid", a), ("z-forbid", b), ("z-forbid", c), ("b-permit", a)];
    assert_eq!(shown.collect::<Vec<_>>(), first);
    assert_eq!(told.more, 5);
    // Lines and policies are put in one order.
    let line = fixture::line("files", &["tool"], Some("context.input.n == 7"), "t.toml:9");
    let grant = fixture::grant(vec![fixture::layer(&[], vec![line])]);
    let program = bailiwick_policy::GrantProgram::compile(&grant).unwrap();
    let together = program.explain(&asked.case(), 4).and(told, 4);
    let shown: Vec<_> = together.asked.iter().map(|(_, it)| it.by.as_str()).collect();
    assert_eq!(
        (shown.as_slice(), together.more),
        (&["z-forbid", "z-forbid", "z-forbid", "t.toml:9"][..], 6)
    );
}

#[test]
fn a_long_value_is_told_by_its_length_and_all_values_have_a_bound() {
    let looks = |it: usize| format!("context.input.a{it} != \"x\"");
    let all: Vec<String> = (0..40).map(looks).collect();
    let text = format!(
        "@id(\"one\") forbid (principal, action, resource) when {{ {} }};",
        all.join(" && ")
    );
    let of = |bytes: usize| {
        let given: String = (0..40).map(|it| format!(" a{it}={}", "y".repeat(bytes))).collect();
        let asked = asked(&format!("files__tool write{given}"));
        compile_with(&text, true).explain(&asked.case(), 1).asked[0].1.clone()
    };
    let long = of(5000);
    let first = &long.parts[0].saw[0];
    let told = Some("\"(a text of 5000 bytes)\"");
    assert_eq!((first.value.as_deref(), first.hidden), (told, true));
    assert_eq!((long.applies, long.parts.len()), (Some(true), 40));
    let short = of(1000);
    assert!(!short.parts[0].saw[0].hidden && short.parts[39].saw.is_empty());
    assert!(told_bytes(&short) < 17 << 10, "{}", told_bytes(&short));
}

#[test]
fn of_the_facts_only_the_one_that_was_asked_for_is_told() {
    let text = "@id(\"no-freeze\") forbid (principal, action, resource)
      when { context has facts && context.facts.contains(\"freeze\") };";
    let fact = |it: &str| format!(" fact:{it}@2026-11-02T11:00:00Z");
    let asked = asked(&format!("files__tool write{}{}", fact("freeze"), fact("merger")));
    let told = compile_with(text, true).explain(&asked.case(), 1);
    let saw: Vec<_> = told.asked[0].1.parts.iter().flat_map(|it| &it.saw).collect();
    let names: Vec<_> = saw.iter().map(|it| (it.name.as_str(), it.value.as_deref())).collect();
    assert_eq!(names, [("context.facts.contains(\"freeze\")", Some("true"))]);
}

#[test]
fn a_fact_whose_name_was_sent_is_no_change_that_is_told() {
    let text = "@id(\"f\") forbid (principal, action, resource)
      unless { context.facts.contains(context.input.token) };";
    let asked = asked("files__tool write token=ghp_0123456789abcdefABCDEF0123456789abcd");
    let ways = compile_with(text, true).ways(&asked.case());
    assert!(!ways.iter().flatten().any(|it| matches!(it, Otherwise::Fact { .. })), "{ways:?}");
}

#[test]
fn of_the_layers_above_no_value_is_told_and_none_is_tried() {
    let when = "context.input.ticket == context.task.params.ticket";
    let layer = |ticket| {
        let line = fixture::line("files", &["tool"], Some(when), ticket);
        fixture::layer(&[("ticket", ticket)], vec![line])
    };
    let grant = fixture::grant(vec![layer("T-1"), layer("T-9")]);
    let program = bailiwick_policy::GrantProgram::compile(&grant).unwrap();
    let asked = asked("files__tool read ticket=T-2");
    let told = program.explain(&asked.case(), 8).asked;
    let saw: Vec<_> = told.iter().map(|(_, it)| it.parts[0].saw.len()).collect();
    assert_eq!(saw, [2, 0]);
    let ways = format!("{:?}", program.ways(&asked.case()));
    assert!(ways.contains("T-1") && !ways.contains("T-9"), "{ways}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The parts of a policy, head and all, come to what Cedar says of it, resource by resource.
    #[test]
    fn the_parts_together_say_what_cedar_says(
        text in sets(),
        unless in any::<bool>(),
        dice in collection::vec(any::<Dice>(), 16),
    ) {
        let text = if unless { text.replace(" when {", " unless {") } else { text };
        let (set, full) = (compile_with(&text, false), Full::parse(&text));
        for dice in dice {
            let asked = request(dice);
            let (case, shown) = (asked.case(), full::shown(&asked));
            let applying = set.applying(&case);
            let told: Vec<_> =
                set.list().iter().map(|it| (it.id.clone(), set.explain_one(&it.id, &case))).collect();
            for (place, applying) in applying.iter().enumerate() {
                for (id, told) in &told {
                    let expected = match (applying.satisfied.contains(id), applying.errors.contains(id)) {
                        (true, _) => Some(true),
                        (false, true) => None,
                        (false, false) => Some(false),
                    };
                    prop_assert_eq!(together(&told[place]), expected, "{} {:?}", id, told);
                    prop_assert_eq!(told[place].applies, expected);
                }
            }
            prop_assert_eq!(full.said(&shown).len(), shown.len());
        }
    }
}
