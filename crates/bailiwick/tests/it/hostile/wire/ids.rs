//! The same id many times at once: every question gets its own answer.

use std::{collections::BTreeSet, io::Write as _, thread};

use serde_json::{Value, json};

use super::{House, INVALID_REQUEST, is_error, with_params};
use crate::governor::try_answer;

fn body(id: &str, path: &str) -> String {
    let params = json!({"name": "read_note", "arguments": {"path": path}});
    with_params(&params.to_string()).replace("\"id\":7", &format!("\"id\":{id}"))
}

/// Calls with an id, spelled so, and gives the decision and the result.
fn call(house: &House, token: &str, id: &str, path: &str) -> (String, Value) {
    let body = body(id, path);
    let head = house.head("POST /mcp/notes", body.len()).replace(&house.token, token);
    let mut stream = house.governor.connect();
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    let answer = try_answer(stream).expect("an answer");
    assert!(answer.body.contains(&format!("\"id\":{id}")), "{id}: {answer:?}");
    (answer.decision().unwrap().to_owned(), answer.json()["result"].clone())
}

#[test]
fn one_id_at_once_from_one_and_from_many_gets_each_its_own_answer() {
    let house = House::new();
    let tokens: Vec<_> = (0..4).map(|_| house.governor.open("reader", "reading", &[]).1).collect();
    let decisions: BTreeSet<String> = thread::scope(|scope| {
        let calls: Vec<_> = (0..40)
            .map(|number| {
                let (house, token) = (&house, &tokens[number % 4]);
                scope.spawn(move || {
                    let path = format!("/notes/{number}");
                    let (decision, result) = call(house, token, "1", &path);
                    let text = result["content"][0]["text"].as_str().unwrap();
                    assert_eq!(text, format!("the note at {path}"));
                    decision
                })
            })
            .collect();
        calls.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(decisions.len(), 40);
    house.goes_on(40);
}

#[test]
fn an_id_comes_back_as_it_was_spelled_or_is_refused() {
    let house = House::new();
    let (long, longer) = (format!("\"{}\"", "x".repeat(256)), format!("\"{}\"", "x".repeat(257)));
    let taken = ["0", "-1", "9007199254740993", "\"1\"", "\"\"", "\"\\u0061\"", &long];
    for id in taken {
        let (_, result) = call(&house, &house.token, id, "/notes/a");
        assert_eq!(result["isError"], false, "{id}: {result}");
    }
    let digits = "9".repeat(400);
    for id in ["1e400", "1.5", "null", "[1]", "{}", "true", &longer, &digits] {
        let answer = house.post("", body(id, "/notes/x").as_bytes());
        assert_eq!(answer.status, 400, "{id}: {answer:?}");
        is_error(id, &answer, INVALID_REQUEST);
    }
    house.goes_on(taken.len());
}
