//! What becomes of each policy of one identity, and what takes its place.

use std::collections::BTreeSet;

use bailiwick_model::{Digest, Json};

use super::{
    Document,
    certificate::{Decide, Decision, DocumentRef},
    check::{Policy, gives_more},
    narrow::{Narrowed, narrow, one_or_many},
    split::{MANAGED_MAX, PARTS_MAX, length, parts},
    stays::Stays,
    written::{Entitlement, Way, Written},
};
use crate::{
    exercised::Doer,
    granted::{ActionSet, Grants},
    names::Catalogue,
};

/// How many letters a name may have in IAM.
const NAME_MAX: usize = 128;

/// How a document is held once all is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Written into the identity, under the name it had.
    Inline,
    /// As a policy of its own.
    Managed,
}

/// One document that takes another's place.
#[derive(Clone, Debug)]
pub(super) struct Successor {
    pub(super) name: String,
    pub(super) held: Held,
    pub(super) file: String,
    pub(super) json: Json,
}

/// One policy, and what becomes of it.
#[derive(Clone, Debug)]
pub(super) struct Fate {
    pub(super) entitlement: Entitlement,
    pub(super) decision: Decide,
    pub(super) why: String,
    pub(super) before: ActionSet,
    pub(super) after: ActionSet,
    /// Whether nobody can say what it gives.
    pub(super) is_strange: bool,
    pub(super) successors: Vec<Successor>,
}

impl Fate {
    /// Says whether its document changes or goes.
    pub(super) fn is_changed(&self) -> bool {
        matches!(self.decision, Decide::Reduce | Decide::Revoke)
    }
}

/// What becomes of all of them.
#[derive(Clone, Debug)]
pub(super) struct Decided {
    pub(super) fates: Vec<Fate>,
    pub(super) before: ActionSet,
    pub(super) after: ActionSet,
    pub(super) notes: Vec<String>,
    pub(super) read_before: Vec<Policy>,
    pub(super) read_after: Vec<Policy>,
}

/// Decides on each policy that an identity holds.
pub(super) fn decide<'a>(
    written: &Written,
    (catalogue, grants): (&'a Catalogue, &mut Grants<'a>),
    stays: &mut Stays<'a>,
) -> Decided {
    let none = ActionSet::none(catalogue.actions().len());
    let mut decided = Decided {
        fates: Vec::new(),
        before: none.clone(),
        after: none,
        notes: Vec::new(),
        read_before: Vec::new(),
        read_after: Vec::new(),
    };
    let mut names = BTreeSet::new();
    for entitlement in &written.entitlements {
        let fate = fate(written, entitlement, (catalogue, &mut *grants), stays);
        decided.fates.push(placed(fate, written, &mut names));
    }
    for fate in &decided.fates {
        decided.before.add(&fate.before);
        decided.after.add(&fate.after);
        decided.read_before.extend(Policy::read(&fate.entitlement.document));
        match fate.decision {
            Decide::Keep | Decide::Rotate => {
                decided.read_after.extend(Policy::read(&fate.entitlement.document));
            }
            Decide::Reduce | Decide::Revoke => {
                let read = fate.successors.iter().flat_map(|it| Policy::read(&it.json));
                decided.read_after.extend(read);
            }
        }
    }
    decided.notes = notes(written, &decided, stays);
    decided
}

/// Decides on one policy, without regard to where its successor goes.
fn fate<'a>(
    written: &Written,
    entitlement: &Entitlement,
    (catalogue, grants): (&'a Catalogue, &mut Grants<'a>),
    stays: &mut Stays<'a>,
) -> Fate {
    let document = &entitlement.document;
    let none = ActionSet::none(catalogue.actions().len());
    let keep = |narrowed: Option<Narrowed>, why: &str| {
        let is_strange = narrowed.is_none();
        let whole = narrowed.map(|it| it.whole(document));
        let sets = whole.map_or((none.clone(), none.clone()), |it| (it.before, it.after));
        Fate {
            entitlement: entitlement.clone(),
            decision: Decide::Keep,
            why: why.to_owned(),
            before: sets.0,
            after: sets.1,
            is_strange,
            successors: Vec::new(),
        }
    };
    let read = Policy::read(document);
    let (Some(narrowed), Ok(policy)) = (narrow(document, (catalogue, grants), stays), read) else {
        return keep(None, "a statement in it has a shape that is not known");
    };
    if entitlement.way == Way::Group {
        let why = "held through a group: a smaller one would change what all its members may do";
        return keep(Some(narrowed), why);
    }
    if written.since.is_some_and(|it| stays.is_young(it)) {
        return keep(Some(narrowed), "whoever holds it is too new to be judged");
    }
    if entitlement.since.is_some_and(|it| stays.is_young(it)) {
        return keep(Some(narrowed), "it says what it says for too short a time to be judged");
    }
    if !narrowed.is_changed {
        return keep(Some(narrowed), "all that it gives stays");
    }
    if let Some(since) = entitlement.since {
        let mut gone = narrowed.before.clone();
        gone.take_off(&narrowed.after);
        if !stays.would_be_seen(&gone, since) {
            let why = "what it gives and nobody uses would have been seen on too few days since it says so";
            return keep(Some(narrowed), why);
        }
    }
    let smaller: Vec<_> = narrowed.document.iter().flat_map(Policy::read).collect();
    if smaller.len() != usize::from(narrowed.document.is_some())
        || !gives_more(&[policy], &smaller).is_empty()
    {
        return keep(Some(narrowed), "that a smaller one gives nothing more could not be shown");
    }
    let Narrowed { document: smaller, before, after, .. } = narrowed;
    let is_gone = smaller.is_none();
    Fate {
        entitlement: entitlement.clone(),
        decision: if is_gone { Decide::Revoke } else { Decide::Reduce },
        why: if is_gone {
            "nothing that it gives is used, and all of it would have been seen".to_owned()
        } else {
            "part of what it gives is not used, and would have been seen".to_owned()
        },
        before,
        after,
        is_strange: false,
        // Its name and file come with its place.
        successors: smaller.into_iter().map(unplaced).collect(),
    }
}

fn unplaced(json: Json) -> Successor {
    Successor { name: String::new(), held: Held::Managed, file: String::new(), json }
}

/// Gives a smaller document its place: where the old one was, or in policies of its own.
fn placed(mut fate: Fate, written: &Written, names: &mut BTreeSet<String>) -> Fate {
    let Some(smaller) = fate.successors.pop() else { return fate };
    let old = match &fate.entitlement.way {
        Way::Inline { name } if fits_inline(&smaller, &fate, written) => {
            let file = file("policies", name, names);
            fate.successors = vec![Successor {
                name: name.clone(),
                held: Held::Inline,
                file,
                json: smaller.json,
            }];
            return fate;
        }
        Way::Inline { name } => name.as_str(),
        Way::Managed { arn } => arn.rsplit('/').next().unwrap_or_default(),
        Way::Group => "",
    };
    let Some(parts) = parts(&smaller.json, MANAGED_MAX) else {
        fate.decision = Decide::Keep;
        fate.why = format!(
            "a smaller one would not fit into {PARTS_MAX} policies of {MANAGED_MAX} letters"
        );
        fate.after = fate.before.clone();
        return fate;
    };
    let count = parts.len();
    for (place, json) in parts.into_iter().enumerate() {
        let number =
            if count == 1 { String::new() } else { format!("-{}", place.saturating_add(1)) };
        let end = format!("-rightsized{number}");
        let begin: String = format!("{}-{old}", written.name())
            .chars()
            .take(NAME_MAX.saturating_sub(end.len()))
            .collect();
        let name = format!("{begin}{end}");
        let file = file("policies", &name, names);
        fate.successors.push(Successor { name, held: Held::Managed, file, json });
    }
    fate
}

/// Says whether a smaller document may stay inline: it is not longer, or all of them are within AWS's bound.
fn fits_inline(smaller: &Successor, fate: &Fate, written: &Written) -> bool {
    let (size, was) = (length(&smaller.json), length(&fate.entitlement.document));
    let inline = written.entitlements.iter().filter(|it| matches!(it.way, Way::Inline { .. }));
    let all = inline.map(|it| length(&it.document)).fold(0, usize::saturating_add);
    size <= was || all.saturating_sub(was).saturating_add(size) <= written.sort.inline_max()
}

/// Gives a file that no other document has, whatever letters a name is of.
pub(super) fn file(folder: &str, name: &str, names: &mut BTreeSet<String>) -> String {
    let is_plain =
        |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '+' | '=' | ',' | '@');
    let plain: String = name.chars().map(|it| if is_plain(it) { it } else { '_' }).collect();
    let mut path = format!("{folder}/{plain}.json");
    let mut number = 1_u32;
    while !names.insert(path.to_ascii_lowercase()) {
        number = number.saturating_add(1);
        path = format!("{folder}/{plain}.{number}.json");
    }
    path
}

impl Decided {
    /// Gives what is given no longer by any of them. A policy that cannot be read may give anything.
    pub(super) fn gone(&self) -> ActionSet {
        let mut gone = self.before.clone();
        if self.fates.iter().any(|it| it.is_strange) {
            gone.take_off(&self.before);
        }
        gone.take_off(&self.after);
        gone
    }

    pub(super) fn documents(&self) -> Vec<Document> {
        let successors = self.fates.iter().flat_map(|it| &it.successors);
        successors.map(|it| Document { file: it.file.clone(), json: it.json.clone() }).collect()
    }

    /// Gives what is decided, with the evidence.
    pub(super) fn decisions(&self, doer: Option<&Doer>, catalogue: &Catalogue) -> Vec<Decision> {
        let count = |set: &ActionSet| u64::try_from(set.len()).unwrap_or(u64::MAX);
        let digest = |it: &Json| Digest::of(it.canonical().as_bytes());
        let one = |fate: &Fate| {
            let (mut exercised, mut last) = (0_u64, None);
            for (name, deeds) in doer.into_iter().flat_map(|it| &it.deeds) {
                let parts = name.strip_prefix("aws:").and_then(|it| it.split_once(':'));
                let number = parts.and_then(|it| catalogue.number(it.0, it.1));
                if let (Some(tally), true) =
                    (deeds.exercised(), number.is_some_and(|it| fate.before.has(it)))
                {
                    exercised = exercised.saturating_add(1);
                    last = last.max(Some(tally.last));
                }
            }
            let refs = fate.successors.iter();
            Decision {
                entitlement: fate.entitlement.path.clone(),
                decision: fate.decision,
                why: fate.why.clone(),
                is_changed: fate.is_changed(),
                before: count(&fate.before),
                after: count(&fate.after),
                exercised,
                last,
                original: Some(digest(&fate.entitlement.document)),
                documents: refs
                    .map(|it| DocumentRef { file: it.file.clone(), sha256: digest(&it.json) })
                    .collect(),
            }
        };
        self.fates.iter().map(one).collect()
    }

    /// Gives the patterns of actions that are allowed afterwards.
    pub(super) fn patterns_after(&self) -> Vec<&str> {
        let mut all = Vec::new();
        for fate in &self.fates {
            let documents: Vec<&Json> = if fate.is_changed() {
                fate.successors.iter().map(|it| &it.json).collect()
            } else {
                vec![&fate.entitlement.document]
            };
            for statement in
                documents.iter().filter_map(|it| it.get("Statement")).flat_map(one_or_many)
            {
                if statement.get("Effect").and_then(Json::as_text) == Some("Allow") {
                    // What allows all but some may allow anything.
                    let names = statement.get("Action").map(one_or_many);
                    let names = names.map(|it| it.iter().filter_map(Json::as_text).collect());
                    all.extend(names.unwrap_or_else(|| vec!["*"]));
                }
            }
        }
        all
    }
}

fn notes(written: &Written, decided: &Decided, stays: &Stays<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if !written.bounds.is_empty() {
        notes.push(format!("the permissions boundary {} stays", written.bounds.join(", ")));
    }
    if !written.unread.is_empty() {
        notes.push(format!("what {} gives is in no file, and stays", written.unread.join(", ")));
    }
    for fate in decided.fates.iter().filter(|it| it.is_strange) {
        let path = &fate.entitlement.path;
        notes.push(format!(
            "{path} cannot be read, and may give anything: nothing is called removed"
        ));
    }
    if !stays.unknown.is_empty() {
        notes.push(format!(
            "the log has {} names that no rule knows: nothing of those services is taken away",
            stays.unknown.len()
        ));
    }
    notes
}
