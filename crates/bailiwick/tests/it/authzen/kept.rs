//! What was answered is on record, whatever becomes of the governor or its disk; and nobody takes
//! more of it than there is for one.

use std::{collections::BTreeSet, fs, io::Write, net::TcpStream, path::Path, process::Command};

use serde_json::{Value, json};

use super::{HOUSE, POLICIES, Pdp, asked, does, record, user};
use crate::governor::{Governor, until};

/// Three evaluations, and one answer for each.
fn batch() -> Value {
    let mut body = asked(user("alice"), does("read"), record("record-1", "active"));
    body["evaluations"] = json!([{}, {"action": does("write")}, {"action": does("delete")}]);
    body
}

/// Gives the decisions that an answer names.
fn named(answer: &Value) -> BTreeSet<String> {
    let all = answer["evaluations"].as_array().unwrap().iter();
    all.map(|it| it["context"]["evaluation_id"].as_str().unwrap().to_owned()).collect()
}

fn on_record(pdp: &Pdp) -> BTreeSet<String> {
    let all = pdp.evaluations();
    all.iter().map(|it| it["decision"].as_str().unwrap().to_owned()).collect()
}

fn pdp(change: impl FnOnce(&mut Command, &Path)) -> Pdp {
    let mut governor =
        Governor::prepare(&[("bailiwick.toml", HOUSE), ("authzen/records.cedar", POLICIES)]);
    let state = governor.path("state");
    governor.serve_with(|command| change(command, &state));
    let token = fs::read_to_string(governor.path("state/authzen/shop.token")).unwrap();
    Pdp { governor, token }
}

/// Law 3.
#[test]
fn what_was_answered_outlives_a_crash_and_its_token_a_restart() {
    let mut pdp = Pdp::new(POLICIES);
    let answered: BTreeSet<String> =
        (0..20).flat_map(|_| named(&pdp.ask("evaluations", &batch()))).collect();
    assert_eq!(answered.len(), 60);
    pdp.governor.kill();
    assert!(answered.is_subset(&on_record(&pdp)));
    let why = pdp.governor.json(&["why", answered.first().unwrap()]);
    assert_eq!(why["steps"][0]["attributes"]["asked by"], "shop", "nobody has to serve for it");
    pdp.governor.serve();
    let again = named(&pdp.ask("evaluations", &batch()));
    assert!(again.is_disjoint(&answered));
    assert_eq!(pdp.governor.json(&["ledger", "verify"])["ok"], true);
}

/// Law 3.
#[test]
fn on_a_disk_that_fails_nothing_is_answered_that_is_not_on_it() {
    let mut pdp = pdp(|command, state| {
        command.env("LD_PRELOAD", bailiwick_hostile::recorder()).env("SHIM_DIR", state);
        command.env("SHIM_MATCH", ".segment").env("SHIM_FAIL_SYNC", "40");
        command.env("BAILIWICK_LOG", "off");
    });
    let (mut answered, body) = (BTreeSet::new(), batch().to_string());
    let refused = (0..200).find_map(|_| {
        let answer = pdp.post("evaluations", &[], &body);
        if answer.status == 200 {
            answered.extend(named(&answer.json()));
        }
        (answer.status != 200).then_some(answer)
    });
    let refused = refused.expect("the disk failed and was not noticed");
    assert_eq!(refused.status, 500, "{refused:?}");
    assert!(!refused.body.contains("decision"), "{refused:?}");
    assert_eq!(pdp.post("evaluations", &[], &body).status, 500, "nor is anything later");
    pdp.governor.kill();
    pdp.governor.serve();
    assert!(answered.is_subset(&on_record(&pdp)));
    assert_eq!(named(&pdp.ask("evaluations", &batch())).len(), 3);
}

#[test]
fn one_enforcement_point_has_so_many_under_way_and_others_have_theirs() {
    const PLACES: usize = 128;
    let pdp = Pdp::new(POLICIES);
    let (host, token) = (pdp.governor.host(), &pdp.token);
    let half = |_| -> TcpStream {
        let mut stream = pdp.governor.connect();
        let head = format!(
            "POST /access/v1/evaluation HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let mut held: Vec<TcpStream> = (0..PLACES).map(half).collect();
    let body = asked(user("alice"), does("read"), record("record-1", "active")).to_string();
    // Whoever looks takes a place meanwhile, which somebody else may have wanted: one more comes.
    until("all places are taken", || {
        held.push(half(0));
        pdp.post("evaluation", &[], &body).status == 429
    });
    let answer = pdp.post("evaluation", &[], &body);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    let other = fs::read_to_string(pdp.governor.path("state/authzen/desk.token")).unwrap();
    let answer = pdp.governor.post("/access/v1/evaluation", &other, &[], &body);
    assert_eq!(answer.status, 200, "another is answered: {answer:?}");
    drop(held);
    until("the places are free", || pdp.post("evaluation", &[], &body).status == 200);
}

#[test]
fn a_fault_refuses_one_question_and_the_next_is_answered() {
    let pdp = pdp(|command, _| {
        command.env("BAILIWICK_BREAK", "authzen").env("BAILIWICK_LOG", "off");
    });
    let body = batch().to_string();
    assert_eq!(pdp.post("evaluations", &[], &body).status, 500);
    assert_eq!(pdp.post("evaluations", &[], &body).status, 200);
    let records = pdp.governor.records();
    let faults = records.iter().filter(|it| it["code"] == "request-broke-off");
    assert_eq!(faults.map(|it| it["subject"].clone()).collect::<Vec<_>>(), ["/access"]);
    assert_eq!(on_record(&pdp).len(), 3);
}
