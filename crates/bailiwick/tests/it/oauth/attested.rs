//! Identities that others vouch for.

use serde_json::{Value, json};

use super::{House, JWT_BEARER, charter, granted, is_refused, now, token};
use crate::{governor::Answer, signer::Signer};

const SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const PLATFORM: &str = "https://tokens.example";
const JOB: &str = "repo:acme/shop:ref:refs/heads/main";

/// A house in which `pod` is a workload of `example.org`, and `job` what a platform calls so.
struct Vouched {
    house: House,
    domain: Signer,
    platform: Signer,
}

impl Vouched {
    fn new() -> Self {
        let mut house = House::new();
        let (domain, platform) = (Signer::new(), Signer::new());
        let file = std::fs::read_to_string(house.governor.path("bailiwick.toml")).unwrap();
        house.governor.stop();
        let trust = format!(
            "[[trust]]\ndomain = \"example.org\"\nbundle = \"bundle.json\"\n[[issuer]]\nurl = \"{PLATFORM}\"\njwks = \"platform.json\"\n"
        );
        let governor = &mut house.governor;
        governor.write("bailiwick.toml", &format!("{file}\n{trust}"));
        governor.write("bundle.json", &domain.set("d", "jwt-svid"));
        governor.write("platform.json", &platform.set("p", "sig"));
        let proved = |identity: &str, proof: &str| {
            let text = charter(identity, "\"ticketing\"", "\"tickets\"");
            text.replace(&format!("{{ key = \"keys/{identity}.pub.pem\" }}"), proof)
        };
        let spiffe = "{ spiffe = \"spiffe://example.org/agents/pod\" }";
        governor.write("charters/pod.toml", &proved("pod", spiffe));
        let oidc = format!(
            "{{ oidc = {{ issuer = \"{PLATFORM}\", subject = \"{JOB}\", audience = \"bailiwick\" }} }}"
        );
        governor.write("charters/job.toml", &proved("job", &oidc));
        governor.serve();
        Self { house, domain, platform }
    }

    fn svid(&self, change: impl FnOnce(&mut Value)) -> String {
        let at = now().seconds();
        let url = self.house.governor.url();
        let mut claims = json!({
            "sub": "spiffe://example.org/agents/pod", "aud": [url], "iat": at, "exp": at.saturating_add(300)
        });
        change(&mut claims);
        self.domain.sign(&json!({"alg": "ES256", "kid": "d", "typ": "JWT"}), &claims)
    }

    fn job(&self, change: impl FnOnce(&mut Value)) -> String {
        let at = now().seconds();
        let mut claims = json!({
            "iss": PLATFORM, "sub": JOB, "aud": "bailiwick", "iat": at.saturating_add(1), "exp": at.saturating_add(300)
        });
        change(&mut claims);
        self.platform.sign(&json!({"alg": "ES256", "kid": "p"}), &claims)
    }

    fn shows(&self, kind: &str, assertion: &str) -> Answer {
        self.house.form(&[
            ("grant_type", "client_credentials"),
            ("client_assertion_type", kind),
            ("client_assertion", assertion),
        ])
    }
}

#[test]
fn a_workload_opens_its_task_with_what_its_trust_domain_gave_it() {
    let it = Vouched::new();
    let svid = it.svid(|_| {});
    let answer = it.shows(SPIFFE, &svid);
    assert_eq!(granted(&answer)["identity"], "pod");
    let called = it.house.get_ticket(&token(&answer));
    assert_eq!(called.json()["result"]["isError"], false);
    let records = it.house.governor.records();
    let said = svid.rsplit('.').next().unwrap();
    assert!(!records.iter().any(|it| it.to_string().contains(said)), "no proof is on record");

    let other = it.shows(SPIFFE, &it.svid(|it| it["sub"] = json!("spiffe://example.org/agents/x")));
    is_refused(&other, "invalid_client");
    assert!(other.body.contains("spiffe://example.org/agents/x"), "{other:?}");
    let foreign = it.svid(|it| it["sub"] = json!("spiffe://partner.example/agents/pod"));
    is_refused(&it.shows(SPIFFE, &foreign), "invalid_client");
    is_refused(&it.shows(SPIFFE, &it.svid(|it| it["aud"] = json!("https://x"))), "invalid_client");
    is_refused(&it.shows(SPIFFE, &it.job(|_| {})), "invalid_client");
    is_refused(&it.shows(JWT_BEARER, &svid), "invalid_client");
    is_refused(&it.shows(SPIFFE, &it.house.assertion("writer")), "invalid_client");
    // What it was proved by is contained as any credential is.
    let minted = records.iter().find(|it| it["command"]["command"] == "token_minted").unwrap();
    assert_eq!(minted["by"], "identity:pod");
}

#[test]
fn a_job_opens_its_task_with_what_its_platform_says_of_it_once() {
    let it = Vouched::new();
    let job = it.job(|_| {});
    let answer = it.shows(JWT_BEARER, &job);
    assert_eq!(granted(&answer)["identity"], "job");
    let again = it.shows(JWT_BEARER, &job);
    is_refused(&again, "invalid_client");
    assert!(again.body.contains("used before"), "{again:?}");

    let grant = |assertion: &str| it.house.form(&[("grant_type", GRANT), ("assertion", assertion)]);
    let answer = grant(&it.job(|it| it["jti"] = json!("2")));
    assert_eq!(it.house.get_ticket(&token(&answer)).json()["result"]["isError"], false);
    for (what, value) in [
        ("sub", json!("repo:acme/shop:ref:refs/heads/evil")),
        ("aud", json!(it.house.governor.url())),
        ("aud", json!(["bailiwick", "other"])),
        ("iss", json!("https://evil.example")),
        ("exp", json!(1)),
    ] {
        let changed = it.job(|it| it[what] = value.clone());
        is_refused(&grant(&changed), "invalid_grant");
        is_refused(&it.shows(JWT_BEARER, &changed), "invalid_client");
    }
    is_refused(&grant(&it.house.assertion("writer")), "invalid_grant");
    is_refused(&it.house.form(&[("grant_type", GRANT)]), "invalid_request");
}

#[test]
fn keys_that_cannot_be_read_prove_nobody_and_are_noticed() {
    let mut it = Vouched::new();
    it.house.governor.stop();
    let path = it.house.governor.path("bailiwick.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    // A port that nobody listens at.
    let text = text.replace("bundle = \"bundle.json\"", "url = \"http://127.0.0.1:9/bundle\"");
    std::fs::write(&path, text).unwrap();
    it.house.governor.serve();
    is_refused(&it.shows(SPIFFE, &it.svid(|_| {})), "invalid_client");
    assert_eq!(it.shows(JWT_BEARER, &it.job(|_| {})).status, 200, "others are vouched for");
    crate::governor::until("the finding", || {
        let records = it.house.governor.records();
        records.iter().any(|it| it["code"] == "trust-stale")
    });
}
