//! Turns files of policies into one checked list, or into everything that is wrong with them.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use cedar_policy::{Effect, Policy};
use cedar_policy_core::ast::Expr;
use miette::NamedSource;

use crate::{
    PolicyEffect, PolicyError, PolicyOptions, PolicySource, PolicySummary,
    annotations::Annotations,
    hold::falls_away,
    index::Head,
    mistake::{self, Found, Mistake},
    syntax,
    vocabulary::{BUILTIN_PERMIT, BUILTIN_PERMIT_TEXT},
};

/// One policy, ready to be judged by.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) head: Head,
    /// When it applies, once its head fits.
    pub(crate) condition: Option<Expr>,
    pub(crate) summary: PolicySummary,
    /// The place of the whole of it.
    at: Range<usize>,
}

impl Compiled {
    fn new(policy: &Policy, summary: PolicySummary, at: Range<usize>) -> Self {
        let policy = policy.as_ref();
        let condition = policy.non_scope_constraints().map(syntax::without_places);
        Self { head: Head::of(policy), condition, summary, at }
    }
}

/// Which names policies may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Ours: whatever else is named is a slip.
    Ours,
    /// Any: whoever asks names things as it likes.
    Any,
}

/// Compiles every policy of every file, by id, with the built-in permit where it is wanted.
pub(crate) fn compile(
    sources: &[PolicySource],
    options: PolicyOptions,
) -> Result<BTreeMap<String, Compiled>, Vec<PolicyError>> {
    let mut compiled = compile_alone(sources, Naming::Ours)?;
    if options.builtin_permit {
        let one = builtin().map_err(|error| vec![PolicyError::ours(error.to_string())])?;
        compiled.insert(one.summary.id.clone(), one);
    }
    Ok(compiled)
}

/// Compiles every policy of every file, by id, and adds nothing.
pub(crate) fn compile_alone(
    sources: &[PolicySource],
    naming: Naming,
) -> Result<BTreeMap<String, Compiled>, Vec<PolicyError>> {
    let mut compiled: BTreeMap<String, Compiled> = BTreeMap::new();
    let mut errors = Vec::new();
    for source in sources {
        let named = NamedSource::new(&source.name, source.text.clone()).with_language("cedar");
        let file = Arc::new(named);
        let mut found = Vec::new();
        for one in read(source, naming, &mut found) {
            if let Some(first) = compiled.get(&one.summary.id) {
                let id = one.summary.id.clone();
                let first = first.summary.source.clone().unwrap_or_default();
                found.push(Found { mistake: Mistake::SameId { id, first }, at: one.at });
            } else {
                compiled.insert(one.summary.id.clone(), one);
            }
        }
        found.sort_by_key(|it| (it.at.start, it.at.end));
        errors.extend(found.into_iter().map(|it| PolicyError::new(it, &file)));
    }
    if errors.is_empty() { Ok(compiled) } else { Err(errors) }
}

/// Reads the policies of one file in the order they are written.
fn read(source: &PolicySource, naming: Naming, found: &mut Vec<Found>) -> Vec<Compiled> {
    let set: cedar_policy::PolicySet = match source.text.parse() {
        Ok(set) => set,
        Err(errors) => {
            found.extend(mistake::of_parser(&errors, source.text.len()));
            return Vec::new();
        }
    };
    for template in set.templates() {
        let at = syntax::range(template.as_ref().loc(), &(0..source.text.len()));
        found.push(Found { mistake: Mistake::Slot, at });
    }
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|it| whole(it).start);
    let ends = source.text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>();
    policies.into_iter().filter_map(|it| check(it, (source, &ends, naming), found)).collect()
}

/// Gives a policy its id, and the line it begins on among those that end at `ends`, or says everything that is wrong with it.
fn check(
    policy: &Policy,
    (source, ends, naming): (&PolicySource, &[usize], Naming),
    found: &mut Vec<Found>,
) -> Option<Compiled> {
    let at = whole(policy);
    let annotations = Annotations::read(policy, at.clone(), found);
    let condition = policy.as_ref().condition();
    if naming == Naming::Ours {
        found.extend(syntax::unknown_names(&condition, &at));
    }
    found.extend(approval_mistakes(policy, &condition, &annotations));
    let id = annotations.id?;
    let summary = PolicySummary {
        id,
        source: Some(source.name.clone()),
        line: Some(ends.partition_point(|it| *it < at.start).saturating_add(1)),
        effect: effect(policy),
        hold: annotations.hold,
        mode: annotations.mode,
        expires: annotations.expires,
        owner: annotations.owner,
        ticket: annotations.ticket,
        control: annotations.control,
    };
    Some(Compiled::new(policy, summary, at))
}

/// Says where a policy and an approval do not go together.
fn approval_mistakes(policy: &Policy, condition: &Expr, annotations: &Annotations) -> Vec<Found> {
    let id = annotations.id.clone().unwrap_or_else(|| "it".to_owned());
    match (effect(policy), &annotations.hold) {
        (PolicyEffect::Permit, Some(_)) => {
            vec![Found { mistake: Mistake::HoldOnPermit, at: whole(policy) }]
        }
        (PolicyEffect::Forbid, Some(_)) if falls_away(condition) => Vec::new(),
        (PolicyEffect::Forbid, Some(_)) => {
            vec![Found { mistake: Mistake::HoldsForEver { id }, at: whole(policy) }]
        }
        (effect, None) => {
            let why = match effect {
                PolicyEffect::Permit => "a permit that waits for one denies instead of asking",
                PolicyEffect::Forbid => "without `@hold` it denies instead of asking",
            };
            let reads = syntax::fields(condition, &whole(policy))
                .into_iter()
                .find(|it| it.path == "context" && it.name == "approval");
            let mistake = Mistake::ApprovalRead { id, why };
            reads.map(|it| Found { mistake, at: it.at }).into_iter().collect()
        }
    }
}

fn effect(policy: &Policy) -> PolicyEffect {
    match policy.effect() {
        Effect::Permit => PolicyEffect::Permit,
        Effect::Forbid => PolicyEffect::Forbid,
    }
}

/// Gives the place of the whole policy, annotations included.
pub(crate) fn whole(policy: &Policy) -> Range<usize> {
    syntax::range(policy.as_ref().loc(), &(0..0))
}

/// Gives the permit for what the grant covers.
fn builtin() -> Result<Compiled, Box<cedar_policy::ParseErrors>> {
    let policy = Policy::parse(None, BUILTIN_PERMIT_TEXT)?;
    let summary = PolicySummary {
        id: BUILTIN_PERMIT.to_owned(),
        source: None,
        line: None,
        effect: PolicyEffect::Permit,
        hold: None,
        mode: bailiwick_model::Mode::Enforce,
        expires: None,
        owner: None,
        ticket: None,
        control: None,
    };
    let at = whole(&policy);
    Ok(Compiled::new(&policy, summary, at))
}
