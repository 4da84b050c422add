//! The only two kinds of request that can be written: decided ones, with proof, and plain ones.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bailiwick_kernel::{Permit, PermitError};
use bailiwick_model::{CallDigest, Digest, Json, Offered, Timestamp};
use http::HeaderMap;
use serde_json::value::RawValue;

use super::{ToolDefinition, error::SendError, relay::Relay};
use crate::{
    Call, Listener,
    call::Used,
    mcp::{Era, meta, mirror, param_header::ParamHeader, tasks},
    room::Share,
};

/// How long after its permit was spent a call may still be written.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

/// Proof that a permit was spent on exactly this call.
#[derive(Debug)]
pub(super) struct Spent<'a> {
    call: &'a Call,
    still: Still,
    tool: Option<JudgedTool>,
}

/// A tool as it was described when a call of it was judged.
#[derive(Debug)]
pub(super) struct JudgedTool {
    name: String,
    definition: Digest,
}

impl JudgedTool {
    fn of(call: &Call, judged: &Offered) -> Option<Self> {
        match judged {
            Offered::Tool { definition, .. } => {
                Some(Self { name: call.action().name.clone(), definition: *definition })
            }
            Offered::Nothing | Offered::NotPinned => None,
        }
    }

    /// Says whether it is among `tools`, described as it was.
    pub(super) fn is_among(&self, tools: &[ToolDefinition]) -> bool {
        tools.iter().any(|it| it.name == self.name && it.digest == self.definition)
    }
}

/// Whether what was permitted is permitted still. A call may wait for its place in a server's
/// queue, and its task may end meanwhile: this is asked right before the first byte.
#[derive(Clone, Debug)]
pub(super) struct Still {
    current: Arc<AtomicU64>,
    generation: u64,
    since: Instant,
}

impl Still {
    /// Says whether the call may be written now.
    pub(super) fn permitted(&self) -> bool {
        self.current.load(Ordering::Acquire) == self.generation
            && self.since.elapsed() < BEGIN_WITHIN
    }
}

/// Why a call was taken back from the queue.
pub(super) const WITHDRAWN: &str = "its task's authority changed before it could be written";
/// Why nobody waits for a call any more.
pub(super) const CUT: &str = "its caller cancelled it";

impl<'a> Spent<'a> {
    /// Spends `permit` on `call`, which was judged while its server offered `judged`.
    pub(super) fn of(
        permit: Permit,
        current: &Arc<AtomicU64>,
        (call, judged): (&'a Call, &Offered),
        now: Timestamp,
    ) -> Result<Self, PermitError> {
        let digest: &CallDigest = call.digest();
        let generation = current.load(Ordering::Acquire);
        let still = Still { current: Arc::clone(current), generation, since: Instant::now() };
        let tool = JudgedTool::of(call, judged);
        permit.spend(digest, generation, now).map(|()| Self { call, still, tool })
    }

    /// Gives the call.
    pub(super) const fn call(&self) -> &Call {
        self.call
    }

    /// Gives what must hold when the first byte is written.
    pub(super) const fn still(&self) -> &Still {
        &self.still
    }

    /// Pretends, so that what lies behind the permit can be tested by itself.
    #[cfg(test)]
    pub(super) fn pretend(call: &'a Call, judged: &Offered) -> Self {
        Self { tool: JudgedTool::of(call, judged), ..Self::pretend_of(call, &Arc::default()) }
    }

    /// Pretends under a generation that may change.
    #[cfg(test)]
    pub(super) fn pretend_of(call: &'a Call, current: &Arc<AtomicU64>) -> Self {
        let generation = current.load(Ordering::Acquire);
        let still = Still { current: Arc::clone(current), generation, since: Instant::now() };
        Self { call, still, tool: None }
    }
}

/// What a server is asked.
#[derive(Debug)]
pub(super) struct Request<'a> {
    method: &'a str,
    params: Option<&'a RawValue>,
    still: Option<Still>,
    tool: Option<JudgedTool>,
    relay: Option<Relay>,
    /// What of its arguments a server of 2026-07-28 wants repeated in headers.
    repeated: Option<(&'a [ParamHeader], &'a Json)>,
    /// How long its result is to be kept, where it runs as a task of its server's.
    kept: Option<Duration>,
    /// The one era in which it can be said, where there is only one.
    era: Option<Era>,
    /// What its answer takes of the room for answers; what we ask for ourselves is not counted.
    share: Option<Share>,
    /// Where it is said with which secret it was sent; none where nothing is on record of it.
    used: Option<Used>,
}

impl<'a> Request<'a> {
    /// Asks for what was decided, once for each proof, while `listener` listens. `repeated` are
    /// the arguments that the tool's schema wants repeated in headers.
    pub(super) fn decided(
        spent: Spent<'a>,
        repeated: &'a [ParamHeader],
        listener: &Listener,
    ) -> Result<Self, SendError> {
        let (method, params) = (spent.call.method(), spent.call.params());
        let relay = Relay::of(listener.clone(), params)
            .map_err(|error| SendError::NotSent { why: error.to_string() })?;
        Ok(Self {
            still: Some(spent.still),
            tool: spent.tool,
            relay: Some(relay),
            repeated: Some((repeated, spent.call.arguments())),
            share: listener.share().cloned(),
            used: Some(spent.call.used().clone()),
            ..Self::undecided(method, Some(params))
        })
    }

    /// Has it run as a task of an older server's, whose result is kept for `kept`.
    pub(super) fn run_as_task(self, kept: Duration) -> Self {
        Self { kept: Some(kept), ..self }
    }

    /// Asks for the result of the task that this began, for the same caller.
    pub(super) fn result<'b>(&self, named: &'b RawValue) -> Request<'b> {
        let relay = self.relay.as_ref().map(Relay::unmarked);
        let share = self.share.clone();
        Request { relay, share, ..Request::undecided("tasks/result", Some(named)) }
    }

    /// Gives what hands the server's words to the caller; none where nobody listens.
    pub(super) const fn relay(&self) -> Option<&Relay> {
        self.relay.as_ref()
    }

    /// Waits until the caller cuts the call; for ever where nobody can.
    pub(super) async fn was_cut(&self) {
        match &self.relay {
            Some(relay) => relay.was_cut().await,
            None => std::future::pending().await,
        }
    }

    /// Gives what must hold when the first byte is written; none where nothing was decided.
    pub(super) const fn still(&self) -> Option<&Still> {
        self.still.as_ref()
    }

    /// Gives the tool that its server must still describe as it did; none where nothing is pinned.
    pub(super) const fn tool(&self) -> Option<&JudgedTool> {
        self.tool.as_ref()
    }

    /// Asks for anything that takes no decision; none if it takes one, or would disturb the
    /// session that the gateway itself has opened.
    pub(super) fn plain(method: &'a str, params: Option<&'a RawValue>) -> Option<Self> {
        // A server may be less strict about spelling than we are.
        let bare = method.trim().to_ascii_lowercase();
        let kept = matches!(
            bare.as_str(),
            "tools/call" | "resources/read" | "prompts/get" | "initialize" | "server/discover"
        );
        (!kept && !bare.starts_with("notifications/")).then(|| Self::undecided(method, params))
    }

    /// Counts the answer as `share`.
    pub(super) fn sharing(self, share: Option<&Share>) -> Self {
        Self { share: share.cloned(), ..self }
    }

    /// Gives what the answer takes of the room.
    pub(super) const fn share(&self) -> Option<&Share> {
        self.share.as_ref()
    }

    /// Gives where it is said with which secret it was sent.
    pub(super) const fn used(&self) -> Option<&Used> {
        self.used.as_ref()
    }

    /// Opens a session.
    pub(super) fn opening(params: &'a RawValue) -> Self {
        Self { era: Some(Era::Legacy), ..Self::undecided("initialize", Some(params)) }
    }

    /// Asks what a server of 2026-07-28 is; how it answers tells whether it is one.
    pub(super) fn discovering() -> Self {
        Self { era: Some(Era::Modern), ..Self::undecided("server/discover", None) }
    }

    /// Asks a server of 2026-07-28 to tell of changes.
    pub(super) fn listening(params: &'a RawValue) -> Self {
        Self { era: Some(Era::Modern), ..Self::undecided("subscriptions/listen", Some(params)) }
    }

    /// Asks what tools there are.
    pub(super) const fn tools(params: Option<&'a RawValue>) -> Self {
        Self::undecided("tools/list", params)
    }

    const fn undecided(method: &'a str, params: Option<&'a RawValue>) -> Self {
        Self {
            method,
            params,
            still: None,
            tool: None,
            relay: None,
            repeated: None,
            kept: None,
            era: None,
            share: None,
            used: None,
        }
    }

    /// Gives the message as a server of `era` takes it, on one line that ends.
    pub(super) fn line(&self, id: u64, era: Era) -> Vec<u8> {
        let marked = self.relay.as_ref().and_then(|it| it.params(id));
        let marked = marked.and_then(|it| RawValue::from_string(it).ok());
        let params = marked.as_deref().or(self.params);
        match self.era.unwrap_or(era) {
            Era::Legacy => {
                let params = params.map(meta::for_legacy);
                let kept = self.kept.zip(params.as_deref());
                let as_task = kept.and_then(|(kept, params)| tasks::asked(params, kept));
                let params = as_task.map(Cow::Owned).or(params);
                message(Some(id), self.method, params.as_deref().map(RawValue::get))
            }
            Era::Modern => {
                // Parameters that were decided or written here are objects.
                let written = meta::for_modern(params).ok();
                message(Some(id), self.method, written.as_deref().or(params).map(RawValue::get))
            }
        }
    }

    /// Gives the headers with which a server of 2026-07-28 takes it over HTTP.
    pub(super) fn mirrored(&self) -> HeaderMap {
        let repeated = self.repeated.unwrap_or((&[], &Json::Null));
        mirror::of_request(self.method, self.params, repeated)
    }
}

/// Gives a notification, on one line that ends.
pub(super) fn notification(method: &str, params: Option<&RawValue>) -> Vec<u8> {
    message(None, method, params.map(RawValue::get))
}

/// Tells the server that nobody waits for the answer `id` any more.
pub(super) fn cancelled(id: u64) -> Vec<u8> {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{id},\"reason\":\"nobody waits any more\"}}}}\n"
    )
    .into_bytes()
}

fn message(id: Option<u64>, method: &str, params: Option<&str>) -> Vec<u8> {
    let mut line = String::from("{\"jsonrpc\":\"2.0\"");
    if let Some(id) = id {
        line.push_str(",\"id\":");
        line.push_str(&id.to_string());
    }
    line.push_str(",\"method\":");
    line.push_str(&serde_json::Value::from(method).to_string());
    if let Some(params) = params {
        line.push_str(",\"params\":");
        line.push_str(params);
    }
    line.push('}');
    let mut bytes = line.into_bytes();
    // Between the tokens of JSON a line break is a space; inside a text there is none.
    for byte in &mut bytes {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_message_is_one_line_whatever_the_parameters_look_like() {
        let params = raw("{\r\n \"name\" :\t\"a\\nb\",\n\"n\":1.50\r}");
        let request = Request::plain("tools/list", Some(&params)).unwrap();
        let line = String::from_utf8(request.line(7, Era::Legacy)).unwrap();
        assert_eq!(
            line,
            "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\",\"params\":{   \"name\" :\t\"a\\nb\", \"n\":1.50 }}\n"
        );
    }

    #[test]
    fn what_takes_a_decision_never_goes_out_plain() {
        for method in [
            "tools/call",
            "resources/read",
            "prompts/get",
            " Tools/Call\n",
            "initialize",
            "notifications/initialized",
        ] {
            assert!(Request::plain(method, None).is_none(), "{method}");
        }
        assert!(Request::plain("resources/list", None).is_some());
    }

    #[test]
    fn a_method_cannot_break_out_of_its_text() {
        let request = Request::plain("x\",\"method\":\"tools/call", None).unwrap();
        let line = request.line(1, Era::Legacy);
        let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(read["method"], "x\",\"method\":\"tools/call");
    }
}
