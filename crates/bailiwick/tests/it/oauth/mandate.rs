//! Identities that work on behalf of people, as their provider says (ID-JAG).

use bailiwick_connect::Rs256Key;
use bailiwick_model::{Json, JsonLimits};
use serde_json::{Value, json};

use super::{House, JWT_BEARER, TYPE, granted, is_refused, now, token};
use crate::{governor::Answer, secrets::with_value, signer::Signer};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const PROVIDER: &str = "https://idp.example";
const PUSH: &str = "s3cret-of-the-provider";

/// A house that takes the word of one provider for people.
struct Mandated {
    house: House,
    provider: Signer,
}

impl Mandated {
    fn new() -> Self {
        Self::with("", "")
    }

    /// A house with more configuration, and keys of transmitters.
    fn with(more: &str, keys: &str) -> Self {
        let mut house = House::new();
        let provider = Signer::new();
        let file = std::fs::read_to_string(house.governor.path("bailiwick.toml")).unwrap();
        house.governor.stop();
        let table = format!("[[mandate_issuer]]\nurl = \"{PROVIDER}\"\njwks = \"provider.json\"\n");
        house.governor.write("bailiwick.toml", &format!("{file}\n{table}{more}"));
        house.governor.write("transmitters.json", keys);
        house.governor.write("provider.json", &provider.set("p", "sig"));
        house.governor.serve();
        Self { house, provider }
    }

    fn grant(&self, client: &str, change: impl FnOnce(&mut Value)) -> String {
        self.grant_as("oauth-id-jag+jwt", client, change)
    }

    fn grant_as(&self, kind: &str, client: &str, change: impl FnOnce(&mut Value)) -> String {
        // What is dated in the second of the start may have been used before it.
        let at = now().seconds().saturating_add(1);
        let id = bailiwick_connect::random_text().unwrap();
        let mut claims = json!({
            "iss": PROVIDER, "sub": "U0194", "aud": self.house.governor.url(), "client_id": client,
            "jti": id, "iat": at, "exp": at.saturating_add(300),
        });
        change(&mut claims);
        self.provider.sign(&json!({"alg": "ES256", "kid": "p", "typ": kind}), &claims)
    }

    /// Redeems a grant as `identity`, with more parameters.
    fn redeem(&self, identity: &str, grant: &str, more: &[(&str, &str)]) -> Answer {
        let assertion = self.house.assertion(identity);
        let proof = [
            ("grant_type", GRANT),
            ("assertion", grant),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.as_str()),
        ];
        self.house.form(&[&proof, more].concat())
    }

    fn details(template: &str, more: &Value) -> Value {
        let mut details = json!({"type": TYPE, "template": template});
        for (name, value) in more.as_object().into_iter().flatten() {
            details[name] = value.clone();
        }
        json!([details])
    }
}

#[test]
fn a_person_is_in_the_task_in_the_ledger_and_in_the_path_of_what_is_done_for_them() {
    let it = Mandated::new();
    let grant = it.grant("writer", |it| it["act"] = json!({"sub": "portal"}));
    let answer = it.redeem("writer", &grant, &[]);
    let details = granted(&answer);
    assert_eq!(details["identity"], "writer");
    assert_eq!(details["on_behalf"], json!({"issuer": PROVIDER, "subject": "U0194"}));
    let called = it.house.get_ticket(&token(&answer));
    assert_eq!(called.json()["result"]["isError"], false);

    let task = details["task"].as_str().unwrap();
    let person = json!({"issuer": PROVIDER, "subject": "U0194", "through": ["portal"]});
    let governor = &it.house.governor;
    assert_eq!(governor.json(&["task", "show", task])["on_behalf"], person);
    let path = governor.json(&["path", task]);
    assert_eq!((&path["on_behalf"], &path["caller"]), (&person, &json!("writer")));
    let records = governor.records();
    let opened = records.iter().find(|it| it["command"]["task"]["id"] == *task).unwrap();
    assert_eq!(opened["command"]["task"]["on_behalf"], person);
    let said = opened["command"]["steps"][0]["attributes"]["on_behalf"].clone();
    assert_eq!(said, json!(format!("U0194 of {PROVIDER}")));
    let signature = grant.rsplit('.').next().unwrap();
    assert!(!records.iter().any(|it| it.to_string().contains(signature)), "no grant is on record");
}

#[test]
fn each_person_has_a_task_of_their_own_and_an_identity_alone_has_another() {
    let it = Mandated::new();
    let task = |answer: &Answer| granted(answer)["task"].clone();
    let first = task(&it.redeem("writer", &it.grant("writer", |_| {}), &[]));
    let again = task(&it.redeem("writer", &it.grant("writer", |_| {}), &[]));
    let other = it.grant("writer", |it| it["sub"] = json!("U0200"));
    let other = task(&it.redeem("writer", &other, &[]));
    let own = task(&it.house.ask("writer", &[]));
    assert_eq!(first, again, "a client without words goes on with the task of this person");
    assert!(first != other && first != own && other != own);
}

#[test]
fn a_grant_counts_once_for_its_own_client_which_proves_itself_besides() {
    let it = Mandated::new();
    let grant = it.grant("writer", |_| {});
    // Whoever has the grant alone has nothing, and uses nothing up.
    let alone = it.house.form(&[("grant_type", GRANT), ("assertion", &grant)]);
    is_refused(&alone, "invalid_client");
    is_refused(&it.redeem("planner", &grant, &[]), "invalid_grant");
    let named = [("client_id", "planner")];
    is_refused(&it.redeem("writer", &grant, &named), "invalid_client");
    is_refused(&it.redeem("writer", &grant, &[("scope", "admin")]), "invalid_scope");
    assert_eq!(it.redeem("writer", &grant, &[]).status, 200);
    let again = it.redeem("writer", &grant, &[]);
    is_refused(&again, "invalid_grant");
    assert!(again.body.contains("used before"), "{again:?}");
    // Nor does it prove a client.
    let shown = it.grant("writer", |_| {});
    is_refused(
        &it.house.form(&[
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &shown),
        ]),
        "invalid_client",
    );
}

#[test]
fn what_is_not_exactly_such_a_grant_opens_nothing() {
    let it = Mandated::new();
    let url = it.house.governor.url().to_owned();
    for (what, value) in [
        ("aud", json!(format!("{url}/"))),
        ("aud", json!([url])),
        ("aud", json!("https://other.example")),
        ("iss", json!("https://evil.example")),
        ("exp", json!(1)),
        ("client_id", json!("planner")),
        ("sub", json!("")),
        ("tenant", json!("acme")),
        ("jti", Value::Null),
        ("act", json!("portal")),
    ] {
        let grant = it.grant("writer", |it| it[what] = value.clone());
        is_refused(&it.redeem("writer", &grant, &[]), "invalid_grant");
    }
    // With another `typ` it is none, and the assertion is taken for a proof, which it is not either.
    for kind in ["JWT", "at+jwt", "client-authentication+jwt", "Oauth-id-jag+jwt"] {
        let grant = it.grant_as(kind, "writer", |_| {});
        is_refused(&it.redeem("writer", &grant, &[]), "invalid_request");
        is_refused(
            &it.house.form(&[("grant_type", GRANT), ("assertion", &grant)]),
            "invalid_grant",
        );
    }
    let forged = Signer::new();
    let real = it.grant("writer", |_| {});
    let claims = real.split('.').nth(1).unwrap();
    let claims = base64_json(claims);
    let forged =
        forged.sign(&json!({"alg": "ES256", "kid": "p", "typ": "oauth-id-jag+jwt"}), &claims);
    is_refused(&it.redeem("writer", &forged, &[]), "invalid_grant");
    let opened = it.house.governor.records();
    assert!(!opened.iter().any(|it| it["command"]["command"] == "task_opened"), "nothing opened");
}

#[test]
fn a_grant_of_which_no_token_came_is_not_used_up() {
    let it = Mandated::new();
    let grant = it.grant("planner", |_| {});
    let redeem = |folder: &str| {
        let noting = Mandated::details("noting", &json!({"params": {"folder": folder}}));
        it.redeem("planner", &grant, &[("authorization_details", noting.to_string().as_str())])
    };
    // It is the decision that refuses this, and not the form.
    is_refused(&redeem("../etc"), "invalid_authorization_details");
    assert_eq!(granted(&redeem("daily"))["on_behalf"]["subject"], "U0194");
    let again = redeem("daily");
    is_refused(&again, "invalid_grant");
    assert!(again.body.contains("used before"), "{again:?}");
}

fn base64_json(part: &str) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn what_a_grant_is_for_is_no_more_than_the_template_and_the_client_adds_nothing() {
    let it = Mandated::new();
    let with =
        |client: &str, details: Value| it.grant(client, |it| it["authorization_details"] = details);
    let noting = Mandated::details("noting", &json!({"params": {"folder": "daily"}}));
    let answer = it.redeem("planner", &with("planner", noting.clone()), &[]);
    assert_eq!(granted(&answer)["params"]["folder"], "daily");
    // Wider than the template, in each way there is.
    for (details, error) in [
        (json!({"params": {"folder": "../etc"}}), "invalid_authorization_details"),
        (json!({"params": {"folder": "a", "more": "b"}}), "invalid_authorization_details"),
        (
            json!({"params": {"folder": "a"}, "actions": ["notes__delete"]}),
            "invalid_authorization_details",
        ),
        (
            json!({"params": {"folder": "a"}, "identity": "writer", "parent": "task_01JD8X00000000000000000000"}),
            "invalid_authorization_details",
        ),
    ] {
        let grant = with("planner", Mandated::details("noting", &details));
        is_refused(&it.redeem("planner", &grant, &[]), error);
    }
    let outside = with("writer", noting.clone());
    is_refused(&it.redeem("writer", &outside, &[]), "unauthorized_client");
    // The client says something else than the person's provider did.
    let other = Mandated::details("planning", &json!({})).to_string();
    let grant = with("planner", noting.clone());
    let more = [("authorization_details", other.as_str())];
    is_refused(&it.redeem("planner", &grant, &more), "invalid_authorization_details");
    let same = noting.to_string();
    let same = [("authorization_details", same.as_str())];
    assert_eq!(it.redeem("planner", &grant, &same).status, 200);
}

#[test]
fn a_token_reaches_no_further_than_the_grant_says() {
    let it = Mandated::new();
    let url = it.house.governor.url().to_owned();
    let one = format!("{url}/mcp/tickets");
    let to_one = |it: &mut Value| it["resource"] = json!(one);
    let planning = Mandated::details("planning", &json!({})).to_string();
    let planning = ("authorization_details", planning.as_str());
    let ask = |grant: String, more: &[(&str, &str)]| {
        it.redeem("planner", &grant, &[&[planning], more].concat())
    };
    let answer = ask(it.grant("planner", to_one), &[]);
    assert_eq!(answer.json()["scope"], "mcp:tickets");
    assert_eq!(granted(&answer)["locations"], json!([one]));
    for wider in [format!("{url}/mcp"), format!("{url}/mcp/notes")] {
        let answer = ask(it.grant("planner", to_one), &[("resource", &wider)]);
        is_refused(&answer, "invalid_target");
    }
    let elsewhere = it.grant("planner", |it| it["resource"] = json!("https://api.example/"));
    is_refused(&ask(elsewhere, &[]), "invalid_target");
    let scoped = |scope: &str| it.grant("planner", |it| it["scope"] = json!(scope));
    is_refused(&ask(scoped("mcp:notes chat.read"), &[]), "invalid_scope");
    let tickets = [("resource", one.as_str())];
    is_refused(&ask(scoped("mcp:notes"), &tickets), "invalid_scope");
    assert_eq!(ask(scoped("mcp:tickets"), &tickets).json()["scope"], "mcp:tickets");
    assert_eq!(ask(scoped("mcp"), &tickets).json()["scope"], "mcp:tickets");

    // Nor does any other token of its task, however it is asked for.
    let noting = Mandated::details("noting", &json!({"params": {"folder": "daily"}})).to_string();
    let noting = ("authorization_details", noting.as_str());
    let notes = format!("{url}/mcp/notes");
    let reads = |answer: &Answer| {
        let read = json!({"path": "/notes/daily"});
        it.house.governor.call(&token(answer), "read_note", &read)["isError"] == false
    };
    for (grant, reached) in [
        (it.grant("planner", to_one), false),
        (scoped("mcp:tickets"), false),
        (it.grant("planner", |it| it["resource"] = json!(format!("{url}/mcp"))), true),
        (scoped("mcp"), true),
        (scoped("mcp:tickets mcp:notes"), true),
    ] {
        let first = it.redeem("planner", &grant, &[noting, tickets[0]]);
        let again = json!({"task": granted(&first)["task"]});
        let again = it.house.ask_for("planner", &again, &[]);
        assert_eq!(granted(&again)["task"], granted(&first)["task"]);
        let traded = it.house.trade("planner", &token(&again), &[("resource", &notes)]);
        assert_eq!((reads(&again), reads(&traded)), (reached, reached), "{grant}");
    }
}

#[test]
fn a_client_without_words_goes_on_with_no_task_that_reaches_further_than_the_grant_or_less() {
    let it = Mandated::new();
    let tickets = json!(format!("{}/mcp/tickets", it.house.governor.url()));
    let wide = || it.grant("writer", |_| {});
    let narrow = || it.grant("writer", |it| it["resource"] = tickets.clone());
    let task = |grant: String| granted(&it.redeem("writer", &grant, &[]))["task"].clone();
    let (one, other) = (task(wide()), task(narrow()));
    assert_ne!(one, other);
    assert_eq!((task(wide()), task(narrow())), (one, other));
}

#[test]
fn whoever_takes_such_grants_says_so_and_what_is_handed_on_stays_for_the_same_person() {
    let it = Mandated::new();
    let metadata = it.house.get("/.well-known/oauth-authorization-server").json();
    let profile = json!(["urn:ietf:params:oauth:grant-profile:id-jag"]);
    assert_eq!(metadata["authorization_grant_profiles_supported"], profile);
    let plain = House::new().get("/.well-known/oauth-authorization-server").json();
    assert_eq!(plain.get("authorization_grant_profiles_supported"), None);

    let planning = Mandated::details("planning", &json!({})).to_string();
    let more = [("authorization_details", planning.as_str())];
    let answer = it.redeem("planner", &it.grant("planner", |_| {}), &more);
    let child = it.house.trade("writer", &token(&answer), &[]);
    assert_eq!(granted(&child)["on_behalf"]["subject"], "U0194");
    // A grant for another person is none for a task below that one.
    let above = granted(&answer)["task"].clone();
    let handed = json!({"parent": above, "identity": "writer"});
    let handed = Mandated::details("ticketing", &handed).to_string();
    let other = it.grant("planner", |it| it["sub"] = json!("U0200"));
    let answer = it.redeem("planner", &other, &[("authorization_details", handed.as_str())]);
    is_refused(&answer, "invalid_authorization_details");
}

#[test]
fn what_works_for_a_person_ends_when_the_provider_says_that_they_are_gone() {
    let key = Rs256Key::generate().unwrap();
    let table = |name: &str, issuer: &str| {
        format!(
            "[[transmitter]]\nname = \"{name}\"\nissuer = \"{issuer}\"\naudience = \"us\"\njwks = \"transmitters.json\"\nsecret = \"push\"\n[[transmitter.subject]]\nopaque = \"x\"\nidentity = \"planner\"\n"
        )
    };
    let stranger = "https://other.example";
    let tables = format!("{}{}", table("idp", PROVIDER), table("other", stranger));
    let it = Mandated::with(&tables, &format!(r#"{{"keys":[{}]}}"#, key.jwk().canonical()));
    let governor = &it.house.governor;
    assert_eq!(with_value(governor, &["secret", "set", "push"], PUSH).code, 0);
    let task = |person: &str| {
        let grant = it.grant("writer", |it| it["sub"] = json!(person));
        granted(&it.redeem("writer", &grant, &[]))["task"].as_str().unwrap().to_owned()
    };
    let (one, other) = (task("U0194"), task("U0200"));
    let is_open = |task: &str| governor.json(&["task", "show", task])["status"]["state"] == "open";
    let tell = |name: &str, issuer: &str, person: &Value| {
        let disabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
        let jti = bailiwick_connect::random_text().unwrap();
        let claims = json!({
            "iss": issuer, "aud": "us", "iat": now().seconds(), "jti": jti, "sub_id": person,
            "events": {disabled: {}},
        });
        let claims = Json::parse(claims.to_string().as_bytes(), JsonLimits::default()).unwrap();
        let token = key.token("secevent+jwt", &claims).unwrap();
        let headers =
            format!("Authorization: Bearer {PUSH}\r\nContent-Type: application/secevent+jwt\r\n");
        let answer = it.house.send_to(&format!("/ssf/events/{name}"), &headers, &token);
        assert_eq!(answer.status, 202, "{answer:?}");
    };
    let person = json!({"format": "iss_sub", "iss": PROVIDER, "sub": "U0194"});
    // Another transmitter may not speak of this provider's people, nor of its own by that name.
    tell("other", stranger, &person);
    tell("other", stranger, &json!({"format": "iss_sub", "iss": stranger, "sub": "U0194"}));
    tell("idp", PROVIDER, &json!({"format": "opaque", "id": "U0194"}));
    assert!(is_open(&one) && is_open(&other));
    tell("idp", PROVIDER, &person);
    assert!(!is_open(&one) && is_open(&other));
    let records = governor.records();
    let told: Vec<_> =
        records.iter().filter(|it| it["command"]["command"] == "signal_received").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["command"]["about"], json!([format!("task:{one}")]));
    assert_eq!(told[0]["command"]["ended"], json!([one]));
    assert!(!told[0].to_string().contains("U0194"), "it is told in our words: {told:?}");
}
