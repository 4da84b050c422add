//! Grants: which lines cover what, and what is said when none does.

use std::collections::BTreeSet;

use bailiwick_model::{Grant, ReasonCode};
use bailiwick_policy::{Coverage, GrantProgram, check_when};

use crate::fixture::{asked, grant, layer, line};

/// Compiles the grant and asks every line: `request -> what is said`.
#[track_caller]
fn check(grant: &Grant, requests: &str) {
    let program = GrantProgram::compile(grant).unwrap();
    for row in requests.lines().map(str::trim).filter(|it| !it.is_empty()) {
        let (request, expected) = row.split_once("->").unwrap();
        let said = match program.covers(&asked(request).case()) {
            Coverage::Covered { lines, .. } => format!("by {}", lines.join(", ")),
            Coverage::Missed { reasons, .. } => {
                reasons.into_iter().map(|it| it.text).collect::<Vec<_>>().join("; ")
            }
        };
        assert_eq!(said, expected.trim(), "{row}");
    }
}

fn triage() -> Grant {
    let mut uris = line("files", &[], None, "t.toml:30");
    uris.resources = vec!["file:///srv/*".to_owned(), "file:///one".to_owned()];
    uris.prompts = vec!["greet".to_owned(), "team-*".to_owned()];
    grant(vec![layer(
        &[("ticket", "T-1")],
        vec![
            line(
                "tickets",
                &["get_ticket", "add_comment"],
                Some("context.input.ticket == context.task.params.ticket"),
                "t.toml:10",
            ),
            line(
                "files",
                &["read_text_file"],
                Some("context.input.path like \"/srv/data/runbooks/*\""),
                "t.toml:14",
            ),
            line("files", &["list_directory"], None, "t.toml:20"),
            uris,
        ],
    )])
}

#[test]
fn a_line_covers_its_tools_under_its_condition() {
    check(
        &triage(),
        r#"
        tickets__get_ticket read ticket=T-1            -> by t.toml:10
        tickets__get_ticket read ticket=T-2            -> line t.toml:10 covers `get_ticket` only when context.input.ticket == context.task.params.ticket
        files__read_text_file read path=/srv/data/runbooks/a -> by t.toml:14
        files__read_text_file read path=/etc/passwd    -> line t.toml:14 covers `read_text_file` only when context.input.path like "/srv/data/runbooks/*"
        files__list_directory read                     -> by t.toml:20
        files__write_file write                        -> `write_file` of `files` is in no line of template `ticket-triage`
        mail__send egress                              -> the charter of `triage-agent` does not name `mail`
        "#,
    );
}

#[test]
fn resources_and_prompts_are_covered_by_name() {
    check(
        &triage(),
        "
        files__resources/read file:///srv/a read   -> by t.toml:30
        files__resources/read file:///one read     -> by t.toml:30
        files__resources/read file:///one/more read -> `file:///one/more` of `files` is in no line of template `ticket-triage`
        files__prompts/get greet read              -> by t.toml:30
        files__prompts/get team-a read             -> by t.toml:30
        files__prompts/get other read              -> `other` of `files` is in no line of template `ticket-triage`
        files__greet read                          -> `greet` of `files` is in no line of template `ticket-triage`
        ",
    );
}

#[test]
fn a_line_that_cannot_be_evaluated_covers_nothing_and_is_recorded() {
    let program = GrantProgram::compile(&triage()).unwrap();
    let covers = program.covers(&asked("tickets__get_ticket read").case());
    let Coverage::Missed { reasons, errors } = covers else { panic!("{covers:?}") };
    assert_eq!(reasons[0].code, ReasonCode::OutsideGrant);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].code, ReasonCode::GrantError);
    assert_eq!(errors[0].source, "t.toml:10");
}

#[test]
fn a_condition_that_is_no_yes_or_no_covers_nothing() {
    let lines = vec![line("files", &["read"], Some("context.input.path"), "t.toml:1")];
    check(
        &grant(vec![layer(&[], lines)]),
        "files__read read path=/a -> line t.toml:1 could not be evaluated: it is neither true nor false",
    );
}

#[test]
fn another_line_may_cover_what_one_misses() {
    let lines = vec![
        line("files", &["read"], Some("context.input.missing == 1"), "t.toml:1"),
        line("files", &["read"], Some("context.input.path like \"/b/*\""), "t.toml:2"),
    ];
    let grant = grant(vec![layer(&[], lines)]);
    check(&grant, "files__read read path=/b/x -> by t.toml:2");
    let program = GrantProgram::compile(&grant).unwrap();
    let covers = program.covers(&asked("files__read read path=/b/x").case());
    let Coverage::Covered { errors, .. } = covers else { panic!("{covers:?}") };
    assert_eq!(errors.len(), 1, "what could not be evaluated is recorded all the same");
}

#[test]
fn every_layer_must_cover_with_its_own_parameters() {
    let own = "context.input.path like \"/srv/*\" && context.task.params.who == \"child\"";
    let above = "context.input.path like \"*.md\" && context.task.params.who == \"parent\"";
    let two = |own: &str, above: &str| {
        grant(vec![
            layer(&[("who", "child")], vec![line("files", &["read"], Some(own), "c.toml:1")]),
            layer(&[("who", "parent")], vec![line("files", &["read"], Some(above), "p.toml:1")]),
        ])
    };
    check(
        &two(own, above),
        "
        files__read read path=/srv/a.md  -> by c.toml:1, p.toml:1
        ",
    );
    let program = GrantProgram::compile(&two(own, above)).unwrap();
    for path in ["/srv/a.txt", "/etc/a.md", "/etc/passwd"] {
        let asked = asked(&format!("files__read read path={path}"));
        assert!(!program.covers(&asked.case()).is_covered(), "{path}");
    }
}

#[test]
fn a_condition_on_the_resource_is_asked_of_each() {
    let when = "resource in Server::\"files\" && resource != Resource::\"files:/keys\"";
    let lines = vec![line("files", &["read_many"], Some(when), "t.toml:1")];
    let program = GrantProgram::compile(&grant(vec![layer(&[], lines)])).unwrap();
    let covered = |request: &str| program.covers(&asked(request).case()).is_covered();
    assert!(covered("files__read_many read on:/a on:/b"));
    assert!(!covered("files__read_many read on:/a on:/keys"));
    assert!(covered("files__read_many read"));
}

#[test]
fn a_grant_without_layers_or_lines_covers_nothing() {
    check(&grant(Vec::new()), "files__read read -> the task has no grant");
    let program = GrantProgram::compile(&grant(Vec::new())).unwrap();
    assert!(!program.could_cover(&asked("files__read read").request.action));
    check(
        &grant(vec![layer(&[], Vec::new())]),
        "files__read read -> `read` of `files` is in no line of template `ticket-triage`",
    );
}

#[test]
fn what_could_be_covered_is_told_without_arguments() {
    let program = GrantProgram::compile(&triage()).unwrap();
    let could = |request: &str| program.could_cover(&asked(request).request.action);
    assert!(could("tickets__get_ticket read"));
    assert!(could("files__read_text_file read"));
    assert!(!could("files__write_file write"));
    assert!(!could("mail__send egress"));
    assert_eq!(program.liked_inputs().iter().collect::<Vec<_>>(), ["path"]);
}

/// Writes each mistake of a condition as `code at "text": message (help)`.
fn mistakes(when: &str) -> Vec<String> {
    let params = BTreeSet::from(["ticket".to_owned(), "customer".to_owned()]);
    let errors = check_when(when, &params).err().unwrap_or_default();
    errors
        .into_iter()
        .map(|it| {
            let help = it.help.unwrap_or_default();
            format!("{} at `{}`: {} ({help})", it.code, when.get(it.span).unwrap(), it.message)
        })
        .collect()
}

#[test]
fn a_condition_is_checked_before_it_is_used() {
    assert!(mistakes("context.input.ticket == context.task.params.ticket").is_empty());
    assert!(mistakes("context has destinations && principal.owner == \"x\"").is_empty());
    assert_eq!(
        mistakes("context.inptu.ticket == context.task.params.tiket"),
        [
            "POL-010 at `inptu`: `context` has no `inptu` (did you mean `input`?)",
            "POL-014 at `tiket`: the template has no parameter `tiket` (did you mean `ticket`?)",
        ]
    );
    assert_eq!(
        mistakes("context.task.params has zzz"),
        ["POL-014 at `zzz`: the template has no parameter `zzz` \
             (it has `customer`, `ticket`)"]
    );
    assert_eq!(
        mistakes("context.granted || context.approval.granted"),
        [
            "POL-015 at `granted`: a line's condition cannot read `context.granted` \
             (it is the outcome of the lines themselves)",
            "POL-015 at `approval`: a line's condition cannot read `context.approval` \
             (ask for an approval in a policy, with `@hold`)",
        ]
    );
    assert_eq!(
        mistakes("action in Action::\"raed\""),
        ["POL-009 at `Action::\"raed\"`: unknown action `raed` \
             (did you mean `Action::\"read\"`?)"]
    );
}

#[test]
fn a_condition_is_one_expression_and_cannot_close_its_own_brackets() {
    for text in ["", "true }; permit (principal, action, resource) when { true", "true } unless {"]
    {
        assert!(check_when(text, &BTreeSet::new()).is_err(), "{text}");
    }
    let broken = vec![
        line("files", &["a"], Some("context.input."), "t.toml:3"),
        line("files", &["b"], Some("context.nwo == 1"), "t.toml:7"),
    ];
    let errors = GrantProgram::compile(&grant(vec![layer(&[], broken)])).unwrap_err();
    let lines: Vec<_> = errors.iter().map(|it| it.line.as_deref().unwrap()).collect();
    assert_eq!(lines, ["t.toml:3", "t.toml:7"]);
    assert_eq!(errors[1].to_string(), "t.toml:7: `context` has no `nwo`");
}
