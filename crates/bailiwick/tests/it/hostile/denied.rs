//! An agent asks for what it may not have, without end: the disk does not fill, and nothing is
//! unsaid.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::governor::{Governor, NOTES};

const AGENTS: usize = 8;
const CALLS_EACH: usize = 160;
/// How often one identity is refused in writing before it is turned away.
const AT_ONCE: usize = 1000;

#[test]
fn a_flood_of_denied_calls_is_turned_away_and_counted_to_the_last_one() {
    let mut governor = Governor::start(NOTES);
    let (_, token) = governor.open("reader", "reading", &[]);
    let (denied, away) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let params = json!({"name": "read_note", "arguments": {"path": "/etc/shadow"}});
    let ask = || {
        let answer = governor.ask("/mcp/notes", &token, "tools/call", &params);
        if answer["result"]["structuredContent"]["verdict"] == "deny" {
            denied.fetch_add(1, Ordering::AcqRel);
            return;
        }
        let error = &answer["error"];
        assert_eq!(error["code"], 429, "{answer}");
        let said = error["message"].as_str().unwrap();
        assert!(said.contains("`reader`") && said.contains("come back in"), "{said}");
        assert!(1 <= error["data"]["retry_after_seconds"].as_u64().unwrap(), "{error}");
        away.fetch_add(1, Ordering::AcqRel);
    };
    std::thread::scope(|scope| {
        for _ in 0..AGENTS {
            scope.spawn(|| (0..CALLS_EACH).for_each(|_| ask()));
        }
    });
    let (denied, away) = (denied.into_inner(), away.into_inner());
    assert!(AT_ONCE <= denied && 0 < away, "{denied} denied, {away} turned away");

    // The last words are written before the ledger closes.
    governor.stop();
    let records = governor.records();
    let decisions = records.iter().filter(|it| it["kind"] == "decision").count();
    assert_eq!(decisions, denied, "law 3: what was decided is on record one by one");
    let told = records.iter().map(|it| &it["command"]).filter(|it| it["command"] == "turned_away");
    let mut counted = 0;
    for record in told {
        assert_eq!(record["identity"], "reader", "{record}");
        counted += usize::try_from(record["count"].as_u64().unwrap()).unwrap();
    }
    assert_eq!(counted, away);
    assert_eq!(governor.reached(), 0);
}
