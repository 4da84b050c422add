//! Secrets at rest, by the commands that people use: no value is ever shown, kept or recorded.

use std::{fs, io::Write as _, path::Path, process::Stdio};

use bailiwick_connect::{KekSource, Secret, Vault, write_private};
use bailiwick_model::Timestamp;
use bailiwick_testkit::real::{PIN, SoftHsm};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    doctor::look,
    governor::{Governor, NOTES, Ran, until},
};

const VALUE: &str = "s3cret-value-of-the-crm";
const NEXT: &str = "an0ther-value-of-the-crm";

/// Runs a command with a value on its standard input.
pub(crate) fn with_value(governor: &Governor, words: &[&str], value: &str) -> Ran {
    let mut command = governor.command(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its words reads nothing.
    let _read = child.stdin.take().unwrap().write_all(value.as_bytes());
    let ran = child.wait_with_output().unwrap();
    Ran {
        code: ran.status.code().unwrap_or(-1),
        stdout: String::from_utf8(ran.stdout).unwrap(),
        stderr: String::from_utf8(ran.stderr).unwrap(),
    }
}

/// Finds files below `folder` that hold `text`.
pub(crate) fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            if bytes.windows(text.len()).any(|it| it == text.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn a_secret_is_set_listed_rotated_and_removed_and_its_value_is_nowhere() {
    let governor = Governor::start(NOTES);
    let set = with_value(&governor, &["secret", "set", "crm-key"], &format!("{VALUE}\n"));
    assert_eq!(set.code, 0, "{set:?}");
    let again = with_value(&governor, &["secret", "set", "crm-key"], NEXT);
    assert_eq!(again.code, 1, "{again:?}");
    let same = with_value(&governor, &["secret", "rotate", "crm-key"], VALUE);
    assert_eq!(same.code, 1, "{same:?}");
    let rotated = with_value(&governor, &["secret", "rotate", "crm-key"], NEXT);
    assert_eq!(rotated.code, 0, "{rotated:?}");
    for (words, value) in [(["secret", "set", "Not A Name"], VALUE), (["secret", "set", "x"], "")] {
        assert_ne!(with_value(&governor, &words, value).code, 0, "{words:?}");
    }
    let listed = governor.json(&["secret", "list"]);
    assert_eq!(listed[0]["name"], "crm-key");
    assert_eq!(listed[0]["version"], 2);
    assert_eq!(listed[0]["overdue"], false);
    let rekeyed = governor.json(&["secret", "rekey"]);
    assert_eq!(rekeyed["records"], 2);
    governor.json(&["secret", "remove", "crm-key"]);
    let gone = with_value(&governor, &["secret", "rotate", "crm-key"], VALUE);
    assert_eq!(gone.code, 1, "{gone:?}");

    let records: Vec<_> = governor.records();
    let changes: Vec<_> = records
        .iter()
        .filter(|it| it["command"]["command"] == "secret_changed")
        .map(|it| (it["command"]["change"].clone(), it["command"]["version"].clone()))
        .collect();
    let wanted = [("set", 1), ("rotated", 2), ("removed", 2)];
    assert_eq!(changes, wanted.map(|(change, version)| (change.into(), version.into())));
    for ran in [&set, &again, &same, &rotated, &gone] {
        assert!(!format!("{ran:?}").contains("-value-of-the-crm"), "{ran:?}");
    }
    for text in [VALUE, NEXT] {
        assert_eq!(holding(governor.folder(), text), Vec::<String>::new());
    }
}

#[test]
fn a_secret_that_is_too_old_is_a_finding_and_shows_wherever_one_looks() {
    let mut governor = Governor::prepare(NOTES);
    let config = [NOTES[0].1, "[[secret]]\nname = \"crm-key\"\nrotate_every = \"90d\"\n"].concat();
    governor.write("bailiwick.toml", &config);
    governor.serve();
    governor.stop();
    let (state, name) = (governor.path("state"), "crm-key".parse().unwrap());
    let source = KekSource::File(state.join("keys/secrets.key"));
    let vault = Vault::open(&state.join("secrets"), source).unwrap();
    vault.set(&name, &Secret::new(VALUE), Timestamp::from_millis(1_000)).unwrap();
    assert_eq!(governor.json(&["secret", "list"])[0]["overdue"], true);
    let found = look(&governor).1;
    assert!(found.iter().any(|it| it["code"] == "secret-overdue"), "{found:?}");
    governor.serve();
    until("the age of the secret is told", || {
        governor.records().iter().any(|it| it["code"] == "secret-overdue")
    });
    // A file that somebody spoiled is told of, and stops nothing else.
    governor.stop();
    let file = state.join("secrets/crm-key.secret");
    let spoiled = fs::read_to_string(&file).unwrap().replace("\"version\": 1", "\"version\": 7");
    fs::write(&file, spoiled).unwrap();
    governor.serve();
    until("the broken secret is told", || {
        governor.records().iter().any(|it| it["code"] == "secret-broken")
    });
    let rotated = with_value(&governor, &["secret", "rotate", "crm-key"], NEXT);
    assert!(rotated.code != 0 && rotated.stderr.contains("crm-key"), "{rotated:?}");
}

#[test]
fn the_key_of_the_secrets_may_come_from_a_command() {
    let mut governor = Governor::prepare(NOTES);
    let config = [NOTES[0].1, "[secrets]\nkek_command = [\"cat\", \"kek\"]\n"].concat();
    governor.write("bailiwick.toml", &config);
    fs::write(governor.path("kek"), "A".repeat(43)).unwrap();
    governor.serve();
    assert_eq!(with_value(&governor, &["secret", "set", "crm-key"], VALUE).code, 0);
    assert!(!governor.path("state/keys/secrets.key").exists());
    governor.stop();
    fs::write(governor.path("kek"), "not a key").unwrap();
    let refused = governor.refuses_to_serve();
    assert!(
        refused.stderr.contains("`cat`") || refused.stderr.contains("the command prints"),
        "{refused:?}"
    );
    assert!(!refused.stderr.contains("not a key"), "{refused:?}");
}

/// Has a governor's key lie in a token, with the file of before beside it.
fn in_a_token(hsm: &SoftHsm, wraps: &str, more: &str) -> String {
    let module = hsm.module().display().to_string();
    format!(
        "{}[secrets]\nkek = \"{wraps}\"\nkek_file = \"state/keys/secrets.key\"\n\
         [secrets.kek_pkcs11]\nmodule = \"{module}\"\ntoken = \"bailiwick\"\nkey = \"kek\"\npin_file = \"pin\"\n{more}",
        NOTES[0].1
    )
}

#[test]
fn the_key_of_the_secrets_may_stay_in_a_token_that_others_made() {
    let mut governor = Governor::start(NOTES);
    let Some(hsm) = SoftHsm::start(&governor.path("hsm")) else { return };
    let kek = [7; 32];
    hsm.key("kek", "01", &kek);
    let serve = |governor: &mut Governor| {
        governor.serve_with(|it| {
            it.env("SOFTHSM2_CONF", hsm.configuration());
        });
    };
    assert_eq!(with_value(&governor, &["secret", "set", "crm-key"], VALUE).code, 0);
    governor.stop();
    // From the file into the token.
    governor.write("bailiwick.toml", &in_a_token(&hsm, "pkcs11", ""));
    write_private(&governor.path("pin"), PIN.as_bytes()).unwrap();
    serve(&mut governor);
    let moved = governor.json(&["secret", "rekey"]);
    assert_eq!((&moved["records"], &moved["wrapped_by"]), (&2.into(), &"pkcs11:kek".into()));
    governor.stop();
    fs::remove_file(governor.path("state/keys/secrets.key")).unwrap();
    let alone =
        in_a_token(&hsm, "pkcs11", "").replace("kek_file = \"state/keys/secrets.key\"\n", "");
    governor.write("bailiwick.toml", &alone);
    serve(&mut governor);
    let record = fs::read_to_string(governor.path("state/secrets/crm-key.secret")).unwrap();
    assert!(record.contains("\"kek\": \"pkcs11:kek\""), "{record}");
    let rotated = with_value(&governor, &["secret", "rotate", "crm-key"], NEXT);
    assert_eq!(rotated.code, 0, "{rotated:?}");
    governor.stop();
    // A token that is not there, and a PIN that is wrong.
    hsm.is_in(false);
    let away = refuses(&governor, &hsm);
    assert!(away.contains("there is no token `bailiwick`"), "{away}");
    hsm.is_in(true);
    write_private(&governor.path("pin"), b"hsm-pin-0000").unwrap();
    for _ in 0..2 {
        let wrong = refuses(&governor, &hsm);
        assert!(wrong.contains("pin.refused") && !wrong.contains("0000"), "{wrong}");
    }
    let found = look(&governor).1;
    assert!(found.iter().any(|it| it["code"] == "secrets-pin-refused"), "{found:?}");
    write_private(&governor.path("pin"), PIN.as_bytes()).unwrap();
    fs::remove_file(governor.path("state/secrets/pin.refused")).unwrap();
    // And back into a file.
    governor.write("bailiwick.toml", &in_a_token(&hsm, "file", ""));
    serve(&mut governor);
    let back = governor.json(&["secret", "rekey"]);
    assert_eq!(back["records"], 2);
    governor.stop();
    governor.write("bailiwick.toml", NOTES[0].1);
    governor.serve();
    let same = with_value(&governor, &["secret", "rotate", "crm-key"], NEXT);
    assert!(same.code == 1 && same.stderr.contains("this value already"), "{same:?}");
    for text in [VALUE, NEXT, &*URL_SAFE_NO_PAD.encode(kek)] {
        assert_eq!(holding(&governor.path("state"), text), Vec::<String>::new());
    }
}

fn refuses(governor: &Governor, hsm: &SoftHsm) -> String {
    let mut command = governor.command(&["serve"]);
    let ran = command.env("SOFTHSM2_CONF", hsm.configuration()).output().unwrap();
    assert_ne!(ran.status.code(), Some(0), "{ran:?}");
    String::from_utf8(ran.stderr).unwrap()
}
