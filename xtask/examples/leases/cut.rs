//! How a real governor, a process of its own, ends what is under way when a task ends: requests to an API
//! with a leased credential, and calls of a tool that takes its time.

use std::{
    collections::BTreeMap,
    net::TcpStream,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde_json::json;

use crate::{
    admin::{self, Opened},
    agent::{Agent, Target},
    figures::Spread,
    house::{House, replaced},
    rows::Rows,
    sessions::{PATIENCE, SESSIONS},
    tell,
    upstream::{ITEMS, Seen, Upstream},
    wire::Wire,
};

const RUNS: usize = 5;
/// How many tasks are ended in a run: each of their connections is refused once, and an identity that is
/// refused a thousand times is turned away.
const TASKS: usize = 2;
/// How often each connection was answered before the task ends.
const WARM: usize = 3;
const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"read_note","arguments":{"path":"/team/note-1"}}}"#;

/// Measures from the word to the admin socket.
pub(crate) fn measure(program: &Path, folder: &Path) -> anyhow::Result<Vec<(String, Spread)>> {
    let upstream = Upstream::start()?;
    let house = House::first(program, &folder.join("cut"), upstream.address)?;
    house.with_route(&upstream)?;
    let governor = house.serve()?;
    let secret = json!({ "value": "a-key-of-the-api-for-bench" });
    admin::post(&house, "/api/v1/secrets/api-key/set", &secret)?;
    let mut rows = Rows::default();
    for run in 1..=RUNS {
        tell(&format!("    requests and calls under way: run {run} of {RUNS}"));
        let (mut last, mut caller, mut server) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TASKS {
            last.extend(requests(&house, &upstream)?);
            let (told, hung_up) = calls(&house, &upstream)?;
            caller.extend(told);
            server.extend(hung_up);
        }
        rows.add_shares("revoke_http_ms", &last)?;
        rows.add_shares("cut_caller_ms", &caller)?;
        rows.add_shares("cut_upstream_ms", &server)?;
    }
    governor.stop()?;
    rows.told()
}

impl House {
    /// Adds an API whose requests bear a kept secret, and lets tasks use it as often as they like.
    fn with_route(&self, upstream: &Upstream) -> anyhow::Result<()> {
        self.edit("bailiwick.toml", |text| {
            Ok(format!(
                "{text}\n[[route]]\nname = \"api\"\nurl = \"http://{}\"\n[[route.operation]]\n\
                 name = \"get_item\"\nmethod = \"GET\"\npath = \"{ITEMS}{{id}}\"\n\
                 effects = [\"read\"]\nresource = \"{{id}}\"\n[route.credential]\n\
                 secret = \"api-key\"\n",
                upstream.address
            ))
        })?;
        self.edit("charters/note-keeper.toml", |text| {
            replaced(text, "servers = [\"notes\"]", "servers = [\"notes\", \"api\"]")
        })?;
        self.edit("templates/keep-notes.toml", |text| {
            let (kept, _) = text.split_once("[budget]").context("the template has no budget")?;
            Ok(format!("{kept}[[allow]]\nserver = \"api\"\ntools = [\"get_item\"]\n"))
        })
    }
}

/// Has sixty-four connections of a task ask the API, each again when it is answered, ends the task, and
/// gives how long after the word the API still saw each.
fn requests(house: &House, upstream: &Upstream) -> anyhow::Result<Vec<Duration>> {
    upstream.look(|it| it.items.clear());
    let opened = admin::open(house)?;
    let given_up = AtomicBool::new(false);
    let (asked, refused) = thread::scope(|scope| {
        let ask = |number| ask(house, &opened, number, &given_up);
        let asking: Vec<_> = (0..SESSIONS).map(|it| scope.spawn(move || ask(it))).collect();
        let arrived = until("not every request arrives", || upstream.look(|it| is_warm(it)));
        let asked = arrived.and_then(|()| end(house, &opened));
        given_up.store(asked.is_err(), Ordering::Relaxed);
        let refused: Vec<_> = asking.into_iter().map(thread::ScopedJoinHandle::join).collect();
        anyhow::Ok((asked?, refused))
    })?;
    for refused in refused {
        let at = refused.ok().context("a caller broke off")??;
        anyhow::ensure!(asked <= at, "a request was refused before its task ended");
    }
    let last: BTreeMap<_, _> =
        upstream.look(|it| std::mem::take(&mut it.items)).into_iter().collect();
    Ok(last.into_values().map(|it| it.saturating_duration_since(asked)).collect())
}

/// Asks for one item again and again, and says when that was refused.
fn ask(
    house: &House,
    opened: &Opened,
    number: usize,
    given_up: &AtomicBool,
) -> anyhow::Result<Instant> {
    let mut wire = Wire::new(TcpStream::connect(house.address)?)?;
    let request = format!(
        "GET /http/api{ITEMS}{number} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        house.address, opened.token,
    );
    while !given_up.load(Ordering::Relaxed) {
        // Who is refused may be hung up on as well.
        let answer = wire.send(request.as_bytes()).and_then(|()| wire.receive());
        match answer {
            Ok(Some(answer)) if answer.first.starts_with("HTTP/1.1 200") => {}
            Ok(_) | Err(_) => return Ok(Instant::now()),
        }
    }
    anyhow::bail!("the task could not be ended")
}

/// Says whether every connection was answered often enough.
fn is_warm(seen: &Seen) -> bool {
    let mut counts = BTreeMap::<_, usize>::new();
    for (number, _) in &seen.items {
        let count = counts.entry(number).or_default();
        *count = count.saturating_add(1);
    }
    counts.len() == SESSIONS && counts.values().all(|it| WARM <= *it)
}

/// Has sixty-four callers of a task wait for a tool, ends the task, and gives how long after the word each
/// caller was told so, and each connection to the tool server was closed.
fn calls(house: &House, upstream: &Upstream) -> anyhow::Result<(Vec<Duration>, Vec<Duration>)> {
    upstream.look(|it| (it.waiting, it.hung_up) = (0, Vec::new()));
    let opened = admin::open(house)?;
    let target = Target::reading(house.address, "/mcp/notes", Some(opened.token.clone()));
    let agents = (0..SESSIONS).map(|_| Agent::open(&target));
    let agents = agents.collect::<anyhow::Result<Vec<_>>>()?;
    let calling: Vec<_> = agents.into_iter().map(|it| thread::spawn(move || call(it))).collect();
    let arrived = until("not every call arrives", || upstream.look(|it| it.waiting == SESSIONS));
    let asked = arrived.and_then(|()| end(house, &opened))?;
    let mut told = Vec::new();
    for caller in calling {
        let at = caller.join().ok().context("a caller broke off")??;
        told.push(at.saturating_duration_since(asked));
    }
    until("not every call is hung up", || upstream.look(|it| it.hung_up.len() == SESSIONS))?;
    let hung_up = upstream.look(|it| std::mem::take(&mut it.hung_up));
    Ok((told, hung_up.into_iter().map(|it| it.saturating_duration_since(asked)).collect()))
}

/// Calls the tool, and says when the call was cut.
fn call(mut agent: Agent) -> anyhow::Result<Instant> {
    let answer = agent.ask(CALL)?;
    let at = Instant::now();
    let body = String::from_utf8_lossy(&answer.body);
    anyhow::ensure!(body.contains("cut: "), "a call was not cut: {body}");
    Ok(at)
}

/// Ends a task, and gives the moment just before the word.
fn end(house: &House, opened: &Opened) -> anyhow::Result<Instant> {
    let asked = Instant::now();
    admin::post(house, &format!("/api/v1/tasks/{}/end", opened.task), &json!({}))?;
    Ok(asked)
}

/// Waits until something is so.
fn until(or_else: &'static str, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
    let began = Instant::now();
    while !is_so() {
        anyhow::ensure!(began.elapsed() < PATIENCE, or_else);
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
