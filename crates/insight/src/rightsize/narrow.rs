//! A policy's statements, each with no more actions than stay.
//!
//! Nothing but the actions of a statement that allows is touched: what it says of resources and conditions stays word
//! for word, so that each new statement lies within the one it came of. What denies stays as it is. A document with a
//! statement of a shape that is not known here stays whole.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::Json;

use super::stays::Stays;
use crate::{
    granted::{ActionSet, Grants},
    names::Catalogue,
};

/// What a statement of an identity's policy may have.
const MEMBERS: [&str; 7] =
    ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// What became of a document.
#[derive(Clone, Debug)]
pub(super) struct Narrowed {
    /// What is left; none where no statement is.
    pub(super) document: Option<Json>,
    /// Whether anything changed.
    pub(super) is_changed: bool,
    /// What it allowed, for some resource and in some case.
    pub(super) before: ActionSet,
    /// What is left of that.
    pub(super) after: ActionSet,
}

impl Narrowed {
    /// Takes a document as it is.
    pub(super) fn whole(self, document: &Json) -> Self {
        let after = self.before.clone();
        Self { document: Some(document.clone()), is_changed: false, before: self.before, after }
    }
}

/// Narrows a document; none where a statement in it has a shape that is not known.
pub(super) fn narrow<'a>(
    document: &Json,
    (catalogue, grants): (&'a Catalogue, &mut Grants<'a>),
    stays: &mut Stays<'a>,
) -> Option<Narrowed> {
    let none = ActionSet::none(catalogue.actions().len());
    let mut knife = Knife { catalogue, grants, stays, before: none.clone(), after: none };
    let mut left = Vec::new();
    let mut is_changed = false;
    for statement in one_or_many(document.get("Statement")?) {
        match knife.cut(statement)? {
            Cut::Same => left.push(statement.clone()),
            Cut::Gone => is_changed = true,
            Cut::Smaller(smaller) => {
                is_changed = true;
                left.push(smaller);
            }
        }
    }
    let (before, after) = (knife.before, knife.after);
    let document = (!left.is_empty()).then(|| with(document, "Statement", Json::List(left)));
    Some(Narrowed { document, is_changed, before, after })
}

enum Cut {
    Same,
    Gone,
    Smaller(Json),
}

struct Knife<'k, 'a> {
    catalogue: &'a Catalogue,
    grants: &'k mut Grants<'a>,
    stays: &'k mut Stays<'a>,
    before: ActionSet,
    after: ActionSet,
}

impl Knife<'_, '_> {
    fn cut(&mut self, statement: &Json) -> Option<Cut> {
        let Json::Object(members) = statement else { return None };
        if !members.keys().all(|it| MEMBERS.contains(&it.as_str())) {
            return None;
        }
        let (names, is_but) = match (members.get("Action"), members.get("NotAction")) {
            (Some(names), None) => (texts(names)?, false),
            (None, Some(names)) => (texts(names)?, true),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        match members.get("Effect").and_then(Json::as_text)? {
            "Deny" => Some(Cut::Same),
            "Allow" if is_but => Some(self.all_but(statement, &names)),
            "Allow" => Some(self.only(statement, &names)),
            _ => None,
        }
    }

    /// Narrows what allows what fits one of some patterns.
    fn only(&mut self, statement: &Json, patterns: &[&str]) -> Cut {
        let mut left: Vec<String> = Vec::new();
        for pattern in patterns {
            self.take(pattern, &mut left);
        }
        let mut met = BTreeSet::new();
        left.retain(|it| met.insert(it.to_ascii_lowercase()));
        if left.iter().map(String::as_str).eq(patterns.iter().copied()) {
            return Cut::Same;
        }
        if left.is_empty() { Cut::Gone } else { Cut::Smaller(with_actions(statement, left)) }
    }

    /// Takes what stays of one pattern: all of it as it was written, or the names.
    fn take(&mut self, pattern: &str, left: &mut Vec<String>) {
        let numbers: Vec<_> = self.grants.compiled(pattern).iter().cloned().flatten().collect();
        let stay: Vec<_> =
            numbers.iter().copied().filter(|it| self.stays.why(*it).is_some()).collect();
        for number in &numbers {
            self.before.put(*number);
        }
        // What the list has not cannot be judged, and neither can what the log calls by a name that no rule knows.
        let is_whole =
            numbers.is_empty() || stay.len() == numbers.len() || self.is_strange(pattern);
        if is_whole {
            for number in &numbers {
                self.after.put(*number);
            }
            left.push(pattern.to_owned());
        } else {
            for number in &stay {
                self.after.put(*number);
            }
            left.extend(self.spelt(&stay, matches!(pattern, "*" | "*:*")));
        }
    }

    fn is_strange(&self, pattern: &str) -> bool {
        let service = pattern.split_once(':').map_or("", |it| it.0).to_ascii_lowercase();
        self.stays.is_strange() && self.catalogue.of(&service).is_empty()
    }

    /// Turns what allows all but some into the names that stay of it.
    fn all_but(&mut self, statement: &Json, patterns: &[&str]) -> Cut {
        let mut but = ActionSet::none(self.catalogue.actions().len());
        for pattern in patterns {
            self.grants.compiled(pattern).iter().for_each(|it| but.add_range(it.clone()));
        }
        let allowed = but.turned();
        self.before.add(&allowed);
        let stay: Vec<_> = allowed.iter().filter(|it| self.stays.why(*it).is_some()).collect();
        if stay.len() == allowed.len() || self.stays.is_strange() {
            self.after.add(&allowed);
            return Cut::Same;
        }
        for number in &stay {
            self.after.put(*number);
        }
        if stay.is_empty() {
            return Cut::Gone;
        }
        let names = self.spelt(&stay, false);
        Cut::Smaller(with_actions(statement, names))
    }

    /// Writes actions; a service all of which stays as one pattern, where that pattern was given, too.
    fn spelt(&self, stay: &[usize], services: bool) -> Vec<String> {
        let all = self.catalogue.actions();
        let mut by_service: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for action in stay.iter().filter_map(|it| all.get(*it)) {
            let names = by_service.entry(&action.service).or_default();
            names.push(format!("{}:{}", action.service, action.name));
        }
        let one = |(service, names): (&str, Vec<String>)| {
            let is_whole = services && names.len() == self.catalogue.of(service).len();
            if is_whole { vec![format!("{service}:*")] } else { names }
        };
        by_service.into_iter().flat_map(one).collect()
    }
}

/// Gives a statement with these actions in place of its own.
fn with_actions(statement: &Json, names: Vec<String>) -> Json {
    let names = names.into_iter().map(Json::Text).collect();
    let mut smaller = with(statement, "Action", Json::List(names));
    if let Json::Object(members) = &mut smaller {
        members.remove("NotAction");
    }
    smaller
}

/// Gives an object with a member set.
pub(super) fn with(of: &Json, name: &str, value: Json) -> Json {
    let mut changed = of.clone();
    if let Json::Object(members) = &mut changed {
        members.insert(name.to_owned(), value);
    }
    changed
}

/// Gives the items of a list, or the one thing that stands for a list of one.
pub(super) fn one_or_many(value: &Json) -> &[Json] {
    match value {
        Json::List(all) => all,
        Json::Null
        | Json::Bool(_)
        | Json::Int(_)
        | Json::Float(_)
        | Json::Text(_)
        | Json::Object(_) => std::slice::from_ref(value),
    }
}

/// Gives one text or several; none where something else is among them.
pub(super) fn texts(value: &Json) -> Option<Vec<&str>> {
    one_or_many(value).iter().map(Json::as_text).collect()
}
