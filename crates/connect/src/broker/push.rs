//! One security event token, sent to a receiver that the operator named (RFC 8935).

use std::{path::Path, time::Duration};

use http::{Method, StatusCode};
use serde::Deserialize;

use super::{
    TargetMistake,
    call::{Endpoint, Question},
};
use crate::Secret;

/// Where a receiver takes what it is told.
#[derive(Clone, Debug)]
pub struct PushPlace(Endpoint);

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It has it.
    Taken,
    /// It will not take this one, for a reason that programs read.
    Refused(String),
    /// It cannot take it now, and perhaps says when to come again.
    Later(String, Option<Duration>),
}

#[derive(Deserialize)]
struct Told {
    err: String,
}

impl PushPlace {
    /// Takes an address: `https://`, or `http://` on this machine. `authorities` is a file of those who
    /// are believed about who it is; the system's where there is none.
    pub fn new(url: &str, authorities: Option<&Path>) -> Result<Self, TargetMistake> {
        Endpoint::new("url", url, authorities).map(Self)
    }

    /// Sends one token. Nobody is sent on, and nothing of what is sent is in an error.
    pub async fn push(&self, set: String, secret: &Secret) -> Pushed {
        let question = Question {
            method: Method::POST,
            path: String::new(),
            kind: "application/secevent+jwt",
            proof: Secret::new(format!("Bearer {}", secret.expose())),
            more: Vec::new(),
            body: Secret::new(set),
        };
        match self.0.ask(question).await {
            Err(why) => Pushed::Later(why, None),
            Ok(answer) if answer.status.is_success() => Pushed::Taken,
            Ok(answer) if answer.status == StatusCode::BAD_REQUEST => {
                let told = serde_json::from_slice::<Told>(&answer.body).ok().map(|it| it.err);
                let known = told.unwrap_or_default();
                let plain = |it: char| it.is_ascii_lowercase() || it == '_';
                let code: String = known.chars().filter(|it| plain(*it)).take(64).collect();
                Pushed::Refused(if code.is_empty() { "400".to_owned() } else { code })
            }
            Ok(answer) => Pushed::Later(format!("it answers {}", answer.status), answer.after),
        }
    }
}
