//! What the relay must know of a message: whether it wants an answer, and what it cancels.
//!
//! Nothing is decided by it. The governor reads the same bytes again, strictly.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A look at one message. Members that do not matter here are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Look<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Cancelled<'a> {
    #[serde(borrow, rename = "requestId")]
    request: &'a RawValue,
}

impl<'a> Look<'a> {
    /// Looks at a line; nothing where it is no message.
    pub(super) fn at(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// Gives the id of a request, spelled as it came.
    pub(super) fn asks(&self) -> Option<&'a str> {
        self.method.as_ref().and(self.id).map(RawValue::get).filter(|it| *it != "null")
    }

    /// Gives the method.
    pub(super) fn method(&self) -> &str {
        self.method.as_deref().unwrap_or_default()
    }

    /// Gives the id of the request that this message takes back.
    pub(super) fn cancels(&self) -> Option<&'a str> {
        let params = self.params.filter(|_| self.method() == "notifications/cancelled")?;
        serde_json::from_str::<Cancelled<'a>>(params.get()).ok().map(|it| it.request.get())
    }
}

/// Writes the answer to a request that never reached its governor, or whose answer was lost.
pub(super) fn failure(id: &str, why: &str) -> Vec<u8> {
    let text = serde_json::Value::from(why);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32603,"message":{text}}}}}"#)
        .into_bytes()
}

/// Puts a message on one line. Inside a JSON text a line's end is always escaped, so whatever end
/// is found lies between tokens, where a space says the same.
pub(super) fn on_one_line(mut message: Vec<u8>) -> Vec<u8> {
    for byte in &mut message {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_request_wants_an_answer() {
        let asks =
            |line: &str| Look::at(line.as_bytes()).and_then(|it| it.asks().map(str::to_owned));
        assert_eq!(asks(r#"{"id":"a","method":"ping"}"#).as_deref(), Some(r#""a""#));
        assert_eq!(asks(r#"{"id":7,"method":"ping"}"#).as_deref(), Some("7"));
        assert_eq!(asks(r#"{"method":"notifications/x"}"#), None);
        assert_eq!(asks(r#"{"id":7,"result":{}}"#), None);
        assert_eq!(asks("[]"), None);
        assert_eq!(asks("{"), None);
    }

    #[test]
    fn what_is_taken_back_is_named() {
        let line = r#"{"method":"notifications/cancelled","params":{"requestId":7,"reason":"x"}}"#;
        assert_eq!(Look::at(line.as_bytes()).unwrap().cancels(), Some("7"));
        let other = r#"{"method":"tools/call","params":{"requestId":7}}"#;
        assert_eq!(Look::at(other.as_bytes()).unwrap().cancels(), None);
    }

    #[test]
    fn a_message_of_several_lines_keeps_its_meaning_on_one() {
        let message = b"{\n  \"a\": \"b\\nc\"\r\n}".to_vec();
        assert_eq!(on_one_line(message), b"{   \"a\": \"b\\nc\"  }");
    }

    #[test]
    fn a_failure_carries_the_id_as_it_came() {
        let line = failure(r#""a b""#, "it \"broke\"");
        let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(read["id"], "a b");
        assert_eq!(read["error"]["message"], "it \"broke\"");
    }
}
