//! Every client at every server: one test a server, in which all clients of the table are at work.
//!
//! A scene has them all begin, and looks at each. What a client shows is what its model would read.

use serde_json::{Value, json};

use super::{
    client::{Client, Kind},
    kind::GivingUp,
    parts::Parts,
    servers::{self, Case},
    world::{Times, World},
};
use crate::governor::until;

/// Long enough for every scene, and shorter than the clients' own patience.
const TIMES: Times = Times { wait: "40s", timeout: "40s" };

/// A client at the server, and the task it is in.
struct Pairing {
    client: Client,
    task: String,
}

fn every_client(case: &Case) {
    let Some(parts) = Parts::find() else { return };
    let mut world = World::with(&parts, case, TIMES);
    let person = world.governor.person("ada");
    world.is_up();
    let mut all = Kind::ALL.map(|kind| {
        let (task, token) = world.open("working");
        Pairing { client: world.client(kind, &token), task }
    });
    lists(&world, &mut all);
    is_allowed(&world, &mut all);
    is_denied(&world, &mut all);
    waits_for_a_person(&world, &mut all, &person);
    gives_up(&world, &mut all);
    meets_a_restart(&mut world, &mut all);
}

fn lists(world: &World<'_>, all: &mut [Pairing]) {
    for it in all.iter_mut() {
        it.client.say(&json!({"op": "list_tools"}));
    }
    for it in all {
        let listed = it.client.hear();
        assert_eq!(listed["names"], json!(world.case.seen), "{}: {listed}", it.name());
    }
}

fn is_allowed(world: &World<'_>, all: &mut [Pairing]) {
    // One after the other: that a server can write for many at once is not ours to show.
    for it in all {
        it.begin(world, world.case.within, "within");
        it.reads(world.case.says);
        assert!(it.is_marked(world, "within"), "{}: it did not reach the server", it.name());
        assert_eq!(it.verdicts(world), ["allow"], "{}", it.name());
    }
}

fn is_denied(world: &World<'_>, all: &mut [Pairing]) {
    for it in all.iter_mut() {
        it.begin(world, world.case.outside, "outside");
    }
    for it in all {
        let told = it.reads("Denied: ");
        assert!(told.contains(&it.task) && told.contains("To ask for it: "), "{told}");
        assert!(!it.is_marked(world, "outside"), "{}: it reached the server", it.name());
        assert_eq!(it.verdicts(world), ["allow", "deny"], "{}", it.name());
    }
}

/// A person says yes from elsewhere, and the client that waits knows nothing of it.
fn waits_for_a_person(world: &World<'_>, all: &mut [Pairing], person: &[String]) {
    for it in all.iter_mut() {
        it.turn_to(world, "asking");
        it.begin(world, world.case.within, "held");
        let hold = it.held(world);
        assert!(!it.is_marked(world, "held"), "{}: it reached the server", it.name());
        let mut words = vec!["hold", "approve", &hold];
        words.extend(person.iter().map(String::as_str));
        world.governor.json(&words);
    }
    for it in all {
        it.reads(world.case.says);
        assert!(it.is_marked(world, "held"), "{}: it did not reach the server", it.name());
        assert_eq!(it.verdicts(world), ["hold", "allow"], "{}", it.name());
    }
}

/// The server takes nothing while the clients give their calls up. What it heard of has ended by
/// then; what it did not hear of is done as soon as it goes on.
fn gives_up(world: &World<'_>, all: &mut [Pairing]) {
    for way in [GivingUp::IsHeard, GivingUp::IsNotHeard] {
        let mut those: Vec<_> =
            all.iter_mut().filter(|it| it.client.kind.giving_up() == way).collect();
        for it in &mut those {
            it.turn_to(world, "working");
        }
        let process = world.process();
        process.stall();
        for it in &mut those {
            let mut harmless = world.step(world.case.harmless, "");
            harmless["unmodified"] = json!(true);
            harmless["cancel"] = json!(true);
            it.client.say(&harmless);
        }
        for it in &mut those {
            it.until_decided(world);
            it.client.say(&json!("cancel"));
            it.does_not_read(world.case.shows);
        }
        if way == GivingUp::IsHeard {
            for it in &those {
                let ended = it.until_ended(world);
                assert_eq!(ended["outcome"], "none", "{}: {ended}", it.name());
                assert!(ended["detail"].to_string().contains("cancelled"), "{ended}");
            }
        } else {
            for it in &those {
                assert_eq!(world.last_outcome(&it.task), None, "{}", it.name());
            }
        }
        process.go_on();
        for it in those {
            if way == GivingUp::IsNotHeard {
                let ended = it.until_ended(world);
                assert_eq!(ended["outcome"], "ok", "{}: {ended}", it.name());
            }
            it.works_again(world);
        }
    }
}

/// The server dies with calls under way, and is there again for the next.
fn meets_a_restart(world: &mut World<'_>, all: &mut [Pairing]) {
    for it in all.iter_mut() {
        it.turn_to(world, "working");
    }
    let process = world.process();
    process.stall();
    for it in all.iter_mut() {
        it.begin(world, world.case.harmless, "");
    }
    for it in all.iter() {
        it.until_decided(world);
    }
    until("the calls have arrived", || process.has_unread());
    process.kill();
    for it in all.iter_mut() {
        it.does_not_read(world.case.shows);
        let ended = it.until_ended(world);
        assert_ne!(ended["outcome"], "ok", "{}: {ended}", it.name());
    }
    world.bring_back();
    for it in all {
        it.works_again(world);
    }
}

impl Pairing {
    fn name(&self) -> &'static str {
        self.client.kind.name()
    }

    /// Goes on in a new task.
    fn turn_to(&mut self, world: &World<'_>, template: &str) {
        let (task, token) = world.open(template);
        self.client.use_token(&token);
        self.task = task;
    }

    /// Begins a step of the table, as a program does that knows nothing of the gateway.
    fn begin(&mut self, world: &World<'_>, step: &str, what: &str) {
        let mut step = world.step(step, &self.mark(what));
        step["unmodified"] = json!(true);
        self.client.say(&step);
    }

    /// Waits for what came of a step, and gives all that the client shows of it.
    fn hear(&mut self) -> String {
        let came = self.client.hear();
        let error = &came["error"]["message"];
        let text = came["text"].as_str().or(error.as_str());
        text.unwrap_or_else(|| panic!("{}: {came}", self.name())).to_owned()
    }

    fn reads(&mut self, wanted: &str) -> String {
        let text = self.hear();
        assert!(text.contains(wanted), "{}: `{wanted}` is not in: {text}", self.name());
        text
    }

    fn does_not_read(&mut self, shown: &str) {
        let text = self.hear();
        assert!(!text.contains(shown), "{}: {text}", self.name());
    }

    /// Calls until the server answers as ever.
    fn works_again(&mut self, world: &World<'_>) {
        until("the server is back", || {
            self.begin(world, world.case.harmless, "");
            self.hear().contains(world.case.shows)
        });
    }

    fn mark(&self, what: &str) -> String {
        format!("{what}{}", self.name())
    }

    fn is_marked(&self, world: &World<'_>, what: &str) -> bool {
        (world.case.is_marked)(world, &self.mark(what))
    }

    fn verdicts(&self, world: &World<'_>) -> Vec<String> {
        world.steps(&self.task).into_iter().map(|(verdict, _)| verdict).collect()
    }

    /// Waits until the call is held, and gives its ticket.
    fn held(&self, world: &World<'_>) -> String {
        let mut held = Value::Null;
        until("the call is held", || {
            let holds = world.governor.json(&["hold", "list"])["holds"].clone();
            let mine = holds.as_array().unwrap().iter().find(|it| it["task"] == *self.task);
            held = mine.map_or(Value::Null, |it| it["id"].clone());
            held.is_string()
        });
        held.as_str().unwrap().to_owned()
    }

    fn until_decided(&self, world: &World<'_>) {
        until("the call is decided", || !world.steps(&self.task).is_empty());
    }

    /// Waits until it is on record how the last call ended, and gives the record.
    fn until_ended(&self, world: &World<'_>) -> Value {
        let mut ended = None;
        until("the call has ended", || {
            ended = world.last_outcome(&self.task);
            ended.is_some()
        });
        ended.unwrap()
    }
}

#[test]
fn every_client_is_at_home_with_the_filesystem_server() {
    every_client(&servers::FILESYSTEM);
}

#[test]
fn every_client_is_at_home_with_the_git_server() {
    every_client(&servers::GIT);
}

#[test]
fn every_client_is_at_home_with_the_sqlite_server() {
    every_client(&servers::SQLITE);
}

#[test]
fn every_client_is_at_home_with_the_everything_server() {
    every_client(&servers::EVERYTHING);
}

#[test]
fn every_client_is_at_home_with_the_everything_server_over_http() {
    every_client(&servers::EVERYTHING_OVER_HTTP);
}

#[test]
fn every_client_is_at_home_with_the_memory_server() {
    every_client(&servers::MEMORY);
}

#[test]
fn every_client_is_at_home_with_the_time_server() {
    every_client(&servers::TIME);
}

#[test]
fn every_client_is_at_home_with_the_fetch_server() {
    every_client(&servers::FETCH);
}
