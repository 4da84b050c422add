//! What servers say between a question and its answer, and what becomes of questions given up.

use super::{super::request::CUT, over_http::serve, *};
use crate::listener::Notes;

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
