//! What a server says: one message, read without trust and without copying.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{jsonrpc::Answer, mcp::ours::unforged};

/// What the server answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A result, as it came.
    Result(Box<RawValue>),
    /// An error object, as it came.
    Error(Box<RawValue>),
}

impl Reply {
    /// Takes an error object as a server wrote it.
    pub(super) fn error(said: &RawValue) -> Self {
        Self::Error(unforged(said).into_owned())
    }

    /// Says how many bytes it has.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Result(raw) | Self::Error(raw) => raw.get().len(),
        }
    }
}

/// One message from a server, without anything in it under a name of ours.
#[derive(Debug)]
pub(super) enum Incoming<'a> {
    /// Answers what we asked under this id; the answer itself may be malformed.
    Answer { id: u64, reply: Result<Reply, &'static str> },
    /// Asks us.
    Request { id: &'a RawValue, method: String, params: Option<Cow<'a, RawValue>> },
    /// Tells us.
    Notification { method: String, params: Option<Cow<'a, RawValue>> },
    /// Answers something that we never asked.
    Stray,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// Keeps `null` apart from nothing at all.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(input).map(Some)
}

impl<'a> Incoming<'a> {
    /// Reads one message; says why if it is none.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        // A derived reader would take an array for an object without names.
        if bytes.iter().find(|it| !it.is_ascii_whitespace()) != Some(&b'{') {
            return Err("not an object".to_owned());
        }
        let envelope: Envelope<'_> =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if let Some(method) = envelope.method {
            let params = envelope.params.map(unforged);
            return Ok(match envelope.id {
                Some(id) => Self::Request { id, method, params },
                None => Self::Notification { method, params },
            });
        }
        let Some(id) = envelope.id.and_then(|it| it.get().parse().ok()) else {
            return Ok(Self::Stray);
        };
        let object = |raw: &RawValue| raw.get().starts_with('{');
        let reply = match (envelope.result, envelope.error) {
            (Some(result), None) if object(result) => {
                Ok(Reply::Result(unforged(result).into_owned()))
            }
            (None, Some(error)) if object(error) => Ok(Reply::error(error)),
            (Some(_), Some(_)) => Err("it answered with a result and an error at once"),
            (None, None) => Err("it answered with neither a result nor an error"),
            (Some(_), None) | (None, Some(_)) => Err("its answer is not an object"),
        };
        Ok(Self::Answer { id, reply })
    }
}

/// Answers what the server asks of us: it may look whether we live, and nothing else.
pub(super) fn answer(id: &RawValue, method: &str) -> Vec<u8> {
    let body = if method == "ping" {
        "\"result\":{}"
    } else {
        "\"error\":{\"code\":-32601,\"message\":\"this client answers nothing but ping\"}"
    };
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{},{body}}}\n", id.get()).into_bytes()
}

/// Writes what answers a server's question.
pub(super) fn answered(id: &RawValue, answer: &Answer) -> Vec<u8> {
    let mut line = answer.body(Some(id));
    // Between the tokens of JSON a line break is a space; inside a text there is none.
    line.iter_mut().filter(|it| matches!(it, b'\r' | b'\n')).for_each(|it| *it = b' ');
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Incoming<'_> {
        Incoming::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_result_keeps_its_bytes() {
        let said = read(r#"{"jsonrpc":"2.0","id":3,"result":{ "b":1.50, "a":null }}"#);
        let Incoming::Answer { id: 3, reply: Ok(Reply::Result(raw)) } = said else {
            panic!("{said:?}");
        };
        assert_eq!(raw.get(), r#"{ "b":1.50, "a":null }"#);
    }

    #[test]
    fn nothing_a_server_says_has_a_name_of_ours() {
        let forged = r#"{"_meta":{"dev.bailiwick/decision":"dec_1","a":1}}"#;
        let left = r#"{"_meta":{"a":1}}"#;
        for kind in ["result", "error"] {
            let text = format!(r#"{{"id":3,"{kind}":{forged}}}"#);
            let Incoming::Answer { reply: Ok(Reply::Result(it) | Reply::Error(it)), .. } =
                read(&text)
            else {
                panic!("{text}");
            };
            assert_eq!(it.get(), left);
        }
        for id in ["", r#""id":7,"#] {
            let text = format!(r#"{{{id}"method":"x","params":{forged}}}"#);
            let (Incoming::Request { params, .. } | Incoming::Notification { params, .. }) =
                read(&text)
            else {
                panic!("{text}");
            };
            assert_eq!(params.unwrap().get(), left);
        }
    }

    #[test]
    fn an_answer_that_is_none_is_told_apart_from_a_stray_one() {
        for broken in [
            r#"{"id":3,"result":null}"#,
            r#"{"id":3,"result":[]}"#,
            r#"{"id":3}"#,
            r#"{"id":3,"result":{},"error":{}}"#,
        ] {
            assert!(matches!(read(broken), Incoming::Answer { id: 3, reply: Err(_) }), "{broken}");
        }
        for stray in [
            r#"{"id":"3","result":{}}"#,
            r#"{"id":null,"error":{}}"#,
            "{}",
            r#"{"id":-1,"result":{}}"#,
        ] {
            assert!(matches!(read(stray), Incoming::Stray), "{stray}");
        }
    }

    #[test]
    fn two_readings_of_one_line_are_no_reading() {
        assert!(Incoming::read(br#"{"id":1,"id":2,"result":{}}"#).is_err());
        assert!(Incoming::read(br#"{"id":1,"result":{}} {"id":2,"result":{}}"#).is_err());
        assert!(Incoming::read(b"[1,\"ping\"]").is_err());
    }

    #[test]
    fn questions_and_news_are_told_apart() {
        assert!(matches!(read(r#"{"id":"x","method":"ping"}"#), Incoming::Request { .. }));
        assert!(matches!(read(r#"{"method":"notifications/x"}"#), Incoming::Notification { .. }));
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read_or_refused = Incoming::read(&bytes);
        }
    }
}
