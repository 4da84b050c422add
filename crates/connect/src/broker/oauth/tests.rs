//! An authorization server that is strict, one that gives too much, and one that is none.

use bailiwick_model::{Timestamp, Ulid};
use bailiwick_testkit::service::{Authority, Stub};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn target(url: &str) -> OAuthTarget {
    OAuthTarget {
        token_endpoint: format!("{url}/token"),
        revocation_endpoint: format!("{url}/revoke"),
        ca: None,
        client: "a client".into(),
        secret: SecretSource::Held(Secret::new("a secret")),
        resource: Some("https://api.example/".into()),
        scopes: vec!["orders:read".into(), "orders:write".into()],
        longest: Duration::from_secs(3600),
        traded: None,
    }
}

fn broker(url: &str) -> OAuth {
    OAuth::new("orders-api".parse().unwrap(), target(url)).unwrap()
}

fn order(wants: &[&str]) -> LeaseOrder {
    let ulid = Ulid::new(NOW, [7; 10]);
    LeaseOrder {
        lease: LeaseId::new(ulid),
        task: bailiwick_model::TaskId::new(ulid),
        identity: "triage-agent".parse().unwrap(),
        on_behalf: None,
        wants: wants.iter().map(|it| (*it).to_owned()).collect(),
        until: NOW.after(Duration::from_secs(600)),
        now: NOW,
    }
}

fn ended(keepsake: Option<Secret>) -> EndedLease {
    let order = order(&[]);
    let enforced = EnforcedAs::Session;
    EndedLease {
        lease: order.lease,
        called: None,
        keepsake,
        enforced,
        until: order.until,
        now: NOW,
    }
}

#[tokio::test]
async fn a_lease_is_a_token_that_is_given_back() {
    let server = Authority::new(NOW);
    let stub = server.serve().await;
    let broker = broker(&stub.url);
    let issued = broker.issue(&order(&["orders:read", "orders:write"])).await.unwrap();
    assert_eq!(server.tokens(), 1);
    assert_eq!(issued.until, NOW.after(Duration::from_secs(300)), "the server ends it earlier");
    assert!(!format!("{issued:?} {broker:?}").contains("hunter2"));
    assert!(stub.asked()[0].body.contains("scope=orders%3Aread%20orders%3Awrite"));
    let keepsake = issued.keepsake;
    broker.revoke(&ended(keepsake.clone())).await.unwrap();
    assert_eq!(server.tokens(), 0);
    broker.revoke(&ended(keepsake)).await.unwrap();
    broker.revoke(&ended(None)).await.unwrap();
    assert_eq!(stub.asked().len(), 3, "nothing is said of a token that nobody heard of");
}

#[tokio::test]
async fn what_is_not_what_was_asked_for_is_given_back_and_not_out() {
    for (answer, wanted) in [
        (r#""token_type":"DPoP","expires_in":300"#, "bound in a way"),
        (r#""token_type":"Bearer""#, "lives longer"),
        (r#""token_type":"Bearer","expires_in":86400"#, "lives longer"),
        (r#""token_type":"Bearer","expires_in":300,"scope":"orders:read admin""#, "more scope"),
    ] {
        let body = format!(r#"{{"access_token":"hunter2",{answer}}}"#);
        let stub = Stub::start(move |asked| match asked.line.as_str() {
            "POST /token" => (200, body.clone()),
            _ => (200, String::new()),
        })
        .await;
        let broker = broker(&stub.url);
        let issued = broker.issue(&order(&["orders:read"])).await.unwrap();
        let why = issued.unfit.clone().unwrap();
        assert!(why.contains(wanted) && !format!("{issued:?}").contains("hunter2"), "{why}");
        broker.revoke(&ended(issued.keepsake)).await.unwrap();
        let last = stub.asked().pop().unwrap();
        assert!(last.line == "POST /revoke" && last.body.contains("token=hunter2"), "{last:?}");
    }
}

#[test]
fn a_holder_is_told_of_the_scope_that_was_given_and_of_nothing_that_was_not_wanted() {
    let wants = ["orders:read".to_owned(), "orders:write".to_owned()];
    for (said, wanted) in [
        (None, "orders:read orders:write"),
        (Some("orders:write orders:read"), "orders:read orders:write"),
        (Some("orders:write orders:write hunter2"), "orders:write"),
        (Some(""), ""),
    ] {
        assert_eq!(given(said, &wants), wanted, "{said:?}");
    }
}

#[tokio::test]
async fn a_token_that_can_be_named_no_more_is_not_called_gone_before_its_time() {
    let nobody = broker("http://127.0.0.1:1");
    let lost = || EndedLease { called: Some("lease".into()), ..ended(None) };
    let error = nobody.revoke(&lost()).await.unwrap_err().to_string();
    assert!(error.contains("cannot end it before"), "{error}");
    let over = lost().until.after(Duration::from_secs(3600));
    nobody.revoke(&EndedLease { now: over, ..lost() }).await.unwrap();
}

#[tokio::test]
async fn a_token_that_a_server_cannot_take_back_lives_until_its_time_and_is_gone_then() {
    let body = r#"{"error":"unsupported_token_type"}"#.to_owned();
    let stub = Stub::start(move |_| (400, body.clone())).await;
    let signed = || ended(Some(Secret::new("hunter2")));
    let broker = broker(&stub.url);
    let error = broker.revoke(&signed()).await.unwrap_err().to_string();
    assert!(error.contains("cannot end it before") && !error.contains("hunter2"), "{error}");
    let over = signed().until.after(Duration::from_secs(3600));
    broker.revoke(&EndedLease { now: over, ..signed() }).await.unwrap();
    assert_eq!(stub.asked().len(), 2, "it is given back each time all the same");

    let another = Stub::start(|_| (400, r#"{"error":"invalid_request"}"#.to_owned())).await;
    let late = EndedLease { now: over, ..signed() };
    let error = self::broker(&another.url).revoke(&late).await.unwrap_err();
    assert!(matches!(error, BrokerError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn no_answer_shows_what_was_in_it() {
    for (status, body, wanted) in [
        (200, "<html>hunter2</html>", "none of RFC 6749"),
        (200, r#"{"token_type":"Bearer","expires_in":1}"#, "none of RFC 6749"),
        (302, "", "it answers 302"),
        (400, r#"{"error":"invalid_scope","error_description":"hunter2"}"#, "400 invalid_scope"),
        (401, r#"{"error":"hunter2!"}"#, "it answers 401"),
        (429, "", "wants no more for now"),
        (500, "hunter2", "it answers 500"),
    ] {
        let stub = Stub::start(move |_| (status, body.to_owned())).await;
        let error =
            broker(&stub.url).issue(&order(&["orders:read"])).await.unwrap_err().to_string();
        assert!(error.contains(wanted) && !error.contains("hunter2"), "{status}: {error}");
    }
    let long = Stub::start(|_| (200, "x".repeat(300_000))).await;
    let error = broker(&long.url).issue(&order(&["orders:read"])).await.unwrap_err().to_string();
    assert!(error.contains("has no end"), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_end_it_is_asked_again() {
    let stub = Stub::start(|_| (503, String::new())).await;
    let error = broker(&stub.url).revoke(&ended(Some(Secret::new("hunter2")))).await.unwrap_err();
    assert!(matches!(error, BrokerError::Busy { .. }), "{error}");
    let nobody = broker("http://127.0.0.1:1");
    let error = nobody.revoke(&ended(Some(Secret::new("hunter2")))).await.unwrap_err();
    assert!(matches!(error, BrokerError::Away { .. }), "{error}");
    let error = nobody.issue(&order(&["admin"])).await.unwrap_err();
    assert!(matches!(error, BrokerError::Unfit { .. }), "{error}");
}

#[test]
fn what_cannot_be_meant_is_refused_in_the_operators_words() {
    for (url, wanted) in [
        ("http://as.example", "`http://as.example/token` is no address"),
        ("https://user@as.example", "is no address"),
        ("ftp://as.example", "is no address"),
    ] {
        let error = target(url).check().unwrap_err();
        assert!(error.setting == "token_endpoint" && error.message.contains(wanted), "{error}");
    }
    let scopes = vec!["orders:read orders:write".to_owned()];
    let error = OAuthTarget { scopes, ..target("http://localhost") }.check().unwrap_err();
    assert!(error.message.ends_with("say each by itself"), "{error}");
}
