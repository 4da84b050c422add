//! The first words with a server of revision 2025-11-25 or before, and the list of its tools.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{error::SendError, incoming::Reply, link::Link, request::Request};

/// What we ask for; a server answers with this or with the newest that it knows.
const ASKED: &str = "2025-11-25";
const UNDERSTOOD: [&str; 4] = [ASKED, "2025-06-18", "2025-03-26", "2024-11-05"];
const PAGES_MAX: usize = 100;
const TOOLS_MAX: usize = 10_000;
const CURSOR_MAX: usize = 4 << 10;

/// What a server said when its session was opened.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) protocol: String,
    pub(super) capabilities: Box<RawValue>,
    pub(super) server_info: Option<Box<RawValue>>,
    pub(super) instructions: Option<String>,
    pub(super) offers_tools: bool,
}

/// Gives the parameters that open a session with a server that may ask clients for `asks`. Only what
/// can be passed on is declared.
pub(super) fn parameters(asks: &BTreeSet<String>) -> Box<RawValue> {
    let passed = [
        ("elicitation", "elicitation/create"),
        ("roots", "roots/list"),
        ("sampling", "sampling/createMessage"),
    ];
    let passed = passed.into_iter().filter(|(_, method)| asks.contains(*method));
    // That roots change is passed on, too.
    let more = |name| (name == "roots").then_some(("listChanged", true));
    let declared: BTreeMap<_, _> = passed
        .map(|(name, _)| (name, more(name).into_iter().collect::<BTreeMap<_, _>>()))
        .collect();
    let params = serde_json::json!({
        "protocolVersion": ASKED,
        "capabilities": declared,
        "clientInfo": { "name": "bailiwick", "version": env!("CARGO_PKG_VERSION") },
    });
    serde_json::value::to_raw_value(&params).unwrap_or_default()
}

/// Reads the answer to the opening.
pub(super) fn read(answered: Result<Reply, SendError>) -> Result<Opened, String> {
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "protocolVersion")]
        protocol: String,
        capabilities: Box<RawValue>,
        #[serde(rename = "serverInfo", default)]
        server_info: Option<Box<RawValue>>,
        #[serde(default)]
        instructions: Option<String>,
    }
    #[derive(Deserialize)]
    struct Capabilities {
        #[serde(default)]
        tools: Option<serde::de::IgnoredAny>,
    }
    let result = match answered.map_err(|it| format!("it did not open a session: {it}"))? {
        Reply::Result(result) => result,
        Reply::Error(error) => return Err(refused(&error)),
    };
    let said: Said = serde_json::from_str(result.get())
        .map_err(|error| format!("it opened a session in words that cannot be read: {error}"))?;
    if !UNDERSTOOD.contains(&said.protocol.as_str()) {
        let shown: String = said.protocol.chars().take(40).collect();
        return Err(format!("it speaks revision `{shown}`, which is not understood"));
    }
    if !said.capabilities.get().starts_with('{') {
        return Err("its capabilities are not an object".to_owned());
    }
    let capabilities: Capabilities = serde_json::from_str(said.capabilities.get())
        .map_err(|error| format!("its capabilities cannot be read: {error}"))?;
    Ok(Opened {
        protocol: said.protocol,
        capabilities: said.capabilities,
        server_info: said.server_info,
        instructions: said.instructions,
        offers_tools: capabilities.tools.is_some(),
    })
}

fn refused(error: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Said {
        code: i64,
        #[serde(default)]
        message: String,
    }
    match serde_json::from_str(error.get()) {
        Ok(Said { code: -32601 | -32022, .. }) => {
            "it speaks no revision that is understood here".to_owned()
        }
        Ok(Said { code, message }) => {
            let message: String = message.chars().take(200).collect();
            format!("it refused to open a session: {message} ({code})")
        }
        Err(_) => "it refused to open a session".to_owned(),
    }
}

/// Asks for all pages of the list of tools.
pub(super) async fn tools(link: &Link, within: Duration) -> Result<Vec<Box<RawValue>>, String> {
    let mut listing = Listing::default();
    loop {
        let page = link.ask(&listing.request(), within).await;
        if let Some(tools) = listing.take(page)? {
            return Ok(tools);
        }
    }
}

/// The list of a server's tools, page by page.
#[derive(Debug, Default)]
pub(super) struct Listing {
    tools: Vec<Box<RawValue>>,
    seen: BTreeSet<String>,
    params: Option<Box<RawValue>>,
}

impl Listing {
    /// Asks for the next page.
    pub(super) fn request(&self) -> Request<'_> {
        Request::tools(self.params.as_deref())
    }

    /// Takes a page; gives all tools if it was the last.
    pub(super) fn take(
        &mut self,
        page: Result<Reply, SendError>,
    ) -> Result<Option<Vec<Box<RawValue>>>, String> {
        #[derive(Deserialize)]
        struct Page {
            tools: Vec<Box<RawValue>>,
            #[serde(rename = "nextCursor", default)]
            next: Option<String>,
        }
        let page = match page {
            Ok(Reply::Result(page)) => page,
            Ok(Reply::Error(_)) => return Err("it refused to list its tools".to_owned()),
            Err(error) => return Err(format!("it did not list its tools: {error}")),
        };
        let page: Page = serde_json::from_str(page.get())
            .map_err(|error| format!("the list of its tools cannot be read: {error}"))?;
        self.tools.extend(page.tools);
        if TOOLS_MAX < self.tools.len() {
            return Err(format!("it lists more than {TOOLS_MAX} tools"));
        }
        let Some(cursor) = page.next else { return Ok(Some(std::mem::take(&mut self.tools))) };
        if CURSOR_MAX < cursor.len() || !self.seen.insert(cursor.clone()) {
            return Err("the list of its tools leads in a circle".to_owned());
        }
        if PAGES_MAX <= self.seen.len() {
            return Err(format!("the list of its tools has more than {PAGES_MAX} pages"));
        }
        let next = serde_json::json!({ "cursor": cursor });
        self.params = serde_json::value::to_raw_value(&next).ok();
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn result(text: &str) -> Result<Opened, String> {
        read(Ok(Reply::Result(raw(text))))
    }

    fn error(text: &str) -> String {
        read(Ok(Reply::Error(raw(text)))).unwrap_err()
    }

    #[test]
    fn only_what_can_be_passed_on_is_declared() {
        let declared = |asks: &[&str]| {
            let asks = asks.iter().map(|it| (*it).to_owned()).collect();
            let params: serde_json::Value = serde_json::from_str(parameters(&asks).get()).unwrap();
            params["capabilities"].to_string()
        };
        assert_eq!(declared(&[]), "{}");
        let some = ["roots/list", "elicitation/create", "logging/setLevel"];
        assert_eq!(declared(&some), r#"{"elicitation":{},"roots":{"listChanged":true}}"#);
    }

    #[test]
    fn older_revisions_are_understood_and_others_are_not() {
        for revision in UNDERSTOOD {
            let opened = result(&format!(
                r#"{{"protocolVersion":"{revision}","capabilities":{{"tools":{{}}}}}}"#
            ));
            let opened = opened.unwrap();
            assert_eq!(opened.protocol, revision);
            assert!(opened.offers_tools);
        }
        let why = result(r#"{"protocolVersion":"2026-07-28","capabilities":{}}"#).unwrap_err();
        assert_eq!(why, "it speaks revision `2026-07-28`, which is not understood");
    }

    #[test]
    fn a_server_without_tools_is_a_server() {
        let opened = result(
            r#"{"protocolVersion":"2025-06-18","capabilities":{"prompts":{}},"serverInfo":{"name":"p"},"instructions":"be kind"}"#,
        )
        .unwrap();
        assert!(!opened.offers_tools);
        assert_eq!(opened.server_info.unwrap().get(), r#"{"name":"p"}"#);
        assert_eq!(opened.instructions.as_deref(), Some("be kind"));
    }

    #[test]
    fn a_server_that_knows_neither_opening_is_named_as_such() {
        let newer = "it speaks no revision that is understood here";
        assert_eq!(error(r#"{"code":-32601,"message":"no such method"}"#), newer);
        assert_eq!(error(r#"{"code":-32022,"message":"x","data":{"supported":[]}}"#), newer);
        assert_eq!(
            error(r#"{"code":-32000,"message":"no licence"}"#),
            "it refused to open a session: no licence (-32000)"
        );
        assert_eq!(error("{}"), "it refused to open a session");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert!(result("{}").unwrap_err().contains("protocolVersion"));
        assert!(result(r#"{"protocolVersion":"2025-06-18","capabilities":[1]}"#).is_err());
    }
}
