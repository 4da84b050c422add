//! Servers that stall, and servers that die, while a call is under way.

use serde_json::Value;

use super::{
    client::{Client, went_well},
    world::{TIMEOUT, World},
};
use crate::governor::until;

/// The calls that were under way get an answer that says so, and `none` is their outcome; when the
/// server goes on, its late answers go to nobody.
pub(super) fn a_server_that_never_answers(world: &World<'_>, clients: &mut [Client]) {
    let process = world.process();
    let tasks: Vec<_> = clients.iter_mut().map(|it| begin(world, it)).collect();
    process.stall();
    let harmless = world.step(world.case.harmless, "");
    for client in clients.iter_mut() {
        client.say(&harmless);
    }
    for client in clients.iter_mut() {
        let given_up = client.hear();
        let why = given_up["error"]["message"].as_str().unwrap_or_default();
        assert!(why.contains(&format!("no answer within {TIMEOUT}")), "{given_up}");
    }
    process.go_on();
    // One of them (on version 1 of the Python SDK) falls now and then when a call and its
    // cancellation arrive together; then it is started again.
    for (client, task) in clients.iter_mut().zip(tasks) {
        works_again(client, &harmless);
        let outcomes = outcomes(world, &task);
        assert_eq!((outcomes.first(), outcomes.last()), (Some(&none()), Some(&ok())));
    }
}

/// The call that was under way gets an answer that says so, and `none` is its outcome; the server
/// comes back, and the next call works.
pub(super) fn a_server_that_dies_in_mid_call(world: &mut World<'_>, clients: &mut [Client]) {
    for client in clients {
        let task = begin(world, client);
        let process = world.process();
        process.stall();
        let harmless = world.step(world.case.harmless, "");
        client.say(&harmless);
        until("the call has arrived", || process.has_unread());
        process.kill();
        let broken = client.hear();
        assert_eq!(broken["ok"], false, "{broken}");
        assert_eq!(outcomes(world, &task), [none()]);

        world.bring_back();
        works_again(client, &harmless);
        assert_eq!(outcomes(world, &task).last(), Some(&ok()));
    }
}

/// Calls until the server answers as ever.
fn works_again(client: &mut Client, harmless: &Value) {
    until("the server is back", || went_well(&client.step(harmless)));
}

fn none() -> String {
    "none".to_owned()
}

fn ok() -> String {
    "ok".to_owned()
}

/// Begins a task of its own.
fn begin(world: &World<'_>, client: &mut Client) -> String {
    let (task, token) = world.open("working");
    client.use_token(&token);
    task
}

/// Gives what became of each call of a task, all of which were allowed.
fn outcomes(world: &World<'_>, task: &str) -> Vec<String> {
    let steps = world.steps(task).into_iter();
    let outcome = |(verdict, outcome)| {
        assert_eq!(verdict, "allow");
        outcome
    };
    steps.map(outcome).collect()
}
