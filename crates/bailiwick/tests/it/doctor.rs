//! `bailiwick doctor`: each weakness is found, and a configuration without it is not blamed for it.

mod bypass;

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::Value;

use crate::governor::{Governor, NOTES};

/// Looks, and gives the exit status and every finding.
pub(crate) fn look(governor: &Governor) -> (i32, Vec<Value>) {
    let ran = governor.run(&["doctor", "--output", "json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran.code, report["findings"].as_array().unwrap().clone())
}

fn codes(governor: &Governor, severity: &str) -> BTreeSet<String> {
    let found = look(governor).1;
    let wanted = found.iter().filter(|it| it["severity"] == severity);
    wanted.map(|it| it["code"].as_str().unwrap().to_owned()).collect()
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A configuration whose agent proves itself by a key that lies elsewhere.
fn healthy() -> Governor {
    let charter = NOTES[1].1.replace("{ uid = UID }", "{ key = \"agent.pub.pem\" }");
    let mut files = NOTES.to_vec();
    files[1].1 = &charter;
    let governor = Governor::prepare(&files[..1]);
    governor.json(&["identity", "add", "reader", "--generate-key"]);
    fs::rename(governor.path("keys/reader.pub.pem"), governor.path("agent.pub.pem")).unwrap();
    fs::remove_file(governor.path("keys/reader.pem")).unwrap();
    for (name, text) in files {
        governor.write(name, text);
    }
    governor
}

#[test]
fn a_first_configuration_is_blamed_for_nothing_but_what_is_true() {
    let governor = Governor::prepare(&[]);
    governor.json(&["init"]);
    let (code, found) = look(&governor);
    assert_eq!(code, 1);
    let open: Vec<_> = found.iter().filter(|it| it["severity"] == "open").collect();
    assert_eq!(open.len(), 1, "{found:?}");
    assert_eq!(open[0]["code"], "shared-account");
    assert_eq!(open[0]["subject"], "note-keeper");
    let weak = codes(&governor, "weak");
    assert_eq!(weak, BTreeSet::from(["checkpoints-nearby".to_owned()]));
    for finding in &found {
        for part in ["code", "subject", "found", "means", "mend"] {
            assert!(finding[part].as_str().is_some_and(|it| !it.is_empty()), "{finding}");
        }
    }
    let told = governor.run(&["doctor"]);
    assert!(told.stdout.starts_with("OPEN  shared-account: note-keeper\n"), "{}", told.stdout);
    assert!(told.stdout.contains("1 open, 1 weak"), "{}", told.stdout);
}

#[test]
fn an_agent_with_a_key_of_its_own_leaves_nothing_open() {
    let mut governor = healthy();
    assert_eq!(look(&governor).0, 0, "{:?}", look(&governor).1);
    assert!(codes(&governor, "note").contains("not-serving"));
    governor.serve();
    let (code, found) = look(&governor);
    assert_eq!(code, 0, "{found:?}");
    assert!(!codes(&governor, "note").contains("not-serving"));
}

#[test]
fn a_configuration_with_mistakes_is_for_check() {
    let governor = healthy();
    governor.write("charters/reader.toml", "identity = 7");
    assert!(governor.refused(&["doctor"], 2).contains("mistakes"));
}

#[test]
fn what_is_written_and_not_in_force_is_open_until_it_is_loaded() {
    let mut governor = healthy();
    governor.serve();
    let template = NOTES[2].1.replace("/notes/*", "/other/*");
    governor.write(NOTES[2].0, &template);
    assert!(codes(&governor, "open").contains("stale-configuration"));
    governor.json(&["reload"]);
    assert_eq!(codes(&governor, "open"), BTreeSet::new());
}

#[test]
fn a_template_that_only_observes_is_open() {
    let governor = healthy();
    let observes = "on_widen = \"deny\"\nmode = \"observe\"\n[observe]\nowner = \"ann\"\nuntil = \"2099-01-01T00:00:00Z\"";
    governor.write(NOTES[2].0, &NOTES[2].1.replace("on_widen = \"deny\"", observes));
    assert!(codes(&governor, "open").contains("observe-mode"));
}

#[test]
fn methods_that_pass_undecided_are_weak() {
    let governor = healthy();
    let named = "name = \"notes\"";
    let passes = format!("{named}\nmethods = [\"completion/complete\"]");
    governor.write(NOTES[0].0, &NOTES[0].1.replace(named, &passes));
    assert!(codes(&governor, "weak").contains("undecided-methods"));
}

#[test]
fn keys_that_others_may_read_are_open_and_keys_that_lie_here_are_weak() {
    let mut governor = healthy();
    governor.serve();
    governor.person("ada");
    governor.json(&["identity", "add", "other", "--generate-key"]);
    let weak = codes(&governor, "weak");
    assert!(
        weak.is_superset(&["agents-keys", "peoples-keys"].map(str::to_owned).into()),
        "{weak:?}"
    );
    assert_eq!(codes(&governor, "open"), BTreeSet::new());
    set(&governor.path("keys/other.pem"), 0o644);
    assert_eq!(codes(&governor, "open"), BTreeSet::from(["readable-key".to_owned()]));
}

#[test]
fn a_configuration_that_others_may_change_is_open() {
    for file in ["charters/reader.toml", "authzen/shop.cedar"] {
        let governor = healthy();
        governor
            .write("authzen/shop.cedar", "@id(\"shop\")\npermit (principal, action, resource);\n");
        set(governor.folder(), 0o755);
        set(&governor.path(file), 0o666);
        let open = codes(&governor, "open");
        assert_eq!(open, BTreeSet::from(["changeable-configuration".to_owned()]), "{file}");
    }
}

#[test]
fn who_tells_and_who_is_told_is_looked_at() {
    let governor = healthy();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/events", closed.local_addr().unwrap());
    let signals = format!(
        "[[transmitter]]\nname = \"idp\"\nissuer = \"https://idp.example\"\njwks = \"idp.json\"\nsecret = \"idp-push\"\n\
         [[transmitter.subject]]\nopaque = \"reader\"\nidentity = \"reader\"\n\
         [[receiver]]\nname = \"siem\"\naudience = \"https://siem.example\"\nurl = \"{url}\"\nsecret = \"siem-push\"\n"
    );
    let keys = r#"{"keys":[{"kty":"RSA","kid":"k","use":"sig","n":"AQAB","e":"AQAB"}]}"#;
    fs::write(governor.path("idp.json"), keys).unwrap();
    governor.write("bailiwick.toml", &format!("{}{signals}", NOTES[0].1));
    let of = |found: &[Value], subject: &str| -> Vec<String> {
        let of = found.iter().filter(|it| it["subject"] == subject);
        of.map(|it| it["code"].as_str().unwrap().to_owned()).collect()
    };
    let found = look(&governor).1;
    assert_eq!(of(&found, "transmitter idp"), ["signal-secret-missing"]);
    assert_eq!(of(&found, "receiver siem"), ["signal-secret-missing"]);
    drop(closed);
    let (state, vault) = (governor.path("state"), "state/keys/secrets.key");
    bailiwick_connect::create_dir_private(&state.join("keys")).unwrap();
    let source = bailiwick_connect::KekSource::File(governor.path(vault));
    let vault = bailiwick_connect::Vault::open(&state.join("secrets"), source).unwrap();
    for name in ["idp-push", "siem-push"] {
        let value = bailiwick_connect::Secret::new("s3cret-of-theirs");
        let now = bailiwick_model::Timestamp::from_millis(1_800_000_000_000);
        vault.set(&name.parse().unwrap(), &value, now).unwrap();
    }
    let found = look(&governor).1;
    assert_eq!(of(&found, "transmitter idp"), ["transmitter-unheard"]);
    assert_eq!(of(&found, "receiver siem"), ["receiver-unreachable"]);
}
