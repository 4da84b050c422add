//! Whether policies give nothing that others did not give: statement by statement, without a request in hand.

use super::{
    glob::{Case, apart, within},
    policy::{Line, Names, Policy},
};

/// Says what `after` may give, or no longer denies, that `before` did not give. Nothing said is a proof; something
/// said may be a false alarm.
pub fn gives_more(before: &[Policy], after: &[Policy]) -> Vec<String> {
    let all = |of: &[Policy], allows: bool| -> Vec<Line> {
        of.iter().flat_map(|it| &it.lines).filter(|it| it.allows == allows).cloned().collect()
    };
    let mut faults = Vec::new();
    let outer = all(before, true);
    for line in all(after, true) {
        if !lies_within(&line, &outer) {
            faults.push(format!("this may allow more than was allowed: {}", short(&line)));
        }
    }
    let denies = all(after, false);
    for line in all(before, false) {
        if !lies_within(&line, &denies) {
            faults.push(format!("this is denied no longer: {}", short(&line)));
        }
    }
    faults
}

/// Says whether a statement lies within one of these. Its actions may lie within several that say the same of all else.
fn lies_within(inner: &Line, outer: &[Line]) -> bool {
    let near: Vec<&Line> = outer.iter().filter(|it| is_near(inner, it)).collect();
    if near.iter().any(|it| names_within(&inner.actions, &it.actions, Case::Any)) {
        return true;
    }
    let one = |pattern: &String| {
        let single = Names { is_but: false, patterns: vec![pattern.clone()] };
        near.iter().any(|it| names_within(&single, &it.actions, Case::Any))
    };
    !inner.actions.is_but && inner.actions.patterns.iter().all(one)
}

/// Says whether all but the actions of a statement lies within another's.
fn is_near(inner: &Line, outer: &Line) -> bool {
    let is_narrower = outer.condition.is_none() || inner.condition == outer.condition;
    is_narrower
        && inner.version == outer.version
        && inner.others == outer.others
        && names_within(&inner.resources, &outer.resources, Case::Same)
}

fn names_within(inner: &Names, outer: &Names, case: Case) -> bool {
    let has = |all: &Names, it: &String| all.patterns.iter().any(|outer| is_in(it, outer, case));
    match (inner.is_but, outer.is_but) {
        (false, false) => inner.patterns.iter().all(|it| has(outer, it)),
        (true, true) => outer.patterns.iter().all(|it| has(inner, it)),
        (false, true) => {
            let is_apart = |it: &String| outer.patterns.iter().all(|but| are_apart(it, but, case));
            inner.patterns.iter().all(is_apart)
        }
        (true, false) => outer.patterns.iter().any(|it| it == "*"),
    }
}

/// What a variable comes to, a text does not say: it lies within itself and within everything, and apart from nothing.
fn is_in(inner: &str, outer: &str, case: Case) -> bool {
    if inner.contains("${") || outer.contains("${") {
        return inner == outer || outer == "*";
    }
    within(inner, outer, case)
}

fn are_apart(one: &str, other: &str, case: Case) -> bool {
    !one.contains("${") && !other.contains("${") && apart(one, other, case)
}

fn short(line: &Line) -> String {
    let patterns: Vec<_> = line.actions.patterns.iter().take(3).map(String::as_str).collect();
    let more = if line.actions.patterns.len() <= 3 { "" } else { ", …" };
    let but = if line.actions.is_but { "all but " } else { "" };
    format!("{but}{}{more}", patterns.join(", "))
}
