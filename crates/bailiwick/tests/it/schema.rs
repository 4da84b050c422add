//! Policies are held against the tools that were accepted, when they are put in force and later.

use std::time::Instant;

use serde_json::json;

use crate::governor::{Governor, NOTES, PATIENCE};

const POLICY: &str = "policies/guardrails.cedar";

fn guardrail(condition: &str) -> String {
    format!(
        "@id(\"drafts\")\nforbid (principal, action == Action::\"notes__read_note\", resource)\n\
         when {{ {condition} }};\n"
    )
}

/// Waits until the definitions of what `notes` offers are kept.
fn known(governor: &Governor) -> String {
    let started = Instant::now();
    loop {
        let ran = governor.run(&["policy", "schema"]);
        if ran.code == 0 {
            return ran.stdout;
        }
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(started.elapsed() < PATIENCE, "no tool was accepted: {ran:?}");
        std::thread::yield_now();
    }
}

fn misfits(governor: &Governor) -> Vec<String> {
    let records = governor.records();
    let found = records.iter().filter(|it| it["code"] == "policies-misfit");
    found.map(|it| it["text"].to_string()).collect()
}

#[test]
fn a_policy_that_reads_what_no_call_has_is_refused_and_the_old_one_stays() {
    let governor = Governor::start(NOTES);
    let shown = known(&governor);
    assert!(
        shown.contains("action \"notes__read_note\" in [\"read\", \"server:notes\"]"),
        "{shown}"
    );
    assert!(shown.contains("\"path\": String"), "{shown}");
    let actions = &governor.json(&["policy", "schema"])[""]["actions"];
    assert!(actions["notes__write_note"].is_object(), "{actions}");

    governor.write(POLICY, &guardrail("context.input.path like \"/notes/drafts/*\""));
    assert_eq!(governor.json(&["reload"]), json!({"changed": [POLICY]}));
    governor.write(POLICY, &guardrail("context.input.pth like \"/notes/*\""));
    let checked = governor.run(&["check"]);
    assert_eq!(checked.code, 2, "{checked:?}");
    assert!(checked.stdout.contains("POL-018"), "{checked:?}");
    assert!(checked.stdout.contains("guardrails.cedar:3:22"), "{checked:?}");
    assert!(checked.stdout.contains("did you mean `path`?"), "{checked:?}");
    let said = governor.refused(&["reload"], 2);
    assert!(said.contains("nothing was changed") && said.contains("`context.input.pth`"), "{said}");

    let (_, token) = governor.open("reader", "reading", &[]);
    let read =
        |path: &str| governor.call(&token, "read_note", &json!({"path": path}))["isError"].clone();
    assert_eq!((read("/notes/a"), read("/notes/drafts/a")), (json!(false), json!(true)));
}

#[test]
fn a_line_of_a_template_is_held_against_its_tools_too() {
    let governor = Governor::start(NOTES);
    known(&governor);
    governor.write(NOTES[2].0, &NOTES[2].1.replace("input.path like", "input.paht like"));
    let checked = governor.run(&["check"]);
    assert_eq!(checked.code, 2, "{checked:?}");
    assert!(checked.stdout.contains("reading.toml:11:23"), "{checked:?}");
    assert!(checked.stdout.contains("did you mean `path`?"), "{checked:?}");
    governor.refused(&["reload"], 2);
}

#[test]
fn an_edit_that_does_not_fit_keeps_a_governor_from_starting() {
    let mut governor = Governor::start(NOTES);
    known(&governor);
    governor.stop();
    governor.write(POLICY, &guardrail("context.input has body"));
    let ran = governor.refuses_to_serve();
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("no call that this meets has `context.input.body`"), "{ran:?}");
    governor.write(POLICY, &guardrail("context.input.path like \"*.draft\""));
    governor.serve();
}

#[test]
fn what_is_in_force_when_a_tool_turns_out_otherwise_stays_in_force_and_is_a_finding() {
    let mut governor = Governor::prepare(NOTES);
    // Nothing is known of the tool yet, so only words are checked.
    governor.write(POLICY, &guardrail("context.input has body && context.input.body == \"x\""));
    assert_eq!(governor.run(&["check"]).code, 0);
    governor.serve();
    known(&governor);
    let started = Instant::now();
    while misfits(&governor).is_empty() {
        assert!(started.elapsed() < PATIENCE, "nothing was found");
    }
    let doctor = governor.run(&["doctor"]);
    assert!(doctor.stdout.contains("policies-misfit"), "{doctor:?}");
    // Nobody edited anything: it starts, says so again, and calls are answered.
    governor.stop();
    governor.serve();
    assert_eq!(misfits(&governor).len(), 2, "{:?}", misfits(&governor));
    let (_, token) = governor.open("reader", "reading", &[]);
    let read = governor.call(&token, "read_note", &json!({"path": "/notes/a"}));
    assert_eq!(read["isError"], false, "{read}");
    governor.refused(&["reload"], 2);
}
