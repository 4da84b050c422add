//! How children are started, followed, started again and ended.

use rustix::process::{Pid, test_kill_process};

use super::*;
use crate::upstream::{OTHER, ServerStatus};

#[tokio::test]
async fn a_child_gets_only_its_own_variables_and_leads_its_own_group() {
    let mut spec = script("echo.py");
    let Transport::Stdio { env, .. } = &mut spec.transport else { panic!() };
    env.insert("LANG".to_owned(), "C.UTF-8".to_owned());
    let world = World::up(spec).await;
    let surroundings = world.json("surroundings").await;
    // What an interpreter sets for itself is not ours to judge.
    let env = surroundings["env"].as_object().unwrap();
    assert_eq!(env["LANG"], "C.UTF-8");
    assert_eq!(env["PATH"], "/usr/local/bin:/usr/bin:/bin");
    for inherited in ["HOME", "CARGO_MANIFEST_DIR", "USER"] {
        assert!(!env.contains_key(inherited), "{inherited}");
    }
    assert_eq!(surroundings["group"], "own");
}

#[tokio::test]
async fn a_crash_in_mid_call_leaves_every_open_call_unknown_and_the_server_comes_back() {
    let mut world = World::up(script("crashes.py")).await;
    let before = world.text("pid", json!({})).await;
    let (waiting, crashed) =
        tokio::join!(world.call("wait", json!({})), world.call("crash", json!({})));
    for lost in [waiting, crashed] {
        let Err(SendError::Unknown { why }) = lost else { panic!("{lost:?}") };
        assert!(why.contains("exit status: 3"), "{why}");
        // Who runs the server reads its last words, and who calls it does not.
        assert!(!why.contains("the disk is on fire"), "{why}");
    }
    assert!(world.down().await.contains("the disk is on fire"));
    assert_ne!(world.catalog().await.map(|it| it.tools.len()), Ok(0));
    assert_ne!(world.text("pid", json!({})).await, before);
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let mut world = World::of(script("refuses_to_start.py"));
    let why = world.down().await;
    assert!(why.contains("exit status: 7"), "{why}");
    assert_eq!(why.matches("no licence found").count(), 1, "{why}");
    let status = world.upstreams.status();
    assert!(format!("{status:?}").contains("no licence found"), "{status:?}");
    let error = world.upstreams.catalog(&world.server, Duration::ZERO).await.unwrap_err();
    let short = error.to_string();
    // It may be seen to close its output before it is seen to end.
    assert!(short.starts_with("`files` is down: it "), "{short}");
    assert!(short.ends_with("it ended (exit status: 7)"), "{short}");
    let lost = world.call("echo", json!({})).await.unwrap_err();
    assert_eq!(lost, SendError::NotSent { why: short });
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let command = vec!["no-such-program".to_owned()];
    let env = BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]);
    let mut world = World::of(spec(Transport::Stdio { command, env, dir: None }));
    assert_eq!(world.down().await, "there is no program `no-such-program` in `/bin`");
    let error = world.upstreams.catalog(&world.server, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), "`files` is down: it cannot be started");
}

#[tokio::test]
async fn tools_are_listed_over_all_pages_and_never_in_a_circle() {
    let world = World::up(script("pages.py")).await;
    assert_eq!(world.tools().await, ["one", "two", "three"]);
    assert_eq!(world.catalog().await.unwrap().protocol, "2024-11-05");

    let mut circle = script("pages.py");
    let Transport::Stdio { command, .. } = &mut circle.transport else { panic!() };
    command.push("circle".to_owned());
    let why = World::of(circle).down().await;
    assert_eq!(why, "the list of its tools leads in a circle");
}

#[tokio::test]
async fn a_changed_description_is_noticed_and_only_that_tools_digest_changes() {
    let mut world = World::up(script("changes.py")).await;
    let first = world.new_catalog().await;
    assert_eq!(world.text("nothing", json!({})).await, "ok");
    assert_eq!(world.text("change", json!({})).await, "ok");
    // The list that had not changed made no event, so the next one is the changed one.
    let second = world.new_catalog().await;
    assert_ne!(first.tool("note").unwrap().digest, second.tool("note").unwrap().digest);
    assert_eq!(first.tool("change").unwrap().digest, second.tool("change").unwrap().digest);
    assert!(first.tool("extra").is_none() && second.tool("extra").is_some());
    assert_eq!(world.catalog().await.unwrap().tools.len(), 3);
}

#[tokio::test]
async fn a_call_does_not_go_to_a_server_that_is_not_the_one_it_was_judged_for() {
    let mut world = World::up(script("changes.py")).await;
    let _first = world.new_catalog().await;
    let note = read_call(&world.server, "note", &json!({}));
    let judged = world.judged(&note).await;
    assert_eq!(world.text("change", json!({})).await, "ok");
    let _changed = world.new_catalog().await;
    let spent = Spent::pretend(&note, &judged);
    let lost =
        soon(world.upstreams.send_spent(spent, (&note, &judged), &nobody())).await.unwrap_err();
    assert_eq!(lost, SendError::NotSent { why: OTHER.to_owned() });
    // Nor does one that was judged for another program.
    let Offered::Tool { definition, .. } = world.judged(&note).await else { panic!() };
    let judged = Offered::Tool { definition, executable: Some(definition) };
    let spent = Spent::pretend(&note, &judged);
    let lost =
        soon(world.upstreams.send_spent(spent, (&note, &judged), &nobody())).await.unwrap_err();
    assert_eq!(lost, SendError::NotSent { why: OTHER.to_owned() });
    assert_eq!(world.text("note", json!({})).await, "ok");
}

#[tokio::test]
async fn callers_wait_until_a_first_catalog_was_taken_note_of() {
    let (sender, mut events) = mpsc::channel(8);
    let stop = CancellationToken::new();
    let upstreams = Upstreams::start(vec![script("echo.py")], sender, stop, room());
    let server: ServerName = "files".parse().unwrap();
    let event = soon(events.recv()).await.unwrap();
    let early = upstreams.catalog(&server, Duration::ZERO).await.unwrap_err();
    assert_eq!(early, UpstreamError::Starting { server: server.clone() });
    drop(event);
    assert!(soon(upstreams.catalog(&server, DEADLINE)).await.is_ok());
}

#[tokio::test]
async fn stopping_ends_a_child_that_ignores_it_and_its_child_too() {
    let world = World::up(script("stubborn.py")).await;
    let pids: Vec<i32> = serde_json::from_value(world.json("pids").await).unwrap();
    let pids: Vec<_> = pids.into_iter().filter_map(Pid::from_raw).collect();
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|it| alive(*it)));
    soon(world.upstreams.stopped()).await;
    soon(async {
        while pids.iter().any(|it| alive(*it)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let error = world.catalog().await.unwrap_err();
    assert!(error.to_string().contains("stopping"), "{error}");
}

/// Says whether a process runs; one that has ended and is not reaped yet does not.
fn alive(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    let ended = stat.map_or(true, |it| it.contains(") Z "));
    !ended && test_kill_process(process).is_ok()
}

#[tokio::test]
async fn a_child_cannot_read_what_is_forbidden() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("key"), "secret").unwrap();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    std::fs::write(dir.path().join("data/note"), "open").unwrap();
    let mut spec = script("echo.py");
    spec.confine.forbidden = vec![state.clone(), dir.path().join("checkpoints")];
    let mut world = World::up(spec).await;
    if let Seen::NotConfined(why) = world.event().await {
        println!("SKIPPED, NOTHING WAS SHOWN: not confined: {why}");
        return;
    }
    assert_eq!(world.text("read", json!({ "path": state.join("key") })).await, "PermissionError");
    assert_eq!(world.text("read", json!({ "path": dir.path().join("data/note") })).await, "open");
}

#[tokio::test]
async fn the_status_of_every_server_can_be_asked() {
    let world = World::up(script("echo.py")).await;
    let status = world.upstreams.status();
    let up = ServerStatus::Up { tools: 4, protocol: "2025-11-25".to_owned() };
    assert_eq!(status, BTreeMap::from([(world.server.clone(), up)]));
    assert_eq!(world.upstreams.names().collect::<Vec<_>>(), [&world.server]);
    assert_eq!(world.upstreams.spec(&world.server).unwrap().call_timeout, DEADLINE);
}
