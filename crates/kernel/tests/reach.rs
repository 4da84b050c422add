//! What a task sees and is given: never more than it could use, and never what nobody looked at.
#![expect(clippy::unwrap_used, reason = "what is broken in a test should stop it")]

use std::collections::BTreeSet;

use bailiwick_kernel::{Answer, Effect, Names, Outcome, TaskState};
use bailiwick_model::{
    AccessRequest, DecisionId, Hold, HoldId, Json, Offered, ReasonCode, Timestamp, Ulid,
};
use bailiwick_testkit::{Event, Scenario, Stage, build};

const TRIAGE: &str = "
charter ann templates=read servers=s,r delegates=bob
charter bob templates=less servers=s
template read widen=hold max=1h
  allow s list,read
template less widen=hold
  allow s list
tool s write
ask careful s list
";

/// Plays a scenario, and gives the stage it leaves.
fn played(events: &str) -> Stage {
    let scenario = Scenario::parse(&format!("{TRIAGE}{events}")).unwrap();
    let mut stage = Stage::new(scenario.world);
    scenario.lines.iter().for_each(|it| drop(stage.play(&it.event)));
    stage
}

/// Gives the words of what happens to the last line of `events`.
fn last(stage: &mut Stage, line: &str) -> String {
    let scenario = Scenario::parse(line).unwrap();
    let seen: Vec<_> = scenario.lines.iter().map(|it| stage.play(&it.event)).collect();
    seen.last().unwrap().to_string()
}

fn lists(stage: &Stage, task: &str, tool: &str, offered: Offered) -> bool {
    let state = stage.task(task).unwrap();
    let (action, facts) = (build::tool("s", tool), build::facts());
    let now = stage.clock.now();
    bailiwick_kernel::could_ever(&stage.snapshot, state, &action, (&facts, offered), now)
}

fn reaches(stage: &Stage, task: &str, server: &str) -> bool {
    let (state, now) = (stage.task(task).unwrap(), stage.clock.now());
    bailiwick_kernel::reaches(&stage.snapshot, state, &server.parse().unwrap(), now)
}

#[test]
fn a_definition_that_nobody_accepted_is_not_listed() {
    let stage = played("open one as ann template=read");
    assert!(lists(&stage, "one", "list", build::offered(1)));
    assert!(!lists(&stage, "one", "list", build::offered(2)), "another definition");
    assert!(!lists(&stage, "one", "list", Offered::Nothing));
    assert!(!lists(&stage, "one", "list", Offered::NotPinned));
    assert!(!lists(&stage, "one", "unheard_of", build::offered(1)), "never pinned");
    let definition = build::definition(1);
    let other = Offered::Tool { definition, executable: Some(definition) };
    assert!(!lists(&stage, "one", "list", other), "another program");
}

#[test]
fn a_child_sees_nothing_that_its_parent_could_not_be_given() {
    let stage = played("open one as ann template=read\nopen two as bob template=less under one");
    assert!(lists(&stage, "one", "write", build::offered(1)), "a person may add it");
    assert!(!lists(&stage, "two", "write", build::offered(1)));
    assert!(lists(&stage, "two", "read", build::offered(1)));
}

#[test]
fn a_server_is_reached_through_every_charter_while_the_task_is_open_and_nobody_is_contained() {
    let opened = "open one as ann template=read\nopen two as bob template=less under one";
    let mut stage = played(opened);
    assert!(reaches(&stage, "one", "s") && reaches(&stage, "one", "r"));
    assert!(reaches(&stage, "two", "s") && !reaches(&stage, "two", "r"));
    assert!(!reaches(&stage, "one", "elsewhere"));

    let first = stage.task("one").unwrap().task().id.clone();
    for (subject, gone) in [
        ("identity:ann".to_owned(), ["one", "two"].as_slice()),
        ("identity:bob".to_owned(), &["two"]),
        (format!("task:{first}"), &["one", "two"]),
        ("server:s".to_owned(), &["one", "two"]),
    ] {
        let subject: bailiwick_model::Subject = subject.parse().unwrap();
        stage.snapshot.contained.contain(subject.clone());
        for label in ["one", "two"] {
            assert_eq!(reaches(&stage, label, "s"), !gone.contains(&label), "{label}: {subject}");
        }
        stage.snapshot.contained.release(&subject);
    }
    stage.snapshot.contained.contain("tool:s__list".parse().unwrap());
    assert!(!lists(&stage, "one", "list", build::offered(1)));
    assert!(reaches(&stage, "one", "s") && lists(&stage, "one", "read", build::offered(1)));
    stage.snapshot.contained = bailiwick_model::Containment::default();

    let mut smaller = (**stage.snapshot.charters.get("ann").unwrap()).clone();
    smaller.servers.clear();
    stage.snapshot.charters.insert("ann".parse().unwrap(), smaller.into());
    assert!(!reaches(&stage, "two", "s"), "what the parent's charter lost, the child lost");

    // A deadline that has come is one, though no clock has said so to the task yet.
    let mut stage = played(opened);
    last(&mut stage, "at +1h");
    assert!(!reaches(&stage, "one", "s") && !lists(&stage, "one", "list", build::offered(1)));
}

#[test]
fn calls_that_wait_are_counted_under_whatever_policies() {
    let mut stage = played("open one as ann template=read");
    for number in 0..64 {
        let seen = last(&mut stage, &format!("call s write {{\"n\":{number}}}"));
        assert!(seen.starts_with("hold"), "{number}: {seen}");
    }
    assert!(last(&mut stage, "call s write {\"n\":7}").starts_with("hold"), "its own ticket");
    stage.play(&Event::Activate(BTreeSet::new()));
    // A ticket of other policies is another's.
    assert_eq!(last(&mut stage, "call s write {\"n\":7}"), "deny over_budget");
}

fn names(number: u8) -> Names {
    let ulid = Ulid::new(Timestamp::default(), [number; 10]);
    Names { decision: DecisionId::new(ulid), hold: HoldId::new(ulid) }
}

/// Asks, and gives the hold that was opened.
fn held(stage: &Stage, state: &mut TaskState, request: &AccessRequest) -> Option<Box<Hold>> {
    let now = stage.clock.now();
    let made = bailiwick_kernel::decide(&stage.snapshot, state, request, names(1), now);
    made.effects.into_iter().find_map(|it| match it {
        Effect::HoldOpened(hold) => Some(hold),
        Effect::TaskStatus(_)
        | Effect::HoldUsed(_)
        | Effect::HoldsExpired(_)
        | Effect::Noticed(_)
        | Effect::MustEnd => None,
    })
}

fn goes(stage: &Stage, state: &mut TaskState, request: &AccessRequest) -> bool {
    let now = stage.clock.now();
    let made = bailiwick_kernel::decide(&stage.snapshot, state, request, names(2), now);
    matches!(made.outcome, Outcome::Forward(..))
}

#[test]
fn a_definition_and_a_program_that_both_changed_are_two_reasons() {
    let stage = played("activate\nopen one as ann template=read");
    let mut state = stage.task("one").unwrap().clone();
    let mut request = build::request(state.task(), build::tool("s", "read"), Json::Null);
    let definition = build::definition(2);
    request.offered = Offered::Tool { definition, executable: Some(definition) };
    let hold = held(&stage, &mut state, &request).unwrap();
    let changed = hold.reasons.iter().filter(|it| it.code == ReasonCode::Changed);
    let texts: Vec<_> = changed.map(|it| it.text.as_str()).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts.iter().any(|it| it.starts_with("the definition of `read`")), "{texts:?}");
    assert!(texts.iter().any(|it| it.starts_with("the program of `s`")), "{texts:?}");
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn a_line_binds_resources_and_destinations_as_they_were_asked_not_as_they_were_shown() {
    let stage = played("activate\nopen one as ann template=read");
    let mut state = stage.task("one").unwrap().clone();
    let asks = |number: i128, resources: &[&str], destinations: &[&str]| {
        let arguments = Json::Object([("n".to_owned(), Json::Int(number))].into());
        let mut request =
            build::request(stage.task("one").unwrap().task(), build::tool("s", "write"), arguments);
        request.resources = set(resources);
        request.destinations = set(destinations);
        request
    };
    let hold = held(&stage, &mut state, &asks(1, &["a", "b"], &["here"])).unwrap();
    // What people are shown may be redacted.
    let mut shown = (*hold).clone();
    shown.resources = set(&["hmac:1"]);
    shown.destinations = set(&["hmac:2"]);
    shown.reasons = BTreeSet::new();
    let now = stage.clock.now();
    let yes = Answer::Line(now.after(std::time::Duration::from_secs(600)));
    let by = "pat".parse().unwrap();
    let answered = bailiwick_kernel::answer(&mut state, &shown, &by, &yes, now).unwrap();
    assert_eq!(answered.resources, shown.resources, "people see what they saw before");

    assert!(goes(&stage, &mut state, &asks(1, &["a", "b"], &["here"])), "the call itself");
    assert!(goes(&stage, &mut state, &asks(2, &["a"], &["here"])));
    assert!(!goes(&stage, &mut state, &asks(3, &["a"], &["elsewhere"])));
    assert!(!goes(&stage, &mut state, &asks(4, &["a"], &["here", "elsewhere"])));
    assert!(!goes(&stage, &mut state, &asks(5, &["a"], &[])), "the server would choose");
    assert!(!goes(&stage, &mut state, &asks(6, &["c"], &["here"])));
    assert!(!goes(&stage, &mut state, &asks(7, &[], &["here"])));
}
