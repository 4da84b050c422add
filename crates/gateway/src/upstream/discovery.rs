//! The first words with a server of 2026-07-28, which tell it apart from all others.
//!
//! No single code tells the eras apart, and servers of the older revisions answer a method they do
//! not know in every way there is, or not at all. So a server is a newer one only if it says what
//! nobody else says.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{error::SendError, handshake::Opened, incoming::Reply};
use crate::{
    jsonrpc::{RawObject, raw_of},
    mcp::{code, meta, revision::Revision},
};

/// What the first question told of a server.
#[derive(Debug)]
pub(super) enum Discovered {
    /// It is one of 2026-07-28.
    Modern(Opened),
    /// It is none, or says that it also speaks an older revision and not this one.
    Legacy,
    /// It speaks nothing that is spoken here.
    Stranger(String),
}

/// Reads the answer to `server/discover`.
pub(super) fn read(answered: Result<Reply, SendError>) -> Discovered {
    match answered {
        Ok(Reply::Result(result)) => read_result(&result),
        Ok(Reply::Error(error)) => read_error(&error),
        Err(SendError::NotSent { .. } | SendError::Unknown { .. }) => Discovered::Legacy,
    }
}

fn read_result(result: &RawValue) -> Discovered {
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "supportedVersions")]
        supported: Vec<String>,
        capabilities: Box<RawValue>,
        #[serde(default)]
        instructions: Option<String>,
        #[serde(rename = "_meta", default)]
        meta: Option<Box<RawValue>>,
    }
    let Ok(said) = serde_json::from_str::<Said>(result.get()) else { return Discovered::Legacy };
    if let Some(other) = other_than_modern(&said.supported) {
        return other;
    }
    let Ok(capabilities) = RawObject::read(said.capabilities.get()) else {
        return Discovered::Stranger("its capabilities cannot be read".to_owned());
    };
    let meta = said.meta.as_ref().and_then(|it| RawObject::read(it.get()).ok());
    Discovered::Modern(Opened {
        protocol: Revision::R20260728.as_str().to_owned(),
        offers_tools: capabilities.get("tools").is_some(),
        server_info: meta.and_then(|it| it.get(meta::SERVER_INFO).map(ToOwned::to_owned)),
        instructions: said.instructions,
        capabilities: said.capabilities,
    })
}

/// Reads a refusal. Whoever names headers, client capabilities or revisions in the newer era's
/// codes has understood the question.
fn read_error(error: &RawValue) -> Discovered {
    #[derive(Deserialize)]
    struct Said {
        code: i64,
        #[serde(default)]
        data: Option<Box<RawValue>>,
    }
    #[derive(Deserialize)]
    struct Versions {
        supported: Vec<String>,
    }
    let Ok(said) = serde_json::from_str::<Said>(error.get()) else { return Discovered::Legacy };
    match said.code {
        code::UNSUPPORTED_VERSION => {
            let data = said.data.and_then(|it| serde_json::from_str::<Versions>(it.get()).ok());
            let supported = data.map(|it| it.supported).unwrap_or_default();
            other_than_modern(&supported).unwrap_or_else(|| {
                Discovered::Stranger("it refuses the revision that it says it speaks".to_owned())
            })
        }
        // It did not say what it offers: it is asked for its tools, and for nothing else.
        code::HEADER_MISMATCH | code::MISSING_CAPABILITY => Discovered::Modern(Opened {
            protocol: Revision::R20260728.as_str().to_owned(),
            capabilities: raw_of(&serde_json::json!({ "tools": {} })),
            server_info: None,
            instructions: None,
            offers_tools: true,
        }),
        _ => Discovered::Legacy,
    }
}

/// Says what a server is that does not list 2026-07-28 among what it speaks.
fn other_than_modern(supported: &[String]) -> Option<Discovered> {
    let known: Vec<_> = supported.iter().filter_map(|it| Revision::from_date(it)).collect();
    if known.contains(&Revision::R20260728) {
        return None;
    }
    if !known.is_empty() || supported.is_empty() {
        return Some(Discovered::Legacy);
    }
    let shown: Vec<String> =
        supported.iter().take(5).map(|it| it.chars().take(40).collect()).collect();
    let why = format!("it speaks only `{}`, which is not understood", shown.join("`, `"));
    Some(Discovered::Stranger(why))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn told(discovered: &Discovered) -> &'static str {
        match discovered {
            Discovered::Modern(_) => "modern",
            Discovered::Legacy => "legacy",
            Discovered::Stranger(_) => "stranger",
        }
    }

    fn result(text: &str) -> Discovered {
        read(Ok(Reply::Result(raw(text))))
    }

    fn error(text: &str) -> &'static str {
        told(&read(Ok(Reply::Error(raw(text)))))
    }

    #[test]
    fn a_server_that_says_what_it_is_is_taken_at_its_word() {
        let said = result(
            r#"{"resultType":"complete","supportedVersions":["2027-01-01","2026-07-28"],"capabilities":{"tools":{},"prompts":{}},"instructions":"be kind","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"x","version":"1"}}}"#,
        );
        let Discovered::Modern(opened) = said else { panic!("{said:?}") };
        assert_eq!(opened.protocol, "2026-07-28");
        assert!(opened.offers_tools);
        assert_eq!(opened.server_info.unwrap().get(), r#"{"name":"x","version":"1"}"#);
        assert_eq!(opened.capabilities.get(), r#"{"tools":{},"prompts":{}}"#);
    }

    #[test]
    fn whatever_does_not_say_so_is_an_older_one() {
        for other in [
            "{}",
            r#"{"method":"server/discover"}"#,
            r#"{"supportedVersions":7,"capabilities":{}}"#,
            r#"{"supportedVersions":["2025-11-25"],"capabilities":{}}"#,
            r#"{"supportedVersions":[],"capabilities":{}}"#,
        ] {
            assert_eq!(told(&result(other)), "legacy", "{other}");
        }
        assert_eq!(told(&read(Err(SendError::Unknown { why: "silence".to_owned() }))), "legacy");
    }

    #[test]
    fn no_code_alone_tells_the_eras_apart_but_the_newer_ones_are_known() {
        for code in [-32601, -32602, -32600, -32603, -32000, -32001, 0, 404] {
            assert_eq!(error(&format!(r#"{{"code":{code},"message":"x"}}"#)), "legacy", "{code}");
        }
        for code in [-32020, -32021] {
            assert_eq!(error(&format!(r#"{{"code":{code},"message":"x"}}"#)), "modern", "{code}");
        }
        assert_eq!(error(r#"{"code":"-32020"}"#), "legacy");
    }

    #[test]
    fn a_server_of_other_revisions_is_an_older_one_or_a_stranger() {
        let said = |supported: &str| {
            error(&format!(r#"{{"code":-32022,"data":{{"supported":{supported}}}}}"#))
        };
        assert_eq!(said(r#"["2025-11-25","2099-01-01"]"#), "legacy");
        assert_eq!(said(r#"["2099-01-01"]"#), "stranger");
        assert_eq!(said(r#"["2026-07-28"]"#), "stranger");
        assert_eq!(error(r#"{"code":-32022,"message":"x"}"#), "legacy");
        let Discovered::Stranger(why) =
            result(r#"{"supportedVersions":["2099-01-01"],"capabilities":{}}"#)
        else {
            panic!("not a stranger")
        };
        assert_eq!(why, "it speaks only `2099-01-01`, which is not understood");
    }

    proptest! {
        #[test]
        fn any_answer_is_read(text in r#"\{("(code|data|supportedVersions|capabilities|_meta)":(-32022|\{\}|\["x"\]|\{"supported":\[\]\}|null),?){0,3}\}"#) {
            if let Ok(value) = RawValue::from_string(text) {
                let _ = read(Ok(Reply::Result(value.clone())));
                let _ = read(Ok(Reply::Error(value)));
            }
        }
    }
}
