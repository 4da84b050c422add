//! Clients that start their servers themselves get a governed one.

use serde_json::{Value, json};

use super::{
    client::{Client, Kind, reason, went_well},
    parts::Parts,
    servers,
    world::World,
};
use crate::governor::until;

/// The command that a desktop client is told instead of the server's own.
fn wrapped(world: &World<'_>, template: &str) -> Vec<String> {
    let config = world.governor.path("bailiwick.toml").display().to_string();
    let program = env!("CARGO_BIN_EXE_bailiwick");
    let words = ["wrap", "--config", &config, "--server", "files", "--template", template];
    [&[program], &words[..], &["--as", "agent"]].concat().into_iter().map(str::to_owned).collect()
}

fn tasks(world: &World<'_>) -> Vec<Value> {
    world.governor.json(&["task", "list", "--all"])["tasks"].as_array().unwrap().clone()
}

#[test]
fn both_clients_are_governed_over_standard_input_and_output() {
    let Some(parts) = Parts::find() else { return };
    let world = World::start(&parts, &servers::FILESYSTEM);
    for kind in Kind::BOTH {
        let mut client = Client::with_server(kind, &parts, &wrapped(&world, "working"));
        let info = client.step(&json!({"op": "info"}));
        // The TypeScript SDK does not tell what it agreed on over standard input and output.
        if kind == Kind::Python {
            assert_eq!(info["protocol"], kind.revision(), "{info}");
        }
        assert_eq!(client.names("list_tools"), servers::FILESYSTEM.seen);

        let within = client.step(&world.step(servers::FILESYSTEM.within, kind.name()));
        assert!(went_well(&within), "{within}");
        assert!((servers::FILESYSTEM.is_marked)(&world, kind.name()));
        let outside = client.step(&world.step(servers::FILESYSTEM.outside, "outside"));
        assert_eq!(reason(&outside)["code"], "outside_grant", "{outside}");
        assert!(!(servers::FILESYSTEM.is_marked)(&world, "outside"));
        drop(client);
    }
    until("both tasks have ended", || {
        let tasks = tasks(&world);
        tasks.len() == 2 && tasks.iter().all(|it| it["status"]["state"] == "ended")
    });
}

#[test]
fn a_client_that_starts_its_server_needs_no_governor() {
    let Some(parts) = Parts::find() else { return };
    let mut world = World::start(&parts, &servers::FILESYSTEM);
    world.governor.stop();
    for kind in Kind::BOTH {
        let mut client = Client::with_server(kind, &parts, &wrapped(&world, "working"));
        let within = client.step(&world.step(servers::FILESYSTEM.within, kind.name()));
        assert!(went_well(&within), "{within}");
        assert!((servers::FILESYSTEM.is_marked)(&world, kind.name()));
    }
}
