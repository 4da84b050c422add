//! Tokens that are looked at (RFC 7662) and given back (RFC 7009).

use serde_json::{Value, json};

use super::{House, is_refused, token};
use crate::governor::Answer;

const LOOK: &str = "/oauth2/introspect";
const BACK: &str = "/oauth2/revoke";

fn inactive(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"active":false}"#), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

fn active(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = answer.json();
    assert_eq!(told["active"], true, "{told}");
    told
}

#[test]
fn a_token_is_shown_to_its_holder_and_to_whoever_handed_it_on() {
    let house = House::new();
    let above = token(&house.ask_for("planner", &json!({"template": "planning"}), &[]));
    let child = token(&house.trade("writer", &above, &[]));
    let told = active(&house.about(LOOK, "writer", &child));
    assert_eq!(told["sub"], "writer");
    assert_eq!(told["act"]["act"]["sub"], "planner");
    assert_eq!(told["token_type"], "Bearer");
    assert_eq!(told["authorization_details"][0]["type"], "bailiwick/task/v1");
    assert!(told.get("bailiwick/gen").is_none(), "{told}");
    assert_eq!(active(&house.about(LOOK, "planner", &child)), told);
    // The task above is none of the writer's business, and neither is what is no token.
    inactive(&house.about(LOOK, "writer", &above));
    inactive(&house.about(LOOK, "writer", "garbage"));
    inactive(&house.about(LOOK, "writer", &format!("{child}x")));
    inactive(&house.about(LOOK, "writer", &house.assertion("writer")));

    house.governor.json(&["contain", "planner", "--why", "test"]);
    inactive(&house.about(LOOK, "writer", &child));

    is_refused(&house.form_to(LOOK, "", &[("token", &child)]), "invalid_client");
    let pep = "Authorization: Bearer not-a-token-of-any-enforcement-point\r\n";
    is_refused(&house.form_to(LOOK, pep, &[("token", &child)]), "invalid_client");
    let proof = house.assertion("writer");
    let none = house.form_to(
        LOOK,
        "",
        &[("client_assertion_type", super::JWT_BEARER), ("client_assertion", &proof)],
    );
    is_refused(&none, "invalid_request");
}

#[test]
fn giving_a_token_back_ends_its_task_and_what_is_below() {
    let house = House::new();
    let above = token(&house.ask_for("planner", &json!({"template": "planning"}), &[]));
    let child = token(&house.trade("writer", &above, &[]));
    let gone = |token: &str| house.get_ticket(token).json()["result"]["isError"] != json!(false);
    // Nobody ends what is not its own, and is told nothing of it.
    for what in [above.as_str(), "garbage", ""] {
        let answer = house.about(BACK, "writer", what);
        let wanted = if what.is_empty() { 400 } else { 200 };
        assert_eq!((answer.status, answer.body.is_empty()), (wanted, wanted == 200), "{answer:?}");
    }
    assert!(!gone(&above) && !gone(&child));

    assert_eq!(house.about(BACK, "planner", &child).status, 200, "whoever handed it on may");
    assert!(gone(&child) && !gone(&above));
    inactive(&house.about(LOOK, "writer", &child));
    assert_eq!(house.about(BACK, "planner", &child).status, 200, "twice is as good as once");

    let next = token(&house.trade("writer", &above, &[]));
    assert_eq!(house.about(BACK, "planner", &above).status, 200);
    assert!(gone(&above) && gone(&next));
    let records = house.governor.records();
    let ended = records.iter().filter(|it| it["command"]["command"] == "task_ended");
    assert!(ended.clone().all(|it| it["by"] == "identity:planner"), "{records:?}");
    assert_eq!(ended.count(), 3);
    is_refused(&house.form_to(BACK, "", &[("token", &above)]), "invalid_client");
}

#[test]
fn an_enforcement_point_looks_at_every_token() {
    let mut house = House::new();
    let file = std::fs::read_to_string(house.governor.path("bailiwick.toml")).unwrap();
    house.governor.stop();
    house.governor.write("bailiwick.toml", &format!("{file}\n[authzen]\npeps = [\"shop\"]\n"));
    house.governor.serve();
    let token = token(&house.ask("writer", &[]));
    let pep = std::fs::read_to_string(house.governor.path("state/authzen/shop.token")).unwrap();
    let bearer = format!("Authorization: Bearer {}\r\n", pep.trim());
    assert_eq!(active(&house.form_to(LOOK, &bearer, &[("token", &token)]))["sub"], "writer");
    inactive(&house.form_to(LOOK, &bearer, &[("token", "garbage")]));
    // It looks, and ends nothing.
    is_refused(&house.form_to(BACK, &bearer, &[("token", &token)]), "invalid_client");
}
