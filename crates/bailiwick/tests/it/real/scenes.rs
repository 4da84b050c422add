//! What every server and both clients go through.

use super::{
    client::{Client, Kind, reason, went_well},
    failing, forged,
    parts::Parts,
    servers::Case,
    world::World,
};
use crate::governor::until;

/// Goes through all scenes with both clients at once, and then stalls and kills the server.
pub(super) fn all_scenes(case: &Case) {
    let Some(parts) = Parts::find() else { return };
    let mut world = World::start(&parts, case);
    let person = world.governor.person("ada");
    let mut clients = std::thread::scope(|scope| {
        let (world, person) = (&world, person.as_slice());
        Kind::BOTH
            .map(|kind| scope.spawn(move || scenes_of(world, person, kind)))
            .map(|it| it.join().unwrap())
    });
    failing::a_server_that_never_answers(&world, &mut clients);
    failing::a_server_that_dies_in_mid_call(&mut world, &mut clients);
}

fn scenes_of(world: &World<'_>, person: &[String], kind: Kind) -> Client {
    // Its three seconds are over, or nearly so, when its token is used.
    let brief = world.open("brief");
    let (task, token) = world.open("working");
    let mut client = world.client(kind, &token);
    speaks_its_own_revision(&mut client);
    sees_only_what_the_task_could_ever_call(world, &mut client);
    allowed_and_denied(world, &mut client, &task);
    ended(world, &mut client, &task);
    held_then_approved(world, &mut client, person);
    expired(world, &mut client, &brief);
    forged(world, &mut client);
    client
}

fn speaks_its_own_revision(client: &mut Client) {
    let info = client.step(&serde_json::json!({"op": "info"}));
    assert_eq!(info["protocol"], client.kind.revision(), "{info}");
}

fn sees_only_what_the_task_could_ever_call(world: &World<'_>, client: &mut Client) {
    assert_eq!(client.names("list_tools"), world.case.seen);
}

fn allowed_and_denied(world: &World<'_>, client: &mut Client, task: &str) {
    let mark = |it: &str| format!("{it}{}", client.kind.name());
    let (within, outside) = (mark("within"), mark("outside"));
    let allowed = client.step(&world.step(world.case.within, &within));
    assert!(went_well(&allowed), "{allowed}");
    let text = allowed["text"].as_str().unwrap();
    assert!(text.contains(world.case.says), "{allowed}");
    assert!((world.case.is_marked)(world, &within), "the allowed call did not reach the server");

    let denied = client.step(&world.step(world.case.outside, &outside));
    assert_eq!(denied["isError"], true, "{denied}");
    assert_eq!(reason(&denied)["code"], "outside_grant", "{denied}");
    assert!(!(world.case.is_marked)(world, &outside), "the denied call reached the server");

    let wanted = [("allow", "ok"), ("deny", "none")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(world.steps(task), wanted);
}

fn ended(world: &World<'_>, client: &mut Client, task: &str) {
    world.governor.json(&["task", "end", task]);
    let mark = format!("late{}", client.kind.name());
    let late = client.step(&world.step(world.case.within, &mark));
    assert_eq!(reason(&late)["code"], "task_ended", "{late}");
    assert!(!(world.case.is_marked)(world, &mark), "a call of an ended task reached the server");
}

fn held_then_approved(world: &World<'_>, client: &mut Client, person: &[String]) {
    let (task, token) = world.open("asking");
    client.use_token(&token);
    let mark = format!("held{}", client.kind.name());
    let call = world.step(world.case.within, &mark);
    let held = client.step(&call);
    assert_eq!(reason(&held)["verdict"], "hold", "{held}");
    assert!(!(world.case.is_marked)(world, &mark), "a held call reached the server");

    let hold = reason(&held)["hold"].as_str().unwrap();
    let mut words = vec!["hold", "approve", hold];
    words.extend(person.iter().map(String::as_str));
    world.governor.json(&words);
    assert!(!(world.case.is_marked)(world, &mark), "an approval alone made a call");
    let approved = client.step(&call);
    assert!(went_well(&approved), "{approved}");
    assert!((world.case.is_marked)(world, &mark), "the approved call did not reach the server");
    let again = client.step(&call);
    assert_eq!(reason(&again)["verdict"], "hold", "a yes is used once: {again}");

    let wanted = [("hold", "none"), ("allow", "ok"), ("hold", "none")];
    assert_eq!(world.steps(&task), wanted.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

/// A token whose task is past its window: the agent is told so, in words.
fn expired(world: &World<'_>, client: &mut Client, (task, token): &(String, String)) {
    until("the brief task is over", || {
        world.governor.json(&["task", "show", task])["status"]["state"] == "ended"
    });
    let mark = format!("expired{}", client.kind.name());
    client.use_token(token);
    let late = client.step(&world.step(world.case.within, &mark));
    assert_eq!(reason(&late)["code"], "past_deadline", "{late}");
    assert!(!(world.case.is_marked)(world, &mark), "a call past its window reached the server");
}

fn forged(world: &World<'_>, client: &mut Client) {
    let (task, token) = world.open("working");
    let (_, other) = world.open("working");
    let url = world.governor.url();
    let forgeries = [
        ("no token at all", "none".to_owned()),
        ("signed by another key", forged::by_another_key(url, &task)),
        ("signed for another task", forged::with_the_signature_of(&token, &other)),
        ("expired, while its task is open", forged::expired(&world.governor, &task)),
    ];
    for (what, forged) in forgeries {
        let turned_away = client.connect(&forged);
        assert_eq!(turned_away["ok"], false, "{what}: {turned_away}");
        assert_eq!(turned_away["status"], 401, "{what}: {turned_away}");
    }
    let status = &world.governor.json(&["task", "show", &task])["status"];
    assert_eq!(status["state"], "open", "what ended is the token");
    assert_eq!(world.steps(&task), [], "nothing was even put to the kernel");
    client.use_token(&token);
}
