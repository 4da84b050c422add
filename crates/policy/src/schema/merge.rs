//! What is wrong with a condition for many kinds of calls, told once.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use cedar_policy_core::ast::Expr;

use super::{Deed, shape::Shape, slip::Slip};
use crate::{
    mistake::{Found, Mistake},
    syntax,
    vocabulary::nearest,
};

/// How many tools or fields a mistake names.
const SHOWN: usize = 3;
const FIELDS: usize = 12;
/// What holds the arguments of a call.
const ARGUMENTS: &str = "context.input";

/// Everything that is wrong with one condition.
#[derive(Debug)]
pub(super) struct Slips<'a> {
    met: Vec<&'a Deed>,
    /// Whether they are named one by one: a tool of tomorrow is none of them.
    named: bool,
    /// The parameters that tasks can have.
    params: Vec<&'a str>,
    fields: BTreeMap<Place, Gaps>,
    others: BTreeMap<(usize, usize, Slip), BTreeSet<&'a str>>,
    found: Vec<Found>,
}

/// Where a field is read, and which.
type Place = (usize, usize, String, String);

/// The calls in which a field is not there, or may be left out.
#[derive(Debug, Default)]
struct Gaps {
    missing: BTreeSet<String>,
    optional: BTreeSet<String>,
}

impl<'a> Slips<'a> {
    pub(super) fn new(named: bool, params: Vec<&'a str>) -> Self {
        let (fields, others) = (BTreeMap::new(), BTreeMap::new());
        Self { met: Vec::new(), named, params, fields, others, found: Vec::new() }
    }

    /// Takes the calls that the condition is asked of.
    pub(super) fn meet(&mut self, met: Vec<&'a Deed>) {
        self.met = met;
    }

    /// Finds the arguments that `condition` reads or asks for with `has`, and that none of the
    /// calls can have.
    pub(super) fn never_there(&mut self, condition: &Expr, whole: &Range<usize>) {
        // Who asks about a group may well ask for what only a tool of tomorrow takes.
        if self.met.is_empty() || !self.named {
            return;
        }
        for field in syntax::fields(condition, whole) {
            let Some(below) = field.path.strip_prefix(ARGUMENTS) else { continue };
            let below: Vec<&str> = below.split('.').filter(|it| !it.is_empty()).collect();
            let names = || below.iter().copied().chain([field.name.as_str()]);
            if self.met.iter().any(|it| it.input.may_have(names())) {
                continue;
            }
            // What is below something that is never there was told with it.
            if self.met.iter().any(|it| it.input.may_have(below.iter().copied())) {
                let mistake = self.never(&field.path, &field.name);
                self.found.push(Found { mistake, at: field.at });
            }
        }
    }

    /// Adds what is wrong for these calls.
    pub(super) fn add(
        &mut self,
        (at, slip): (Range<usize>, Slip),
        deeds: impl Iterator<Item = &'a Deed>,
    ) {
        if let Slip::Field { holder, name, missing } = slip {
            let gaps = self.fields.entry((at.start, at.end, holder, name)).or_default();
            let which = if missing { &mut gaps.missing } else { &mut gaps.optional };
            which.extend(deeds.map(|it| it.name.clone()));
        } else {
            let names = deeds.map(|it| it.name.as_str());
            self.others.entry((at.start, at.end, slip)).or_default().extend(names);
        }
    }

    /// Tells all of it, in the order of its places.
    pub(super) fn told(mut self) -> Vec<Found> {
        for ((start, end, holder, name), gaps) in std::mem::take(&mut self.fields) {
            let known = |it: &Found| it.at.end == end;
            if self.found.iter().any(known) {
                continue;
            }
            let never = self.met.iter().all(|it| gaps.missing.contains(&it.name));
            let mistake = if never && !self.met.is_empty() {
                self.never(&holder, &name)
            } else {
                sometimes(&holder, &name, &gaps)
            };
            self.found.push(Found { mistake, at: start..end });
        }
        for ((start, end, slip), deeds) in std::mem::take(&mut self.others) {
            let mistake = other(slip, &listed(&deeds));
            self.found.extend(mistake.map(|mistake| Found { mistake, at: start..end }));
        }
        self.found.sort_by_key(|it| (it.at.start, it.at.end));
        self.found
    }

    fn never(&self, holder: &str, name: &str) -> Mistake {
        let known = self.known(holder);
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("`{holder}` has no fields"),
            None => {
                let named: Vec<String> =
                    known.iter().take(FIELDS).map(|it| format!("`{it}`")).collect();
                format!("`{holder}` has {}", named.join(", "))
            }
        };
        let tools = self.met.iter().map(|it| it.name.as_str()).collect();
        let label = if holder.starts_with(ARGUMENTS) {
            format!("never there in {}", listed(&tools))
        } else {
            "never there".to_owned()
        };
        Mistake::NeverThere { field: format!("{holder}.{name}"), label, help }
    }

    /// Gives the fields that `holder` has in some of the calls.
    fn known(&self, holder: &str) -> BTreeSet<&str> {
        if holder == "context.task.params" {
            return self.params.iter().copied().collect();
        }
        let below: Vec<&str> = holder.split('.').skip(2).collect();
        let inside = self.met.iter().filter_map(|it| inside(&it.input, &below)?.fields());
        inside.flat_map(|it| it.named.keys().map(String::as_str)).collect()
    }
}

/// Finds what is below `names` in what a tool takes.
fn inside<'s>(shape: &'s Shape, names: &[&str]) -> Option<&'s Shape> {
    names.iter().try_fold(shape, |it, name| Some(&it.fields()?.named.get(*name)?.shape))
}

fn sometimes(holder: &str, name: &str, gaps: &Gaps) -> Mistake {
    let names = |of: &BTreeSet<String>| listed(&of.iter().map(String::as_str).collect());
    let label = if !holder.starts_with(ARGUMENTS) {
        "there only at times".to_owned()
    } else if gaps.missing.is_empty() {
        format!("may be left out in {}", names(&gaps.optional))
    } else {
        format!("not there in {}", names(&gaps.missing))
    };
    let plain = name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
        && !name.starts_with(|it: char| it.is_ascii_digit());
    let asked = if plain { name.to_owned() } else { format!("{name:?}") };
    let help = format!(
        "ask first: `{holder} has {asked} && …`; what is read and not there is an error, and an \
         erring forbid denies"
    );
    Mistake::NotAlwaysThere { field: format!("{holder}.{name}"), label, help }
}

pub(super) fn other(slip: Slip, tools: &str) -> Option<Mistake> {
    Some(match slip {
        Slip::Type { what, is, wanted, help } => Mistake::OtherType {
            message: format!("`{what}` is {is}, and {wanted} is wanted here"),
            label: format!("{is} in {tools}"),
            help: help.to_owned(),
        },
        Slip::Unlike { one, other } => Mistake::OtherType {
            message: format!("{one} is compared with {other}"),
            label: format!("never equal in {tools}"),
            help: "`bailiwick policy schema` shows the type of everything".to_owned(),
        },
        Slip::Other { message, help } => {
            Mistake::NotStrict { message, label: format!("in {tools}"), help }
        }
        Slip::Field { .. } => return None,
    })
}

/// Names a few of them, and how many more there are.
pub(super) fn listed(names: &BTreeSet<&str>) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN).map(|it| format!("`{it}`")).collect();
    match names.len().checked_sub(shown.len()) {
        Some(more) if 0 < more => format!("{} and {more} more", shown.join(", ")),
        Some(_) | None => shown.join(", "),
    }
}
