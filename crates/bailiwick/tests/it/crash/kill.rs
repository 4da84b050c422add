//! `kill -9` at random points under load, again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use super::{any_below, call, rounds};
use crate::governor::{Answer, Governor, NOTES, until};

const CLIENTS: usize = 4;
/// How many calls the template with a budget allows, over all rounds.
const BUDGET: usize = 120;

/// What agents remember over all crashes.
#[derive(Default)]
struct Remembered {
    decisions: Mutex<BTreeSet<String>>,
    answered: AtomicUsize,
    /// Calls under the budget that were answered as allowed, and as refused.
    within: AtomicUsize,
    beyond: AtomicUsize,
}

/// One agent at work: which tokens it has, and what it asks next.
struct Agent<'a> {
    host: &'a str,
    free: &'a str,
    budgeted: &'a str,
    name: String,
    remembered: &'a Remembered,
}

impl Agent<'_> {
    /// Calls until it is told to stop; a governor that dies in between is what it is here for.
    fn work(&self, stop: &AtomicBool) {
        for number in 0.. {
            if stop.load(Ordering::Acquire) {
                return;
            }
            let budgeted = number % 6 == 0;
            let (token, kind) = if budgeted { (self.budgeted, "b") } else { (self.free, "f") };
            let path = format!("/notes/{kind}/{}-{number}", self.name);
            if let Some(answer) = call(self.host, token, &path) {
                self.remember(budgeted, &answer);
            }
        }
    }

    fn remember(&self, budgeted: bool, answer: &Answer) {
        let decision = answer.decision().unwrap().to_owned();
        let new = self.remembered.decisions.lock().unwrap().insert(decision);
        assert!(new, "a decision id came twice");
        self.remembered.answered.fetch_add(1, Ordering::AcqRel);
        let refused = answer.json()["result"]["structuredContent"]["verdict"].is_string();
        let counter = match (budgeted, refused) {
            (true, true) => &self.remembered.beyond,
            (true, false) => &self.remembered.within,
            (false, refused) => return assert!(!refused, "{answer:?}"),
        };
        counter.fetch_add(1, Ordering::AcqRel);
    }
}

fn house() -> Vec<(&'static str, String)> {
    let mut files: Vec<_> = NOTES.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    for (name, text) in &mut files {
        if *name == "charters/reader.toml" {
            *text = text.replace("\"asking\"]", "\"asking\", \"counted\"]");
        }
    }
    let counted = format!(
        "name = \"counted\"\nowner = \"team-test\"\npurpose = \"Read a few notes\"\non_widen = \"deny\"\n[window]\nmax = \"1h\"\n[[allow]]\nserver = \"notes\"\ntools = [\"read_note\"]\n[budget]\ncalls = {BUDGET}\n"
    );
    files.push(("templates/counted.toml", counted));
    files
}

#[test]
fn kill_nine_under_load_loses_no_answered_decision_and_sends_nothing_unrecorded() {
    let files = house();
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let mut governor = Governor::start(&files);
    // Tokens name the governor by its address: it comes back at the same one.
    let text = files[0].1.replace("127.0.0.1:0", governor.host());
    governor.write("bailiwick.toml", &text);

    let (free_task, free) = governor.open("reader", "reading", &[]);
    let (counted_task, budgeted) = governor.open("reader", "counted", &[]);
    let remembered = Remembered::default();
    let mut tasks = BTreeSet::from([free_task, counted_task]);
    let rounds = rounds(12);
    for round in 0..rounds {
        let host = governor.host().to_owned();
        let before = remembered.answered.load(Ordering::Acquire);
        let enough = before + 1 + any_below(60);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let name = format!("{round}-{client}");
                let (free, budgeted, stop) = (&free, &budgeted, &stop);
                let agent = Agent { host: &host, free, budgeted, name, remembered: &remembered };
                scope.spawn(move || agent.work(stop));
            }
            until("calls are answered", || enough <= remembered.answered.load(Ordering::Acquire));
            (0..any_below(20_000)).for_each(|_| std::hint::spin_loop());
            governor.kill();
            stop.store(true, Ordering::Release);
        });
        governor.serve();
        // Of many rounds every fifth is looked at whole: the ledger grows with each.
        if rounds <= 12 || round % 5 == 0 {
            everything_is_there(&governor, &remembered);
        }
        // What a person is told of is there as well.
        let open: BTreeSet<String> = governor.json(&["task", "list"])["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(open, tasks);
        tasks.insert(governor.open("reader", "reading", &[]).0);
    }
    everything_is_there(&governor, &remembered);
    exhaust(&governor, &budgeted);
    everything_that_was_sent_is_recorded(&governor, &remembered);
}

fn everything_is_there(governor: &Governor, remembered: &Remembered) {
    let verified = governor.json(&["ledger", "verify", "--against", "checkpoints"]);
    assert_eq!(verified["ok"], true, "{verified}");
    let recorded: BTreeSet<String> = decisions(governor).into_keys().collect();
    let answered = remembered.decisions.lock().unwrap();
    let lost: Vec<_> = answered.difference(&recorded).collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");
    every_call_is_over(governor);
}

/// Nothing is under way right after a start: every call that was let through has its one outcome.
fn every_call_is_over(governor: &Governor) {
    let (mut let_through, mut over) = (BTreeSet::new(), BTreeSet::new());
    for record in governor.records() {
        let decision = record["decision"].to_string();
        if record["kind"] == "decision" && record["verdict"] == "allow" {
            let_through.insert(decision);
        } else if record["kind"] == "outcome" {
            assert!(over.insert(decision), "two outcomes of one call: {record}");
        }
    }
    assert_eq!(let_through, over);
}

/// Gives the decisions on record: `id → (verdict, path)`.
fn decisions(governor: &Governor) -> BTreeMap<String, (String, String)> {
    let mut found = BTreeMap::new();
    for record in governor.records().iter().filter(|it| it["kind"] == "decision") {
        let text = |it: &serde_json::Value| it.as_str().unwrap().to_owned();
        let judged = (text(&record["verdict"]), text(&record["resources"][0]));
        let twice = found.insert(text(&record["decision"]), judged);
        assert!(twice.is_none(), "two records of one decision: {record}");
    }
    found
}

/// Calls under the budget until nothing of it is left.
fn exhaust(governor: &Governor, token: &str) {
    for number in 0..=BUDGET {
        let answer = call(governor.host(), token, &format!("/notes/b/last-{number}")).unwrap();
        let result = &answer.json()["result"];
        if result["structuredContent"]["verdict"] == "deny" {
            assert_eq!(result["structuredContent"]["code"], "over_budget", "{result}");
            return;
        }
    }
    panic!("the budget never ends");
}

fn everything_that_was_sent_is_recorded(governor: &Governor, remembered: &Remembered) {
    let allowed: BTreeSet<String> = decisions(governor)
        .into_values()
        .filter(|(verdict, _)| verdict == "allow")
        .map(|(_, path)| path)
        .collect();
    let reached = governor.reached_calls();
    let path = |line: &String| {
        let arguments = line.strip_prefix("read_note ").unwrap();
        let arguments: serde_json::Value = serde_json::from_str(arguments).unwrap();
        arguments["path"].as_str().unwrap().to_owned()
    };
    let paths: Vec<String> = reached.iter().map(path).collect();
    let unrecorded: Vec<_> = paths.iter().filter(|it| !allowed.contains(*it)).collect();
    assert!(unrecorded.is_empty(), "sent without a record: {unrecorded:?}");
    let distinct: BTreeSet<_> = paths.iter().collect();
    assert_eq!(distinct.len(), paths.len(), "a call was sent twice");

    let spent = paths.iter().filter(|it| it.starts_with("/notes/b/")).count();
    let granted = allowed.iter().filter(|it| it.starts_with("/notes/b/")).count();
    assert!(spent <= BUDGET, "{spent} calls reached the server, {BUDGET} were to");
    assert_eq!(granted, BUDGET, "all of the budget is used, and not one unit more");
    let within = remembered.within.load(Ordering::Acquire);
    assert!(within <= spent, "{within} were answered as done, {spent} were");
}
