//! Servers of 2026-07-28, strict about what every request must say, and how they are told apart.

mod strict;

use http::StatusCode;

use super::{
    super::{News, What},
    *,
};
use strict::Speaks;

#[tokio::test]
async fn a_child_of_the_newer_revision_is_asked_once_and_never_initialized() {
    let world = World::up(script("newer.py")).await;
    let catalog = world.catalog().await.unwrap();
    assert_eq!(catalog.protocol, "2026-07-28");
    assert!(catalog.server_info.as_ref().unwrap().get().contains("newer"));
    assert_eq!(world.tools().await, ["asked", "heard"]);
    assert_eq!(world.json("heard").await, json!(["server/discover", "tools/list", "tools/call"]));
    let asked = world.json("asked").await;
    assert_eq!(asked["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(asked["_meta"]["io.modelcontextprotocol/clientCapabilities"], json!({}));
    assert_eq!(asked["_meta"]["io.modelcontextprotocol/clientInfo"]["name"], "bailiwick");
}

#[tokio::test]
async fn a_child_that_ends_at_the_unknown_is_started_again_and_spoken_to_as_before() {
    let world = World::up(script("ends_at_the_unknown.py")).await;
    assert_eq!(world.catalog().await.unwrap().protocol, "2025-11-25");
    assert_eq!(world.text("one", json!({})).await, "one");
}

#[tokio::test]
async fn a_child_that_is_silent_about_the_unknown_is_an_older_one() {
    let world = World::up(script("mute.py")).await;
    assert_eq!(world.catalog().await.unwrap().protocol, "2025-11-25");
}

#[tokio::test]
async fn a_child_that_is_slow_to_say_what_it_is_is_still_believed() {
    let mut slow = script("newer.py");
    let Transport::Stdio { command, .. } = &mut slow.transport else { panic!() };
    command.push("slow".to_owned());
    let world = World::up(slow).await;
    assert_eq!(world.catalog().await.unwrap().protocol, "2026-07-28");
}

#[tokio::test]
async fn a_child_of_another_revision_is_named_as_such() {
    let mut stranger = script("newer.py");
    let Transport::Stdio { command, .. } = &mut stranger.transport else { panic!() };
    command.push("stranger".to_owned());
    let why = World::of(stranger).down().await;
    assert_eq!(why, "it speaks only `2099-01-01`, which is not understood");
}

#[tokio::test]
async fn over_http_every_request_says_all_that_a_strict_server_wants_and_opens_no_session() {
    let (site, spec) = strict::serve(Speaks::Modern).await;
    let world = World::up(spec).await;
    assert_eq!(world.catalog().await.unwrap().protocol, "2026-07-28");
    let arguments = json!({ "region": " eu ", "page": { "size": 42 } });
    assert_eq!(world.text("manage", arguments).await, "done");
    let methods = site.methods().into_iter().filter(|it| it != "subscriptions/listen");
    let methods: Vec<_> = methods.collect();
    assert_eq!(methods, ["server/discover", "tools/list", "tools/call"]);
    assert!(!site.any_header("mcp-session-id"));
    soon(world.upstreams.stopped()).await;
    assert_eq!(site.methods().last().unwrap(), "tools/call", "there is no session to end");
}

#[tokio::test]
async fn whatever_else_an_older_server_answers_to_the_first_question_it_is_an_older_one() {
    for (status, body) in [
        (
            StatusCode::BAD_REQUEST,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}"#,
        ),
        (
            StatusCode::BAD_REQUEST,
            r#"{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Bad Request: Missing session ID"}}"#,
        ),
        (StatusCode::BAD_REQUEST, ""),
        (StatusCode::NOT_FOUND, "no such thing"),
        (StatusCode::NOT_ACCEPTABLE, "{}"),
        (
            StatusCode::OK,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}"#,
        ),
        (
            StatusCode::OK,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid request parameters"}}"#,
        ),
        (StatusCode::OK, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
        (StatusCode::INTERNAL_SERVER_ERROR, "oops"),
    ] {
        let (site, spec) = strict::serve(Speaks::Legacy(status, body)).await;
        let world = World::up(spec).await;
        assert_eq!(world.catalog().await.unwrap().protocol, "2025-11-25", "{status} {body}");
        assert_eq!(world.text("manage", json!({})).await, "done");
        // A client that knows nothing of sessions never gets past such a server without one.
        assert_eq!(
            site.methods()[..3],
            ["server/discover", "initialize", "notifications/initialized"]
        );
    }
}

#[tokio::test]
async fn a_server_that_becomes_one_of_another_era_is_asked_again_what_it_is() {
    let old = Speaks::Legacy(StatusCode::NOT_FOUND, "");
    for (before, after, date) in
        [(Speaks::Modern, old, "2025-11-25"), (old, Speaks::Modern, "2026-07-28")]
    {
        let (site, spec) = strict::serve(before).await;
        let mut world = World::up(spec).await;
        let _first = world.new_catalog().await;
        site.becomes(after);
        let _refused_or_not_sent = world.call("manage", json!({})).await;
        let _looked_and_found_another = world.down().await;
        assert_eq!(world.new_catalog().await.protocol, date);
        assert_eq!(world.text("manage", json!({})).await, "done");
    }
}

#[tokio::test]
async fn a_server_is_told_anew_what_is_followed_as_soon_as_that_changes() {
    let (site, spec) = strict::serve(Speaks::Modern).await;
    let world = World::up(spec).await;
    let mut news = world.upstreams.news();
    let told = async |news: &mut tokio::sync::broadcast::Receiver<News>| loop {
        if let What::Resource(uri) = news.recv().await.unwrap().what {
            return uri;
        }
    };
    let one = world.upstreams.follow(&world.server, "note:a").unwrap();
    assert_eq!(&*soon(told(&mut news)).await, "note:a");
    let other = world.upstreams.follow(&world.server, "note:b").unwrap();
    while &*soon(told(&mut news)).await != "note:b" {}
    assert_eq!(
        site.told_of().last().unwrap()["resourceSubscriptions"],
        json!(["note:a", "note:b"])
    );
    drop(one);
    drop(other);
    let nothing = async {
        while site.told_of().last().unwrap().get("resourceSubscriptions").is_some() {
            tokio::task::yield_now().await;
        }
    };
    soon(nothing).await;
}
