//! Scenarios: a world and what happens in it, as text, checked line by line.

use std::fmt::Write as _;

use crate::{Event, Seen, Stage, World};

/// A scenario that was read.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it starts from.
    pub world: World,
    /// What happens, and what each line expects.
    pub lines: Vec<Line>,
}

/// One line that happens.
#[derive(Clone, Debug)]
pub struct Line {
    number: usize,
    /// What happens.
    pub event: Event,
    expected: Option<String>,
}

impl Scenario {
    /// Reads a scenario. Empty lines and what follows ` # ` are for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut world, mut lines) = (World::default(), Vec::new());
        for (place, line) in text.lines().enumerate() {
            let number = place.saturating_add(1);
            let line = line.split(" # ").next().unwrap_or("").trim();
            let wrong = |why: String| format!("line {number}, `{line}`: {why}");
            if line.is_empty() || line.starts_with('#') || world.add_line(line).map_err(wrong)? {
                continue;
            }
            let (happens, expected) = match line.rsplit_once(" -> ") {
                Some((happens, expected)) => (happens, Some(expected.trim().to_owned())),
                None => (line, None),
            };
            let event = Event::parse(happens).map_err(wrong)?;
            lines.push(Line { number, event, expected });
        }
        Ok(Self { world, lines })
    }
}

impl Line {
    /// Says whether the line is met. A line that expects nothing still expects tasks to open.
    fn met(&self, seen: &Seen) -> bool {
        match (&self.expected, &self.event) {
            (Some(expected), _) => seen.meets(expected),
            (None, Event::Open(_)) => seen.word == "allow",
            (None, _) => true,
        }
    }
}

/// Plays a scenario against the kernel and checks every line that expects something.
#[track_caller]
pub fn check(text: &str) {
    let scenario = match Scenario::parse(text) {
        Ok(scenario) => scenario,
        Err(why) => panic!("the scenario cannot be read: {why}"),
    };
    let mut stage = Stage::new(scenario.world.clone());
    let (mut played, mut wrong) = (String::new(), 0_usize);
    for line in &scenario.lines {
        let seen = stage.play(&line.event);
        let _ = write!(played, "{:4}  {} -> {seen}", line.number, line.event);
        if !line.met(&seen) {
            wrong = wrong.saturating_add(1);
            let expected = line.expected.as_deref().unwrap_or("allow");
            let _ = write!(played, "      <-- expected `{expected}`");
        }
        played.push('\n');
    }
    assert!(wrong == 0, "{wrong} lines went another way:\n{played}");
}

/// Writes a world and events as a scenario, each line with what was expected of it.
pub fn script<'a>(
    world: &World,
    events: impl IntoIterator<Item = (&'a Event, Option<&'a Seen>)>,
) -> String {
    let mut text = world.to_string();
    for (event, seen) in events {
        let _ = match seen {
            Some(seen) if !seen.word.is_empty() => writeln!(text, "{event} -> {seen}"),
            Some(_) | None => writeln!(text, "{event}"),
        };
    }
    text
}
