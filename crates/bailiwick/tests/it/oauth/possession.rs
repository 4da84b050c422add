//! Tokens that are worth nothing without a key (RFC 9449).

use std::cell::{Cell, RefCell};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{House, JWT_BEARER, is_refused, now, token};
use crate::{governor::Answer, signer::Signer};

/// A house, and a key that a client makes for itself.
struct Held {
    house: House,
    key: Signer,
    made: Cell<u32>,
    nonce: RefCell<Option<String>>,
}

impl Held {
    fn new() -> Self {
        let (house, key) = (House::new(), Signer::new());
        Self { house, key, made: Cell::default(), nonce: RefCell::default() }
    }

    fn proof_of(&self, key: &Signer, method: &str, path: &str, token: Option<&str>) -> String {
        self.made.set(self.made.get().saturating_add(1));
        let url = format!("{}{path}", self.house.governor.url());
        let id = format!("proof-{}", self.made.get());
        let mut claims = json!({"htm": method, "htu": url, "jti": id, "iat": now().seconds()});
        if let Some(token) = token {
            let digest = bailiwick_model::Digest::of(token.as_bytes());
            claims["ath"] = json!(URL_SAFE_NO_PAD.encode(digest.as_bytes()));
        }
        if let Some(nonce) = self.nonce.borrow().as_ref() {
            claims["nonce"] = json!(nonce);
        }
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk()});
        key.sign(&header, &claims)
    }

    fn asks(&self, more: &[(&str, &str)]) -> Answer {
        self.asks_by("client_credentials", more)
    }

    fn asks_by(&self, grant: &str, more: &[(&str, &str)]) -> Answer {
        let proof = self.proof_of(&self.key, "POST", "/oauth2/token", None);
        let assertion = self.house.assertion("writer");
        let form = [
            ("grant_type", grant),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.as_str()),
        ];
        self.house.form_to("/oauth2/token", &format!("DPoP: {proof}\r\n"), &[&form, more].concat())
    }

    /// Asks for a token as a client does: once more, with the nonce that the first answer gives.
    fn token(&self) -> String {
        let first = self.asks(&[]);
        is_refused(&first, "use_dpop_nonce");
        *self.nonce.borrow_mut() = Some(first.header("dpop-nonce").unwrap().to_owned());
        let answer = self.asks(&[]);
        assert_eq!(answer.json()["token_type"], "DPoP", "{answer:?}");
        token(&answer)
    }

    fn calls(&self, scheme: &str, token: &str, proofs: &[&str]) -> Answer {
        let params = json!({"name": "get_ticket", "arguments": {"ticket": "T-1"}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let (body, host) = (body.to_string(), self.house.governor.host());
        let proofs: String = proofs.iter().map(|it| format!("DPoP: {it}\r\n")).collect();
        let head = format!(
            "POST /mcp/tickets HTTP/1.1\r\nHost: {host}\r\nAuthorization: {scheme} {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nConnection: close\r\nContent-Length: {}\r\n{proofs}\r\n",
            body.len(),
        );
        self.house.governor.raw(&[head.as_bytes(), body.as_bytes()].concat())
    }
}

fn claims(token: &str) -> Value {
    let part = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&part).unwrap()
}

#[test]
fn a_bound_token_opens_nothing_without_its_key() {
    let it = Held::new();
    let token = it.token();
    assert!(claims(&token)["cnf"]["jkt"].is_string(), "{token}");
    let good = || it.proof_of(&it.key, "POST", "/mcp/tickets", Some(&token));
    let proof = good();
    let called = it.calls("DPoP", &token, &[&proof]);
    assert_eq!(called.json()["result"]["isError"], false);
    assert_eq!(it.house.governor.reached(), 1);

    let stranger = Signer::new();
    let (one, two) = (good(), good());
    let by_stranger = it.proof_of(&stranger, "POST", "/mcp/tickets", Some(&token));
    let elsewhere = it.proof_of(&it.key, "POST", "/mcp/notes", Some(&token));
    let get = it.proof_of(&it.key, "GET", "/mcp/tickets", Some(&token));
    let tokenless = it.proof_of(&it.key, "POST", "/mcp/tickets", None);
    for (what, scheme, proofs) in [
        ("as a bearer token", "Bearer", vec![]),
        ("as a bearer token, with a proof", "Bearer", vec![one.as_str()]),
        ("without a proof", "DPoP", vec![]),
        ("with the proof of before", "DPoP", vec![proof.as_str()]),
        ("with two proofs", "DPoP", vec![one.as_str(), two.as_str()]),
        ("with another key's", "DPoP", vec![by_stranger.as_str()]),
        ("with one for another address", "DPoP", vec![elsewhere.as_str()]),
        ("with one for another method", "DPoP", vec![get.as_str()]),
        ("with one for no token", "DPoP", vec![tokenless.as_str()]),
        ("with the token itself", "DPoP", vec![token.as_str()]),
    ] {
        let answer = it.calls(scheme, &token, &proofs);
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with("DPoP ") && challenge.contains("algs=\""),
            "{what}: {challenge}"
        );
    }
    assert_eq!(it.house.governor.reached(), 1);
    // A nonce that is none of ours is answered with one that is.
    *it.nonce.borrow_mut() = Some("made-up".to_owned());
    let answer = it.calls("DPoP", &token, &[&good()]);
    assert!(answer.header("www-authenticate").unwrap().contains("use_dpop_nonce"), "{answer:?}");
    *it.nonce.borrow_mut() = Some(answer.header("dpop-nonce").unwrap().to_owned());
    assert_eq!(it.calls("DPoP", &token, &[&good()]).status, 200);
    // What is bound to nothing is not shown as if it were.
    let plain = super::token(&it.house.ask("writer", &[]));
    let proof = it.proof_of(&it.key, "POST", "/mcp/tickets", Some(&plain));
    assert_eq!(it.calls("DPoP", &plain, &[&proof]).status, 401);
    assert_eq!(it.calls("Bearer", &plain, &[]).status, 200);
}

#[test]
fn a_bound_token_is_traded_by_whoever_holds_its_key_alone() {
    let it = Held::new();
    let token = it.token();
    // Stolen, it is worth nothing here either; with its key it makes another bound one.
    is_refused(&it.house.trade("writer", &token, &[]), "invalid_request");
    is_refused(&it.house.trade("planner", &token, &[]), "invalid_request");
    let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    let more = [("subject_token", token.as_str()), ("subject_token_type", super::ACCESS)];
    let traded = it.asks_by(grant, &more);
    assert_eq!(traded.status, 200, "{traded:?}");
    let told = it.house.about("/oauth2/introspect", "writer", &token).json();
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("DPoP")));
    assert_eq!(told["cnf"], claims(&token)["cnf"]);
    let twice = "DPoP: a.b.c\r\nDPoP: a.b.c\r\n";
    let assertion = it.house.assertion("writer");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion.as_str()),
    ];
    is_refused(&it.house.form_to("/oauth2/token", twice, &form), "invalid_dpop_proof");
}

#[test]
fn a_bound_token_is_enough_for_high_impact_wherever_it_comes_from() {
    let mut it = Held::new();
    it.house.governor.stop();
    let path = it.house.governor.path("bailiwick.toml");
    let file = std::fs::read_to_string(&path).unwrap();
    let file = file.replace("http = \"127.0.0.1:0\"", "http = \"0.0.0.0:0\"\ninsecure = true");
    it.house.governor.write("bailiwick.toml", &format!("{file}bound_tokens = \"always\"\n"));
    it.house.governor.serve();
    let token = it.token();
    let proof = it.proof_of(&it.key, "POST", "/mcp/tickets", Some(&token));
    let called = it.calls("DPoP", &token, &[&proof]);
    assert_eq!(called.json()["result"]["isError"], false, "{called:?}");
}
