//! Law 11 for Bailiwick's own charters and templates.

use bailiwick_model::{Json, Platform, Timestamp};
use proptest::prelude::*;

use crate::{
    exercised::Exercised,
    rightsize::{
        Margin, Rightsized, Wishes,
        fixture::{file, files, json, log, plan, verified},
        rightsize_house,
    },
};

const TRIAGE: &str = r#"{"name":"triage","owner":"team","purpose":"Triage","on_widen":"deny","window":{"max":"1h"},
  "allow":[{"server":"tickets","tools":["get_ticket","close_ticket"]},
           {"server":"files","tools":["read_file"],"resources":["file:///srv/*"],"when":"context.input.path like \"/srv/*\""}],
  "lease":[{"target":"orders-db","wants":["readers","writers"],"max":"10m"}]}"#;

fn charter(id: &str, templates: &str, more: &str) -> String {
    format!(
        r#"{{"identity":"{id}","owner":"team","templates":{templates},"servers":["files","mail","tickets"],"targets":["orders-db"],"proof":[{{"uid":1000}}]{more}}}"#
    )
}

fn house(all: &[(&str, String)]) -> Json {
    let file = |(name, value): &(&str, String)| {
        format!(r##"{{"name":"{name}","text":"# as it was\n","value":{value}}}"##)
    };
    let all: Vec<_> = all.iter().map(file).collect();
    json(&format!(r#"{{"shape":"bailiwick-house/1","files":[{}]}}"#, all.join(",")))
}

fn one(more: &str) -> Json {
    house(&[
        ("charters/agent.toml", charter("agent", r#"["triage"]"#, more)),
        ("templates/triage.toml", TRIAGE.to_owned()),
    ])
}

const LOG: [&str; 3] = [
    "1 agent | tickets | get_ticket | T-1 | ok",
    "2 agent | tickets | get_ticket | T-2 | ok",
    "2 agent | lease:orders-db | readers | x | ok",
];

fn exercised(more: &[&str]) -> Exercised {
    let lines: Vec<_> = LOG.iter().chain(more).map(|it| (*it).to_owned()).collect();
    log(Platform::Mcp, &lines)
}

fn made(exercised: &Exercised, house: &Json, wishes: &Wishes) -> Rightsized {
    let made = rightsize_house((exercised, wishes), house, "agent", Timestamp::default());
    let made = made.expect("smaller files");
    let told = verified(&made, house, exercised);
    assert!(told.holds, "{told:?}");
    let checks = &made.certificate.checks;
    assert!(checks.gives_no_more && checks.gives_all_used, "{checks:?}");
    made
}

fn days(window_days: u64) -> Wishes {
    Wishes { window_days, grace_days: 0, ..Wishes::default() }
}

/// Tells what is removed, and by which decisions.
fn told(house: &Json, events: &[&str], wishes: &Wishes) -> String {
    let made = made(&exercised(events), house, wishes);
    let decisions = made.certificate.decisions.iter();
    let decisions: Vec<_> =
        decisions.map(|it| format!("{} {}", it.decision.as_str(), it.entitlement)).collect();
    format!("{}: {}", decisions.join(", "), made.certificate.removed.actions.join(" "))
}

#[test]
fn lines_lose_tools_and_the_charter_what_no_template_names() {
    let house = one("");
    let made = made(&exercised(&[]), &house, &days(1));
    assert_eq!(
        files(&made),
        [
            "policies/charters-agent.toml",
            "policies/templates-triage.toml",
            "rollback/charters-agent.toml",
            "rollback/templates-triage.toml"
        ]
    );
    insta::assert_snapshot!(file(&made, "policies/templates-triage.toml"), @r#"
    name = "triage"
    on_widen = "deny"
    owner = "team"
    purpose = "Triage"

    [[allow]]
    server = "tickets"
    tools = ["get_ticket"]

    [[lease]]
    max = "10m"
    target = "orders-db"
    wants = ["readers"]

    [window]
    max = "1h"
    "#);
    insta::assert_snapshot!(file(&made, "policies/charters-agent.toml"), @r#"
    identity = "agent"
    owner = "team"
    servers = ["files","tickets"]
    targets = ["orders-db"]
    templates = ["triage"]

    [[proof]]
    uid = 1000
    "#);
    assert_eq!(file(&made, "rollback/templates-triage.toml"), "# as it was\n");
    insta::assert_snapshot!(plan(&made), @r"
    shadow:
    bailiwick rightsize shadow certificate.json NEW-LOGS --grants GRANTS
    back:
    replace:
    cp policies/templates-triage.toml HOUSE/templates/triage.toml
    cp policies/charters-agent.toml HOUSE/charters/agent.toml
    bailiwick check --config HOUSE/bailiwick.toml
    bailiwick reload --config HOUSE/bailiwick.toml
    back:
    cp rollback/templates-triage.toml HOUSE/templates/triage.toml
    cp rollback/charters-agent.toml HOUSE/charters/agent.toml
    bailiwick check --config HOUSE/bailiwick.toml
    bailiwick reload --config HOUSE/bailiwick.toml
    ");
}

#[test]
fn a_tools_name_may_have_a_colon_in_it() {
    let template = r#"{"name":"triage","owner":"team","purpose":"Triage","allow":[{"server":"files","tools":["fs:read","fs:write:all"]}],
      "lease":[{"target":"orders-db","wants":["role:readers","role:writers"]}]}"#;
    let house = house(&[
        ("charters/agent.toml", charter("agent", r#"["triage"]"#, "")),
        ("templates/triage.toml", template.to_owned()),
    ]);
    let used =
        ["2 agent | files | fs:read | x | ok", "2 agent | lease:orders-db | role:readers | x | ok"];
    assert_eq!(
        told(&house, &used, &days(1)),
        "reduce template triage, reduce charter agent: files:fs:write:all lease:orders-db:role:writers mail:*"
    );
    // The margin is the server's, whatever its tools are called.
    let wishes = Wishes { margin: Margin::Siblings, ..days(1) };
    assert_eq!(told(&house, &used, &wishes), "keep template triage, reduce charter agent: mail:*");
}

#[test]
fn what_is_used_asked_for_shared_or_wished_for_stays() {
    let all = "reduce template triage, reduce charter agent: ";
    let removed = |house: &Json, events: &[&str], wishes: &Wishes| told(house, events, wishes);
    let most =
        "files:read_file files:resources/read lease:orders-db:writers mail:* tickets:close_ticket";
    assert_eq!(
        removed(&one(""), &[], &days(1)),
        format!("reduce template triage, revoke charter agent: {most}")
    );
    let _ = all;
    let denied = ["2 agent | mail | send | x | no", "2 agent | tickets | close_ticket | x | no"];
    assert_eq!(
        removed(&one(""), &denied, &days(1)),
        "reduce template triage, keep charter agent: files:read_file files:resources/read lease:orders-db:writers"
    );
    // Whoever hands authority on uses what is done with it.
    let handed = one(r#","delegates_to":["helper"]"#);
    let by_helper = ["2 helper | files | read_file | x | ok"];
    assert!(!removed(&handed, &by_helper, &days(1)).contains("files:read_file"));
    assert!(removed(&one(""), &by_helper, &days(1)).contains("files:read_file"));
    let siblings = Wishes { margin: Margin::Siblings, ..days(1) };
    assert!(!removed(&one(""), &[], &siblings).contains("tickets:close_ticket"));
    assert_eq!(removed(&one(""), &[], &days(3)), "keep template triage, keep charter agent: ");
    let both = house(&[
        ("charters/agent.toml", charter("agent", r#"["triage"]"#, "")),
        ("charters/other.toml", charter("other", r#"["triage"]"#, "")),
        ("templates/triage.toml", TRIAGE.to_owned()),
    ]);
    assert_eq!(removed(&both, &[], &days(1)), "keep template triage, revoke charter agent: mail:*");
    // A template of which nothing is used is opened no longer.
    let unused = house(&[
        ("charters/agent.toml", charter("agent", r#"["triage","send"]"#, "")),
        ("templates/triage.toml", TRIAGE.to_owned()),
        (
            "templates/send.toml",
            r#"{"name":"send","allow":[{"server":"mail","tools":["send"]}]}"#.to_owned(),
        ),
    ]);
    let told = removed(&unused, &[], &days(1));
    assert!(
        told.starts_with("reduce template triage, revoke template send, keep charter agent: "),
        "{told}"
    );
    let emergency = TRIAGE.replace(r#""owner""#, r#""kind":"break-glass","owner""#);
    let emergency = house(&[
        ("charters/agent.toml", charter("agent", r#"["triage"]"#, "")),
        ("templates/triage.toml", emergency),
    ]);
    assert!(removed(&emergency, &[], &days(1)).starts_with("keep template triage"));
}

#[test]
fn whatever_else_is_changed_is_noticed() {
    let (exercised, house) = (exercised(&[]), one(""));
    let made = made(&exercised, &house, &days(1));
    let (template, charter) = ("policies/templates-triage.toml", "policies/charters-agent.toml");
    for (place, was, is, fault) in [
        (
            template,
            r#"["get_ticket"]"#,
            r#"["get_ticket","drop_all"]"#,
            "this was not allowed: tickets:drop_all",
        ),
        (template, r#""tickets""#, r#""mail""#, "this was not allowed: mail:get_ticket"),
        (
            template,
            "max = \"10m\"",
            "max = \"12h\"",
            "this was not allowed: lease:orders-db:readers",
        ),
        (template, "on_widen = \"deny\"", "on_widen = \"hold\"", "says something else besides"),
        (charter, r#"["triage"]"#, r#"["triage","root"]"#, "has more `templates`"),
        (charter, "uid = 1000", "uid = 0", "says something else besides"),
        (charter, r#""files""#, r#""shell""#, "has more `servers`"),
    ] {
        let mut other = made.clone();
        let document = other.documents.iter_mut().find(|it| it.file == place).expect("a document");
        let text = document.json.as_text().expect("a text");
        assert!(text.contains(was), "{was}: {text}");
        document.json = Json::Text(text.replacen(was, is, 1));
        let sha256 = crate::rightsize::digest_of(&document.json);
        for it in other.certificate.decisions.iter_mut().flat_map(|it| &mut it.documents) {
            if it.file == place {
                it.sha256 = sha256;
            }
        }
        let told = verified(&other, &house, &exercised);
        assert!(
            !told.holds && told.gives_more.iter().any(|it| it.contains(fault)),
            "{is}: {told:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    /// Law 11: nothing that was used or asked for goes, and nothing is given that was not.
    #[test]
    fn law_11_smaller_templates_let_through_all_that_was_used(
        templates in proptest::collection::vec(proptest::collection::vec((0..4_usize, proptest::collection::btree_set(0..4_usize, 1..4), any::<bool>(), any::<bool>()), 1..4), 1..4),
        opens in proptest::collection::vec(proptest::collection::btree_set(0..3_usize, 0..3), 2),
        delegates in any::<bool>(),
        events in proptest::collection::vec((1..4_u8, 0..3_usize, 0..4_usize, 0..4_usize, any::<bool>()), 0..10),
        window_days in 0..3_u64,
    ) {
        const SERVERS: [&str; 4] = ["files", "mail", "tickets", "beyond"];
        const TOOLS: [&str; 4] = ["a", "b", "c", "resources/read"];
        let quoted = |all: &mut dyn Iterator<Item = String>| all.map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(",");
        let mut all = Vec::new();
        let names = ["templates/t0.toml", "templates/t1.toml", "templates/t2.toml"];
        for (place, lines) in templates.iter().enumerate() {
            let line = |(server, tools, when, reads): &(usize, std::collections::BTreeSet<usize>, bool, bool)| {
                let tools = quoted(&mut tools.iter().filter(|it| **it < 3).map(|it| TOOLS[*it].to_owned()));
                let reads = if *reads { r#","resources":["file:///a/*"]"# } else { "" };
                let when = if *when { r#","when":"true""# } else { "" };
                format!(r#"{{"server":"{}","tools":[{tools}]{reads}{when}}}"#, SERVERS[*server])
            };
            let lines: Vec<_> = lines.iter().map(line).collect();
            all.push((names[place], format!(r#"{{"name":"t{place}","allow":[{}]}}"#, lines.join(","))));
        }
        let opens: Vec<_> = opens.iter().map(|it| format!("[{}]", quoted(&mut it.iter().map(|it| format!("t{it}"))))).collect();
        let more = if delegates { r#","delegates_to":["other"]"# } else { "" };
        all.push(("charters/agent.toml", charter("agent", &opens[0], more)));
        all.push(("charters/other.toml", charter("other", &opens[1], "")));
        let house = house(&all);
        let lines: Vec<_> = events.iter().map(|(day, who, server, tool, ok)| {
            let who = ["agent", "other", "stranger"][*who];
            format!("{day} {who} | {} | {} | x | {}", SERVERS[*server], TOOLS[*tool], if *ok { "ok" } else { "no" })
        }).collect();
        let exercised = log(Platform::Mcp, &lines);
        let made = made(&exercised, &house, &days(window_days));
        for name in &made.certificate.removed.actions {
            for (_, who, server, tool, _) in &events {
                let mine = *who == 0 || (*who == 1 && delegates);
                let did = format!("{}:{}", SERVERS[*server], TOOLS[*tool]);
                prop_assert!(!mine || (did != *name && format!("{}:*", SERVERS[*server]) != *name), "{}", name);
            }
            prop_assert!(!events.is_empty(), "no log, and {} goes", name);
        }
    }
}
