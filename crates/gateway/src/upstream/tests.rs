//! Servers that behave and servers that do not, as real children and over loopback.

mod answers;
mod children;
mod meanwhile;
mod modern;
mod over_http;
mod over_tls;
mod resumed;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    path::Path,
    sync::Arc,
    time::Duration,
};

use bailiwick_model::{Environment, JsonLimits, Offered, ServerName};
use serde_json::{Value, json, value::RawValue};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Catalog, Confine, Reply, SendError, ServerSpec, Transport, UpstreamError, UpstreamEvent,
    Upstreams, request::Spent,
};
use crate::{ANSWER_BYTES, Call, Listener, Room, known};

/// Nothing here takes this long unless it hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// What happened at the server, without the wish to be noted.
#[derive(Debug)]
enum Seen {
    Catalog(Arc<Catalog>),
    Down(String),
    NotConfined(String),
}

/// One server, and what happens at it.
#[derive(Debug)]
struct World {
    server: ServerName,
    upstreams: Arc<Upstreams>,
    seen: mpsc::UnboundedReceiver<Seen>,
}

/// Waits for what must come.
async fn soon<T>(coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, coming).await.expect("it took too long")
}

fn room() -> Room {
    Room::new(ANSWER_BYTES)
}

fn spec(transport: Transport) -> ServerSpec {
    ServerSpec {
        name: "files".parse().unwrap(),
        transport,
        trust: None,
        environment: Environment::Development,
        confine: Confine::default(),
        extra_methods: BTreeSet::new(),
        call_timeout: DEADLINE,
        tools: BTreeMap::new(),
        credential: None,
    }
}

/// Describes the child that runs `script` of `tests/servers`.
fn script(script: &str) -> ServerSpec {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(script);
    let command = vec!["python3".to_owned(), "-B".to_owned(), path.to_str().unwrap().to_owned()];
    spec(Transport::Stdio { command, env: BTreeMap::new(), dir: None })
}

impl World {
    fn of(spec: ServerSpec) -> Self {
        let server = spec.name.clone();
        let (sender, mut events) = mpsc::channel(8);
        let (tell, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let told = match event {
                    UpstreamEvent::CatalogChanged { catalog, .. } => Seen::Catalog(catalog),
                    UpstreamEvent::Down { why, .. } => Seen::Down(why),
                    UpstreamEvent::NotConfined { why, .. } => Seen::NotConfined(why),
                };
                let _nobody_looks = tell.send(told);
            }
        });
        let upstreams = Upstreams::start(vec![spec], sender, CancellationToken::new(), room());
        Self { server, upstreams: Arc::new(upstreams), seen }
    }

    /// Gives a server that is up.
    async fn up(spec: ServerSpec) -> Self {
        let world = Self::of(spec);
        world.catalog().await.unwrap();
        world
    }

    async fn catalog(&self) -> Result<Arc<Catalog>, UpstreamError> {
        soon(self.upstreams.catalog(&self.server, DEADLINE)).await
    }

    async fn tools(&self) -> Vec<String> {
        self.catalog().await.unwrap().tools.iter().map(|it| it.name.clone()).collect()
    }

    /// Calls a tool, with proof that nobody gave.
    async fn call(&self, tool: &str, arguments: Value) -> Result<Reply, SendError> {
        let call = read_call(&self.server, tool, &arguments);
        self.send(&call).await
    }

    /// Sends a call, judged by what is offered now, with proof that nobody gave.
    async fn send(&self, call: &Call) -> Result<Reply, SendError> {
        let judged = self.judged(call).await;
        let spent = Spent::pretend(call, &judged);
        soon(self.upstreams.send_spent(spent, (call, &judged), &nobody())).await
    }

    /// Gives what the server offers under the name of what is called.
    async fn judged(&self, call: &Call) -> Offered {
        let catalog = soon(self.upstreams.catalog(&self.server, Duration::ZERO)).await.ok();
        known::offered(call.action(), catalog.as_deref())
    }

    /// Calls a tool that answers with a text.
    async fn text(&self, tool: &str, arguments: Value) -> String {
        text(&self.call(tool, arguments).await.unwrap())
    }

    async fn json(&self, tool: &str) -> Value {
        serde_json::from_str(&self.text(tool, json!({})).await).unwrap()
    }

    async fn event(&mut self) -> Seen {
        soon(self.seen.recv()).await.unwrap()
    }

    async fn down(&mut self) -> String {
        loop {
            if let Seen::Down(why) = self.event().await {
                return why;
            }
        }
    }

    async fn new_catalog(&mut self) -> Arc<Catalog> {
        loop {
            if let Seen::Catalog(catalog) = self.event().await {
                return catalog;
            }
        }
    }
}

/// Nobody hears what is said during a call.
fn nobody() -> Listener {
    Listener::new().0
}

fn read_call(server: &ServerName, tool: &str, arguments: &Value) -> Call {
    let params = json!({ "name": tool, "arguments": arguments });
    let params = serde_json::value::to_raw_value(&params).unwrap();
    Call::read(server.clone(), "tools/call", params, JsonLimits::default()).unwrap()
}

fn text(reply: &Reply) -> String {
    let Reply::Result(raw) = reply else { panic!("{reply:?}") };
    let value: Value = serde_json::from_str(raw.get()).unwrap();
    value["content"][0]["text"].as_str().unwrap().to_owned()
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}
