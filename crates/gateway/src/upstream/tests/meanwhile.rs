//! What servers say between a question and its answer, and what becomes of questions given up.

use bailiwick_model::TaskId;
use tokio::io::AsyncBufReadExt as _;

use super::{super::request::CUT, over_http::serve, *};
use crate::{
    asks::{Asks, Client},
    jsonrpc::Answer,
    listener::Notes,
    mcp::askable::Askable,
};

/// A call that somebody listens to.
struct Heard {
    call: Call,
    listener: Listener,
    notes: Notes,
}

impl Heard {
    fn of(world: &World, tool: &str, token: &str) -> Self {
        let params = raw(&format!(
            r#"{{"name":"{tool}","arguments":{{}},"_meta":{{"progressToken":{token}}}}}"#
        ));
        let call = Call::read(world.server.clone(), "tools/call", params, JsonLimits::default());
        let (listener, notes) = Listener::new();
        Self { call: call.unwrap(), listener, notes }
    }

    async fn answer(&self, world: &World) -> Result<Reply, SendError> {
        let judged = world.judged(&self.call).await;
        let spent = Spent::pretend(&self.call, &judged);
        let sent = world.upstreams.send_spent(spent, (&self.call, &judged), &self.listener);
        soon(Box::pin(sent)).await
    }

    /// Gives all that was said by now.
    async fn said(mut self) -> Vec<Value> {
        self.listener.pass(crate::listener::Note::new("\"end\"")).await;
        let mut said = Vec::new();
        loop {
            let note: Value = serde_json::from_str(self.notes.next().await.message()).unwrap();
            if note == json!("end") {
                return said;
            }
            said.push(note);
        }
    }
}

fn progress(token: &Value, done: u32) -> Value {
    let params = json!({ "progressToken": token, "progress": done, "total": 2 });
    json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params })
}

#[tokio::test]
async fn callers_that_share_a_child_hear_of_their_own_progress_under_their_own_token() {
    let world = World::up(script("tells.py")).await;
    let (one, two) = (Heard::of(&world, "work", "\"mine\""), Heard::of(&world, "work", "\"mine\""));
    let three = Heard::of(&world, "work", "1");
    let answers = tokio::join!(one.answer(&world), two.answer(&world), three.answer(&world));
    for answer in <[_; 3]>::from(answers) {
        assert_eq!(text(&answer.unwrap()), "done");
    }
    for (heard, token) in [(one, json!("mine")), (two, json!("mine")), (three, json!(1))] {
        assert_eq!(heard.said().await, [progress(&token, 1), progress(&token, 2)]);
    }
    let tokens = world.json("notes").await["tokens"].clone();
    let tokens: BTreeSet<u64> = serde_json::from_value(tokens).unwrap();
    assert_eq!(tokens.len(), 3, "the child cannot tell two callers by their own tokens");
}

#[tokio::test]
async fn a_caller_that_does_not_listen_holds_up_nobody_who_shares_its_child() {
    let world = World::up(script("tells.py")).await;
    let (deaf, other) = (Heard::of(&world, "flood", "1"), Heard::of(&world, "work", "2"));
    assert_eq!(text(&deaf.answer(&world).await.unwrap()), "done");
    assert_eq!(text(&other.answer(&world).await.unwrap()), "done");
    assert_eq!(other.said().await.len(), 2);
    drop(deaf);
}

#[tokio::test]
async fn a_call_that_its_caller_cuts_is_cancelled_at_a_child() {
    let world = World::up(script("tells.py")).await;
    let heard = Heard::of(&world, "hang", "1");
    let cut = async {
        while world.json("notes").await["asked"].as_array().unwrap().is_empty() {}
        heard.listener.cut().cancel();
    };
    let (lost, ()) = Box::pin(async { tokio::join!(heard.answer(&world), cut) }).await;
    assert_eq!(lost.unwrap_err(), SendError::Unknown { why: CUT.to_owned() });
    let notes = world.json("notes").await;
    assert_eq!(notes["asked"].as_array().unwrap().len(), 1);
    assert_eq!(notes["asked"], notes["given_up"]);
}

#[tokio::test]
async fn a_call_that_was_cut_before_it_is_written_never_is() {
    let world = World::up(script("tells.py")).await;
    let heard = Heard::of(&world, "hang", "1");
    heard.listener.cut().cancel();
    let lost = heard.answer(&world).await.unwrap_err();
    assert_eq!(lost, SendError::NotSent { why: CUT.to_owned() });
    let notes = world.json("notes").await;
    assert_eq!((&notes["asked"], &notes["given_up"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn what_a_server_says_on_the_stream_of_a_call_reaches_its_caller() {
    let (_site, spec) = serve().await;
    let world = World::up(spec).await;
    let heard = Heard::of(&world, "talks", "\"mine\"");
    assert_eq!(text(&heard.answer(&world).await.unwrap()), "done");
    let said = heard.said().await;
    assert_eq!(said[0], progress(&json!("mine"), 1));
    assert_eq!(said[1]["params"]["data"], "for you");
    assert_eq!(said[2]["method"], "notifications/of/tomorrow");
    assert_eq!(said.len(), 3);
}

#[tokio::test]
async fn a_call_that_its_caller_cuts_is_cancelled_over_http() {
    let (site, spec) = serve().await;
    let world = World::up(spec).await;
    let heard = Heard::of(&world, "never", "1");
    let cut = async {
        while site.count("tools/call") == 0 {
            tokio::task::yield_now().await;
        }
        heard.listener.cut().cancel();
    };
    let (lost, ()) = Box::pin(async { tokio::join!(heard.answer(&world), cut) }).await;
    assert_eq!(lost.unwrap_err(), SendError::Unknown { why: CUT.to_owned() });
    soon(async {
        while site.count("notifications/cancelled") == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Starts a server over HTTP that asks, and describes how it is reached.
async fn asks_over_http() -> (tokio::process::Child, ServerSpec) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/asks_over_http.py");
    let mut command = tokio::process::Command::new("python3");
    command.arg("-B").arg(path).stdout(std::process::Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = tokio::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let port = soon(lines.next_line()).await.unwrap().unwrap();
    let url = format!("http://127.0.0.1:{port}/mcp").parse().unwrap();
    (child, spec(Transport::Http { url }))
}

#[tokio::test]
async fn what_a_server_asks_on_the_stream_of_a_call_is_answered_by_its_caller() {
    let (_child, mut spec) = asks_over_http().await;
    spec.extra_methods.insert("elicitation/create".to_owned());
    let world = World::up(spec).await;
    let mut heard = Heard::of(&world, "ask", "1");
    let asks = Arc::new(Asks::default());
    let task: TaskId = "task_01JD8X0000000000000000000A".parse().unwrap();
    heard.listener = heard.listener.clone().with_client(Client {
        asks: Arc::clone(&asks),
        task: task.clone(),
        session: None,
        askable: Askable::from_word("-e").unwrap(),
    });
    let judged = world.judged(&heard.call).await;
    let spent = Spent::pretend(&heard.call, &judged);
    let sent = world.upstreams.send_spent(spent, (&heard.call, &judged), &heard.listener);
    let client = async {
        let asked: Value = serde_json::from_str(heard.notes.next().await.message()).unwrap();
        assert_eq!(asked["method"], "elicitation/create");
        assert_eq!(asked["params"]["message"], "Which?");
        let ask = asks.take(&task, None, asked["id"].as_str().unwrap()).unwrap();
        ask.answer.send(Answer::Result(raw(r#"{"action":"decline"}"#))).unwrap();
    };
    let (answer, ()) = soon(Box::pin(async { tokio::join!(sent, client) })).await;
    let answers: Value = serde_json::from_str(&text(&answer.unwrap())).unwrap();
    let mut answers = answers.as_array().unwrap().clone();
    answers.sort_by_key(|it| it["id"].to_string());
    assert_eq!(answers[0], json!({ "jsonrpc": "2.0", "id": "p1", "result": {} }));
    let declined = json!({ "jsonrpc": "2.0", "id": "q1", "result": { "action": "decline" } });
    assert_eq!(answers[1], declined);
}

#[tokio::test]
async fn a_server_that_may_not_ask_is_told_so_at_once() {
    let (_child, spec) = asks_over_http().await;
    let world = World::up(spec).await;
    let answers = world.json("ask").await;
    let answers = answers.as_array().unwrap();
    let refused = answers.iter().find(|it| it["id"] == "q1").unwrap();
    assert_eq!(refused["error"]["code"], -32601);
}
