//! Who gets which answer, and what it means when none comes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{super::request::WITHDRAWN, *};

#[tokio::test]
async fn a_call_comes_back_with_what_the_tool_says() {
    let world = World::up(script("echo.py")).await;
    assert_eq!(world.tools().await, ["echo", "surroundings", "heard", "read"]);
    assert_eq!(world.text("echo", json!({ "a": [1, "zwei\n"] })).await, r#"{"a": [1, "zwei\n"]}"#);
    let refused = world.call("none", json!({})).await.unwrap();
    assert!(matches!(refused, Reply::Error(raw) if raw.get().contains("-32602")));
    let catalog = world.catalog().await.unwrap();
    assert_eq!(catalog.protocol, "2025-11-25");
    assert!(catalog.executable.is_some());
    assert!(catalog.server_info.as_ref().unwrap().get().contains("test"));
    assert_eq!(world.json("heard").await, json!(["notifications/initialized"]));
}

#[tokio::test]
async fn parameters_spread_over_lines_arrive_as_one_message() {
    let world = World::up(script("echo.py")).await;
    let params = raw("{\r\n\"name\": \"echo\",\n\n\"arguments\": {\r\"b\": 1.50,\n\"a\": null}\n}");
    let call =
        Call::read(world.server.clone(), "tools/call", params, JsonLimits::default()).unwrap();
    let reply = world.send(&call).await;
    assert_eq!(text(&reply.unwrap()), r#"{"b": 1.5, "a": null}"#);
}

#[tokio::test]
async fn many_callers_each_get_their_own_answer() {
    let world = Arc::new(World::up(script("echo.py")).await);
    let callers: Vec<_> = (0..200)
        .map(|number| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.text("echo", json!({ "n": number })).await })
        })
        .collect();
    for (number, caller) in callers.into_iter().enumerate() {
        assert_eq!(soon(caller).await.unwrap(), format!("{{\"n\": {number}}}"));
    }
}

#[tokio::test]
async fn noise_between_the_answers_harms_nobody() {
    let world = World::up(script("garbage.py")).await;
    assert_eq!(world.text("noise", json!({})).await, "right");
    let replies = world.json("replies").await;
    assert_eq!(replies[0]["id"], "ask ping");
    assert_eq!(replies[0]["result"], json!({}));
    assert_eq!(replies[1]["id"], "ask sampling/createMessage");
    assert_eq!(replies[1]["error"]["code"], -32601);
    assert_eq!(replies[2]["error"]["code"], -32601);
}

#[tokio::test]
async fn an_answer_that_is_none_leaves_the_outcome_unknown() {
    let world = World::up(script("garbage.py")).await;
    let lost = world.call("malformed", json!({})).await.unwrap_err();
    assert_eq!(lost, SendError::Unknown { why: "its answer is not an object".to_owned() });
    assert_eq!(world.text("noise", json!({})).await, "right");
}

#[tokio::test]
async fn a_line_without_an_end_costs_the_server_its_connection() {
    let mut world = World::up(script("garbage.py")).await;
    let lost = world.call("endless", json!({})).await.unwrap_err();
    assert!(matches!(&lost, SendError::Unknown { why } if why.contains("8388608 bytes")), "{lost}");
    assert!(world.down().await.contains("8388608 bytes"));
    world.catalog().await.unwrap();
    assert_eq!(world.text("noise", json!({})).await, "right");
}

#[tokio::test]
async fn a_flooded_standard_error_does_not_stop_the_answers() {
    let world = World::up(script("floods.py")).await;
    for _ in 0..3 {
        assert_eq!(world.text("flood", json!({})).await, "done");
    }
}

#[tokio::test]
async fn a_call_that_is_never_answered_ends_in_time_and_the_server_hears_of_it() {
    let mut spec = script("silent.py");
    spec.call_timeout = Duration::from_millis(1500);
    let world = World::up(spec).await;
    let lost = world.call("wait", json!({})).await.unwrap_err();
    assert_eq!(lost, SendError::Unknown { why: "no answer within 1.5s".to_owned() });
    let cancelled = world.json("cancelled").await;
    assert_eq!(cancelled.as_array().unwrap().len(), 1, "{cancelled}");
}

#[tokio::test]
async fn what_a_deaf_server_never_took_was_not_sent() {
    let mut spec = script("deaf.py");
    spec.call_timeout = Duration::from_millis(300);
    let world = World::up(spec).await;
    // More than a pipe holds: the first write is begun and stays.
    let large = json!({ "text": "x".repeat(1 << 20) });
    let (first, second) =
        tokio::join!(world.call("anything", large), world.call("anything", json!({})));
    assert!(matches!(first, Err(SendError::Unknown { .. })), "{first:?}");
    assert!(matches!(second, Err(SendError::NotSent { .. })), "{second:?}");
}

#[tokio::test]
async fn a_call_whose_task_changes_while_it_waits_is_never_written() {
    let world = World::up(script("echo.py")).await;
    let call = read_call(&world.server, "echo", &json!({}));
    let current = Arc::new(AtomicU64::new(1));
    let spent = Spent::pretend_of(&call, &current);
    current.store(2, Ordering::Release);
    let judged = world.judged(&call).await;
    let lost =
        soon(world.upstreams.send_spent(spent, (&call, &judged), &nobody())).await.unwrap_err();
    assert_eq!(lost, SendError::NotSent { why: WITHDRAWN.to_owned() });
    assert!(world.call("echo", json!({})).await.is_ok(), "the server goes on");
}

#[tokio::test]
async fn a_call_that_waits_in_the_queue_when_its_task_ends_never_reaches_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let gate = dir.path().join("gate");
    let mut spec = script("late.py");
    let Transport::Stdio { command, .. } = &mut spec.transport else { panic!() };
    command.push(gate.to_str().unwrap().to_owned());
    let world = World::up(spec).await;
    let current = Arc::new(AtomicU64::new(1));
    let call = read_call(&world.server, "note", &json!({}));
    let judged = world.judged(&call).await;
    let nobody = nobody();
    let queued = || {
        let spent = Spent::pretend_of(&call, &current);
        world.upstreams.send_spent(spent, (&call, &judged), &nobody)
    };
    let end = async {
        current.store(2, Ordering::Release);
        // Only now does the server read on: opening waits for its other end.
        tokio::fs::OpenOptions::new().write(true).open(&gate).await.unwrap();
    };
    // More than a pipe holds, and of another task: behind it everything waits.
    let large = json!({ "text": "x".repeat(1 << 20) });
    let (first, second, third, ()) =
        soon(Box::pin(async { tokio::join!(world.call("note", large), queued(), queued(), end) }))
            .await;
    assert_eq!(text(&first.unwrap()), "1");
    let withdrawn = SendError::NotSent { why: WITHDRAWN.to_owned() };
    assert_eq!([second.unwrap_err(), third.unwrap_err()], [withdrawn.clone(), withdrawn]);
    assert_eq!(world.text("noted", json!({})).await, "1");
}

#[tokio::test]
async fn plain_requests_pass_and_decided_ones_do_not() {
    let world = World::up(script("echo.py")).await;
    let params = raw(r#"{"cursor":"x"}"#);
    let reply =
        soon(world.upstreams.plain(&world.server, ("resources/list", Some(&params)), None)).await;
    let Ok(Reply::Result(raw)) = reply else { panic!("{reply:?}") };
    assert_eq!(raw.get(), r#"{"method": "resources/list", "params": {"cursor": "x"}}"#);
    for method in ["tools/call", "resources/read", "prompts/get", "initialize"] {
        let refused = world.upstreams.plain(&world.server, (method, None), None).await.unwrap_err();
        assert_eq!(refused, UpstreamError::NotPlain { method: method.to_owned() });
    }
}

#[tokio::test]
async fn a_server_that_does_not_exist_is_named() {
    let world = World::up(script("echo.py")).await;
    let other: ServerName = "other".parse().unwrap();
    let error = world.upstreams.catalog(&other, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no server `other`");
    let call = read_call(&other, "echo", &json!({}));
    let lost = world.send(&call).await.unwrap_err();
    assert_eq!(lost, SendError::NotSent { why: "there is no server `other`".to_owned() });
}
