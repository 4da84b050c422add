//! A tool server over HTTP that answers calls as a test says, byte by byte.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use crate::governor::Governor;

/// A server that only opens honestly.
pub(crate) struct Liar {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
    tools: String,
}

/// What a call asks.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// How it is to be answered.
    pub(crate) id: Value,
    /// The tool.
    pub(crate) tool: String,
}

impl Asked {
    /// Gives the message of an honest answer.
    pub(crate) fn answer(&self, text: &str) -> String {
        let content = json!([{"type": "text", "text": text}]);
        json!({"jsonrpc": "2.0", "id": self.id, "result": {"content": content}}).to_string()
    }
}

impl Liar {
    /// Starts a server that offers `tools`, and leaves the answer to each call to `reply`. What
    /// `reply` returns from is closed.
    pub(crate) fn start(
        tools: &[&str],
        reply: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let plain = json!({"type": "object"});
        let tools: Vec<_> = tools.iter().map(|it| (*it, plain.clone())).collect();
        Self::offering(&tools, reply)
    }

    /// The same, with tools that take what is said beside them.
    pub(crate) fn offering(
        tools: &[(&str, Value)],
        reply: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let names = format!("{:?}", tools.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        let tools: Vec<_> =
            tools.iter().map(|(name, takes)| json!({"name": name, "inputSchema": takes})).collect();
        let (reply, counted) = (Arc::new(reply), Arc::clone(&calls));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (reply, calls) = (Arc::clone(&reply), Arc::clone(&counted));
                let tools = tools.clone();
                std::thread::spawn(move || {
                    serve(stream, &tools, &|asked, stream| {
                        calls.fetch_add(1, Ordering::AcqRel);
                        reply(asked, stream);
                    });
                });
            }
        });
        Self { address, calls, tools: names }
    }

    /// Gives its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Says how many calls have arrived.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Acquire)
    }

    /// Starts a governor before the server, with an agent that may call all of it; `listen` and
    /// `server` are more lines of these sections.
    pub(crate) fn governed(&self, listen: &str, server: &str) -> Governor {
        let server = format!("url = {:?}\n{server}", self.url());
        Governor::start(&files(&server, listen, &self.tools))
    }
}

/// Gives a configuration with one server `liar`, and an agent that may call all of it.
pub(crate) fn files(server: &str, listen: &str, tools: &str) -> [(&'static str, &'static str); 3] {
    let config = format!(
        "[listen]\nhttp = \"127.0.0.1:0\"\n{listen}\n[state]\ndir = \"state\"\n[evidence]\n\
         checkpoints = \"checkpoints\"\n[[server]]\nname = \"liar\"\n{server}\n"
    );
    let charter = "identity = \"agent\"\nkind = \"agent\"\nclass = \"interactive-agent\"\n\
         owner = \"team-test\"\npurpose = \"Work\"\nproof = [{ uid = UID }]\n\
         templates = [\"working\"]\nservers = [\"liar\"]\n";
    let template = format!(
        "name = \"working\"\nowner = \"team-test\"\npurpose = \"Work a little\"\n\
         on_widen = \"deny\"\n[window]\nmax = \"1h\"\n[[allow]]\nserver = \"liar\"\n\
         tools = {tools}\n"
    );
    // A test's configuration lives as long as the test does.
    let [config, template]: [&'static str; 2] =
        [config, template].map(|it| &*Box::leak(it.into_boxed_str()));
    [
        ("bailiwick.toml", config),
        ("charters/agent.toml", charter),
        ("templates/working.toml", template),
    ]
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, tools: &[Value], reply: &dyn Fn(&Asked, &mut TcpStream)) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some((line, body)) = request(&mut reader) {
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let said = |result: Value| {
            let body = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string();
            whole("200 OK", &body)
        };
        let answer = match asked["method"].as_str().unwrap_or(&line) {
            "initialize" => said(json!({
                "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                "serverInfo": {"name": "liar", "version": "1"},
            })),
            "tools/list" => said(json!({"tools": tools})),
            "tools/call" => {
                let tool = asked["params"]["name"].as_str().unwrap_or_default().to_owned();
                return reply(&Asked { id: asked["id"].clone(), tool }, &mut stream);
            }
            it if it.starts_with("notifications/") => whole("202 Accepted", ""),
            it if it.starts_with("GET ") => whole("405 Method Not Allowed", ""),
            it if it.starts_with("DELETE ") => whole("200 OK", ""),
            _ => whole("404 Not Found", ""),
        };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn whole(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one request: its first line, and its body; none at the end.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok().filter(|it| 0 < *it)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|it| 0 < *it)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, body))
}
