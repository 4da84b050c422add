//! Law 14 for credentials: passwords, private keys, tokens and the keys that seal them are where they must
//! be and nowhere else, however they are written.

use std::{fs, path::Path};

use bailiwick_testkit::leak::{Leaks, everything};
use serde_json::json;

use super::{collector::Collector, read_metrics, serve_logging};
use crate::{
    governor::Governor,
    leases::{ask, house},
    secrets::with_value,
};

/// A secret that the gateway keeps, with what is written otherwise in JSON and in addresses.
const KEPT: &str = "crm/s3cret \"of\" the+gateway=";

/// A house with three kinds of target, which tells all it can of itself.
fn talkative(collector: &Collector) -> Governor {
    let more = "[[lease]]\ntarget = \"partners\"\nwants = [\"/reports\"]\nmax = \"30m\"\n[[lease]]\ntarget = \"hosts\"\nwants = [\"deploy\"]\nmax = \"5m\"\n";
    let governor = house(more);
    let config = fs::read_to_string(governor.path("bailiwick.toml")).unwrap();
    let told = format!(
        "[log]\nformat = \"json\"\nlevel = \"trace\"\n[telemetry]\notlp = \"{}\"\n[state]",
        collector.url()
    );
    let targets = r#"
[[target]]
name = "partners"
kind = "x509"
[target.x509]
folder = "authorities/partners"
crl = "partners.crl"
trust_domain = "example.org"
paths = ["/reports"]
end = ["true"]
[[target]]
name = "hosts"
kind = "ssh"
[target.ssh]
host = "build.example"
folder = "authorities/hosts"
krl = "hosts.krl"
principals = ["deploy"]
end = ["true"]
"#;
    governor.write("bailiwick.toml", &(config.replace("[state]", &told) + targets));
    let charter = fs::read_to_string(governor.path("charters/reader.toml")).unwrap();
    let all = "targets = [\"orders-db\", \"partners\", \"hosts\"]";
    let charter = charter.replace("targets = [\"orders-db\"]", all);
    governor.write("charters/reader.toml", &charter);
    governor
}

/// Everything that commands say of leases and tasks.
fn shown(governor: &Governor, task: &str, leases: &[String]) -> String {
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["lease", "list", "--all"],
        vec!["--output", "json", "lease", "list", "--all"],
        vec!["--output", "json", "task", "list"],
        vec!["--output", "json", "task", "show", task],
        vec!["path", task],
        vec!["--output", "json", "path", task],
        vec!["path", task, "--html"],
        vec!["--output", "json", "secret", "list"],
        vec!["config", "show", "--origin"],
        vec!["ledger", "export"],
        vec!["doctor"],
    ];
    commands.extend(leases.iter().map(|it| vec!["--output", "json", "lease", "show", it]));
    let said = commands.iter().map(|words| governor.run(words));
    said.map(|it| it.stdout + &it.stderr).collect()
}

/// Says whether a file below the folder of a house is no secret itself, nor the target's own.
fn counts(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let own = ["/users/", "/keys/", "/authorities/", "admin.token", "metrics.token", "program.py"];
    !own.iter().any(|it| text.contains(it))
}

#[test]
fn law_14_leased_credentials_and_the_keys_around_them_appear_nowhere_else() {
    let collector = Collector::start();
    let mut governor = talkative(&collector);
    serve_logging(&mut governor);
    let set = with_value(&governor, &["secret", "set", "crm-key"], KEPT);
    assert_eq!(set.code, 0, "{set:?}");
    let (task, token) = governor.open("reader", "report", &[]);
    let mut leaks = Leaks::default().with("the task's token", &token).with("kept", KEPT);
    let (mut leases, mut replies) = (Vec::new(), String::new());
    for (target, secret) in
        [("orders-db", "password"), ("partners", "private_key"), ("hosts", "private_key")]
    {
        let answer = governor.post(&format!("/leases/{target}"), &token, &[], "{}");
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        let lease = answer.json();
        let secret = lease["credential"][secret].as_str().unwrap_or_else(|| panic!("{lease}"));
        leaks = leaks.with(target, secret);
        leases.push(lease["lease"].as_str().unwrap().to_owned());
    }
    // What goes wrong says nothing either.
    let keepsake = format!("keepsake-hunter2-{}", leases[0]);
    leaks = leaks.with("keepsake", &keepsake).with("what went wrong", "hunter2-of-");
    fs::write(governor.path("users/moods-issue"), "garbage half").unwrap();
    for _ in 0..2 {
        let (other, token) = governor.open("reader", "report", &[]);
        let answer = ask(&governor, &token, &json!({}));
        assert_eq!(answer.status, 503, "{answer:?}");
        replies.push_str(&answer.body);
        governor.run(&["task", "end", &other]);
    }
    fs::write(governor.path("users/moods-revoke"), "half").unwrap();
    let commands = shown(&governor, &task, &leases);
    let ended = governor.run(&["--output", "json", "task", "end", &task]);
    let after = shown(&governor, &task, &leases);
    let metrics = read_metrics(&governor);
    // Keys of the governor's own, each in a file of its own.
    for name in ["keys/secrets.key", "keys/token.key", "keys/evidence.key", "keys/checkpoint.key"] {
        let bytes = fs::read(governor.path("state").join(name)).unwrap_or_default();
        let text = String::from_utf8(bytes).unwrap_or_default();
        if text.lines().any(|it| 8 <= it.trim().len() && !it.starts_with("-----")) {
            leaks = leaks.with(name, &text);
        }
    }
    governor.stop();
    let places = [
        ("replies", replies),
        ("commands", commands),
        ("the end", ended.stdout + &ended.stderr),
        ("commands after it", after),
        ("metrics", metrics),
        ("traces", collector.told()),
        ("log", fs::read_to_string(governor.path("log")).unwrap()),
        ("files", everything(governor.folder(), &counts)),
    ];
    for (place, text) in &places {
        leaks.nowhere_in(place, text);
    }
}
