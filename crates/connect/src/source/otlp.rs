//! Spans of OpenTelemetry (OTLP as JSON): tools that were called, by the conventions for `GenAI` and MCP.
//!
//! Nobody vouches for a span: whoever called, or was called, says so itself. An agent's `execute_tool`, the client's span,
//! that of a gateway and the server's lie in one another and tell of one call, each of another side of it: they are one
//! access where one record has them. A server's span that comes alone tells of a call by nobody who is known.
//!
//! The conventions are in development (0.1 of their own repository; 1.28 to 1.41 before it): what was renamed is read by
//! both names. None of them says whose authority it was, hence our own, which our gateway's spans have: `bailiwick.caller`
//! (or `bailiwick.identity`), `.task`, `.lease`, `.action`, `.decision`, `.verdict`, `.outcome`.

mod span;

use std::{borrow::Cow, collections::BTreeMap};

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Platform, Timestamp};

use self::span::{Attributes, Export, Span};
use super::{NotRead, Shape, Source, Told, key, moment::moment};

pub(super) const SOURCE: Source = Source { name: "otlp", platform: Platform::Mcp, knows, read };

/// How many spans lie in one another at most.
const DEEP: u8 = 64;

fn knows(shape: &Shape<'_>) -> bool {
    shape.has(&["resourceSpans"]) || shape.has(&["resource_spans"])
}

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    if !record.trim_ascii_start().starts_with(b"{") {
        return Err(NotRead::Shape("it is no object".to_owned()));
    }
    let read: Export<'_> = serde_json::from_slice(record)?;
    let mut seen = Seen::default();
    for of in read.resources.0 {
        let resource = Attributes::of(of.0.resource.0.attributes);
        for span in of.0.scopes.0.into_iter().flat_map(|it| it.0.spans.0) {
            seen.add(span.0, &resource)?;
        }
    }
    let told = seen.calls();
    Ok(if told.is_empty() { Told::Nothing } else { Told::Exercises(told) })
}

/// Which side of a call a span is of, from the outside in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    /// The agent's own (`execute_tool`), or one that does not say.
    Agent,
    Client,
    Gateway,
    Server,
}

/// What one span says of a call.
#[derive(Clone, Debug)]
struct Call<'a> {
    side: Side,
    at: Timestamp,
    server: Cow<'a, str>,
    tool: Cow<'a, str>,
    /// Who called, and how much that word weighs: the least weighs most.
    by: (u8, Cow<'a, str>),
    credential: Cow<'a, str>,
    account: Cow<'a, str>,
    decision: Cow<'a, str>,
    /// What names the same request on both sides.
    request: Option<String>,
    error: Cow<'a, str>,
    denied: bool,
}

#[derive(Debug)]
struct Node<'a> {
    parent: String,
    agent: Option<Cow<'a, str>>,
    call: Option<Call<'a>>,
}

/// All spans of a record, by trace and span.
#[derive(Debug, Default)]
struct Seen<'a>(BTreeMap<String, Node<'a>>);

impl<'a> Seen<'a> {
    fn add(&mut self, mut span: Span<'a>, resource: &Attributes<'a>) -> Result<(), NotRead> {
        let said = Attributes::of(std::mem::take(&mut span.attributes));
        let place = |id: &str| format!("{}/{id}", span.trace.0).to_ascii_lowercase();
        let agent = said.get("gen_ai.agent.id").or_else(|| said.get("gen_ai.agent.name"));
        let call = Call::of(&span, &said, resource)?;
        if call.is_some() && (span.trace.is_empty() || span.id.is_empty()) {
            return Err(NotRead::Lacks("traceId"));
        }
        let node = Node { parent: place(&span.parent.0), agent, call };
        self.0.insert(place(&span.id.0), node);
        Ok(())
    }

    /// Puts together what tells of one call.
    fn calls(self) -> Vec<Exercise<'a>> {
        let mut requests: BTreeMap<&str, &str> = BTreeMap::new();
        for (place, node) in &self.0 {
            if let Some(Call { side: Side::Client, request: Some(request), .. }) = &node.call {
                requests.entry(request).or_insert(place);
            }
        }
        let mut all: BTreeMap<&str, Vec<Call<'a>>> = BTreeMap::new();
        for (place, node) in &self.0 {
            let Some(call) = &node.call else { continue };
            let mut outer = self.outer(place, call);
            if outer == place.as_str() && call.side == Side::Server {
                // Between the two there may be spans that lie elsewhere.
                let client = call.request.as_deref().and_then(|it| requests.get(it));
                let client = client.and_then(|it| Some((*it, self.0.get(*it)?.call.as_ref()?)));
                outer = client.map_or(outer, |(place, call)| self.outer(place, call));
            }
            let call = Call { by: call.by.clone().min(self.agent_around(place)), ..call.clone() };
            all.entry(outer).or_default().push(call);
        }
        let told = |(place, mut sides): (&str, Vec<Call<'a>>)| {
            // From the outside in; spans were in order before.
            sides.sort_by_key(|it| it.side);
            let call = sides.into_iter().reduce(Call::with)?;
            Some(call.exercise(place))
        };
        all.into_iter().filter_map(told).collect()
    }

    /// Finds the outermost span of the same call. Whoever calls a tool of the same name in turn makes another call.
    fn outer<'s>(&'s self, place: &'s str, call: &Call<'a>) -> &'s str {
        let (mut outer, mut side) = (place, call.side);
        for (place, node) in self.around(place) {
            let Some(around) = &node.call else { continue };
            if around.tool != call.tool || side <= around.side {
                break;
            }
            (outer, side) = (place, around.side);
        }
        outer
    }

    /// Finds the agent at whose work it was.
    fn agent_around(&self, place: &str) -> (u8, Cow<'a, str>) {
        let named = self.around(place).find_map(|(_, it)| it.agent.clone());
        named.map_or_else(nobody, |it| (2, it))
    }

    /// Gives the spans around one, from the inside out.
    fn around<'s>(&'s self, place: &str) -> impl Iterator<Item = (&'s str, &'s Node<'a>)> {
        let mut next = self.0.get(place).map(|it| it.parent.as_str());
        let step = move || {
            let (place, node) = self.0.get_key_value(next?)?;
            next = Some(node.parent.as_str());
            Some((place.as_str(), node))
        };
        std::iter::from_fn(step).take(usize::from(DEEP))
    }
}

/// Who called where no span says so.
fn nobody<'a>() -> (u8, Cow<'a, str>) {
    (u8::MAX, Cow::Borrowed("unknown"))
}

impl<'a> Call<'a> {
    /// Takes a span for one side of a call, where it is.
    fn of(
        span: &Span<'a>,
        said: &Attributes<'a>,
        resource: &Attributes<'a>,
    ) -> Result<Option<Self>, NotRead> {
        let get = |name: &str| said.get(name);
        let action = get("bailiwick.action");
        let is_mcp = get("mcp.method.name").is_some_and(|it| it == "tools/call");
        let is_tool = get("gen_ai.operation.name").is_some_and(|it| it == "execute_tool");
        let begins = || {
            span.name
                .0
                .split_once(' ')
                .filter(|(it, _)| matches!(*it, "execute_tool" | "tools/call"))
        };
        if !(is_mcp || is_tool || action.is_some()) {
            return Ok(None);
        }
        let start = &span.start;
        let at = moment(&start.0).ok_or_else(|| NotRead::Time(start.0.clone().into_owned()))?;
        let side = match (action.is_some(), span.is_server(), span.is_client()) {
            (true, ..) => Side::Gateway,
            (false, true, _) => Side::Server,
            (false, false, true) => Side::Client,
            (false, false, false) => Side::Agent,
        };
        let ours = action.as_deref().and_then(|it| it.split_once("__"));
        let (server, tool) = match ours {
            Some((server, tool)) => (Some(server.to_owned().into()), Some(tool.to_owned().into())),
            None => (
                match side {
                    // A server is what it calls itself; a client knows where it is.
                    Side::Server => service(resource),
                    Side::Agent | Side::Client | Side::Gateway => get("server.address"),
                },
                get("gen_ai.tool.name")
                    .or_else(|| get("mcp.tool.name"))
                    .or_else(|| begins().map(|(_, it)| it.to_owned().into())),
            ),
        };
        let tool = tool.unwrap_or_default();
        let of_request = |id| {
            let session = get("mcp.session.id").unwrap_or_default();
            format!("{} {session} {id} {tool}", span.trace.0).to_ascii_lowercase()
        };
        let verdict = get("bailiwick.verdict").unwrap_or_default();
        let error = get("error.type").or_else(|| get("bailiwick.outcome").filter(|it| it != "ok"));
        let failed = || span.has_failed().then_some(Cow::Borrowed("error"));
        Ok(Some(Self {
            side,
            at,
            by: by(side, said, resource),
            credential: get("bailiwick.lease")
                .or_else(|| get("bailiwick.task"))
                .unwrap_or_default(),
            account: resource.get("service.namespace").unwrap_or_default(),
            decision: get("bailiwick.decision").unwrap_or_default(),
            request: get("jsonrpc.request.id").map(of_request),
            denied: matches!(&*verdict, "deny" | "hold") || error.as_deref().is_some_and(is_denial),
            error: error.or_else(failed).unwrap_or_default(),
            server: server.unwrap_or_default(),
            tool,
        }))
    }

    /// Adds what the next side in says.
    fn with(mut self, inner: Self) -> Self {
        let further = |it: &mut Cow<'a, str>, inner: Cow<'a, str>| {
            if !inner.is_empty() {
                *it = inner;
            }
        };
        // The further in, the more it knows of where it went; and the gateway knows best.
        if self.side != Side::Gateway {
            further(&mut self.server, inner.server);
            self.side = inner.side;
        }
        further(&mut self.credential, inner.credential);
        further(&mut self.decision, inner.decision);
        further(&mut self.error, inner.error);
        further(&mut self.account, inner.account);
        self.by = self.by.min(inner.by);
        self.denied |= inner.denied;
        self.at = self.at.min(inner.at);
        self
    }

    fn exercise(self, place: &str) -> Exercise<'a> {
        let ended = match (self.denied, self.error.is_empty()) {
            (true, _) => Ended::Denied,
            (false, true) => Ended::Success,
            (false, false) => Ended::Error,
        };
        let kind = match self.by.0 {
            0 | 2 => ActorKind::Agent,
            u8::MAX => ActorKind::Anonymous,
            _ => ActorKind::Service,
        };
        let one = if self.decision.is_empty() { place } else { &*self.decision };
        Exercise {
            platform: Platform::Mcp,
            key: key(Platform::Mcp, one, b""),
            at: self.at,
            account: self.account,
            actor: Actor { id: self.by.1, kind, credential: self.credential, ..Actor::default() },
            service: self.server,
            operation: self.tool,
            along: Along::NOTHING,
            resource: Cow::Borrowed(""),
            ended,
            code: self.error,
            issued: None,
            data: true,
            internal: false,
            granted_by: Cow::Borrowed(""),
        }
    }
}

/// Says whether an error means that authority was wanting.
fn is_denial(error: &str) -> bool {
    matches!(error, "401" | "403") || error.eq_ignore_ascii_case("permission_denied")
}

/// Gives what a service is called, unless it was never told.
fn service<'a>(resource: &Attributes<'a>) -> Option<Cow<'a, str>> {
    resource.get("service.name").filter(|it| !it.starts_with("unknown_service"))
}

/// Says who called by one span's word.
fn by<'a>(side: Side, said: &Attributes<'a>, resource: &Attributes<'a>) -> (u8, Cow<'a, str>) {
    let ours =
        |it: &Attributes<'a>| it.get("bailiwick.caller").or_else(|| it.get("bailiwick.identity"));
    if let Some(identity) = ours(said) {
        return (0, identity);
    }
    if matches!(side, Side::Server | Side::Gateway) {
        // What a server is called by itself is not who called it.
        return nobody();
    }
    let agent =
        |it: &Attributes<'a>| it.get("gen_ai.agent.id").or_else(|| it.get("gen_ai.agent.name"));
    if let Some(identity) = ours(resource) {
        return (0, identity);
    }
    match (agent(said), service(resource)) {
        (Some(agent), _) => (2, agent),
        (None, Some(service)) => (3, service),
        (None, None) => nobody(),
    }
}

#[cfg(test)]
mod tests;
