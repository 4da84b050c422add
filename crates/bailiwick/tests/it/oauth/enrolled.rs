//! Keys that machines make for themselves, and bring in with a code.

use serde_json::{Value, json};

use super::{House, charter, is_refused};
use crate::governor::Answer;

/// A house in which `laptop` proves itself by keys that were brought in; its folder away from the
/// governor's is `away`.
struct Enrolling {
    house: House,
}

impl Enrolling {
    fn new() -> Self {
        let house = House::new();
        let text = charter("laptop", "\"ticketing\"", "\"tickets\"");
        let text = text.replace("{ key = \"keys/laptop.pub.pem\" }", "{ enrolled = true }");
        house.governor.write("charters/laptop.toml", &text);
        house.governor.write("away/nothing", "");
        house.governor.json(&["reload"]);
        Self { house }
    }

    fn code(&self) -> String {
        let made = self.house.governor.json(&["enrol", "laptop"]);
        assert_eq!(made["issuer"], self.house.governor.url());
        made["code"].as_str().unwrap().to_owned()
    }

    fn file(&self, name: &str) -> String {
        self.house.governor.path(&format!("away/{name}")).display().to_string()
    }

    fn joins(&self, code: &str, name: &str) -> Value {
        let (url, file) = (self.house.governor.url(), self.file(name));
        self.house.governor.json(&["join", url, code, "--key", &file])
    }

    fn asks(&self, name: &str) -> crate::governor::Ran {
        let (url, file) = (self.house.governor.url(), self.file(name));
        self.house.governor.run(&["token", url, "--as", "laptop", "--key", &file])
    }

    /// Shows a code with whatever else.
    fn shows(&self, code: &str, key: &str, assertion: &str) -> Answer {
        let form = [("code", code), ("key", key), ("client_assertion", assertion)];
        self.house.form_to("/oauth2/enrol", "", &form)
    }
}

#[test]
fn a_laptop_joins_with_a_code_and_works_with_its_own_key() {
    let it = Enrolling::new();
    let governor = &it.house.governor;
    let code = it.code();
    let listed = governor.json(&["identity", "keys"]);
    assert_eq!(listed["waiting"][0]["identity"], "laptop");
    let joined = it.joins(&code, "one.pem");
    assert_eq!(
        (&joined["identity"], &joined["issuer"]),
        (&json!("laptop"), &json!(governor.url()))
    );
    let token = it.asks("one.pem");
    assert_eq!(token.code, 0, "{token:?}");
    let called = it.house.get_ticket(token.stdout.trim());
    assert_eq!(called.json()["result"]["isError"], false, "{called:?}");

    // Used up: by the command, which leaves no key behind, and by whoever speaks for itself.
    let (url, file) = (governor.url(), it.file("two.pem"));
    let refused = governor.refused(&["join", url, &code, "--key", &file], 1);
    assert!(refused.contains("no such code counts"), "{refused}");
    assert!(!governor.path("away/two.pem").exists());
    // Nothing of the code is anywhere but on the operator's screen.
    let secret = code.split('.').next_back().unwrap();
    let records: Vec<String> = governor.records().iter().map(Value::to_string).collect();
    assert!(!records.iter().any(|it| it.contains(secret)));
    let kept = std::fs::read_to_string(governor.path("state/enrolled.json")).unwrap();
    assert!(!kept.contains(secret));
    let changes: Vec<_> = records.iter().filter(|it| it.contains("enrolment_changed")).collect();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(changes[1].contains("\"by\":\"identity:laptop\""), "{}", changes[1]);
    assert!(changes[1].contains(joined["key"].as_str().unwrap()), "{}", changes[1]);
}

#[test]
fn a_withdrawn_key_proves_nobody_and_its_tokens_open_nothing() {
    let mut it = Enrolling::new();
    let key = it.joins(&it.code(), "one.pem")["key"].as_str().unwrap().to_owned();
    it.joins(&it.code(), "two.pem");
    let token = it.asks("one.pem").stdout.trim().to_owned();
    let other = it.asks("two.pem").stdout.trim().to_owned();
    assert_eq!(it.house.get_ticket(&token).status, 200);
    let left = it.house.governor.json(&["identity", "withdraw", &format!("credential:{key}")]);
    assert_eq!(left["keys"].as_array().unwrap().len(), 1);
    assert_eq!(it.house.get_ticket(&token).status, 401);
    assert_eq!(it.house.get_ticket(&other).status, 200);
    assert_eq!(it.asks("one.pem").code, 1);
    it.house.governor.refused(&["identity", "withdraw", &key], 1);
    // Nor after a restart.
    it.house.governor.stop();
    it.house.governor.serve();
    assert_eq!(it.asks("one.pem").code, 1);
    assert_eq!(it.asks("two.pem").code, 0);
    assert_eq!(it.house.get_ticket(&token).status, 401);
    // What the charter takes no more counts no more.
    let text = charter("laptop", "\"ticketing\"", "\"tickets\"");
    let text = text.replace("{ key = \"keys/laptop.pub.pem\" }", "{ uid = 1 }");
    it.house.governor.write("charters/laptop.toml", &text);
    it.house.governor.json(&["reload"]);
    assert_eq!(it.asks("two.pem").code, 1);
    it.house.governor.refused(&["enrol", "laptop"], 1);
    it.house.governor.refused(&["enrol", "writer"], 1);
    it.house.governor.refused(&["enrol", "nobody"], 1);
}

#[test]
fn a_key_ends_with_its_charter_and_whoever_gets_the_name_later_is_another() {
    let mut it = Enrolling::new();
    let text = charter("laptop", "\"ticketing\"", "\"tickets\"");
    let text = text.replace("{ key = \"keys/laptop.pub.pem\" }", "{ enrolled = true }");
    let file = it.house.governor.path("charters/laptop.toml");
    it.joins(&it.code(), "one.pem");
    assert_eq!(it.asks("one.pem").code, 0);
    std::fs::remove_file(&file).unwrap();
    it.house.governor.json(&["reload"]);
    assert_eq!(it.house.governor.json(&["identity", "keys"])["keys"], json!([]));
    it.house.governor.write("charters/laptop.toml", &text);
    it.house.governor.json(&["reload"]);
    assert_eq!(it.asks("one.pem").code, 1);
    // Also where the governor was away meanwhile: the next start without the charter ends it.
    it.joins(&it.code(), "two.pem");
    it.house.governor.stop();
    std::fs::remove_file(&file).unwrap();
    it.house.governor.serve();
    it.house.governor.write("charters/laptop.toml", &text);
    it.house.governor.json(&["reload"]);
    assert_eq!(it.asks("two.pem").code, 1);
}

#[test]
fn a_code_is_worth_nothing_without_a_key_that_is_held_and_nobodys() {
    let it = Enrolling::new();
    let code = it.code();
    let (own, other) = (it.house.key("writer"), it.house.key("planner"));
    let fresh = bailiwick_connect::IdentityKey::generate().unwrap();
    let made = |key: &bailiwick_connect::IdentityKey, identity: &str, aud: &str| {
        let made = key.assertion(&identity.parse().unwrap(), aud, super::now()).unwrap();
        made.expose().to_owned()
    };
    let url = it.house.governor.url();
    let good = || made(&fresh, "laptop", url);
    let pem = fresh.public_pem();
    // A key that another holds, or that is a charter's; an assertion for another, or for elsewhere.
    is_refused(&it.shows(&code, &pem, &made(&other, "laptop", url)), "invalid_client");
    is_refused(&it.shows(&code, &pem, &made(&fresh, "writer", url)), "invalid_client");
    is_refused(&it.shows(&code, &pem, &made(&fresh, "laptop", "https://other")), "invalid_client");
    is_refused(&it.shows(&code, &own.public_pem(), &made(&own, "laptop", url)), "invalid_request");
    is_refused(&it.shows(&code, "no key", &good()), "invalid_request");
    is_refused(
        &it.shows(&code, &fresh.private_pem().expose().replace("PRIVATE", "PUBLIC"), &good()),
        "invalid_request",
    );
    is_refused(&it.shows("laptop.AAAAAAAAAAAAAAAAAAAAAA", &pem, &good()), "invalid_grant");
    is_refused(&it.shows(&code.replace("laptop", "writer"), &pem, &good()), "invalid_grant");
    is_refused(&it.house.form_to("/oauth2/enrol", "", &[("code", &code)]), "invalid_request");
    // Whoever is contained brings nothing in.
    it.house.governor.json(&["contain", "identity:laptop", "--why", "lost"]);
    is_refused(&it.shows(&code, &pem, &good()), "unauthorized_client");
}

#[test]
fn a_code_that_several_show_at_once_counts_once_and_guesses_are_noticed() {
    let it = Enrolling::new();
    let code = it.code();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let show = |_| {
            scope.spawn(|| {
                let key = bailiwick_connect::IdentityKey::generate().unwrap();
                let url = it.house.governor.url();
                let made = key.assertion(&"laptop".parse().unwrap(), url, super::now()).unwrap();
                it.shows(&code, &key.public_pem(), made.expose()).status
            })
        };
        let all: Vec<_> = (0..8).map(show).collect();
        all.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|it| **it == 200).count(), 1, "{statuses:?}");
    for _ in 0..40 {
        is_refused(&it.shows(&code, "key", "assertion"), "invalid_grant");
    }
    let records = it.house.governor.records();
    assert!(records.iter().any(|it| it["code"] == "enrolment-guessed"));
}
