//! An agent that shares the governor's account, and whoever else means harm: refused or detected.

mod account;
pub(crate) mod answers;
mod approval;
mod child;
mod configuration;
mod denied;
mod evidence;
mod liars;
mod registry;
mod token;
mod wire;
mod wish;

use std::collections::BTreeMap;

use bailiwick_connect::{PersonKey, Secret, Statement, Stretch};
use bailiwick_model::Timestamp;
use serde_json::{Value, json};

use crate::governor::Governor;

/// The passphrase of every person that [`Governor::person`] adds.
const PASSPHRASE: &str = "correct horse battery staple";

/// The moment, by the account's own clock.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::default().after(since)
}

/// Opens a task that asks before it writes, and gets a call held: its token and its ticket.
fn held(governor: &Governor, path: &str) -> (String, String) {
    let (_, token) = governor.open("reader", "asking", &[]);
    let answer = governor.call(&token, "write_note", &json!({"path": path, "text": "mine"}));
    let hold = answer["structuredContent"]["hold"].as_str().unwrap().to_owned();
    (token, hold)
}

/// Gives what a person signs to say yes to `hold`.
fn details(governor: &Governor, hold: &str) -> BTreeMap<String, String> {
    let shown = governor.json(&["hold", "show", hold]);
    let action = &shown["action"];
    let action =
        format!("{}__{}", action["server"].as_str().unwrap(), action["name"].as_str().unwrap());
    let text = |name: &str| (name.to_owned(), shown[name].as_str().unwrap().to_owned());
    BTreeMap::from([
        text("call"),
        text("task"),
        text("caller"),
        ("action".to_owned(), action),
        ("governor".to_owned(), governor.url().to_owned()),
    ])
}

/// Signs with the key that lies in the folder, as whoever knows its passphrase can.
fn signed_by_ada(
    governor: &Governor,
    (what, subject): (&str, &str),
    details: BTreeMap<String, String>,
) -> Value {
    let file = std::fs::read_to_string(governor.path("keys/people/ada.key")).unwrap();
    signed(&file, (what, subject), details)
}

/// Signs as `ada` with any key file that [`PASSPHRASE`] opens.
fn signed(file: &str, (what, subject): (&str, &str), details: BTreeMap<String, String>) -> Value {
    let ada = "ada".parse().unwrap();
    let secret = Secret::new(PASSPHRASE);
    let key = PersonKey::open(&ada, file, &secret, Stretch::STANDARD).unwrap();
    let statement = Statement::new(ada, what, subject, details, now()).unwrap();
    json!({"by": "ada", "signed": key.sign(&statement).unwrap()})
}

/// Makes a key that nobody registered, for somebody called `ada`.
fn foreign_key() -> bailiwick_connect::SealedPersonKey {
    let ada = "ada".parse().unwrap();
    PersonKey::generate(&ada, &Secret::new(PASSPHRASE), Stretch::STANDARD).unwrap()
}

/// Copies a folder's files, as they are, into a folder for this account alone.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            let _bytes = std::fs::copy(&path, target).unwrap();
        }
    }
}

/// Writes `new` over `old`, which is as long, wherever it stands in the database of a governor that
/// was stopped; gives how often. That is what an edit with any database tool comes to.
fn overwrite(database: &std::path::Path, old: &str, new: &str) -> usize {
    assert_eq!(old.len(), new.len());
    // Whoever stops has written everything back into the file itself.
    for ending in ["-wal", "-shm"] {
        let mut beside = database.as_os_str().to_owned();
        beside.push(ending);
        let _none = std::fs::remove_file(beside);
    }
    let mut bytes = std::fs::read(database).unwrap();
    let found: Vec<usize> = bytes
        .windows(old.len())
        .enumerate()
        .filter(|(_, it)| *it == old.as_bytes())
        .map(|(at, _)| at)
        .collect();
    for at in &found {
        bytes.iter_mut().skip(*at).zip(new.bytes()).for_each(|(to, from)| *to = from);
    }
    std::fs::write(database, bytes).unwrap();
    found.len()
}
