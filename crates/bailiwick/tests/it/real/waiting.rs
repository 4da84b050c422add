//! Clients of others wait for a person, and neither they nor the servers know of it.

use serde_json::{Value, json};

use super::{
    client::{Client, Kind, reason, went_well},
    kind::Waiting,
    parts::Parts,
    servers::{self, Case},
    world::World,
};
use crate::governor::until;

#[test]
fn a_client_that_waits_gets_its_answer_from_the_filesystem_server() {
    all_ends(&servers::FILESYSTEM);
}

#[test]
fn a_client_that_waits_gets_its_answer_from_the_sqlite_server() {
    all_ends(&servers::SQLITE);
}

/// Long enough for any scene, and shorter than the clients' own patience: rounds pass in none of
/// them but the last.
const ONE_ROUND: &str = "15s";

fn all_ends(case: &Case) {
    let Some(parts) = Parts::find() else { return };
    let world = World::with_waits(&parts, case, ONE_ROUND);
    let person = world.governor.person("ada");
    for kind in Kind::BOTH {
        let mut client = world.client(kind, &world.open("asking").1);
        a_yes(&world, &mut client, &person);
        a_no(&world, &mut client, &person);
        the_end_of_the_task(&world, &mut client);
        the_end_of_its_time(&world, &mut client);
    }
}

/// Begins the held call in a task of its own, and gives the task, the ticket and the call's mark.
fn begin(world: &World<'_>, client: &mut Client, (template, what): (&str, &str)) -> [String; 3] {
    let (task, token) = world.open(template);
    client.use_token(&token);
    let mark = format!("{what}{}", client.kind.name());
    let mut call = world.step(world.case.within, &mark);
    call["unmodified"] = json!(true);
    client.say(&call);
    let mut held = Value::Null;
    until("the call is held", || {
        let holds = world.governor.json(&["hold", "list"])["holds"].clone();
        let mine = holds.as_array().unwrap().iter().find(|it| it["task"] == task.as_str());
        held = mine.map_or(Value::Null, |it| it["id"].clone());
        held.is_string()
    });
    assert!(!(world.case.is_marked)(world, &mark), "a held call reached the server");
    [task, held.as_str().unwrap().to_owned(), mark]
}

fn answer(world: &World<'_>, (what, hold): (&str, &str), person: &[String]) {
    let mut words = vec!["hold", what, hold];
    words.extend(person.iter().map(String::as_str));
    world.governor.json(&words);
}

/// Gives the verdicts on a task's calls.
fn verdicts(world: &World<'_>, task: &str) -> Vec<String> {
    world.steps(task).into_iter().map(|(verdict, _)| verdict).collect()
}

fn a_yes(world: &World<'_>, client: &mut Client, person: &[String]) {
    let [task, hold, mark] = begin(world, client, ("asking", "yes"));
    answer(world, ("approve", &hold), person);
    let came = client.hear();
    assert!(went_well(&came), "{came}");
    assert!((world.case.is_marked)(world, &mark), "the approved call did not reach the server");
    assert_eq!(verdicts(world, &task), ["hold", "allow"]);
}

fn a_no(world: &World<'_>, client: &mut Client, person: &[String]) {
    let [task, hold, mark] = begin(world, client, ("asking", "no"));
    answer(world, ("deny", &hold), person);
    refused(world, client, (&task, &mark), "refused");
}

fn the_end_of_the_task(world: &World<'_>, client: &mut Client) {
    let [task, _, mark] = begin(world, client, ("asking", "end"));
    world.governor.json(&["task", "end", &task]);
    refused(world, client, (&task, &mark), "task_ended");
}

/// The task's window closes while the client waits.
fn the_end_of_its_time(world: &World<'_>, client: &mut Client) {
    let [task, _, mark] = begin(world, client, ("hasty", "late"));
    refused(world, client, (&task, &mark), "past_deadline");
}

fn refused(world: &World<'_>, client: &mut Client, (task, mark): (&str, &str), code: &str) {
    let told = client.hear();
    assert_eq!(told["isError"], true, "{told}");
    assert_eq!(reason(&told)["code"], code, "{told}");
    assert!(!(world.case.is_marked)(world, mark), "a refused call reached the server");
    assert_eq!(verdicts(world, task), ["hold", "deny"]);
}

/// Clients of 2026-07-28 go through the rounds by themselves, and through all of them to the end.
#[test]
fn rounds_that_pass_are_the_clients_own_affair() {
    after_the_last_round(Waiting::Rounds, |told, hold| told.contains(hold));
}

/// The client takes what it does not know for an error; the call still waits, under its ticket.
#[test]
fn a_client_that_knows_no_rounds_finds_its_ticket_again() {
    after_the_last_round(Waiting::OneRound, |told, _| told.contains("An error occurred"));
}

/// It is told nothing until there is an answer, while others would have had their last round.
#[test]
fn a_client_that_was_given_a_name_waits_for_as_long_as_it_takes() {
    let Some(parts) = Parts::find() else { return };
    let world = World::with_waits(&parts, &servers::FILESYSTEM, "300ms");
    let person = world.governor.person("ada");
    for kind in Kind::ALL.into_iter().filter(|it| it.waiting() == Waiting::Name) {
        let mut client = world.client(kind, &world.open("asking").1);
        a_yes(&world, &mut client, &person);
        a_no(&world, &mut client, &person);
    }
}

/// Lets the rounds of a held call pass, looks at what the model is told then, and has the call made
/// again after a yes.
fn after_the_last_round(waiting: Waiting, tells: fn(&str, &str) -> bool) {
    let Some(parts) = Parts::find() else { return };
    let world = World::with_waits(&parts, &servers::FILESYSTEM, "300ms");
    let person = world.governor.person("ada");
    for kind in Kind::ALL.into_iter().filter(|it| it.waiting() == waiting) {
        let mut client = world.client(kind, &world.open("asking").1);
        let [task, hold, mark] = begin(&world, &mut client, ("asking", "rounds"));
        let told = client.hear();
        assert!(tells(told["text"].as_str().unwrap(), &hold), "{}: {told}", kind.name());
        assert_eq!(verdicts(&world, &task), ["hold"], "many requests, and one decision");

        answer(&world, ("approve", &hold), &person);
        let mut call = world.step(world.case.within, &mark);
        call["unmodified"] = json!(true);
        let came = client.step(&call);
        assert!(came["text"].to_string().contains(world.case.says), "{}: {came}", kind.name());
        assert_eq!(verdicts(&world, &task), ["hold", "allow"]);
    }
}
