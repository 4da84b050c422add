//! What a governor did, and where its leases went on.

use std::{fs, path::PathBuf};

use bailiwick_connect::source::{Acts, Record, read_from};
use bailiwick_insight::{Catalogue, Exercised, audit};
use serde_json::{Value, json};

use crate::governor::{Governor, NOTES};

fn entry<'a>(report: &'a Value, identity: &str, name: &str) -> &'a Value {
    let identities = report["identities"].as_array().unwrap();
    let found =
        identities.iter().find(|it| it["id"] == identity).unwrap_or_else(|| panic!("{report:#}"));
    let entries = found["entries"].as_array().unwrap();
    entries.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("no {name} in {found:#}"))
}

#[test]
fn a_governors_own_ledger_is_a_log_while_it_runs_and_afterwards() {
    let mut governor = Governor::start(NOTES);
    let (_, token) = governor.open("reader", "reading", &[]);
    governor.call(&token, "read_note", &json!({ "path": "/notes/a" }));
    governor.call(&token, "read_note", &json!({ "path": "/secret" }));
    governor.call(&token, "write_note", &json!({ "path": "/notes/a", "text": "x" }));
    let words = ["audit", "--ledger", "state", "--grants", "bailiwick.toml"];
    let running = governor.json(&words);
    governor.stop();
    for report in [running, governor.json(&["audit", "--ledger", "state/ledger", "--grants", "."])]
    {
        let read = entry(&report, "reader", "mcp:notes:read_note");
        let counts = json!([read["state"], read["count"], read["attempts"]]);
        assert_eq!(counts, json!(["exercised", 1, 1]), "{read:#}");
        let write = entry(&report, "reader", "mcp:notes:write_note");
        assert_eq!((&write["state"], &write["attempts"]), (&json!("attempted"), &json!(1)));
    }
    let nowhere = governor.run(&["audit", "--ledger", "nowhere"]);
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
}

#[test]
fn a_lease_that_a_database_saw_joins_to_the_identity_it_was_for() {
    let lease = json!({
        "kind": "lease", "time": "2026-03-01T09:59:00Z", "task": "task_01JD8X00000000000000000000",
        "lease": "lease_01JD8X00000000000000000001", "identity": "triage-agent", "target": "orders-db",
        "state": "active", "enforced": "session", "wants": ["readers"], "called": "bw_01jd8x",
        "until": "2026-03-01T11:00:00Z",
    });
    let log = "2026-03-01 10:00:00.123 UTC [7] bw_01jd8x@shop LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,select,<none>\n";
    let mut exercised = Exercised::new(Catalogue::carried());
    let mut acts = Acts::default();
    let record = serde_json::from_value(lease).unwrap();
    acts.take(&record, &mut |it| {
        exercised.take(it);
    });
    let mut take = |record: Record<'_>| {
        if let Record::Exercise(_, it) = record {
            exercised.take(it);
        }
    };
    read_from(log.as_bytes(), None, &mut take, &|_| {}).unwrap();
    let report = audit(&exercised, &[]);
    let [chain] = report.chains.as_slice() else { panic!("{report:#?}") };
    assert_eq!(chain.path, ["triage-agent", "bw_01jd8x"]);
    assert!(chain.crosses && chain.events == 1, "{chain:#?}");
}

#[test]
fn a_log_of_postgres_is_read_as_any_other() {
    let governor = Governor::prepare(NOTES);
    let file: PathBuf = governor.path("postgres.log");
    let log = "2026-03-01 10:00:00.123 UTC [7] ann@shop LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,\"select\n\t1\",<none>\n\
               2026-03-01 10:00:00.124 UTC [7] ann@shop ERROR:  permission denied for table orders\n\
               2026-03-01 10:00:00.124 UTC [7] ann@shop STATEMENT:  delete from public.orders\n\
               hello\n";
    fs::write(&file, log).unwrap();
    let report = governor.json(&["audit", "postgres.log"]);
    assert_eq!(
        (&report["summary"]["records"], &report["summary"]["errors"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(entry(&report, "ann", "postgres:table public.orders:SELECT")["state"], "exercised");
    assert_eq!(entry(&report, "ann", "postgres:table public.orders:DELETE")["state"], "attempted");
}

#[test]
fn a_prefix_that_is_said_counts_in_place_of_those_that_are_guessed() {
    let governor = Governor::prepare(NOTES);
    let line = "[2026-03-01 10:00:00 UTC] shop@ann@corp.example LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,select,<none>\n";
    fs::write(governor.path("postgres.log"), line).unwrap();
    let unknown = governor.json(&["audit", "postgres.log"]);
    assert_eq!(unknown["summary"]["errors"], 1, "{unknown:#}");
    let unclear = governor.json(&["audit", "postgres.log", "--pg-prefix", "[%t] %d@%u "]);
    assert_eq!(unclear["summary"]["errors"], 1, "{unclear:#}");
    fs::write(governor.path("postgres.log"), line.replace("shop@ann@", "shop ann@")).unwrap();
    let said = governor.json(&["audit", "postgres.log", "--pg-prefix", "[%t] %d %u "]);
    let read = entry(&said, "ann@corp.example", "postgres:table public.orders:SELECT");
    assert_eq!((&read["state"], &said["summary"]["errors"]), (&json!("exercised"), &json!(0)));
    let wrong = governor.run(&["audit", "postgres.log", "--pg-prefix", "%m [%p] "]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(wrong.stderr.contains("it has no `%u`"), "{wrong:?}");
}
