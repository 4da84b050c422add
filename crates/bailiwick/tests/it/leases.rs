//! Credentials at other systems, from the first word to the last: asked for by the agent over HTTP, made
//! by a program of the operator's, and gone with the task.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::governor::{Answer, Governor, NOTES, until};

/// Makes a user of a name that is made of the lease's, as a file, and removes it again. It writes down
/// what it is asked.
const PROGRAM: &str = r#"
import json, os, sys, time
here = sys.argv[1]
asked = json.load(sys.stdin)
with open(os.path.join(here, "asked"), "a") as log:
    log.write(json.dumps(asked) + "\n")
if os.path.exists(os.path.join(here, "away")):
    print("hunter2-of-stderr", file=sys.stderr)
    sys.exit(1)
def mood():
    path = os.path.join(here, "moods-" + asked["do"])
    if not os.path.exists(path):
        return ""
    with open(path) as it:
        moods = it.read().split()
    with open(path, "w") as it:
        it.write("\n".join(moods[1:]))
    return moods[0] if moods else ""
mood = mood()
def user(lease):
    return os.path.join(here, "user-" + lease.lower())
def later(do):
    if os.fork() == 0:
        os.setsid()
        for it in (0, 1, 2):
            os.close(it)
        time.sleep(2)
        do()
        os._exit(0)
def make():
    with open(user(asked["lease"]), "w") as it:
        it.write(asked["identity"])
def remove():
    if os.path.exists(user(asked["lease"])):
        os.remove(user(asked["lease"]))
if mood == "refuses":
    sys.exit(77)
if mood == "busy":
    sys.exit(75)
if mood == "late":
    later(make if asked["do"] == "issue" else remove)
    os.kill(os.getpid(), 9)
if asked["do"] == "issue":
    if mood != "lies":
        make()
    if mood == "garbage":
        print("hunter2-of-garbage {")
        sys.exit(0)
    if mood == "half":
        print('{"called": "hunter2-of-half", "secrets": {"password": "hun')
        sys.exit(0)
    if mood == "dies":
        os.kill(os.getpid(), 9)
    if mood == "twice":
        print("{}")
    print(json.dumps({
        "called": "user-" + ("other" if mood == "another" else asked["lease"].lower()),
        "fields": {"user": "user-" + asked["lease"].lower(), "host": "db.internal"},
        "secrets": {"password": "hunter2-" + asked["lease"]},
        "keepsake": "keepsake-hunter2-" + asked["lease"],
    }))
elif asked["do"] == "revoke":
    if mood not in ("lies", "half"):
        remove()
    if mood == "dies":
        os.kill(os.getpid(), 9)
    if mood == "half":
        sys.exit(1)
else:
    if mood == "garbage":
        print("hunter2-of-garbage")
        sys.exit(0)
    if mood == "another":
        print(json.dumps({"leases": ["lease_01JD8X00000000000000000000"]}))
        sys.exit(0)
    found = [it[5:].replace("lease_", "") for it in os.listdir(here) if it.startswith("user-")]
    print(json.dumps({"leases": ["lease_" + it.upper() for it in found]}))
"#;

/// Prepares a house with a target `orders-db` that the program stands for.
pub(crate) fn house(more: &str) -> Governor {
    let governor = Governor::prepare(NOTES);
    fs::write(governor.path("program.py"), PROGRAM).unwrap();
    fs::create_dir(governor.path("users")).unwrap();
    let toml = fs::read_to_string(governor.path("bailiwick.toml")).unwrap();
    let (program, users) = (governor.path("program.py"), governor.path("users"));
    let target = format!(
        "{toml}\n[[target]]\nname = \"orders-db\"\nkind = \"program\"\nsweep = \"1s\"\n[target.program]\ncommand = [\"python3\", {program:?}, {users:?}]\n"
    );
    governor.write("bailiwick.toml", &target);
    let reader = NOTES.iter().find(|it| it.0 == "charters/reader.toml").unwrap().1;
    let reader = reader.replace("\"asking\"]", "\"asking\", \"report\"]");
    governor.write("charters/reader.toml", &format!("targets = [\"orders-db\"]\n{reader}"));
    let template = format!(
        "name = \"report\"\nowner = \"team-test\"\npurpose = \"Report on orders\"\non_widen = \"hold\"\n[window]\nmax = \"1h\"\n[[lease]]\ntarget = \"orders-db\"\nwants = [\"readers\"]\nmax = \"30m\"\n{more}"
    );
    governor.write("templates/report.toml", &template);
    governor
}

pub(crate) fn ask(governor: &Governor, token: &str, wish: &Value) -> Answer {
    governor.post("/leases/orders-db", token, &[], &wish.to_string())
}

pub(crate) fn users(governor: &Governor) -> Vec<String> {
    let entries = fs::read_dir(governor.path("users")).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|it| it.starts_with("user-")).collect();
    names.sort();
    names
}

#[test]
fn a_task_gets_a_credential_and_its_end_proves_that_it_is_gone() {
    let mut governor = house("");
    governor.serve();
    let (task, token) = governor.open("reader", "report", &[]);
    let answer = ask(&governor, &token, &json!({}));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let lease = answer.json();
    assert_eq!((&lease["enforced"], &lease["wants"]), (&json!("session"), &json!(["readers"])));
    let id = lease["lease"].as_str().unwrap();
    assert_eq!(lease["credential"]["password"], format!("hunter2-{id}"));
    assert_eq!(users(&governor).len(), 1);
    // Asked again it is the same; the decision is another one.
    let again = ask(&governor, &token, &json!({"wants": ["readers"]})).json();
    assert_eq!(again["lease"], lease["lease"]);
    assert_ne!(again["decision"], lease["decision"]);

    let listed = governor.json(&["lease", "list"]);
    assert_eq!(listed["leases"][0]["state"], "active", "{listed}");
    let path = governor.json(&["path", &task]);
    assert_eq!(path["steps"][0]["tool"], "lease", "{path}");
    assert_eq!(path["steps"][0]["lease"], lease["lease"]);
    assert_eq!(path["leases"][0]["enforced"], "session");
    assert!(governor.run(&["path", &task]).stdout.contains("enforced as session"));

    let ended = governor.json(&["task", "end", &task]);
    let proof = &ended["leases"][0];
    assert_eq!(proof["state"], "revoked", "{ended}");
    for time in ["issued", "used", "gone"] {
        assert!(proof[time].is_string(), "{time}: {proof}");
    }
    assert_eq!(proof["ended"]["cause"], "task");
    assert_eq!(ended["authority"][0]["what"], "lease:orders-db readers", "{ended}");
    assert_eq!(ended["authority"][0]["used"], 2);
    assert_eq!(users(&governor), Vec::<String>::new());
    let shown = governor.run(&["lease", "show", id]).stdout;
    assert!(shown.contains("revoke enforced  2"), "{shown}");
    assert_eq!(ask(&governor, &token, &json!({})).status, 403);

    // What is secret is nowhere but in the answer.
    governor.stop();
    let whole = governor.records().iter().map(Value::to_string).collect::<String>();
    assert!(whole.contains(id) && !whole.contains("hunter2"), "{whole}");
    for file in walk(&governor.path("state")) {
        let bytes = fs::read(&file).unwrap_or_default();
        let found = bytes.windows(7).any(|it| it == b"hunter2");
        assert!(!found, "a secret lies in {}", file.display());
    }
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn what_no_line_names_waits_for_a_person_and_a_target_that_is_none_is_unknown() {
    let mut governor = house("");
    governor.serve();
    let alice = governor.person("alice");
    let (_, token) = governor.open("reader", "report", &[]);
    let wish = json!({"wants": ["writers"], "for": "5m"});
    let held = ask(&governor, &token, &wish);
    assert_eq!((held.status, &held.json()["code"]), (403, &json!("held")), "{held:?}");
    let hold = held.json()["hold"].as_str().unwrap().to_owned();
    let by: Vec<&str> = alice.iter().map(String::as_str).collect();
    governor.json(&[&["hold", "approve", &hold], by.as_slice()].concat());
    let lease = ask(&governor, &token, &wish);
    assert_eq!(lease.status, 200, "{lease:?}");
    // One yes is one credential to one ask.
    assert_eq!(ask(&governor, &token, &json!({"wants": ["writers"]})).status, 403);

    assert_eq!(governor.post("/leases/other", &token, &[], "{}").status, 404);
    for wish in ["[]", "{\"want\": []}", "{\"for\": \"x\"}", "{\"wants\": \"readers\"}"] {
        assert_eq!(governor.post("/leases/orders-db", &token, &[], wish).status, 400, "{wish}");
    }
    assert_eq!(governor.post("/leases/orders-db", "nothing", &[], "{}").status, 401);
}

#[test]
fn policies_hold_and_forbid_credentials_by_what_is_wanted() {
    let mut governor = house("");
    governor.write(
        "policies/leases.cedar",
        "@id(\"not-in-production\")\nforbid (principal, action == Action::\"lease:orders-db\", resource == Resource::\"orders-db:readers\")\nwhen { context.input.wants.contains(\"readers\") && context.environment == \"production\" };\n",
    );
    governor.serve();
    let (_, token) = governor.open("reader", "report", &[]);
    let denied = ask(&governor, &token, &json!({}));
    assert_eq!(denied.status, 403, "{denied:?}");
    assert!(denied.body.contains("not-in-production"), "{denied:?}");
    // Once tools are accepted, policies are held against a schema, and one that does not fit is found.
    let policy = fs::read_to_string(governor.path("policies/leases.cedar")).unwrap();
    governor.write("policies/leases.cedar", &policy.replace("input.wants", "input.wannts"));
    let misfit = || {
        let checked = governor.run(&["check"]);
        checked.code == 2 && checked.stdout.contains("wannts")
    };
    until("the schema", misfit);
    governor.write("policies/leases.cedar", &policy);
    let checked = governor.run(&["check"]);
    assert_eq!(checked.code, 0, "{checked:?}");
}

#[test]
fn a_target_that_is_away_is_told_until_it_is_back_also_by_the_next_process() {
    let mut governor = house("");
    governor.serve();
    let (task, token) = governor.open("reader", "report", &[]);
    let id = ask(&governor, &token, &json!({})).json()["lease"].as_str().unwrap().to_owned();
    fs::write(governor.path("users/away"), "").unwrap();
    let ended = governor.json(&["task", "end", &task]);
    assert_ne!(ended["leases"][0]["state"], "revoked", "{ended}");
    assert_eq!(users(&governor).len(), 1);
    governor.kill();
    governor.serve();
    let waiting = governor.run(&["lease", "list"]).stdout;
    assert!(waiting.contains("(task)"), "{waiting}");
    fs::remove_file(governor.path("users/away")).unwrap();
    until("the end of the lease", || users(&governor).is_empty());
    let gone = || governor.json(&["lease", "show", &id])["gone"].is_string();
    until("the proof", gone);
    let asked = fs::read_to_string(governor.path("users/asked")).unwrap();
    let last = asked.lines().rfind(|it| it.contains("\"revoke\"")).unwrap();
    assert!(last.contains("keepsake-hunter2"), "{last}");
    let said = governor.records().iter().map(Value::to_string).collect::<String>();
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn an_operator_issues_lists_and_revokes_by_command() {
    let mut governor = house("");
    governor.serve();
    let (task, _) = governor.open("reader", "report", &[]);
    let issue = ["lease", "issue", "--task", &task, "--target", "orders-db", "--want", "readers"];
    let issued = governor.json(&issue);
    let id = issued["lease"]["id"].as_str().unwrap();
    assert_eq!(issued["credential"][0], json!(["host", "db.internal"]), "{issued}");
    let said = governor.refused(&["lease", "issue", "--task", &task, "--target", "nowhere"], 1);
    assert!(said.contains("`nowhere`"), "{said}");
    let revoked = governor.json(&["lease", "revoke", id]);
    assert_eq!(
        (&revoked["state"], &revoked["ended"]["cause"]),
        (&json!("revoked"), &json!("asked"))
    );
    assert_eq!(governor.json(&["lease", "list"])["leases"], json!([]));
    assert_eq!(governor.json(&["lease", "list", "--all"])["leases"][0]["id"], json!(id));
    governor.refused(&["lease", "show", "lease_01JD8X00000000000000000000"], 1);
    governor.stop();
    assert_eq!(
        governor.json(&["lease", "list", "--all", "--task", &task])["leases"][0]["id"],
        json!(id)
    );
}

fn mistakes(governor: &Governor) -> String {
    let checked = governor.run(&["check"]);
    assert_eq!(checked.code, 2, "{checked:?}");
    checked.stdout
}

#[test]
fn a_configuration_that_cannot_be_kept_is_a_mistake() {
    let governor = house(
        "[[allow]]\nserver = \"orders-db\"\ntools = [\"query\"]\nwhen = 'context.input.sql like \"select *\"'\n",
    );
    let toml = fs::read_to_string(governor.path("bailiwick.toml")).unwrap();
    let server = "[[server]]\nname = \"orders-db\"\ncommand = [\"true\"]\n";
    governor.write("bailiwick.toml", &format!("{toml}{server}"));
    let said = mistakes(&governor);
    assert!(said.contains("TPL-011"), "{said}");

    let governor = house("");
    let toml = fs::read_to_string(governor.path("bailiwick.toml")).unwrap();
    governor.write("bailiwick.toml", &toml.replace("\"program\"", "\"progam\""));
    let said = mistakes(&governor);
    assert!(said.contains("CFG-021") && said.contains("program"), "{said}");
    governor.write("bailiwick.toml", &toml.replace("name = \"orders-db\"", "name = \"other-db\""));
    let said = mistakes(&governor);
    assert!(said.contains("TPL-009") && said.contains("CHR-010"), "{said}");
}

#[test]
fn what_stands_on_a_persons_line_lives_no_longer_than_the_line() {
    let mut governor = house("");
    governor.serve();
    let alice = governor.person("alice");
    let (_, token) = governor.open("reader", "report", &[]);
    let wish = json!({"wants": ["writers"]});
    let held = ask(&governor, &token, &wish);
    assert_eq!((held.status, &held.json()["code"]), (403, &json!("held")), "{held:?}");
    let hold = held.json()["hold"].as_str().unwrap().to_owned();
    let by: Vec<&str> = alice.iter().map(String::as_str).collect();
    let answered =
        governor.json(&[&["hold", "approve", &hold, "--for", "1m"], by.as_slice()].concat());
    let until = answered["status"]["expires"].clone();
    let until = until.as_str().unwrap_or_else(|| panic!("{answered}"));
    let lease = ask(&governor, &token, &wish);
    assert_eq!(lease.status, 200, "{lease:?}");
    // Both are written alike, so that the earlier one is the smaller text.
    assert!(lease.json()["expires"].as_str().unwrap() <= until, "{lease:?} {until}");
}
