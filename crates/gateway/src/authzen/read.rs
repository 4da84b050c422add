//! What is asked: one evaluation, or several that share what they do not say themselves.
//!
//! Members that the specification does not name are passed over, wherever they stand. What it names
//! must be what it says, or the question cannot be read.

use std::collections::BTreeMap;

use bailiwick_model::{Deed, Entity, Evaluation, Json, JsonError};

use super::{
    limits::{EVALUATIONS, NAME_MAX, QUESTION},
    refusal::{Code, Refusal},
};

pub(super) type Members = BTreeMap<String, Json>;

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    /// One evaluation, answered by itself.
    One(Evaluation),
    /// Several, answered in order.
    Several(Batch),
}

/// Several evaluations. Each is made when its turn comes: what they share may be large.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) semantic: Semantic,
    shared: Members,
    items: Vec<Members>,
}

/// How many of several are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Semantic {
    /// All of them.
    ExecuteAll,
    /// Those up to the first no.
    DenyOnFirstDeny,
    /// Those up to the first yes.
    PermitOnFirstPermit,
}

impl Semantic {
    const ALL: [(&'static str, Self); 3] = [
        ("execute_all", Self::ExecuteAll),
        ("deny_on_first_deny", Self::DenyOnFirstDeny),
        ("permit_on_first_permit", Self::PermitOnFirstPermit),
    ];

    /// Says whether an answer is the last one.
    pub(super) const fn ends_with(self, decision: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

impl Asked {
    /// Reads one evaluation.
    pub(super) fn one(bytes: &[u8]) -> Result<Self, Refusal> {
        evaluation(&object(bytes)?, &Members::new()).map(Self::One).map_err(bad)
    }

    /// Reads several, or the one that stands where there is no list of them.
    pub(super) fn several(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut shared = object(bytes)?;
        let items = match shared.remove("evaluations") {
            None => Vec::new(),
            Some(Json::List(items)) => items,
            Some(other) => {
                return Err(bad(format!("`evaluations` is {}, not a list", kind(&other))));
            }
        };
        if items.is_empty() {
            return evaluation(&shared, &Members::new()).map(Self::One).map_err(bad);
        }
        if EVALUATIONS < items.len() {
            let text = format!("{} evaluations, {EVALUATIONS} at most", items.len());
            return Err(Code::TooLarge.says(text));
        }
        let semantic = semantic(shared.get("options")).map_err(bad)?;
        let members = |(place, item): (usize, Json)| {
            let (what, members) = (kind(&item), members(item));
            members.ok_or_else(|| bad(format!("`evaluations[{place}]` is {what}, not an object")))
        };
        let items = items.into_iter().enumerate().map(members).collect::<Result<_, _>>()?;
        Ok(Self::Several(Batch { semantic, shared, items }))
    }
}

impl Batch {
    /// Gives each evaluation in turn, or why it cannot be made of what is said.
    pub(super) fn evaluations(&self) -> impl Iterator<Item = Result<Evaluation, String>> {
        self.items.iter().map(|it| evaluation(it, &self.shared))
    }
}

pub(super) fn object(bytes: &[u8]) -> Result<Members, Refusal> {
    match Json::parse(bytes, QUESTION) {
        Ok(Json::Object(members)) => Ok(members),
        Ok(other) => Err(bad(format!("the body is {}, not an object", kind(&other)))),
        Err(error @ JsonError::TooLong { .. }) => Err(Code::TooLarge.says(error.to_string())),
        Err(error) => Err(bad(format!("the body cannot be read: {error}"))),
    }
}

fn members(value: Json) -> Option<Members> {
    if let Json::Object(members) = value { Some(members) } else { None }
}

pub(super) fn bad(text: String) -> Refusal {
    Code::BadRequest.says(text)
}

fn semantic(options: Option<&Json>) -> Result<Semantic, String> {
    let Some(options) = options else { return Ok(Semantic::ExecuteAll) };
    let Json::Object(options) = options else {
        return Err(format!("`options` is {}, not an object", kind(options)));
    };
    let Some(given) = options.get("evaluations_semantic") else { return Ok(Semantic::ExecuteAll) };
    let known = Semantic::ALL.iter().find(|(word, _)| given.as_text() == Some(word));
    known.map(|(_, semantic)| *semantic).ok_or_else(|| {
        let all = Semantic::ALL.map(|(word, _)| format!("`{word}`")).join(", ");
        format!("`options.evaluations_semantic` is none of {all}")
    })
}

/// Makes an evaluation of what is said of it, each key whole, and else of what all share.
pub(super) fn evaluation(own: &Members, shared: &Members) -> Result<Evaluation, String> {
    let given = |key: &str| own.get(key).or_else(|| shared.get(key));
    let needed = |key| needed(key, given(key));
    Ok(Evaluation {
        subject: entity(needed("subject")?)?,
        action: deed(needed("action")?)?,
        resource: entity(needed("resource")?)?,
        context: context(given("context"))?,
    })
}

/// Takes a part of a question that must be there.
pub(super) fn needed<'a>(
    key: &'static str,
    given: Option<&'a Json>,
) -> Result<(&'static str, &'a Members), String> {
    match given {
        Some(Json::Object(members)) => Ok((key, members)),
        Some(other) => Err(format!("`{key}` is {}, not an object", kind(other))),
        None => Err(format!("`{key}` is missing")),
    }
}

pub(super) fn context(given: Option<&Json>) -> Result<Members, String> {
    match given {
        None => Ok(Members::new()),
        Some(Json::Object(members)) => Ok(members.clone()),
        Some(other) => Err(format!("`context` is {}, not an object", kind(other))),
    }
}

pub(super) fn entity((key, members): (&str, &Members)) -> Result<Entity, String> {
    Ok(Entity {
        kind: name(key, members, "type")?,
        id: name(key, members, "id")?,
        properties: properties(key, members)?,
    })
}

pub(super) fn deed((key, members): (&str, &Members)) -> Result<Deed, String> {
    Ok(Deed { name: name(key, members, "name")?, properties: properties(key, members)? })
}

pub(super) fn name(key: &str, members: &Members, part: &str) -> Result<String, String> {
    match members.get(part) {
        Some(Json::Text(text)) if text.len() <= NAME_MAX => Ok(text.clone()),
        Some(Json::Text(_)) => Err(format!("`{key}.{part}` has more than {NAME_MAX} bytes")),
        Some(other) => Err(format!("`{key}.{part}` is {}, not a text", kind(other))),
        None => Err(format!("`{key}.{part}` is missing")),
    }
}

pub(super) fn properties(key: &str, members: &Members) -> Result<Members, String> {
    match members.get("properties") {
        None => Ok(Members::new()),
        Some(Json::Object(members)) => Ok(members.clone()),
        Some(other) => Err(format!("`{key}.properties` is {}, not an object", kind(other))),
    }
}

/// Says what a value is, and not what it holds.
pub(super) const fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Int(_) | Json::Float(_) => "a number",
        Json::Text(_) => "a text",
        Json::List(_) => "a list",
        Json::Object(_) => "an object",
    }
}
