//! What policies answer to one request: yes, no, or that it hangs on something nobody knows.

use std::collections::BTreeMap;

use super::{
    condition,
    glob::{Case, fits},
    policy::{Line, Names, Policy},
};

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allowed {
    /// It is not allowed.
    No,
    /// It hangs on what is not known: a condition's key, or to what it was done.
    Maybe,
    /// It is allowed.
    Yes,
}

/// One request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The action: `s3:GetObject`.
    pub action: String,
    /// To what; none where nobody knows.
    pub resource: Option<String>,
    /// What conditions ask for, by key in small letters; none where nobody knows any of it.
    pub context: Option<BTreeMap<String, Vec<String>>>,
}

/// Asks `policies` within `bounds`: all of the first add up, and each of the others must allow it, too.
pub fn allows(policies: &[Policy], bounds: &[Policy], request: &Request) -> Allowed {
    let held = ask(policies, request);
    bounds.iter().map(|it| ask(std::slice::from_ref(it), request)).fold(held, Allowed::min)
}

fn ask(policies: &[Policy], request: &Request) -> Allowed {
    let mut allowed = Allowed::No;
    let mut denied = Allowed::No;
    for line in policies.iter().flat_map(|it| &it.lines) {
        let side = if line.allows { &mut allowed } else { &mut denied };
        if *side < Allowed::Yes {
            *side = (*side).max(meets(line, request));
        }
    }
    match denied {
        Allowed::Yes => Allowed::No,
        Allowed::Maybe => allowed.min(Allowed::Maybe),
        Allowed::No => allowed,
    }
}

/// Says whether a statement is about a request.
fn meets(line: &Line, request: &Request) -> Allowed {
    if !has_action(&line.actions, &request.action) {
        return Allowed::No;
    }
    let known = if line.others.is_empty() { Allowed::Yes } else { Allowed::Maybe };
    let holds = line
        .condition
        .as_ref()
        .map_or(Allowed::Yes, |it| condition::holds(it, request.context.as_ref()));
    known.min(has_resource(&line.resources, request.resource.as_deref())).min(holds)
}

/// Says whether an action is one of those.
pub(super) fn has_action(names: &Names, action: &str) -> bool {
    names.patterns.iter().any(|it| fits(it, action, Case::Any)) != names.is_but
}

fn has_resource(names: &Names, resource: Option<&str>) -> Allowed {
    let one = |pattern: &String| match resource {
        _ if pattern == "*" => Allowed::Yes,
        None => Allowed::Maybe,
        Some(resource) if fits(pattern, resource, Case::Same) => Allowed::Yes,
        // What a variable stands for, nobody knows here.
        Some(_) if pattern.contains("${") => Allowed::Maybe,
        Some(_) => Allowed::No,
    };
    let any = names.patterns.iter().map(one).max().unwrap_or(Allowed::No);
    match (names.is_but, any) {
        (false, it) => it,
        (true, Allowed::Yes) => Allowed::No,
        (true, Allowed::Maybe) => Allowed::Maybe,
        (true, Allowed::No) => Allowed::Yes,
    }
}
