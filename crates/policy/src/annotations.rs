//! What stands before a policy as `@name("…")`. All of it has an effect, or is refused.

use std::ops::Range;

use bailiwick_model::{Mode, Timestamp};
use cedar_policy::Policy;

use crate::{
    mistake::{Found, Mistake},
    syntax,
    vocabulary::{ANNOTATIONS, RESERVED},
};

/// The annotations of one policy.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    pub(crate) id: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) ticket: Option<String>,
    pub(crate) control: Option<String>,
    pub(crate) hold: Option<String>,
    /// The names of its constraints, and where they stand.
    pub(crate) constrain: Option<(String, Range<usize>)>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) mode: Mode,
}

/// One annotation, as it is written.
struct Note {
    name: String,
    value: String,
    at: Range<usize>,
}

impl Annotations {
    /// Reads them, and adds what is wrong with them to `found`.
    pub(crate) fn read(policy: &Policy, whole: Range<usize>, found: &mut Vec<Found>) -> Self {
        let mut notes: Vec<Note> = policy
            .as_ref()
            .annotations()
            .map(|(name, note)| Note {
                name: name.to_string(),
                value: note.val.to_string(),
                at: syntax::range(note.loc.as_ref(), &whole),
            })
            .collect();
        notes.sort_by_key(|it| it.at.start);
        found.extend(notes.iter().filter_map(misnamed));

        let mut pick = |name: &'static str| text(name, &notes, found);
        let mut read = Self {
            id: pick("id"),
            owner: pick("owner"),
            ticket: pick("ticket"),
            control: pick("control"),
            hold: pick("hold"),
            constrain: None,
            expires: None,
            mode: Mode::Enforce,
        };
        let constrain = pick("constrain");
        let place = notes.iter().find(|it| it.name == "constrain").map(|it| it.at.clone());
        read.constrain = constrain.zip(place);
        if !notes.iter().any(|it| it.name == "id") {
            found.push(Found { mistake: Mistake::NoId, at: whole });
        }
        read.expires = moment("expires", &notes, found);
        read.mode = mode(&notes, read.owner.as_ref(), found);
        read
    }
}

/// Says what is wrong with the note, whatever it stands before.
fn misnamed(note: &Note) -> Option<Found> {
    let name = note.name.clone();
    let mistake = if !ANNOTATIONS.contains(&name.as_str()) {
        Mistake::UnknownAnnotation { name }
    } else if name == "id" && note.value.starts_with(RESERVED) {
        Mistake::Reserved { id: note.value.clone() }
    } else {
        return None;
    };
    Some(Found { mistake, at: note.at.clone() })
}

/// Gives the text of `@name("…")`, which may not be empty.
fn text(name: &'static str, notes: &[Note], found: &mut Vec<Found>) -> Option<String> {
    let note = notes.iter().find(|it| it.name == name)?;
    if note.value.trim().is_empty() {
        let help = "put a text between the quotes";
        let mistake = Mistake::BadAnnotation { name, found: "nothing".to_owned(), help };
        found.push(Found { mistake, at: note.at.clone() });
        return None;
    }
    Some(note.value.clone())
}

/// Gives the moment of `@name("…")`.
fn moment(name: &'static str, notes: &[Note], found: &mut Vec<Found>) -> Option<Timestamp> {
    let note = notes.iter().find(|it| it.name == name)?;
    note.value.parse().ok().or_else(|| {
        let help = "write a moment like `2026-12-31T00:00:00Z` (RFC 3339)";
        let mistake = Mistake::BadAnnotation { name, found: format!("`{}`", note.value), help };
        found.push(Found { mistake, at: note.at.clone() });
        None
    })
}

/// Gives the mode, which observes only with an owner and an end.
fn mode(notes: &[Note], owner: Option<&String>, found: &mut Vec<Found>) -> Mode {
    let until = moment("until", notes, found);
    let word = notes.iter().find(|it| it.name == "mode");
    let note = match (word, notes.iter().find(|it| it.name == "until")) {
        (None, None) => return Mode::Enforce,
        (Some(note), _) if note.value == "observe" => note,
        (Some(note), until) if note.value == "enforce" => {
            found.extend(until.map(only_observing));
            return Mode::Enforce;
        }
        (None, Some(until)) => {
            found.push(only_observing(until));
            return Mode::Enforce;
        }
        (Some(note), _) => {
            let help = "modes are `observe` and `enforce`";
            let said = format!("`{}`", note.value);
            let mistake = Mistake::BadAnnotation { name: "mode", found: said, help };
            found.push(Found { mistake, at: note.at.clone() });
            return Mode::Enforce;
        }
    };
    for (missing, given) in [("owner", owner.is_some()), ("until", has("until", notes))] {
        if !given {
            found.push(Found { mistake: Mistake::OpenEnded { missing }, at: note.at.clone() });
        }
    }
    match (owner, until) {
        (Some(owner), Some(until)) => Mode::Observe { owner: owner.clone(), until },
        (None, _) | (_, None) => Mode::Enforce,
    }
}

fn has(name: &str, notes: &[Note]) -> bool {
    notes.iter().any(|it| it.name == name)
}

fn only_observing(until: &Note) -> Found {
    let help = "an end belongs to `@mode(\"observe\")`; a policy itself ends with `@expires`";
    let found = format!("`{}`, but the policy is enforced", until.value);
    Found { mistake: Mistake::BadAnnotation { name: "until", found, help }, at: until.at.clone() }
}
