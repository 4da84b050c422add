//! The ways of `chains`, for people.

use std::fmt::Write as _;

use bailiwick_insight::{AccessWay, Crossing, HopState, Reached, Wish};

use crate::{
    output::{Ink, Screen},
    page::escape::plain,
};

/// How many ways are written before only their number is told.
const WAYS: usize = 200;

pub(super) fn table(told: &Reached, wish: &Wish, screen: Screen) -> String {
    let summary = &told.summary;
    let mut text = format!(
        "{} places; {} hops that were made, {} more that could be\n",
        summary.places, summary.exercised, summary.possible
    );
    let asked = wish.from.is_some() || wish.to.is_some() || wish.at_least.is_some();
    if 0 < summary.pairs_left_out {
        let _ = writeln!(
            text,
            "{} pairs of identities are too many to look at: whether one could become the other is not told",
            summary.pairs_left_out
        );
    }
    if asked && told.ways.is_empty() {
        let _ = writeln!(text, "\nno way within {} hops", wish.far);
    }
    for state in [HopState::Exercised, HopState::Possible] {
        let ways: Vec<_> = told.ways.iter().filter(|it| it.state == state).collect();
        if ways.is_empty() {
            continue;
        }
        let head = screen.painted(Ink::Head, &state.as_str().to_uppercase());
        let _ = writeln!(text, "\n{head}");
        for way in ways.iter().take(WAYS) {
            let _ = writeln!(text, "  {}", screen.wrapped(&line(way), 4));
        }
        let more = ways.len().saturating_sub(WAYS);
        if 0 < more {
            let _ = writeln!(text, "  and {more} more: `--output json` has all of them");
        }
    }
    if 0 < summary.more_ways {
        let _ = writeln!(
            text,
            "\nand {} more ways, which are only counted: ask for fewer with `--from`, `--to` and `--hops`",
            summary.more_ways
        );
    }
    if !told.crossings.is_empty() {
        let head = screen.painted(Ink::Head, "FROM ONE SYSTEM TO ANOTHER");
        let _ = writeln!(text, "\n{head}");
        for it in &told.crossings {
            let _ = writeln!(text, "  {}", screen.wrapped(&crossing(it), 4));
        }
    }
    text
}

/// Writes a way. Names are anybody's: what hides or moves in them is spelled out. `?` stands before a hop that was not made, `!` before one that is new.
fn line(way: &AccessWay) -> String {
    let mut text = plain(&way.from);
    for step in &way.steps {
        let mark = match (step.state, step.new) {
            (HopState::Possible, _) => "?",
            (HopState::Exercised, true) => "!",
            (HopState::Exercised, false) => "",
        };
        let _ = write!(text, " › {mark}{} › {}", plain(&step.via), plain(&step.to));
    }
    let mut notes = Vec::new();
    notes.extend(way.sensitivity.map(|it| it.as_str().to_owned()));
    if let Some(last) = way.steps.last().filter(|_| way.state == HopState::Exercised) {
        notes.push(format!("{} accesses", last.count));
        notes.push(
            if way.one_chain { "one chain" } else { "no one chain went all of it" }.to_owned(),
        );
    }
    if !notes.is_empty() {
        let _ = write!(text, "  ({})", notes.join("; "));
    }
    text
}

fn crossing(it: &Crossing) -> String {
    let new = if it.new {
        format!("; NEW after {} days without it", it.watched_before)
    } else {
        String::new()
    };
    format!(
        "{}:{} › {} › {}:{}  ({} accesses from {} to {}{new})",
        it.from_platform,
        plain(&it.from),
        plain(&it.via),
        it.to_platform,
        plain(&it.to),
        it.count,
        it.first,
        it.last
    )
}
