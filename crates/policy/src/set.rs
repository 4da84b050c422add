//! The organisation's policies, compiled.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_model::{Constraints, Digest, Mode, Obligations, Timestamp};

use crate::{
    Applying, ListQuestion, PolicyAnswer, PolicyError, Question, Schema,
    compile::{Naming, builtin},
    counted::Counted,
    judge::{Bench, Findings},
    load::load,
    seat::Seat,
    sheet::Files,
    slice::Slice,
    view::{Case, Scene, Unknown, ViewError},
};

/// One file of policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySource {
    /// Its name, for people.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// How a set is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyOptions {
    /// Whether what the grant covers is permitted without a policy that says so.
    pub builtin_permit: bool,
}

impl Default for PolicyOptions {
    fn default() -> Self {
        Self { builtin_permit: true }
    }
}

/// Whether a policy permits or forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyEffect {
    /// It permits.
    Permit,
    /// It forbids.
    Forbid,
}

/// One policy of a set, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySummary {
    /// Its `@id`.
    pub id: String,
    /// The file it is written in; none for the built-in permit.
    pub source: Option<String>,
    /// The line on which it begins there, counted from one.
    pub line: Option<usize>,
    /// Whether it permits or forbids.
    pub effect: PolicyEffect,
    /// What a person is asked, where it only forbids without approval.
    pub hold: Option<String>,
    /// What must happen along with a call that it permits.
    pub obligations: Arc<Obligations>,
    /// Whether it is enforced or only observed.
    pub mode: Mode,
    /// From when on it no longer counts.
    pub expires: Option<Timestamp>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Its ticket.
    pub ticket: Option<String>,
    /// The control it implements.
    pub control: Option<String>,
}

/// A compiled, immutable set of policies.
#[derive(Debug)]
pub struct PolicySet {
    version: String,
    constraints: Constraints,
    liked: BTreeSet<String>,
    /// How often each of these is compared so.
    likings: Counted<String>,
    pub(crate) bench: Bench,
}

impl PolicySet {
    /// Compiles `sources`, or says everything that is wrong with them at once. They know no
    /// constraints.
    pub fn compile(
        sources: &[PolicySource],
        options: PolicyOptions,
    ) -> Result<Self, Vec<PolicyError>> {
        Self::compile_after(None, sources, options)
    }

    /// Compiles `sources` like [`Self::compile`], faster where most of them stand in `before`, too.
    pub fn compile_after(
        before: Option<&Self>,
        sources: &[PolicySource],
        options: PolicyOptions,
    ) -> Result<Self, Vec<PolicyError>> {
        Self::compile_with(&Constraints::new(), before, sources, options)
    }

    /// Compiles `sources`, whose permits may ask for what `constraints` say, faster where most of them
    /// stand in `before`, too, and could ask for the same.
    pub fn compile_with(
        constraints: &Constraints,
        before: Option<&Self>,
        sources: &[PolicySource],
        options: PolicyOptions,
    ) -> Result<Self, Vec<PolicyError>> {
        Self::load(None, (constraints, before), sources, options).map(|(set, _)| set)
    }

    /// Compiles `sources` like [`Self::compile_with`] and holds them against `schema`: gives what
    /// does not fit, too.
    pub fn compile_against(
        schema: &Schema,
        (constraints, before): (&Constraints, Option<&Self>),
        sources: &[PolicySource],
        options: PolicyOptions,
    ) -> Result<(Self, Vec<PolicyError>), Vec<PolicyError>> {
        Self::load(Some(schema), (constraints, before), sources, options)
    }

    fn load(
        schema: Option<&Schema>,
        (constraints, before): (&Constraints, Option<&Self>),
        sources: &[PolicySource],
        options: PolicyOptions,
    ) -> Result<(Self, Vec<PolicyError>), Vec<PolicyError>> {
        let none = Bench::default();
        let before = before.filter(|it| it.constraints == *constraints);
        let names = (Naming::Ours(schema), constraints);
        let bench = before.map_or(&none, |it| &it.bench);
        let own = options.builtin_permit.then(|| own(bench)).transpose()?;
        let mut loaded = load(sources, own, names, bench)?;
        let misfits = std::mem::take(&mut loaded.misfits);
        let version = version(&loaded.files, options, constraints);
        let (bench, turnover) = Bench::after(bench, loaded);
        let mut likings = before.map(|it| it.likings.clone()).unwrap_or_default();
        turnover.gone.iter().flat_map(|it| &it.liked).for_each(|it| likings.take(it));
        turnover.came.iter().flat_map(|it| &it.liked).for_each(|it| likings.add_like(it));
        let (constraints, liked) = (constraints.clone(), likings.each().cloned().collect());
        Ok((Self { version, constraints, liked, likings, bench }, misfits))
    }

    /// Names these policies: the digest of their files' names, texts and options, and of what their
    /// constraints ask for.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Says what the policies say of `case`: of each of its resources, the strictest wins.
    pub fn evaluate(&self, case: &Case<'_>) -> PolicyAnswer {
        let all = self.ask(case);
        all.map_or_else(PolicyAnswer::cannot_be_asked, |all| {
            PolicyAnswer::of(all, case.question.now)
        })
    }

    /// Names the policies that apply to each resource of `case`, in order, whatever their mode and
    /// expiry: Cedar's own answer. Empty where the case cannot be put to policy.
    pub fn applying(&self, case: &Case<'_>) -> Vec<Applying> {
        let said = |Findings { satisfied, errors }: Findings<'_>| Applying {
            satisfied: satisfied.into_iter().map(|it| it.id.clone()).collect(),
            errors: errors.into_iter().map(|(it, _)| it.id.clone()).collect(),
        };
        let all: Vec<Applying> = self.ask(case).into_iter().flatten().map(said).collect();
        // One answer may stand for all.
        let resources = case.question.request.resources.len().max(1);
        all.iter().cycle().take(resources).cloned().collect()
    }

    /// Asks the policies, with what is known of such cases where that is known.
    pub(crate) fn ask(&self, case: &Case<'_>) -> Result<Vec<Findings<'_>>, ViewError> {
        match case.slice().filter(|it| self.has_cut(it)) {
            Some(slice) => self.bench.ask(case, slice),
            None => self.bench.ask(case, &self.slice(case.scene()?, &case.question)?),
        }
    }

    /// Says whether a slice was cut from this very set.
    pub(crate) fn has_cut(&self, slice: &Slice) -> bool {
        slice.is_of(&self.bench, &self.version)
    }

    /// Says what is the same for all calls like `question`.
    pub(crate) fn slice(&self, scene: &Scene, question: &Question<'_>) -> Result<Slice, ViewError> {
        Slice::of(&self.bench, &self.version, scene, question)
    }

    /// Says whether any arguments, resource, destination, approval or moment could bring it
    /// through while these facts stand. Only where none can is it left out of a listing.
    pub fn could_ever_allow(&self, question: &ListQuestion<'_>) -> bool {
        // What cannot be settled is shown, and decided when it is called.
        Unknown::of(question).map_or(true, |unknown| self.bench.could_allow(&unknown))
    }

    /// Gives the arguments that policies compare as paths or addresses: they mean what they say
    /// only in normal form.
    pub fn liked_inputs(&self) -> &BTreeSet<String> {
        &self.liked
    }

    /// Gives the constraints that its permits may ask for.
    pub const fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// Lists the policies by id.
    pub fn list(&self) -> Vec<PolicySummary> {
        self.summaries().cloned().collect()
    }

    /// Tells of the policies by id.
    pub fn summaries(&self) -> impl Iterator<Item = &PolicySummary> {
        self.bench.summaries()
    }
}

/// Gives the built-in permit.
fn own(before: &Bench) -> Result<Arc<Seat>, Vec<PolicyError>> {
    let made = || builtin().map(Arc::new).map_err(|it| vec![PolicyError::ours(it.to_string())]);
    before.own().map_or_else(made, |it| Ok(Arc::clone(it)))
}

fn version(files: &Files, options: PolicyOptions, constraints: &Constraints) -> String {
    let permit: &[u8] =
        if options.builtin_permit { b"builtin permit" } else { b"no builtin permit" };
    digest(files, constraints, [b"bailiwick policies v2", permit])
}

/// Digests what was compiled. The order in which files were found does not matter.
pub(crate) fn digest(files: &Files, constraints: &Constraints, what: [&[u8]; 2]) -> String {
    let mut parts: Vec<&[u8]> = what.to_vec();
    parts.extend(files.digests().map(|it| it.as_bytes().as_slice()));
    let constraints: Vec<String> = constraints.values().map(|it| format!("{it:?}")).collect();
    if !constraints.is_empty() {
        parts.push(b"constraints");
        parts.extend(constraints.iter().map(String::as_bytes));
    }
    Digest::of_parts(&parts).to_string()
}
