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
pub struct PushPlace {
    endpoint: Endpoint,
    url: String,
}

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It has it.
    Taken,
    /// It says that this one is no such token, or nothing that it knows: to send it again helps nobody.
    Refused,
    /// It cannot take it now, and perhaps says when to come again.
    Later(String, Option<Duration>),
}

/// The code of RFC 8935 that speaks of the token alone, whoever sends it and whenever.
const INVALID: &str = "invalid_request";

#[derive(Deserialize)]
struct Told {
    err: String,
}

impl PushPlace {
    /// Takes an address: `https://`, or `http://` on this machine. `authorities` is a file of those who
    /// are believed about who it is; the system's where there is none.
    pub fn new(url: &str, authorities: Option<&Path>) -> Result<Self, TargetMistake> {
        let endpoint = Endpoint::exact("url", url, authorities)?;
        Ok(Self { endpoint, url: url.to_owned() })
    }

    /// Gives the address, as it was configured.
    pub fn url(&self) -> &str {
        &self.url
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
        match self.endpoint.ask(question).await {
            Err(why) => Pushed::Later(why, None),
            // RFC 8935, section 2.2: that, and no other success, says that it has it.
            Ok(answer) if answer.status == StatusCode::ACCEPTED => Pushed::Taken,
            Ok(answer) if answer.status == StatusCode::BAD_REQUEST => {
                let told = serde_json::from_slice::<Told>(&answer.body).ok().map(|it| it.err);
                let known = told.unwrap_or_default();
                let plain = |it: char| it.is_ascii_lowercase() || it == '_';
                let code: String = known.chars().filter(|it| plain(*it)).take(64).collect();
                match code.as_str() {
                    INVALID => Pushed::Refused,
                    // What is wrong may be what it knows of our key, its own secret, or what stands
                    // before it: that passes, and what it was told then counts as before.
                    "" => Pushed::Later("it answers 400, and no reason".to_owned(), answer.after),
                    code => Pushed::Later(format!("it says `{code}`"), answer.after),
                }
            }
            Ok(answer) => {
                Pushed::Later(format!("it answers {}, and not 202", answer.status), answer.after)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// Pushes once to somebody who answers so, and gives what was asked for as well.
    async fn pushed(path: &str, answer: &str) -> (String, Pushed) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        let place = PushPlace::new(&url, None).unwrap();
        assert_eq!(place.url(), url);
        let answers = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            while !heard.ends_with(b"\r\n\r\nset") {
                assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(heard).unwrap()
        };
        let secret = Secret::new("s3cret".to_owned());
        let (heard, pushed) = tokio::join!(answers, place.push("set".to_owned(), &secret));
        (heard.lines().next().unwrap_or_default().to_owned(), pushed)
    }

    async fn answered(status: u16, more: &str, body: &str) -> Pushed {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{more}\r\n");
        pushed("/events", &format!("{head}{body}")).await.1
    }

    #[tokio::test]
    async fn a_receiver_has_it_when_it_says_202_and_refuses_it_by_one_code_alone() {
        assert_eq!(answered(202, "", "").await, Pushed::Taken);
        assert_eq!(answered(400, "", r#"{"err":"invalid_request"}"#).await, Pushed::Refused);
        for code in [
            "invalid_key",
            "invalid_issuer",
            "invalid_audience",
            "authentication_failed",
            "access_denied",
            "something_else",
        ] {
            let body = format!(r#"{{"err":"{code}","description":"invalid_request"}}"#);
            let later = Pushed::Later(format!("it says `{code}`"), Some(Duration::from_secs(7)));
            assert_eq!(answered(400, "Retry-After: 7\r\n", &body).await, later);
        }
        for body in ["", "<html>invalid_request", "[]", r#"{"err":7}"#, r#"{"err":""}"#] {
            let said = answered(400, "", body).await;
            assert!(matches!(said, Pushed::Later(_, None)), "{body}: {said:?}");
        }
        for status in [200, 201, 204, 301, 401, 403, 404, 429, 500, 503] {
            let said = answered(status, "", "").await;
            assert!(matches!(said, Pushed::Later(..)), "{status}: {said:?}");
        }
    }

    #[tokio::test]
    async fn what_is_configured_is_asked_to_the_letter() {
        let taken = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
        for (path, asked) in
            [("/events/", "/events/"), ("/events", "/events"), ("", "/"), ("/", "/")]
        {
            let (line, said) = pushed(path, taken).await;
            assert_eq!((line, said), (format!("POST {asked} HTTP/1.1"), Pushed::Taken));
        }
    }
}
