//! Turns a text into checked policies, or into everything that is wrong with it.

use std::{ops::Range, sync::Arc};

use bailiwick_model::{Constraints, Obligations};
use cedar_policy::{Effect, Policy};
use cedar_policy_core::ast::Expr;

use crate::{
    PolicyEffect, PolicySummary,
    annotations::Annotations,
    depth::too_deep,
    hold::falls_away,
    mistake::{self, Found, Mistake},
    schema::Schema,
    seat::{Body, Seat},
    syntax,
    vocabulary::{BUILTIN_PERMIT, BUILTIN_PERMIT_TEXT},
};

/// One policy of a text.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) body: Body,
    pub(crate) summary: PolicySummary,
    /// The place of the whole of it.
    pub(crate) at: Range<usize>,
    /// What does not fit the calls that it can meet.
    pub(crate) misfits: Vec<Found>,
}

impl Compiled {
    /// Gives the same of a text that begins at `start` of this one.
    pub(crate) fn before(self, start: usize) -> Self {
        let at = self.at.start.saturating_sub(start)..self.at.end.saturating_sub(start);
        let misfits = self.misfits.into_iter().map(|it| it.before(start)).collect();
        Self { at, misfits, ..self }
    }
}

/// Which names policies may use.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Naming<'a> {
    /// Ours: whatever else is named is a slip. Where calls are known, policies are held against
    /// what these have.
    Ours(Option<&'a Schema>),
    /// Any: whoever asks names things as it likes.
    Any,
}

/// Which names they may use, and what they may ask for.
pub(crate) type Names<'a> = (Naming<'a>, &'a Constraints);

/// Reads the policies of a text in the order they are written, and finds what is wrong with them.
/// In which file they stand, and on which line, they do not know.
pub(crate) fn read(text: &str, names: Names<'_>, found: &mut Vec<Found>) -> Vec<Compiled> {
    if let Some(deep) = too_deep(text) {
        found.push(deep);
        return Vec::new();
    }
    let set: cedar_policy::PolicySet = match text.parse() {
        Ok(set) => set,
        Err(errors) => {
            found.extend(mistake::of_parser(&errors, text.len()));
            return Vec::new();
        }
    };
    for template in set.templates() {
        let at = syntax::range(template.as_ref().loc(), &(0..text.len()));
        found.push(Found { mistake: Mistake::Slot, at });
    }
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|it| whole(it).start);
    policies.into_iter().filter_map(|it| check(it, names, found)).collect()
}

/// Gives a policy its id, or says everything that is wrong with it.
fn check(
    policy: &Policy,
    (naming, constraints): Names<'_>,
    found: &mut Vec<Found>,
) -> Option<Compiled> {
    let (at, before) = (whole(policy), found.len());
    let annotations = Annotations::read(policy, at.clone(), found);
    let condition = policy.as_ref().condition();
    if matches!(naming, Naming::Ours(_)) {
        found.extend(syntax::unknown_names(&condition, &at));
    }
    found.extend(approval_mistakes(policy, &condition, &annotations));
    let obligations = obligations(policy, &annotations, constraints, found);
    let id = annotations.id?;
    let summary = PolicySummary {
        id,
        source: None,
        line: None,
        effect: effect(policy),
        hold: annotations.hold,
        obligations,
        mode: annotations.mode,
        expires: annotations.expires,
        owner: annotations.owner,
        ticket: annotations.ticket,
        control: annotations.control,
    };
    let body = Body::new(policy);
    Some(match naming {
        // Of a policy with mistakes in it nobody can say what it reads.
        Naming::Ours(Some(schema)) if before == found.len() => {
            let misfits = schema.misfits(policy.as_ref(), &at);
            let body = if misfits.is_empty() { body.fitting(schema) } else { body };
            Compiled { body, summary, at, misfits }
        }
        Naming::Ours(_) | Naming::Any => Compiled { body, summary, at, misfits: Vec::new() },
    })
}

/// Gives what a permit asks for, all of its constraints together.
fn obligations(
    policy: &Policy,
    annotations: &Annotations,
    constraints: &Constraints,
    found: &mut Vec<Found>,
) -> Arc<Obligations> {
    let Some((names, at)) = &annotations.constrain else { return Arc::default() };
    let mut wrong = |mistake| found.push(Found { mistake, at: at.clone() });
    if effect(policy) == PolicyEffect::Forbid {
        wrong(Mistake::ConstrainOnForbid);
        return Arc::default();
    }
    let mut all = Obligations::NONE;
    for name in names.split(',').map(str::trim) {
        match constraints.get(name) {
            Some(constraint) => all = all.and(constraint.obligations.clone()),
            None => {
                let known = constraints.keys().cloned().collect();
                wrong(Mistake::UnknownConstraint { name: name.to_owned(), known });
            }
        }
    }
    if let Some(why) = all.contradictions().into_iter().next() {
        let id = annotations.id.clone().unwrap_or_else(|| "it".to_owned());
        wrong(Mistake::TornConstraints { id, why });
    }
    Arc::new(all)
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
pub(crate) fn builtin() -> Result<Seat, Box<cedar_policy::ParseErrors>> {
    let policy = Policy::parse(None, BUILTIN_PERMIT_TEXT)?;
    let summary = PolicySummary {
        id: BUILTIN_PERMIT.to_owned(),
        source: None,
        line: None,
        effect: PolicyEffect::Permit,
        hold: None,
        obligations: Arc::default(),
        mode: bailiwick_model::Mode::Enforce,
        expires: None,
        owner: None,
        ticket: None,
        control: None,
    };
    Ok(Seat::new(Body::new(&policy), summary))
}
