//! A server of the older revisions that asks in the middle of a call, and a client of 2026-07-28, which is
//! asked in rounds: one call, one decision, one outcome.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::{House, MODERN, Stream};
use crate::governor::{Governor, until};

const ALL: &str =
    "methods = [\"elicitation/create\", \"sampling/createMessage\", \"roots/list\"]\n";

/// A server, and a governor before it.
struct Place {
    house: House,
    by: Vec<String>,
    server: Child,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

impl Place {
    fn new(words: &str) -> Self {
        let script =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/tests/servers/asks_midway.py");
        let mut command = Command::new("python3");
        let mut server = command.args(["-B", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let mut governor = Governor::prepare(&[]);
        let url = format!("http://127.0.0.1:{}/mcp", port.trim());
        governor.write(
            "bailiwick.toml",
            &format!(
                "[listen]\nhttp = \"127.0.0.1:0\"\n[state]\ndir = \"state\"\n[evidence]\n\
                 checkpoints = \"checkpoints\"\n[holds]\npoll = \"20ms\"\n[[server]]\n\
                 name = \"tells\"\nurl = {url:?}\n{words}"
            ),
        );
        governor.charter("tells");
        governor.write(
            "templates/working.toml",
            "name = \"working\"\nowner = \"team-test\"\npurpose = \"Work\"\non_widen = \"hold\"\n\
             [window]\nmax = \"1h\"\n[[allow]]\nserver = \"tells\"\n\
             tools = [\"once\", \"all\", \"turns\", \"link\", \"endless\", \"pieces\", \"notes\"]\n",
        );
        governor.serve();
        let by = governor.person("ada");
        let (task, token) = governor.open("agent", "working", &[]);
        Self { house: House { governor, task, token }, by, server }
    }

    /// Makes one round of a call, and gives what comes of it.
    fn round(&self, tool: &str, more: &Value) -> Value {
        self.round_of(&json!({"elicitation": {}, "sampling": {}, "roots": {}}), tool, more)
    }

    fn round_of(&self, capabilities: &Value, tool: &str, more: &Value) -> Value {
        let (headers, body) = request(capabilities, tool, more);
        let headers: Vec<_> = headers.lines().filter_map(|it| it.split_once(": ")).collect();
        self.house.governor.post("/mcp/tells", &self.house.token, &headers, &body).json()
    }

    /// Begins one round whose notes are of interest.
    fn stream(&self, tool: &str, more: &Value) -> Stream {
        let (headers, body) = request(&json!({"elicitation": {}, "roots": {}}), tool, more);
        let mut stream = self.house.begin("POST /mcp/tells", &headers, &body);
        stream.head();
        stream
    }

    /// Gives how often the server was called, and how often a call was cancelled.
    fn seen(&self) -> (usize, u64) {
        let notes = self.house.notes();
        (notes["called"].as_array().unwrap().len(), notes["cancelled"].as_u64().unwrap())
    }

    /// Gives the verdict and the outcome of each call.
    fn steps(&self) -> Vec<(String, String)> {
        let path = self.house.governor.json(&["path", &self.house.task]);
        let steps = path["steps"].as_array().unwrap().iter().filter(|it| it["tool"] != "notes");
        let word = |it: &Value| it.as_str().unwrap().to_owned();
        steps.map(|it| (word(&it["verdict"]), word(&it["outcome"]))).collect()
    }
}

fn request(capabilities: &Value, tool: &str, more: &Value) -> (String, String) {
    let mut meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    let mut params = json!({"name": tool, "arguments": {}});
    for (name, value) in more.as_object().unwrap() {
        let target = if name == "progressToken" { &mut meta } else { &mut params };
        target[name] = value.clone();
    }
    params["_meta"] = meta;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let headers = format!("{MODERN}Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\n");
    (headers, body.to_string())
}

/// Answers everything that a round asks.
fn answers(asked: &Value) -> Value {
    let result = &asked["result"];
    assert_eq!(result["resultType"], "input_required", "{asked}");
    let answer = |request: &Value| match request["method"].as_str().unwrap() {
        "roots/list" => json!({"roots": [{"uri": "file:///a"}]}),
        "elicitation/create" => json!({"action": "accept", "content": {}}),
        _ => {
            json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "4"}})
        }
    };
    let requests = result["inputRequests"].as_object().unwrap().iter();
    let given: serde_json::Map<_, _> =
        requests.map(|(name, it)| (name.clone(), answer(it))).collect();
    json!({"requestState": result["requestState"], "inputResponses": given})
}

/// Gives what the server heard by the end of a call.
fn heard(done: &Value) -> Vec<Value> {
    let text = done["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{done}"));
    serde_json::from_str(text).unwrap()
}

fn allowed(outcome: &str) -> (String, String) {
    ("allow".to_owned(), outcome.to_owned())
}

#[test]
fn what_is_asked_in_the_middle_of_a_call_is_a_round_of_it_and_the_call_goes_on() {
    let place = Place::new(ALL);
    let asked = place.round("once", &json!({}));
    let requests = asked["result"]["inputRequests"].as_object().unwrap();
    let question = requests.values().next().unwrap();
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"]["message"], "Which?");
    assert_eq!(place.house.passed(), 0);
    let retry = answers(&asked);
    let done = place.round("once", &retry);
    assert_eq!(done["result"]["resultType"], "complete", "{done}");
    assert_eq!(heard(&done), [json!({"action": "accept", "content": {}})]);
    assert_eq!((place.house.passed(), place.steps()), (1, vec![allowed("ok")]));
    assert_eq!(place.seen(), (1, 0));
    let again = place.round("once", &retry);
    assert!(again["error"]["message"].as_str().unwrap().contains("used already"), "{again}");
    assert_eq!(place.seen(), (1, 0), "and it is called once");
}

#[test]
fn all_that_is_asked_is_answered_at_once_or_round_after_round() {
    let place = Place::new(ALL);
    let mut told = place.round("all", &json!({}));
    let mut rounds = 0;
    while told["result"]["resultType"] == "input_required" {
        rounds += 1;
        told = place.round("all", &answers(&told));
    }
    let all = heard(&told);
    assert_eq!((all[0]["action"].as_str(), all[1]["model"].as_str()), (Some("accept"), Some("m")));
    assert_eq!(all[2], json!({"roots": [{"uri": "file:///a"}]}));
    assert!((1..=3).contains(&rounds), "{rounds}");

    let asked = place.round("turns", &json!({}));
    let twice = place.round("turns", &answers(&asked));
    let done = place.round("turns", &answers(&twice));
    assert_eq!(heard(&done).len(), 2);
    assert_eq!(place.steps(), [allowed("ok"), allowed("ok")]);
}

#[test]
fn what_is_not_answered_is_asked_again_and_not_for_ever() {
    let place = Place::new(ALL);
    let mut told = place.round("once", &json!({}));
    for round in 1..=10 {
        assert_eq!(told["result"]["resultType"], "input_required", "{round}: {told}");
        let odd = json!({"other": {"action": "accept"}});
        let state = &told["result"]["requestState"];
        told = place.round("once", &json!({"requestState": state, "inputResponses": odd}));
    }
    assert_eq!(heard(&told)[0]["code"], -32603, "the server is told that nobody answers");
    let mut told = place.round("endless", &json!({}));
    for _ in 1..=10 {
        told = place.round("endless", &answers(&told));
    }
    let heard = heard(&told);
    let answered = heard.iter().filter(|it| it["action"] == "accept").count();
    assert_eq!((heard.len(), answered), (20, 10));
    assert_eq!(place.steps(), [allowed("ok"), allowed("ok")]);
}

#[test]
fn progress_is_heard_in_each_round_under_the_token_of_that_round() {
    let place = Place::new(ALL);
    let asked = place.round("turns", &json!({"progressToken": "first"}));
    let mut retry = answers(&asked);
    retry["progressToken"] = json!(2);
    let mut stream = place.stream("turns", &retry);
    let told = stream.next().unwrap();
    assert_eq!(told["params"], json!({"progressToken": 2, "progress": 0}), "{told}");
    let done = place.round("turns", &answers(&stream.next().unwrap()));
    assert_eq!(heard(&done).len(), 2);
}

#[test]
fn nobody_is_asked_for_what_they_did_not_declare() {
    let place = Place::new(ALL);
    for (capabilities, tool, code) in [
        (json!({}), "once", -32601),
        (json!({"roots": {}}), "once", -32601),
        (json!({"elicitation": {"form": {}}}), "link", -32602),
    ] {
        let told = place.round_of(&capabilities, tool, &json!({}));
        assert_eq!(heard(&told)[0]["code"], code, "{capabilities} {tool}");
    }
    let linked = place.round_of(&json!({"elicitation": {"url": {}}}), "link", &json!({}));
    let requests = linked["result"]["inputRequests"].as_object().unwrap();
    let link = json!({"mode": "url", "message": "Look", "url": "https://a.example/"});
    assert_eq!(requests.values().next().unwrap()["params"], link);
    drop(place);
    let place = Place::new("");
    assert_eq!(heard(&place.round("once", &json!({})))[0]["code"], -32601);
}

#[test]
fn a_call_whose_client_does_not_come_is_cancelled_and_has_its_outcome() {
    let place = Place::new(&format!("timeout = \"1s\"\n{ALL}"));
    let asked = place.round("once", &json!({}));
    until("the call is given up", || place.steps() == [allowed("none")]);
    until("its server knows", || place.seen() == (1, 1));
    let late = place.round("once", &answers(&asked));
    assert!(late["error"]["message"].is_string(), "{late}");
    assert_eq!((place.seen(), place.house.passed()), ((1, 1), 0));
}

#[test]
fn a_task_that_ends_meanwhile_ends_the_call() {
    let place = Place::new(ALL);
    let asked = place.round("once", &json!({}));
    place.house.governor.json(&["task", "end", &place.house.task]);
    let told = place.round("once", &answers(&asked));
    assert_eq!(told["result"]["isError"], true, "{told}");
    until("the call is cut", || place.steps().first() == Some(&allowed("none")));
    assert_eq!(place.house.passed(), 0);
}

#[test]
fn another_gateway_says_that_it_cannot_go_on_with_the_call() {
    let mut place = Place::new(ALL);
    let asked = place.round("once", &json!({}));
    // It is known by its address.
    let address = place.house.governor.host().to_owned();
    place.house.governor.stop();
    let text = std::fs::read_to_string(place.house.governor.path("bailiwick.toml")).unwrap();
    place.house.governor.write("bailiwick.toml", &text.replace("127.0.0.1:0", &address));
    place.house.governor.serve();
    until("the server is there", || {
        let servers = place.house.governor.json(&["server", "list"]);
        servers["servers"][0]["tools"].as_array().is_some_and(|it| !it.is_empty())
    });
    let told = place.round("once", &answers(&asked));
    let text = told["error"]["message"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert!(text.contains("at another gateway"), "{text}");
    assert!(text.contains("nobody knows what its server did"), "{text}");
    assert_eq!(place.steps(), [allowed("none")], "whoever stops cuts what waits");
    assert_eq!(place.seen(), (1, 1));
}

#[test]
fn a_held_call_is_asked_about_once_a_person_has_let_it_through() {
    let place = Place::new(ALL);
    let held = place.round("held", &json!({}));
    place.house.approve(&place.by);
    let asked = place.round("held", &json!({"requestState": held["result"]["requestState"]}));
    let done = place.round("held", &answers(&asked));
    assert_eq!(heard(&done).len(), 1);
    let verdicts: Vec<_> = place.steps().into_iter().map(|(verdict, _)| verdict).collect();
    assert_eq!((verdicts, place.house.passed()), (vec!["hold".into(), "allow".into()], 1));
}

#[test]
fn an_answer_that_breaks_off_is_taken_up_where_it_was_for_clients_of_both_eras() {
    let place = Place::new("");
    let mut modern = place.stream("pieces", &json!({"progressToken": 7}));
    let body = super::call(2, "pieces", json!({"progressToken": "mine"}));
    let mut legacy = place.house.begin("POST /mcp/tells", "", &body);
    legacy.head();
    for (stream, token) in [(&mut modern, json!(7)), (&mut legacy, json!("mine"))] {
        let told = stream.next().unwrap();
        assert_eq!(told["params"], json!({"progressToken": token, "progress": 1}), "{told}");
        assert_eq!(heard(&stream.next().unwrap()), ["done"]);
    }
    assert_eq!((place.steps(), place.seen()), (vec![allowed("ok"), allowed("ok")], (2, 0)));
}
