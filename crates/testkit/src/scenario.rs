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

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD: &str = "
        charter ann templates=t servers=s
        template t
          allow s x
        open t as ann template=t
    ";

    #[test]
    fn a_scenario_that_goes_as_it_says_passes() {
        check(&format!(
            "{WORLD}\ncall s x {{}} -> allow   # within the grant\ncall s y -> deny not_offered outside_grant"
        ));
    }

    #[test]
    #[should_panic(expected = "call s x {} -> allow      <-- expected `deny outside_grant`")]
    fn a_line_that_goes_another_way_is_shown_beside_what_it_expected() {
        check(&format!("{WORLD}\ncall s x -> deny outside_grant"));
    }

    #[test]
    #[should_panic(expected = "<-- expected `allow`")]
    fn a_task_that_does_not_open_is_noticed_without_being_asked_about() {
        check(&format!("{WORLD}\nopen u as nobody template=t"));
    }

    #[test]
    fn what_cannot_be_read_names_its_line() {
        for (text, why) in [
            ("dance", "line 1, `dance`: nothing is called `dance`"),
            ("\ncall s", "line 2, `call s`: a tool is missing"),
            ("open t template=t", "`as IDENTITY` is missing"),
            ("call s t {\"a\":1,\"a\":2}", "occurs twice"),
            ("approve 5 minutes", "is not a length of time"),
            ("param p x", "there is no template above"),
        ] {
            let error = Scenario::parse(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
