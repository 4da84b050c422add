//! An agent tries to approve its own hold.

use bailiwick_connect::{IdentityKey, Secret};
use serde_json::{Value, json};

use super::{PASSPHRASE, details, foreign_key, held, signed, signed_by_ada};
use crate::governor::{Governor, NOTES};

/// A governor with one person, one held call, and the agent's token.
fn house() -> (Governor, String, String) {
    let governor = Governor::start(NOTES);
    governor.person("ada");
    let (token, hold) = held(&governor, "/notes/today");
    (governor, token, hold)
}

/// Nothing was approved: the ticket waits, the call is still held, the server saw nothing.
fn still_waits(governor: &Governor, token: &str, hold: &str) {
    let shown = governor.json(&["hold", "show", hold]);
    assert_eq!(shown["status"]["state"], "waiting", "{shown}");
    let write = json!({"path": "/notes/today", "text": "mine"});
    let again = governor.call(token, "write_note", &write);
    assert_eq!(again["structuredContent"]["verdict"], "hold", "{again}");
    assert_eq!(governor.reached(), 0);
}

fn answer(governor: &Governor, hold: &str, word: &Value) -> (u16, String) {
    let answer = governor.admin("POST", &format!("/api/v1/holds/{hold}/answer"), word);
    (answer.status, answer.body)
}

#[test]
fn a_hold_is_not_approved_without_a_passphrase_or_with_a_wrong_one() {
    let (governor, token, hold) = house();
    // Without a terminal nobody can be asked.
    let words = ["hold", "approve", &hold, "--by", "ada"];
    let ran = governor.run_behind(&["setsid", "--wait"], &words);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("--passphrase-file"), "{}", ran.stderr);

    for guess in ["", "wrong horse battery staple", "correct horse battery staple "] {
        std::fs::write(governor.path("guess"), guess).unwrap();
        let words = [words.as_slice(), &["--passphrase-file", "guess"]].concat();
        let said = governor.refused(&words, 1);
        assert!(said.contains("does not open `ada.key`"), "{said}");
    }
    still_waits(&governor, &token, &hold);
}

#[test]
fn a_hold_is_not_approved_by_an_identitys_own_key_or_a_key_of_its_making() {
    let (governor, token, hold) = house();
    let reader = "reader".parse().unwrap();
    let own = IdentityKey::generate().unwrap();
    let assertion = own.assertion(&reader, governor.url(), super::now()).unwrap();
    let word = json!({"by": "ada", "signed": assertion.expose()});
    assert_eq!(answer(&governor, &hold, &word).0, 403);
    let word = json!({"by": "reader", "signed": assertion.expose()});
    let (status, said) = answer(&governor, &hold, &word);
    assert_eq!(status, 403);
    assert!(said.contains("`reader` is not registered as a person"), "{said}");

    let foreign = foreign_key();
    let forged = signed(&foreign.file, ("approve-hold", &hold), details(&governor, &hold));
    let (status, said) = answer(&governor, &hold, &forged);
    assert_eq!(status, 403, "{said}");

    // Putting it where the command looks for ada's key changes nothing: the server knows hers.
    std::fs::write(governor.path("keys/people/ada.key"), &foreign.file).unwrap();
    std::fs::write(governor.path("mine"), PASSPHRASE).unwrap();
    let words = ["hold", "approve", &hold, "--by", "ada", "--passphrase-file", "mine"];
    let said = governor.refused(&words, 1);
    assert!(said.contains("signature"), "{said}");
    still_waits(&governor, &token, &hold);
}

#[test]
fn nobody_becomes_a_person_without_a_voucher() {
    let (governor, token, hold) = house();
    std::fs::write(governor.path("mine"), PASSPHRASE).unwrap();
    let said = governor.refused(&["person", "add", "mallory", "--passphrase-file", "mine"], 1);
    assert!(said.contains("must vouch"), "{said}");
    assert!(!governor.path("keys/people/mallory.key").exists(), "a key without a person");

    let foreign = foreign_key();
    let again = json!({"name": "ada", "key": foreign.public_key});
    assert_eq!(governor.admin("POST", "/api/v1/persons", &again).status, 409);
    let vouch = |key: &str, details_of: &str| {
        let details = [("key", details_of), ("governor", governor.url())];
        let details = details.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        signed(key, ("add-person", "mallory"), details)
    };
    let own = vouch(&foreign.file, &foreign.public_key);
    let wish = json!({"name": "mallory", "key": foreign.public_key, "voucher": own});
    assert_eq!(governor.admin("POST", "/api/v1/persons", &wish).status, 403);
    // A voucher for one key is none for another.
    let adas = std::fs::read_to_string(governor.path("keys/people/ada.key")).unwrap();
    let other = vouch(&adas, "another key");
    let wish = json!({"name": "mallory", "key": foreign.public_key, "voucher": other});
    assert_eq!(governor.admin("POST", "/api/v1/persons", &wish).status, 403);

    assert_eq!(governor.json(&["person", "list"]).as_array().unwrap().len(), 1);
    still_waits(&governor, &token, &hold);
}

#[test]
fn a_signed_yes_counts_once_for_one_hold_of_one_governor() {
    let (mut governor, token, hold) = house();
    let (other_token, other_hold) = held(&governor, "/notes/other");
    let yes = signed_by_ada(&governor, ("approve-hold", &hold), details(&governor, &hold));

    // Captured on its way, and brought for another hold.
    let (status, said) = answer(&governor, &other_hold, &yes);
    assert_eq!(status, 403, "{said}");
    // Bringing it there used it up; the person signs again.
    assert_eq!(answer(&governor, &hold, &yes).0, 403);
    let yes = signed_by_ada(&governor, ("approve-hold", &hold), details(&governor, &hold));
    let (status, said) = answer(&governor, &hold, &yes);
    assert_eq!(status, 200, "{said}");
    let (status, said) = answer(&governor, &hold, &yes);
    assert_eq!(status, 403, "{said}");
    let write = json!({"path": "/notes/today", "text": "mine"});
    assert_eq!(governor.call(&token, "write_note", &write)["isError"], false);
    let (_, again) = (governor.call(&token, "write_note", &write), answer(&governor, &hold, &yes));
    assert_eq!(again.0, 403, "{}", again.1);

    // What she says of the call must be what is held, and it must be said to this governor.
    let told = |name: &str, value: &str| {
        let mut details = details(&governor, &other_hold);
        details.insert(name.to_owned(), value.to_owned());
        signed_by_ada(&governor, ("approve-hold", &other_hold), details)
    };
    for (name, value) in [
        ("governor", "http://127.0.0.1:1"),
        ("action", "notes__read_note"),
        ("caller", "writer"),
        ("call", "sha256:00"),
    ] {
        let (status, said) = answer(&governor, &other_hold, &told(name, value));
        assert_eq!(status, 403, "{name}: {said}");
    }

    // A restart forgets which were used, and so takes none from before it.
    let kept = told("note", "kept for later");
    let config = NOTES[0].1.replace("127.0.0.1:0", governor.host());
    governor.write("bailiwick.toml", &config);
    governor.kill();
    governor.serve();
    let (status, said) = answer(&governor, &other_hold, &kept);
    assert_eq!(status, 403, "{said}");
    let write = json!({"path": "/notes/other", "text": "mine"});
    let again = governor.call(&other_token, "write_note", &write);
    assert_eq!(again["structuredContent"]["verdict"], "hold", "{again}");
    assert_eq!(governor.reached(), 1);
}

#[test]
fn a_hold_is_not_approved_over_the_network_without_the_admin_token_and_a_person() {
    let (governor, token, hold) = house();
    let path = format!("/api/v1/holds/{hold}/answer");
    let yes = signed_by_ada(&governor, ("approve-hold", &hold), details(&governor, &hold));
    for guess in ["", "wrong", token.as_str()] {
        let answer = governor.post(&path, guess, &[], &yes.to_string());
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    let bare = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}",
        governor.host()
    );
    assert_eq!(governor.raw(bare.as_bytes()).status, 401);
    // The token alone is no person's word.
    let admin = std::fs::read_to_string(governor.path("state/admin.token")).unwrap();
    let unsigned = json!({"by": "ada", "signed": "yes"}).to_string();
    assert_eq!(governor.post(&path, admin.trim(), &[], &unsigned).status, 403);
    still_waits(&governor, &token, &hold);
    assert_eq!(governor.post(&path, admin.trim(), &[], &yes.to_string()).status, 200);
}

#[test]
fn a_short_passphrase_makes_no_person() {
    let governor = Governor::start(NOTES);
    std::fs::write(governor.path("short"), "password").unwrap();
    let said = governor.refused(&["person", "add", "ada", "--passphrase-file", "short"], 2);
    assert!(said.contains("12 at least"), "{said}");
    assert!(Secret::new("password").matches("password"));
    assert_eq!(governor.json(&["person", "list"]), json!([]));
}
