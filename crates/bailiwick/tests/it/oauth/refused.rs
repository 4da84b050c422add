//! Token requests that get nothing.

use bailiwick_connect::IdentityKey;
use serde_json::json;

use super::{House, JWT_BEARER, encoded, is_refused, now};

#[test]
fn an_assertion_counts_once_wherever_it_is_shown() {
    let house = House::new();
    let show = |assertion: &str| {
        house.form(&[
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
        ])
    };
    let assertion = house.assertion("writer");
    assert_eq!(show(&assertion).status, 200);
    is_refused(&show(&assertion), "invalid_client");
    // On the admin socket either, and the other way round.
    let open = |assertion: &str| {
        let wish = json!({"identity": "writer", "template": "ticketing", "assertion": assertion});
        house.governor.admin("POST", "/api/v1/tasks", &wish)
    };
    assert_eq!(open(&assertion).status, 403);
    let assertion = house.assertion("writer");
    assert_eq!(open(&assertion).status, 200);
    is_refused(&show(&assertion), "invalid_client");
    // What was refused for its wish is used up as well.
    let assertion = house.assertion("planner");
    is_refused(&show(&assertion), "invalid_authorization_details");
    is_refused(&show(&assertion), "invalid_client");
}

#[test]
fn nobody_is_believed_without_a_key_of_the_charter() {
    let house = House::new();
    let url = house.governor.url();
    let stranger = IdentityKey::generate().unwrap();
    let show = |assertion: &str, more: &[(&str, &str)]| {
        let proof = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
        ];
        house.form(&[&proof, more].concat())
    };
    let signed = |key: &IdentityKey, identity: &str, audience: &str| {
        let made = key.assertion(&identity.parse().unwrap(), audience, now()).unwrap();
        made.expose().to_owned()
    };
    // Registered without a key, registered with another, not registered: told in the same words.
    let said = ["reader", "writer", "nobody"].map(|identity| {
        let answer = show(&signed(&stranger, identity, url), &[]);
        is_refused(&answer, "invalid_client");
        answer.body.replace(identity, "X")
    });
    assert!(said.iter().all(|it| *it == said[0]), "{said:?}");

    let key = house.key("writer");
    for audience in [format!("{url}/oauth2/token"), format!("{url}/"), format!("{url}/mcp")] {
        is_refused(&show(&signed(&key, "writer", &audience), &[]), "invalid_client");
    }
    let good = || house.assertion("writer");
    is_refused(&show(&good(), &[("client_id", "planner")]), "invalid_client");
    is_refused(&show(&good(), &[("client_secret", "x")]), "invalid_client");
    assert_eq!(show(&good(), &[("client_id", "writer")]).status, 200);

    is_refused(&house.form(&[("grant_type", "client_credentials")]), "invalid_client");
    is_refused(&show("garbage", &[]), "invalid_client");
    let (_, token) = house.governor.open("reader", "reading", &[]);
    is_refused(&show(&token, &[]), "invalid_client");
    let basic = "Content-Type: application/x-www-form-urlencoded\r\nAuthorization: Basic dzp4\r\n";
    is_refused(&house.send(basic, "grant_type=client_credentials"), "invalid_client");
}

#[test]
fn a_request_that_is_not_exactly_one_is_refused() {
    let house = House::new();
    let proof = || {
        format!(
            "client_assertion_type={}&client_assertion={}",
            encoded(JWT_BEARER),
            house.assertion("writer")
        )
    };
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let send = |body: String| house.send(form, &body);
    is_refused(&send(proof()), "invalid_request");
    is_refused(
        &send(format!("{}&grant_type=authorization_code&code=x", proof())),
        "unsupported_grant_type",
    );
    is_refused(
        &send(format!("{}&grant_type=client_credentials&grant_type=x", proof())),
        "invalid_request",
    );
    is_refused(&send(format!("{}&a=%zz", proof())), "invalid_request");
    is_refused(&send("a=1&".repeat(80)), "invalid_request");
    is_refused(&send("x".repeat(70_000)), "invalid_request");
    let grant = format!("{}&grant_type=client_credentials", proof());
    is_refused(&house.send("Content-Type: application/json\r\n", &grant), "invalid_request");
    is_refused(&house.send("", &grant), "invalid_request");
    is_refused(
        &house.send(&format!("{form}Origin: https://evil.example\r\n"), &grant),
        "invalid_request",
    );
    // Unknown parameters are ignored, as RFC 6749 wants it; none of all this used the proof up.
    assert_eq!(send(format!("{grant}&other=1")).status, 200);

    let line = |line: &str| {
        let host = house.governor.host();
        house.governor.raw(format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n").as_bytes())
    };
    assert_eq!(line("GET /oauth2/token").status, 405);
    is_refused(&line("POST /oauth2/token?grant_type=client_credentials"), "invalid_request");
    let authorize =
        house.get("/oauth2/authorize?response_type=code&redirect_uri=https://x.example");
    assert_eq!((authorize.status, authorize.header("location")), (400, None));
}

#[test]
fn an_opening_that_is_refused_says_why_and_is_on_record() {
    let house = House::new();
    let ask = |identity: &str, details: serde_json::Value| house.ask_for(identity, &details, &[]);
    let wrong = ask("planner", json!({"template": "noting", "params": {"folder": "UP"}}));
    is_refused(&wrong, "invalid_authorization_details");
    assert_eq!(wrong.json()["reasons"][0]["code"], "bad_param");
    assert!(wrong.body.contains("folder"), "{wrong:?}");
    is_refused(&ask("planner", json!({"template": "noting"})), "invalid_authorization_details");
    is_refused(&ask("writer", json!({"template": "noting"})), "unauthorized_client");
    is_refused(&ask("writer", json!({"template": "nowhere"})), "unauthorized_client");
    let records = house.governor.records();
    let denied = records.iter().filter(|it| {
        it["command"]["command"] == "task_opened" && it["command"]["verdict"] == "deny"
    });
    assert_eq!(denied.count(), 4);
    assert!(!records.iter().any(|it| it["command"]["command"] == "token_minted"));
}

#[test]
fn a_fault_while_a_token_is_made_gives_none_and_is_on_record() {
    let house = House::breaking_at("issue");
    let answer = house.ask("writer", &[]);
    assert_eq!((answer.status, &answer.json()["error"]), (500, &json!("server_error")));
    let records = house.governor.records();
    let faults = records.iter().filter(|it| it["code"] == "request-broke-off");
    assert_eq!(faults.count(), 1, "{records:?}");
    assert_eq!(house.ask("writer", &[]).status, 200, "the next one gets its token");
}
