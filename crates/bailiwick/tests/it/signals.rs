//! Shared Signals: another system tells, over a real socket, and tasks end.

mod inward;
mod outward;

use std::fs;

use bailiwick_connect::Rs256Key;
use bailiwick_model::{Json, JsonLimits, Timestamp};
use serde_json::{Value, json};

use crate::{
    governor::{Answer, Governor, NOTES},
    secrets::with_value,
};

const PUSH: &str = "s3cret-of-the-identity-provider";
const ISSUER: &str = "https://idp.example";
const KIND: &str = "secevent+jwt";

/// A governor and another system that tells it something. Alice answers for `reader`.
struct House {
    governor: Governor,
    key: Rs256Key,
}

fn event(name: &str, family: &str) -> String {
    format!("https://schemas.openid.net/secevent/{family}/event-type/{name}")
}

impl House {
    fn new(more: &str) -> Self {
        let house = Self { governor: Governor::prepare(NOTES), key: Rs256Key::generate().unwrap() };
        let key: Value = serde_json::from_str(&house.key.jwk().canonical()).unwrap();
        fs::write(house.governor.path("idp.json"), json!({"keys": [key]}).to_string()).unwrap();
        let transmitter = format!(
            "[[transmitter]]\nname = \"idp\"\nissuer = \"{ISSUER}\"\naudience = \"us\"\njwks = \"idp.json\"\nsecret = \"idp-push\"\n{more}\n[[transmitter.subject]]\niss_sub = {{ iss = \"{ISSUER}\", sub = \"alice\" }}\nowner = \"team-test\"\n"
        );
        house.governor.write("bailiwick.toml", &format!("{}{transmitter}", NOTES[0].1));
        house
    }

    /// Starts the governor, with the secret that the other system shows.
    fn start(more: &str) -> Self {
        let mut house = Self::new(more);
        house.governor.serve();
        let set = with_value(&house.governor, &["secret", "set", "idp-push"], PUSH);
        assert_eq!(set.code, 0, "{set:?}");
        house
    }

    fn token(&self, claims: &Value) -> String {
        let claims = Json::parse(claims.to_string().as_bytes(), JsonLimits::default()).unwrap();
        self.key.token(KIND, &claims).unwrap()
    }

    fn tell(&self, claims: &Value) -> Answer {
        self.send("idp", PUSH, &self.token(claims))
    }

    fn send(&self, transmitter: &str, secret: &str, body: &str) -> Answer {
        self.send_as("application/secevent+jwt", transmitter, secret, body)
    }

    fn send_as(&self, kind: &str, transmitter: &str, secret: &str, body: &str) -> Answer {
        let host = self.governor.url().strip_prefix("http://").unwrap();
        let head = format!(
            "POST /ssf/events/{transmitter} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {secret}\r\nContent-Type: {kind}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len(),
        );
        self.governor.raw(&[head.as_bytes(), body.as_bytes()].concat())
    }
}

/// Gives what is told: `what` of the subject, under this name.
fn claims(what: &str, jti: &str, subject: &Value, detail: &Value) -> Value {
    json!({"iss": ISSUER, "aud": "us", "iat": now(), "jti": jti, "sub_id": subject, "events": {what: detail}})
}

fn alice() -> Value {
    json!({"format": "iss_sub", "iss": ISSUER, "sub": "alice"})
}

fn now() -> i64 {
    Timestamp::from_millis(
        i64::try_from(
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis(),
        )
        .unwrap(),
    )
    .seconds()
}
