//! A policy as the checker reads it.

use bailiwick_model::Json;

/// A document is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoPolicy(pub(super) &'static str);

/// Names that fit, or all but those that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) is_but: bool,
    pub(super) patterns: Vec<String>,
}

/// One statement.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) allows: bool,
    pub(super) actions: Names,
    pub(super) resources: Names,
    /// What else must hold: operators, keys and values; none where nothing must.
    pub(super) condition: Option<Json>,
    /// The language's date, on which hangs what `${` means.
    pub(super) version: String,
    /// Members that no identity's policy has: nothing is known of what they do.
    pub(super) others: Vec<(String, Json)>,
}

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) lines: Vec<Line>,
}

impl Policy {
    /// Reads a document.
    pub fn read(document: &Json) -> Result<Self, NoPolicy> {
        let version = member_text(document, "Version").unwrap_or("2008-10-17");
        let listed = document.get("Statement").ok_or(NoPolicy("there is no `Statement` in it"))?;
        let lines: Result<_, _> = each(listed).iter().map(|it| Line::read(it, version)).collect();
        Ok(Self { lines: lines? })
    }
}

impl Line {
    fn read(statement: &Json, version: &str) -> Result<Self, NoPolicy> {
        let allows = match member_text(statement, "Effect") {
            Some("Allow") => true,
            Some("Deny") => false,
            Some(_) | None => return Err(NoPolicy("an `Effect` is neither `Allow` nor `Deny`")),
        };
        let condition = statement.get("Condition").cloned();
        let known =
            ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
        let mut others = Vec::new();
        if let Json::Object(members) = statement {
            let strange = members.iter().filter(|(name, _)| !known.contains(&name.as_str()));
            others.extend(strange.map(|(name, value)| (name.clone(), value.clone())));
        }
        Ok(Self {
            allows,
            actions: Names::read(statement, "Action", "NotAction")?,
            resources: Names::read(statement, "Resource", "NotResource")?,
            condition: condition.filter(|it| !matches!(it, Json::Object(all) if all.is_empty())),
            version: version.to_owned(),
            others,
        })
    }
}

impl Names {
    fn read(statement: &Json, only: &str, but: &str) -> Result<Self, NoPolicy> {
        let (value, is_but) = match (statement.get(only), statement.get(but)) {
            (Some(value), None) => (value, false),
            (None, Some(value)) => (value, true),
            _ => return Err(NoPolicy("a statement does not say once of what it is")),
        };
        let patterns: Option<Vec<String>> =
            each(value).iter().map(|it| it.as_text().map(str::to_owned)).collect();
        let patterns = patterns.ok_or(NoPolicy("a statement names something that is no text"))?;
        Ok(Self { is_but, patterns })
    }
}

/// Gives what a list has, or the one thing that is there in place of a list.
pub(super) fn each(value: &Json) -> &[Json] {
    if let Json::List(all) = value { all } else { std::slice::from_ref(value) }
}

fn member_text<'a>(of: &'a Json, name: &str) -> Option<&'a str> {
    of.get(name).and_then(Json::as_text)
}
