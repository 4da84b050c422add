//! Calls of high impact, where tokens come over a network.

use serde_json::{Value, json};

use super::{House, charter, token};
use crate::{governor::Answer, wrap::client::Wrapped};

/// A house that listens beyond this machine, in which `writer` may read tickets and write to them.
fn beyond(server: &str, template: &str) -> House {
    let mut house = House::new();
    house.governor.stop();
    let path = house.governor.path("bailiwick.toml");
    let file = std::fs::read_to_string(&path).unwrap();
    let file = file.replace("http = \"127.0.0.1:0\"", "http = \"0.0.0.0:0\"\ninsecure = true");
    let governor = &mut house.governor;
    governor.write("bailiwick.toml", &format!("{file}{server}"));
    let allows = "tools = [\"get_ticket\", \"add_comment\"]\n";
    let ticketing = super::template("ticketing", template, "tickets", "get_ticket");
    let ticketing = ticketing.replace("tools = [\"get_ticket\"]\n", allows);
    governor.write("templates/ticketing.toml", &ticketing);
    governor.serve();
    house
}

fn call(house: &House, token: &str, tool: &str) -> Answer {
    let arguments = match tool {
        "get_ticket" => json!({"ticket": "T-1"}),
        _ => json!({"ticket": "T-1", "text": "looked at"}),
    };
    let params = json!({"name": tool, "arguments": arguments});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    house.governor.post("/mcp/tickets", token, &[], &body.to_string())
}

fn code(answer: &Answer) -> Value {
    answer.json()["result"]["structuredContent"]["code"].clone()
}

#[test]
fn a_bearer_token_is_not_enough_for_high_impact_and_its_holder_learns_how_to_get_one_that_is() {
    let house = beyond("", "");
    let bearer = token(&house.ask("writer", &[]));
    assert_eq!(call(&house, &bearer, "get_ticket").json()["result"]["isError"], false);
    let refused = call(&house, &bearer, "add_comment");
    assert_eq!(code(&refused), "unbound_token", "{refused:?}");
    for told in ["is of high impact (write)", "DPoP proof", "client certificate"] {
        assert!(refused.body.contains(told), "{told}: {refused:?}");
    }
    let records = house.governor.records();
    let denied = records.iter().filter(|it| it["verdict"] == "deny").count();
    assert_eq!((denied, house.governor.reached()), (1, 1), "it is on record, and nothing was sent");
}

#[test]
fn what_is_waived_is_said_to_be_and_what_is_tightened_takes_no_bearer_token_at_all() {
    let house = beyond("bound_tokens = \"waived\"\n", "");
    let bearer = token(&house.ask("writer", &[]));
    assert_eq!(call(&house, &bearer, "add_comment").json()["result"]["isError"], false);
    let checked = house.governor.run(&["check"]);
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert!(said.contains("CFG-117") && said.contains("server `tickets`"), "{said}");
    let looked = house.governor.run(&["doctor"]);
    assert!(looked.stdout.contains("CFG-117"), "{}", looked.stdout);

    let house = beyond("bound_tokens = \"always\"\n", "");
    let bearer = token(&house.ask("writer", &[]));
    assert_eq!(code(&call(&house, &bearer, "get_ticket")), "unbound_token");
    assert_eq!(house.governor.reached(), 0);
}

#[test]
fn over_the_governors_own_socket_nobody_needs_a_key() {
    let mut house = beyond("bound_tokens = \"always\"\n", "");
    house.governor.stop();
    let by_account = charter("clerk", "\"ticketing\"", "\"tickets\"")
        .replace("{ key = \"keys/clerk.pub.pem\" }", "{ uid = UID }");
    house.governor.write("charters/clerk.toml", &by_account);
    house.governor.serve();
    let words = ["wrap", "--server", "tickets", "--template", "ticketing", "--as", "clerk"];
    let mut client = Wrapped::start(&house.governor, &words);
    client.open();
    let arguments = json!({"ticket": "T-1", "text": "looked at"});
    let called = client.ask("tools/call", &json!({"name": "add_comment", "arguments": arguments}));
    assert_ne!(called["result"]["isError"], true, "{called}");
    client.close();
}
