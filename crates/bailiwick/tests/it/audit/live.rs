//! Logs that a running governor reads while they are written, or is sent.

mod hostile;
mod pushed;

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write as _,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::{ROLE, USER, event, log};
use crate::governor::{Governor, NOTES, until};

const CODES: [&str; 3] = ["outside-charter", "ownerless", "cross-platform-hop"];
const WORKFLOW: &str = "repo:org/web:ref:refs/heads/main";

/// A governor whose charter knows the role, and means it to touch one account.
struct Watching(Governor);

impl Watching {
    fn prepare(more: &str) -> Self {
        let governor = Governor::prepare(NOTES);
        let source = format!("[[source]]\nname = \"trail\"\n{more}\n");
        governor.write("bailiwick.toml", &format!("{}{source}", NOTES[0].1));
        let meant = format!("systems = [\"aws:111122223333\"]\nknown_as = [\"aws:{ROLE}\"]\n");
        governor.write("charters/reader.toml", &format!("{}{meant}", NOTES[1].1));
        fs::create_dir(governor.path("trail")).unwrap();
        Self(governor)
    }

    fn start(more: &str) -> Self {
        let mut watching = Self::prepare(more);
        watching.0.serve();
        watching
    }

    fn append(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path("trail").join(name);
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.unwrap().write_all(bytes).unwrap();
    }

    /// Counts what was noticed: `CODE SUBJECT`.
    fn noticed(&self) -> BTreeMap<String, u32> {
        let mut all = BTreeMap::new();
        for it in self.0.records().iter().filter(|it| it["kind"] == "finding") {
            let text = |name: &str| it[name].as_str().unwrap().to_owned();
            if CODES.contains(&it["code"].as_str().unwrap()) {
                let times: &mut u32 =
                    all.entry(format!("{} {}", text("code"), text("subject"))).or_default();
                *times = times.saturating_add(1);
            }
        }
        all
    }

    /// Waits until so many things were noticed, and gives them: each once.
    fn once(&self, wanted: &[String]) {
        let wanted: BTreeMap<_, _> = wanted.iter().map(|it| (it.clone(), 1)).collect();
        until("everything is noticed", || wanted.len() <= self.noticed().len());
        assert_eq!(self.noticed(), wanted);
    }

    fn view(&self) -> Value {
        self.0.admin("GET", "/api/v1/sources", &json!({})).json()[0].clone()
    }

    /// Waits until so many accesses were read since the start.
    fn read(&self, exercises: u64) {
        until("all of it is read", || exercises <= self.view()["exercises"].as_u64().unwrap());
    }
}

fn ownerless(platform: &str, id: &str) -> String {
    format!("ownerless {platform}:{id}")
}

/// A role of an account that its charter does not name did something there.
fn outside() -> String {
    let role = json!({
        "type": "AssumedRole", "accountId": "999900001111", "accessKeyId": "ASIAEXAMPLE0000000009",
        "arn": "arn:aws:sts::111122223333:assumed-role/deployer/run-9",
        "sessionContext": { "sessionIssuer": { "type": "Role", "arn": ROLE } },
    });
    let there = json!({ "recipientAccountId": "999900001111" });
    event(40, 5, &role, ("ec2", "StopInstances"), &there).to_string() + "\n"
}

fn was_outside() -> String {
    format!("outside-charter aws:{ROLE} in aws:999900001111")
}

/// A workflow takes the role, which acts: the two records.
fn hop() -> [String; 2] {
    let provider = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    let workflow = json!({
        "type": "WebIdentityUser", "accountId": "111122223333", "userName": WORKFLOW,
        "principalId": format!("{provider}:sts.amazonaws.com:{WORKFLOW}"), "identityProvider": provider,
    });
    let began = json!({
        "requestParameters": { "roleArn": ROLE },
        "responseElements": { "credentials": { "accessKeyId": "ASIAEXAMPLE0000000007" } },
    });
    let role = json!({
        "type": "AssumedRole", "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLE0000000007",
        "arn": "arn:aws:sts::111122223333:assumed-role/deployer/run-7",
        "sessionContext": { "sessionIssuer": { "type": "Role", "arn": ROLE } },
    });
    [
        event(41, 5, &workflow, ("sts", "AssumeRoleWithWebIdentity"), &began),
        event(42, 6, &role, ("ec2", "RunInstances"), &json!({})),
    ]
    .map(|it| it.to_string() + "\n")
}

fn hopped() -> String {
    format!("cross-platform-hop github:{WORKFLOW} › aws:{ROLE}")
}

fn gz(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[test]
fn what_is_appended_is_noticed_once_whatever_happens_to_file_and_governor() {
    let mut watching = Watching::start("folder = \"trail\"");
    watching.append("a.log", log().as_bytes());
    let mut wanted = vec![ownerless("aws", USER)];
    watching.once(&wanted);
    watching.read(9);

    // Half a line says nothing; the other half does, though the file was renamed meanwhile.
    let line = outside();
    watching.append("a.log", &line.as_bytes()[..200]);
    let trail = watching.0.path("trail");
    fs::rename(trail.join("a.log"), trail.join("a.log.1")).unwrap();
    watching.append("a.log.1", &line.as_bytes()[200..]);
    wanted.push(was_outside());
    watching.once(&wanted);

    // The workflow's call comes before a crash, and what the role did after it.
    let [began, did] = hop();
    watching.append("a.log", began.as_bytes());
    watching.read(11);
    watching.0.kill();
    watching.append("a.log", did.as_bytes());
    watching.0.serve();
    wanted.extend([hopped(), ownerless("aws", &began_by())]);
    watching.once(&wanted);

    // The same once more, packed, and after a restart: nothing is told twice.
    fs::write(trail.join("b.log.gz"), gz(&(log() + &line + &began + &did))).unwrap();
    watching.0.stop();
    watching.0.serve();
    watching.read(24);
    watching.once(&wanted);
    assert_eq!(watching.view()["behind"], 0);
}

/// What AWS calls the workflow.
fn began_by() -> String {
    format!(
        "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com:{WORKFLOW}"
    )
}

#[test]
fn a_report_of_what_is_live_is_the_report_of_the_files() {
    let watching = Watching::start("folder = \"trail\"\npush = true");
    watching.append("a.log", log().as_bytes());
    let answer = watching.push(&outside(), &[]);
    assert_eq!(answer.status, 202, "{answer:?}");
    let live = watching.0.json(&["audit", "--live"]);
    let files =
        ["audit", "trail", "state/sources/trail", "--ledger", "state", "--charters", "charters"];
    let mut files = watching.0.json(&files);
    // The governor goes on writing its own ledger.
    files["summary"]["records"] = live["summary"]["records"].clone();
    assert_eq!(live, files);
    assert!(
        live["findings"].as_array().unwrap().iter().any(|it| it["finding"] == "outside-charter")
    );
}

#[test]
fn without_sources_there_is_nothing_live() {
    let governor = Governor::start(NOTES);
    let told = governor.refused(&["audit", "--live"], 2);
    assert!(told.contains("no `[[source]]`"), "{told}");
    assert!(!governor.path("state/sources").exists());
    assert_eq!(governor.admin("GET", "/api/v1/sources", &json!({})).json(), json!([]));
    let answer = governor.post("/sources/trail", "x", &[], "{}");
    assert_eq!(answer.status, 404, "{answer:?}");
}

#[test]
fn a_folder_that_goes_is_told_of_and_read_again_when_it_is_back() {
    let watching = Watching::start("folder = \"trail\"");
    watching.append("a.log", outside().as_bytes());
    watching.once(&[was_outside()]);
    let (here, away) = (watching.0.path("trail"), watching.0.path("away"));
    fs::rename(&here, &away).unwrap();
    until("it is lost", || watching.view()["lost"].is_string());
    fs::rename(&away, &here).unwrap();
    watching.append("a.log", log().as_bytes());
    watching.once(&[was_outside(), ownerless("aws", USER)]);
    let lost = watching.0.records().iter().filter(|it| it["code"] == "source-lost").count();
    assert_eq!(lost, 1);
    assert!(watching.view()["lost"].is_null());
}

#[test]
fn charters_that_are_read_again_are_held_against_what_came_before() {
    let watching = Watching::start("folder = \"trail\"");
    watching.append("a.log", log().as_bytes());
    watching.once(&[ownerless("aws", USER)]);
    let meant = format!("systems = [\"okta\"]\nknown_as = [\"aws:{ROLE}\"]\n");
    watching.0.write("charters/reader.toml", &format!("{}{meant}", NOTES[1].1));
    assert_eq!(watching.0.run(&["reload"]).code, 0);
    let outside = format!("outside-charter aws:{ROLE} in aws:111122223333");
    watching.once(&[ownerless("aws", USER), outside]);
}
