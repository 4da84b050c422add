//! Random events in the worlds of this module's neighbour.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bailiwick_model::{CredentialId, Json};
use proptest::{collection, option, prelude::*, sample};

use super::worlds::{AGENTS, LETTERS, SERVERS, TEMPLATES, TOOLS};
use crate::{By, CallLine, Event, OpenLine, Target};

/// How many tasks one sequence names.
const TASKS: usize = 6;
/// Keys that tokens are asked for with.
const KEYS: &[&str] = &["k1", "k2"];

/// Gives up to `most` events. They begin with a few tasks, as nothing happens without; tasks are
/// named by the order in which they are asked for.
pub fn events(most: usize) -> BoxedStrategy<Vec<Event>> {
    let opens = collection::vec(open_line().prop_map(Event::Open), 1..=4);
    (opens, collection::vec(event(), 0..=most.saturating_sub(4)))
        .prop_map(|(opens, rest)| labelled(opens.into_iter().chain(rest).collect()))
        .boxed()
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => open_line().prop_map(Event::Open),
        24 => call_line().prop_map(Event::Call),
        12 => Just(Event::Retry),
        5 => (0..TASKS).prop_map(|it| Event::In(format!("t{it}"))),
        9 => (option::weighted(0.3, 1_usize..6), prop::bool::weighted(0.3), span())
            .prop_map(|(hold, line, span)| Event::Approve { hold, line, span }),
        3 => option::weighted(0.3, 1_usize..6).prop_map(Event::Refuse),
        1 => Just(Event::End),
        2 => Just(Event::Done),
        2 => Just(Event::Tick),
        2 => Just(Event::Restart),
        6 => span().prop_map(Event::Forward),
        2 => span().prop_map(Event::Back),
        1 => target().prop_map(Event::Contain),
        4 => target().prop_map(Event::Release),
        2 => (sample::select(SERVERS), sample::select(TOOLS), 0_u8..3)
            .prop_map(|(server, tool, version)| Event::Offer(
                server.parse().expect("a server's name"),
                tool.to_owned(),
                version,
            )),
        1 => (sample::select(SERVERS), sample::select(TOOLS), 1_u8..3)
            .prop_map(|(server, tool, version)| Event::Accept(
                server.parse().expect("a server's name"),
                tool.to_owned(),
                version,
            )),
        1 => collection::btree_set("p[0-3]", 0..4).prop_map(Event::Activate),
    ]
}

/// All identities of a kind: everybody is of the first class and the first owner, nobody of the others.
const CROWDS: &[&str] = &[
    "class:interactive-agent",
    "class:batch",
    "owner:team-test",
    "owner:somebody-else",
    "all:identities",
];

/// Gives something that can be contained.
fn target() -> impl Strategy<Value = Target> {
    let other = |it: String| Target::Other(it.parse().expect("a subject"));
    prop_oneof![
        3 => sample::select(AGENTS).prop_map(move |it| other(format!("identity:{it}"))),
        2 => sample::select(KEYS).prop_map(move |it| other(format!("credential:{it}"))),
        2 => (0..TASKS).prop_map(|it| Target::Task(format!("t{it}"))),
        1 => sample::select(SERVERS).prop_map(move |it| other(format!("server:{it}"))),
        2 => (sample::select(SERVERS), sample::select(TOOLS))
            .prop_map(move |(server, tool)| other(format!("tool:{server}__{tool}"))),
        1 => sample::select(CROWDS).prop_map(move |it| other(it.to_owned())),
    ]
}

fn key() -> impl Strategy<Value = CredentialId> {
    sample::select(KEYS).prop_map(|it| it.parse().expect("a credential"))
}

fn span() -> impl Strategy<Value = Duration> {
    let seconds = vec![1_u64, 9, 61, 4 * 60, 11 * 60, 25 * 60, 2 * 3600, 20 * 3600];
    prop_oneof![
        2 => sample::select(seconds.get(..4).unwrap_or_default().to_vec()),
        1 => sample::select(seconds),
    ]
    .prop_map(Duration::from_secs)
}

/// Gives a call of one of the worlds' tools.
pub fn call_line() -> impl Strategy<Value = CallLine> {
    (
        sample::select(SERVERS),
        sample::select(TOOLS),
        sample::select(LETTERS),
        0_u64..12,
        collection::btree_set(sample::select(vec!["r1".to_owned(), "r2".to_owned()]), 0..3),
        (
            option::weighted(0.03, sample::select(AGENTS)),
            option::weighted(0.5, key()),
            prop::bool::weighted(0.04),
        ),
        prop::bool::weighted(0.15),
    )
        .prop_map(|(server, tool, letter, bytes, resources, (as_, with, stale), stays)| {
            CallLine {
                server: server.parse().expect("a server's name"),
                tool: tool.to_owned(),
                arguments: Json::Object(BTreeMap::from([(
                    "x".to_owned(),
                    Json::Text(letter.to_owned()),
                )])),
                bytes,
                resources,
                as_: as_.map(|it| it.parse().expect("an identity")),
                with,
                stale,
                stays,
            }
        })
}

/// Gives the opening of one of the worlds' tasks, without a name.
pub fn open_line() -> impl Strategy<Value = OpenLine> {
    let by = prop_oneof![
        12 => Just(None),
        1 => Just(Some(By::Itself)),
        1 => Just(Some(By::Person)),
        1 => sample::select(AGENTS)
            .prop_map(|it| Some(By::Orchestrator(it.parse().expect("an identity")))),
        3 => option::of(sample::select(SERVERS))
            .prop_map(|it| Some(By::Token(it.map(|it| it.parse().expect("a server"))))),
    ];
    let letter = prop_oneof![20 => sample::select(LETTERS), 1 => Just("z")];
    (
        sample::select(AGENTS),
        sample::select(TEMPLATES),
        option::of(0..TASKS),
        by,
        option::weighted(0.95, letter),
        option::weighted(0.5, key()),
    )
        .prop_map(|(identity, template, under, by, param, with)| OpenLine {
            label: String::new(),
            identity: identity.parse().expect("an identity"),
            template: template.parse().expect("a template's name"),
            under: under.map(|it| format!("t{it}")),
            by,
            params: param.map(|it| ("p".to_owned(), it.to_owned())).into_iter().collect(),
            with,
        })
}

/// Names the tasks `t0`, `t1`, … in the order in which they are opened, and lets children hang
/// below tasks that were asked for before.
fn labelled(events: Vec<Event>) -> Vec<Event> {
    let mut asked = BTreeSet::new();
    let mut named = Vec::new();
    for event in events {
        named.push(match event {
            Event::Open(line) => {
                let label = format!("t{}", asked.len());
                // One that hangs below nothing shows, too, what becomes of it.
                let under = line.under.filter(|it| asked.contains(it) || asked.len() == 3);
                asked.insert(label.clone());
                Event::Open(OpenLine { label, under, ..line })
            }
            Event::In(label) if !asked.contains(&label) => Event::In("t0".to_owned()),
            other @ (Event::At(_)
            | Event::Forward(_)
            | Event::Back(_)
            | Event::In(_)
            | Event::Call(_)
            | Event::Retry
            | Event::Done
            | Event::Approve { .. }
            | Event::Refuse(_)
            | Event::End
            | Event::Tick
            | Event::Restart
            | Event::Contain(_)
            | Event::Release(_)
            | Event::Offer(..)
            | Event::Accept(..)
            | Event::Activate(_)) => other,
        });
    }
    named
}
