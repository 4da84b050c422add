//! Random worlds: three agents, three templates, two servers with three tools each.

use std::{collections::BTreeSet, time::Duration};

use bailiwick_model::{
    AllowLine, Budget, Charter, Mode, OnWiden, ParamShape, Template, Timestamp, Window,
};
use proptest::{collection, option, prelude::*, sample};

use crate::{ToyLine, ToyPolicy, World, build};

pub(super) const AGENTS: &[&str] = &["ann", "bob", "cat"];
pub(super) const TEMPLATES: &[&str] = &["one", "two", "three"];
pub(super) const SERVERS: &[&str] = &["s1", "s2"];
pub(super) const TOOLS: &[&str] = &["a", "b", "c"];
pub(super) const LETTERS: &[&str] = &["u", "v"];

const MINUTE: u64 = 60;

/// Gives a world that both the kernel and the reference model can play.
pub fn world() -> BoxedStrategy<World> {
    let charters: Vec<_> = AGENTS.iter().map(|it| charter(it)).collect();
    let templates: Vec<_> = TEMPLATES.iter().map(|it| template(it)).collect();
    (charters, templates, policies())
        .prop_map(|(charters, templates, policies)| {
            let mut world = World { charters, templates, policies, ..World::default() };
            for server in SERVERS {
                for tool in TOOLS {
                    let server = server.parse().expect("a server's name");
                    world.tools.insert((server, (*tool).to_owned()));
                }
            }
            world
        })
        .boxed()
}

/// Gives most of `names`, and sometimes few.
fn most<T: std::str::FromStr + Ord + Clone + std::fmt::Debug>(
    names: &'static [&'static str],
) -> impl Strategy<Value = BTreeSet<T>>
where
    T::Err: std::fmt::Debug,
{
    collection::vec(prop::bool::weighted(0.93), names.len()).prop_map(move |kept| {
        let kept = names.iter().zip(kept).filter(|(_, kept)| *kept);
        kept.map(|(it, _)| it.parse().expect("a name")).collect()
    })
}

fn charter(name: &'static str) -> impl Strategy<Value = Charter> {
    (most(TEMPLATES), most(SERVERS), most(AGENTS)).prop_map(
        move |(templates, servers, delegates_to)| Charter {
            templates,
            servers,
            targets: BTreeSet::new(),
            delegates_to,
            ..build::charter(name)
        },
    )
}

fn template(name: &'static str) -> impl Strategy<Value = Template> {
    let parts = (
        prop_oneof![Just(OnWiden::Deny), Just(OnWiden::Hold), Just(OnWiden::Hold)],
        window(),
        prop::bool::weighted(0.95),
        collection::vec(line(), 1..5),
        (option::of(0_u64..8), option::weighted(0.3, 0_u64..60)),
        (option::weighted(0.4, 1_u32..3), option::weighted(0.3, 0_u64..9)),
        option::weighted(0.2, 0_u64..120),
    );
    parts.prop_map(
        move |(on_widen, window, param, lines, (calls, bytes_out), (max_open, day), watch)| {
            let mut made = build::template(name);
            made.on_widen = on_widen;
            made.window = window;
            if param {
                let rule = ParamShape { pattern: Some("[u-v]".to_owned()), optional: false };
                made.params.insert("p".to_owned(), rule);
            }
            made.allow = lines
                .into_iter()
                .filter(|it| param || it.when.as_deref().is_none_or(|it| !it.contains("params")))
                .enumerate()
                .map(|(place, it)| AllowLine { source: format!("{name}.toml:{place}"), ..it })
                .collect();
            made.budget = Budget { calls, bytes_out };
            made.day = day.map(|calls| Budget { calls: Some(calls), bytes_out: None });
            made.max_open = max_open;
            made.mode = watch.map_or(Mode::Enforce, |minutes| Mode::Observe {
                owner: "team-test".to_owned(),
                until: after(minutes),
            });
            made
        },
    )
}

fn after(minutes: u64) -> Timestamp {
    World::default().start.after(Duration::from_secs(minutes.saturating_mul(MINUTE)))
}

fn window() -> impl Strategy<Value = Window> {
    let hours = sample::select(vec![
        "Mon-Fri 09:00-12:00 Europe/Berlin",
        "Mon-Sun 00:00-24:00 UTC",
        "Sun 22:00-10:30 UTC",
    ]);
    (
        sample::select(vec![30_u64, 60, 240]),
        option::weighted(0.4, sample::select(vec![5_u64, 20])),
        option::weighted(0.3, hours),
    )
        .prop_map(|(max, idle, hours)| Window {
            max: Duration::from_secs(max.saturating_mul(MINUTE)),
            idle: idle.map(|it| Duration::from_secs(it.saturating_mul(MINUTE))),
            calendar: hours.map(|it| it.parse().expect("a calendar")),
        })
}

fn line() -> impl Strategy<Value = AllowLine> {
    let tools = sample::subsequence(TOOLS.to_vec(), 1..=3);
    let when = prop_oneof![
        3 => Just(None),
        1 => Just(Some("context.input.x == \"u\"".to_owned())),
        1 => Just(Some("context.input.x == context.task.params.p".to_owned())),
    ];
    (sample::select(SERVERS), tools, when).prop_map(|(server, tools, when)| {
        build::line(server, &tools.join(","), when.as_deref(), "")
    })
}

fn policies() -> impl Strategy<Value = Vec<ToyPolicy>> {
    let rule = (0_u8..6, sample::select(SERVERS), sample::select(TOOLS)).prop_map(
        |(kind, server, tool)| {
            let (server, tool) = (server.parse().expect("a server's name"), tool.to_owned());
            match kind {
                0 | 1 => ToyLine::Ask(server, tool),
                2 | 3 => ToyLine::Forbid(server, tool),
                4 => ToyLine::Fix(server, tool, "u".to_owned()),
                _ => ToyLine::Fix(server, tool, "v".to_owned()),
            }
        },
    );
    collection::vec(rule, 0..4).prop_map(|rules| {
        let named = rules.into_iter().enumerate();
        named.map(|(place, rule)| ToyPolicy { name: format!("p{place}"), rule }).collect()
    })
}
