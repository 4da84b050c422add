//! The command line: what its words do, how it shows it, and how it ends.

use std::fs;

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES};

const WRITE: &str = r#"{"path": "/notes/today", "text": "x"}"#;

fn write(governor: &Governor, token: &str) -> Value {
    governor.call(token, "write_note", &serde_json::from_str(WRITE).unwrap())["structuredContent"]
        .clone()
}

fn words(one: &[&str], more: &[String]) -> Vec<String> {
    one.iter().map(|it| (*it).to_owned()).chain(more.iter().cloned()).collect()
}

fn run(governor: &Governor, words: &[String]) -> crate::governor::Ran {
    governor.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn the_exit_status_says_what_kind_of_no_it_is() {
    let mut governor = Governor::start(NOTES);
    let (task, _) = governor.open("reader", "reading", &[]);
    let nowhere = "task_01JD0000000000000000000000";
    for (words, code) in [
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec!["task", "show", &task], 0),
        (vec!["task", "show", nowhere], 1),
        (vec!["path", nowhere], 1),
        (vec!["why", "dec_01JD0000000000000000000000"], 1),
        (vec!["hold", "show", "hold_01JD0000000000000000000000"], 1),
        (vec!["identity", "show", "nobody"], 1),
        (vec!["why", "because"], 2),
        (vec!["task", "show", "the-last-one"], 2),
        (vec!["no-such-command"], 2),
        (vec!["task", "open"], 2),
        (vec!["task", "list", "--output", "xml"], 2),
        (vec!["task", "list", "--config", "elsewhere.toml"], 2),
        (vec!["identity", "add", "Not A Name", "--generate-key"], 2),
    ] {
        let ran = governor.run(&words);
        assert_eq!(ran.code, code, "{words:?}: {ran:?}");
        assert_eq!(ran.stderr.is_empty(), code == 0, "{words:?}: {ran:?}");
        assert!(code == 0 || ran.stdout.is_empty(), "{words:?}: {ran:?}");
    }
    governor.stop();
    for (words, code) in [
        (vec!["task", "show", &task], 0),
        (vec!["task", "list"], 0),
        (vec!["hold", "list"], 0),
        (vec!["person", "list"], 0),
        (vec!["identity", "list"], 0),
        (vec!["ledger", "verify"], 0),
        (vec!["task", "open", "--as", "reader", "--template", "reading"], 3),
        (vec!["task", "end", &task], 3),
        (vec!["task", "token", &task], 3),
        (vec!["contain", "reader", "--why", "x"], 3),
        (vec!["server", "list"], 3),
        (vec!["reload"], 3),
    ] {
        let ran = governor.run(&words);
        assert_eq!(ran.code, code, "{words:?}: {ran:?}");
        assert!(code == 0 || ran.stderr.contains("bailiwick serve"), "{words:?}: {ran:?}");
    }
    fs::remove_dir_all(governor.path("state")).unwrap();
    let said = governor.refused(&["task", "list"], 3);
    assert!(said.contains("bailiwick serve"), "{said}");
}

#[test]
fn an_answer_is_shown_for_people_and_for_programs() {
    let governor = Governor::start(NOTES);
    let (task, token) = governor.open("reader", "asking", &[]);
    write(&governor, &token);
    governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    for words in [
        vec!["task", "list"],
        vec!["task", "show", &task],
        vec!["hold", "list"],
        vec!["server", "list"],
        vec!["identity", "list"],
        vec!["identity", "show", "reader"],
        vec!["path", &task],
        vec!["ledger", "verify"],
        vec!["check"],
    ] {
        let shown = |form: &str| {
            let ran = governor.run(&[words.as_slice(), &["--output", form]].concat());
            assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
            ran.stdout
        };
        let (json, yaml, table) = (shown("json"), shown("yaml"), shown("table"));
        let value: Value = serde_json::from_str(&json).unwrap();
        assert!(!value.is_null());
        for name in names(&value) {
            assert!(yaml.contains(&format!("\"{name}\":")), "{words:?}: {name} in {yaml}");
        }
        assert!(serde_json::from_str::<Value>(&table).is_err(), "{words:?}: {table}");
        assert!(!table.trim().is_empty() && !table.contains("{\""), "{words:?}: {table}");
        assert_eq!(governor.run(&words).stdout, shown("table"), "a table is what people get");
    }
}

/// Gives every member name in `value`.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            members.iter().flat_map(|(name, it)| [vec![name.clone()], names(it)].concat()).collect()
        }
        Value::Array(items) => items.iter().flat_map(names).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn check_names_every_mistake_at_once() {
    let governor = Governor::prepare(NOTES);
    let good = governor.run(&["check"]);
    assert_eq!(good.code, 0, "{good:?}");
    governor.write("bailiwick.toml", &format!("{}\n[stat]\ndir = \"x\"\n", NOTES[0].1));
    governor.write("policies/one.cedar", "permit (principal, action, resource\n");
    governor.write(
        "templates/broken.toml",
        "name = \"broken\"\nowner = \"team-test\"\npurpose = \"x\"\non_widen = \"maybe\"\n[window]\nmax = \"soon\"\n",
    );
    governor.write(
        "charters/ghost.toml",
        "identity = \"ghost\"\nkind = \"spirit\"\nclass = \"x\"\nowner = \"team-test\"\npurpose = \"x\"\nproof = []\ntemplates = [\"haunting\"]\nservers = [\"cellar\"]\n",
    );
    let ran = governor.run(&["check", "--output", "json"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["ok"], false);
    let errors = report["errors"].as_array().unwrap();
    for (file, what) in [
        ("bailiwick.toml", "stat"),
        ("one.cedar", ""),
        ("broken.toml", "maybe"),
        ("broken.toml", "soon"),
        ("ghost.toml", "spirit"),
    ] {
        let named = errors.iter().any(|it| {
            it["file"].as_str().is_some_and(|it| it.ends_with(file))
                && it["message"].as_str().unwrap().contains(what)
                && it["line"].is_u64()
                && it["code"].is_string()
        });
        assert!(named, "{file} {what}: {report:#}");
    }
    let shown = governor.run(&["check"]);
    assert_eq!(shown.code, 2);
    for error in errors {
        assert!(
            shown.stdout.contains(error["code"].as_str().unwrap()),
            "{error}: {}",
            shown.stdout
        );
    }
    // Neither does such a house start.
    let ran = governor.refuses_to_serve();
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("mistakes"), "{}", ran.stderr);
}

#[test]
fn what_init_writes_is_good_and_governs() {
    let mut governor = Governor::prepare(&[]);
    let written = governor.json(&["init", "."]);
    assert_eq!(written["written"].as_array().unwrap().len(), 5);
    let checked = governor.json(&["check"]);
    assert_eq!(checked["ok"], true, "{checked}");
    let remarks: Vec<_> =
        checked["warnings"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert_eq!(
        remarks,
        ["CFG-101"],
        "only that a first try keeps everything on one disk: {checked}"
    );
    // It writes over nothing.
    let said = governor.refused(&["init", "."], 2);
    assert!(said.contains("there already"), "{said}");

    let text = fs::read_to_string(governor.path("bailiwick.toml")).unwrap();
    fs::write(governor.path("bailiwick.toml"), text.replace("127.0.0.1:8470", "127.0.0.1:0"))
        .unwrap();
    governor.serve();
    let (_, token) = governor.open("note-keeper", "keep-notes", &["note=/team/today"]);
    let call =
        |tool: &str, path: &str| governor.call(&token, tool, &json!({"path": path, "text": "x"}));
    assert_eq!(call("read_note", "/team/other")["isError"], false);
    assert_eq!(call("write_note", "/team/today")["isError"], false);
    assert_eq!(call("write_note", "/team/other")["structuredContent"]["verdict"], "hold");
    governor.stop();
}

#[test]
fn a_task_that_is_not_opened_says_why_in_the_askers_words() {
    let mut governor = Governor::prepare(NOTES);
    governor.write(
        "templates/ticket.toml",
        "name = \"ticket\"\nowner = \"team-test\"\npurpose = \"Read one note\"\non_widen = \"deny\"\n[params.note]\npattern = \"[a-z]+\"\n[window]\nmax = \"1h\"\n[[allow]]\nserver = \"notes\"\ntools = [\"read_note\"]\n",
    );
    let reader = NOTES.iter().find(|it| it.0 == "charters/reader.toml").unwrap().1;
    governor.write("charters/reader.toml", &reader.replace("\"asking\"]", "\"ticket\"]"));
    governor.write(
        "charters/keyed.toml",
        &reader
            .replace("\"reader\"", "\"keyed\"")
            .replace("{ uid = UID }", "{ key = \"keys/keyed.pub.pem\" }"),
    );
    governor.json(&["identity", "add", "keyed", "--generate-key"]);
    governor.serve();
    let open = |identity: &str, template: &str, more: &[&str]| {
        let words = [&["task", "open", "--as", identity, "--template", template], more].concat();
        governor.run(&words)
    };
    let named = |ran: crate::governor::Ran, code: i32, texts: &[&str]| {
        assert_eq!(ran.code, code, "{ran:?}");
        for text in texts {
            assert!(ran.stderr.contains(text), "{text}: {}", ran.stderr);
        }
    };
    named(open("reader", "nonsense", &[]), 1, &["nonsense"]);
    named(open("nobody", "reading", &[]), 1, &["`nobody` has no charter"]);
    named(open("reader", "asking", &[]), 1, &["asking", "reader"]);
    named(open("reader", "ticket", &[]), 1, &["note"]);
    named(open("reader", "ticket", &["--param", "note=UPPER"]), 1, &["note", "UPPER"]);
    named(open("reader", "ticket", &["--param", "note=abc", "--param", "other=x"]), 1, &["other"]);
    named(open("reader", "ticket", &["--param", "note"]), 2, &["`note` is not a parameter"]);
    named(
        open("reader", "ticket", &["--param", "note=a", "--param", "note=b"]),
        2,
        &["given twice"],
    );
    assert_eq!(open("reader", "ticket", &["--param", "note=abc"]).code, 0);

    // The key opens; without it nothing does, for the account is not among its proofs.
    assert_eq!(open("keyed", "reading", &[]).code, 0);
    fs::rename(governor.path("keys/keyed.pem"), governor.path("hidden.pem")).unwrap();
    named(open("keyed", "reading", &[]), 1, &["nothing proves", "keys/keyed.pem"]);
    assert_eq!(open("keyed", "reading", &["--key", "hidden.pem"]).code, 0);
    fs::write(governor.path("wrong.pem"), "no key").unwrap();
    named(open("keyed", "reading", &["--key", "wrong.pem"]), 2, &["wrong.pem"]);
    named(open("keyed", "reading", &["--key", "absent.pem"]), 2, &["absent.pem"]);

    // What was refused is on record as well.
    let refused = governor.records();
    let refused = refused.iter().filter(|it| {
        it["command"]["command"] == "task_opened" && it["command"]["verdict"] == "deny"
    });
    assert!(4 <= refused.count());
}

#[test]
fn tasks_are_listed_shown_and_minted_for_by_whoever_proves_them() {
    let mut governor = Governor::prepare(NOTES);
    let reader = NOTES.iter().find(|it| it.0 == "charters/reader.toml").unwrap().1;
    let proof = "{ key = \"keys/reader.pub.pem\" }";
    governor.write("charters/reader.toml", &reader.replace("{ uid = UID }", proof));
    let made = governor.json(&["identity", "add", "reader", "--generate-key"]);
    assert!(made["private"].as_str().unwrap().ends_with("keys/reader.pem"), "{made}");
    governor.refused(&["identity", "add", "reader", "--generate-key"], 2);
    governor.serve();
    let (first, token) = governor.open("reader", "reading", &[]);
    let (second, _) = governor.open("reader", "asking", &[]);
    governor.json(&["task", "end", &first]);

    let ids = |all: &[&str]| -> Vec<String> {
        let list = governor.json(&[&["task", "list"], all].concat());
        list["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&[]), std::slice::from_ref(&second));
    assert_eq!(ids(&["--all"]), [&*second, &*first], "newest first");
    let table = governor.run(&["task", "show", &first]).stdout;
    assert!(table.contains("ended") && table.contains("notes: read_note"), "{table}");

    let minted = governor.json(&["task", "token", &second]);
    let fresh = minted["token"].as_str().unwrap();
    assert_ne!(fresh, token);
    let read = governor.call(fresh, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read["isError"], false);
    // Without the proof of the opening there is none.
    fs::rename(governor.path("keys/reader.pem"), governor.path("hidden.pem")).unwrap();
    let said = governor.refused(&["task", "token", &second], 1);
    assert!(said.contains("nothing proves"), "{said}");
    governor.json(&["task", "token", &second, "--key", "hidden.pem"]);
}

#[test]
fn a_hold_that_is_denied_stays_denied() {
    let governor = Governor::start(NOTES);
    let by = governor.person("ada");
    let (_, token) = governor.open("reader", "asking", &[]);
    let hold = write(&governor, &token)["hold"].as_str().unwrap().to_owned();
    let listed = governor.json(&["hold", "list"]);
    assert_eq!(listed["holds"][0]["id"], hold.as_str());
    let shown = governor.run(&["hold", "show", &hold]).stdout;
    for text in ["/notes/today", "notes__write_note", "reader", "waiting", "outside"] {
        let there = shown.contains(text) || text == "outside" && shown.contains("why");
        assert!(there, "{text}: {shown}");
    }
    let ran = run(&governor, &words(&["hold", "deny", &hold], &by));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(governor.json(&["hold", "list"])["holds"], json!([]));
    let shown = governor.json(&["hold", "show", &hold]);
    assert_eq!(
        (&shown["status"]["state"], &shown["status"]["by"]),
        (&json!("refused"), &json!("ada"))
    );
    let ran = run(&governor, &words(&["hold", "approve", &hold], &by));
    assert_eq!(ran.code, 1, "what was refused is not approved: {ran:?}");
    assert_ne!(write(&governor, &token)["verdict"], "allow");
    assert_eq!(governor.reached(), 0);
}

#[test]
fn a_line_that_was_approved_counts_until_its_end_and_for_its_resource_only() {
    let governor = Governor::start(NOTES);
    let by = governor.person("ada");
    let (_, token) = governor.open("reader", "asking", &[]);
    let hold = write(&governor, &token)["hold"].as_str().unwrap().to_owned();
    let ran = run(&governor, &words(&["hold", "approve", &hold, "--for", "soon"], &by));
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = run(&governor, &words(&["hold", "approve", &hold, "--for", "10m"], &by));
    assert_eq!(ran.code, 0, "{ran:?}");
    for text in ["one", "two"] {
        let again =
            governor.call(&token, "write_note", &json!({"path": "/notes/today", "text": text}));
        assert_eq!(again["isError"], false, "{again}");
    }
    let other = governor.call(&token, "write_note", &json!({"path": "/notes/other", "text": "x"}));
    assert_eq!(other["structuredContent"]["verdict"], "hold", "{other}");
    assert_eq!(governor.reached(), 2);
}

#[test]
fn a_contained_identity_has_no_authority_until_a_person_releases_it() {
    let mut governor = Governor::start(NOTES);
    let by = governor.person("ada");
    let (task, token) = governor.open("reader", "reading", &[]);
    governor.json(&["contain", "reader", "--why", "it went too far"]);
    let read = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read["structuredContent"]["verdict"], "deny", "{read}");
    assert_eq!(governor.json(&["task", "show", &task])["status"]["state"], "ended");
    let open = ["task", "open", "--as", "reader", "--template", "reading"];
    assert!(governor.refused(&open, 1).contains("contained"));
    // It does not wear off.
    governor.stop();
    governor.serve();
    assert!(governor.refused(&open, 1).contains("contained"));
    governor.refused(&["release", "reader"], 2);
    fs::write(governor.path("wrong"), "not her passphrase").unwrap();
    governor.refused(&["release", "reader", "--by", "ada", "--passphrase-file", "wrong"], 1);
    let ran = run(&governor, &words(&["release", "reader"], &by));
    assert_eq!(ran.code, 0, "{ran:?}");
    let (_, token) = governor.open("reader", "reading", &[]);
    let read = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read["isError"], false, "{read}");
    assert_eq!(governor.json(&["task", "show", &task])["status"]["state"], "ended", "for good");
    assert_eq!(governor.reached(), 1);
}

#[test]
fn a_server_under_review_offers_nothing_until_a_person_accepts() {
    let mut governor = Governor::prepare(NOTES);
    let config = NOTES[0].1.replace("name = \"notes\"", "name = \"notes\"\npin = \"review\"");
    governor.write("bailiwick.toml", &config);
    governor.serve();
    let by = governor.person("ada");
    let (_, token) = governor.open("reader", "reading", &[]);
    let read = || governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_ne!(read()["isError"], false);
    let states = || -> Vec<String> {
        let tools = governor.json(&["server", "list"])["servers"][0]["tools"].clone();
        let tools = tools.as_array().unwrap().clone();
        tools.iter().map(|it| it["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(), ["waiting", "waiting"]);
    let ran = run(&governor, &words(&["server", "accept", "notes", "no_such_tool"], &by));
    assert_eq!(ran.code, 1, "{ran:?}");
    let ran = run(&governor, &words(&["server", "accept", "nowhere"], &by));
    assert_eq!(ran.code, 1, "{ran:?}");
    governor.refused(&["server", "accept", "notes"], 2);
    let ran = run(&governor, &words(&["server", "accept", "notes", "read_note"], &by));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(states(), ["accepted", "waiting"]);
    assert_eq!(read()["isError"], false);
    let ran = run(&governor, &words(&["server", "accept", "notes"], &by));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(states(), ["accepted", "accepted"]);
    assert_eq!(governor.reached(), 1);
}

#[test]
fn path_and_why_say_the_same_with_and_without_a_server() {
    let mut governor = Governor::start(NOTES);
    let (task, token) = governor.open("reader", "asking", &[]);
    governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    let held = write(&governor, &token)["decision"].as_str().unwrap().to_owned();
    let hold = write(&governor, &token)["hold"].as_str().unwrap().to_owned();
    governor.call(&token, "read_note", &json!({"path": "/notes/../etc"}));
    governor.json(&["task", "end", &task]);
    let mut asked = vec![
        vec!["path".to_owned(), task.clone()],
        vec!["task".to_owned(), "show".to_owned(), task.clone()],
        vec!["hold".to_owned(), "show".to_owned(), hold],
        vec!["task".to_owned(), "list".to_owned(), "--all".to_owned()],
        vec!["hold".to_owned(), "list".to_owned()],
        vec!["identity".to_owned(), "list".to_owned()],
        vec!["person".to_owned(), "list".to_owned()],
    ];
    for step in governor.json(&["path", &task])["steps"].as_array().unwrap() {
        asked.push(vec!["why".to_owned(), step["decision"].as_str().unwrap().to_owned()]);
    }
    assert!(asked.iter().any(|it| it[1] == held));
    let answers = |governor: &Governor| -> Vec<Value> {
        let ask = |words: &Vec<String>| {
            governor.json(&words.iter().map(String::as_str).collect::<Vec<_>>())
        };
        asked.iter().map(ask).collect()
    };
    let online = answers(&governor);
    governor.stop();
    assert_eq!(answers(&governor), online);
}

#[test]
fn one_state_has_one_governor() {
    let governor = Governor::start(NOTES);
    let second = governor.refuses_to_serve();
    assert_eq!(second.code, 3, "{second:?}");
    let owner = format!("in use by process {}", governor.pid());
    assert!(second.stderr.contains(&owner), "{}", second.stderr);
    // The first one did not even notice.
    let (_, token) = governor.open("reader", "reading", &[]);
    let read = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read["isError"], false);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let governor = Governor::prepare(NOTES);
    governor.write("bailiwick.toml", &NOTES[0].1.replace("127.0.0.1:0", &address));
    let ran = governor.refuses_to_serve();
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains(&address), "{}", ran.stderr);
}
