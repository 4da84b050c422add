//! An authorization server that is strict, one that gives too much, and one that is none.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use bailiwick_model::{Timestamp, Ulid};

use super::*;
use crate::broker::stub::{Asked, Stub};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// The tokens that count at the server.
type Live = Arc<Mutex<BTreeSet<String>>>;

/// Refuses what RFC 6749 and RFC 7009 refuse, and knows the tokens that it gave.
fn strict(live: &Live) -> impl Fn(&Asked) -> (u16, String) + Send + use<> {
    let live = Arc::clone(live);
    move |asked| {
        // `a client:a secret`, each escaped.
        if !asked.head.contains("authorization: Basic YSUyMGNsaWVudDphJTIwc2VjcmV0\n") {
            return (401, r#"{"error":"invalid_client"}"#.into());
        }
        if !asked.head.contains("content-type: application/x-www-form-urlencoded\n") {
            return (400, r#"{"error":"invalid_request"}"#.into());
        }
        let fields: Vec<_> = asked.body.split('&').filter_map(|it| it.split_once('=')).collect();
        let field = |name| fields.iter().find(|it| it.0 == name).map(|it| it.1);
        let mut live = live.lock().unwrap();
        match asked.line.as_str() {
            "POST /token" if field("grant_type") != Some("client_credentials") => {
                (400, r#"{"error":"unsupported_grant_type"}"#.into())
            }
            "POST /token" if field("resource") != Some("https%3A%2F%2Fapi.example%2F") => {
                (400, r#"{"error":"invalid_target"}"#.into())
            }
            "POST /token" => {
                let token = format!("hunter2-{}", live.len());
                live.insert(token.clone());
                let scope = field("scope").unwrap().replace("%20", " ").replace("%3A", ":");
                (
                    200,
                    format!(
                        r#"{{"access_token":"{token}","token_type":"bearer","expires_in":300,"scope":"{scope}"}}"#
                    ),
                )
            }
            "POST /revoke" => {
                live.remove(field("token").unwrap());
                (200, String::new())
            }
            _ => (404, String::new()),
        }
    }
}

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
        wants: wants.iter().map(|it| (*it).to_owned()).collect(),
        until: NOW.after(Duration::from_secs(600)),
        now: NOW,
    }
}

fn ended(keepsake: Option<Secret>) -> EndedLease {
    let order = order(&[]);
    EndedLease { lease: order.lease, called: None, keepsake, until: order.until, now: NOW }
}

#[tokio::test]
async fn a_lease_is_a_token_that_is_given_back() {
    let live = Live::default();
    let stub = Stub::start(strict(&live)).await;
    let broker = broker(&stub.url);
    let issued = broker.issue(&order(&["orders:read", "orders:write"])).await.unwrap();
    assert_eq!(live.lock().unwrap().len(), 1);
    assert_eq!(issued.until, NOW.after(Duration::from_secs(300)), "the server ends it earlier");
    assert!(!format!("{issued:?} {broker:?}").contains("hunter2"));
    assert!(stub.asked()[0].body.contains("scope=orders%3Aread%20orders%3Awrite"));
    let keepsake = issued.keepsake;
    broker.revoke(&ended(keepsake.clone())).await.unwrap();
    assert!(live.lock().unwrap().is_empty());
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
        let error =
            broker(&stub.url).issue(&order(&["orders:read"])).await.unwrap_err().to_string();
        assert!(error.contains(wanted) && !error.contains("hunter2"), "{error}");
        let last = stub.asked().pop().unwrap();
        assert!(last.line == "POST /revoke" && last.body.contains("token=hunter2"), "{last:?}");
    }
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
