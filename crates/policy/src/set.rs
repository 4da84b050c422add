//! The organisation's policies, compiled.

use std::collections::BTreeSet;

use bailiwick_model::{Digest, Mode, Reason, ReasonCode, Timestamp, Verdict};

use crate::{
    Applying, ListQuestion, PolicyAnswer, PolicyError,
    compile::compile,
    judge::{Bench, Findings},
    reads::Reads,
    syntax,
    view::{Case, Origin, Unknown, ViewError},
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
    /// Whether it permits or forbids.
    pub effect: PolicyEffect,
    /// What a person is asked, where it only forbids without approval.
    pub hold: Option<String>,
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
    liked: BTreeSet<String>,
    reads: Reads,
    bench: Bench,
}

impl PolicySet {
    /// Compiles `sources`, or says everything that is wrong with them at once.
    pub fn compile(
        sources: &[PolicySource],
        options: PolicyOptions,
    ) -> Result<Self, Vec<PolicyError>> {
        let compiled = compile(sources, options)?;
        let liked = compiled.values().flat_map(|it| syntax::liked(&it.condition)).collect();
        let reads = Reads::of(compiled.values().map(|it| &it.condition));
        let bench = Bench::new(compiled.into_values().collect());
        Ok(Self { version: version(sources, options), liked, reads, bench })
    }

    /// Names these policies: the digest of their files' names, texts and options.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Says what the policies say of `case`: of each of its resources, the strictest wins.
    pub fn evaluate(&self, case: &Case<'_>) -> PolicyAnswer {
        self.judge(case).unwrap_or_else(|error| {
            let text = format!("the request cannot be put to policy: {error}");
            let reason = Reason::new(ReasonCode::Fault, text, "policies");
            PolicyAnswer {
                verdict: Verdict::deny(reason.clone()),
                would: None,
                allowed_by: Vec::new(),
                errors: vec![reason],
            }
        })
    }

    fn judge<'c>(&self, case: &'c Case<'_>) -> Result<PolicyAnswer, &'c ViewError> {
        let now = case.question.now;
        let lives = |it: &PolicySummary| it.expires.is_none_or(|end| now < end);
        let enforced = |it: &PolicySummary| lives(it) && it.mode.enforces(now);
        let (mut verdict, mut would) = (Verdict::allow(), Verdict::allow());
        let (mut permits, mut errors) = (BTreeSet::new(), BTreeSet::new());
        for view in case.views(Origin::Task, &self.reads)? {
            let findings = self.bench.ask(&view);
            verdict = verdict.and(findings.verdict(enforced));
            would = would.and(findings.verdict(lives));
            permits.extend(findings.permits(enforced));
            errors.extend(findings.errors(lives));
        }
        if matches!(verdict, Verdict::Deny(_)) {
            permits.clear();
        }
        Ok(PolicyAnswer {
            would: (would != verdict).then_some(would),
            verdict,
            allowed_by: permits.into_iter().collect(),
            errors: errors.into_iter().collect(),
        })
    }

    /// Names the policies that apply to each resource of `case`, in order, whatever their mode and
    /// expiry: Cedar's own answer. Empty where the case cannot be put to policy.
    pub fn applying(&self, case: &Case<'_>) -> Vec<Applying> {
        let views = case.views(Origin::Task, &self.reads).ok();
        let ask = |view| {
            let Findings { satisfied, errors } = self.bench.ask(&view);
            Applying {
                satisfied: satisfied.into_iter().map(|it| it.id.clone()).collect(),
                errors: errors.into_iter().map(|(it, _)| it.id.clone()).collect(),
            }
        };
        views.into_iter().flatten().map(ask).collect()
    }

    /// Says whether any arguments, resource, destination, approval or moment could bring it
    /// through while these facts stand. Only where none can is it left out of a listing.
    pub fn could_ever_allow(&self, question: &ListQuestion<'_>) -> bool {
        // What cannot be settled is shown, and decided when it is called.
        Unknown::of(question).map_or(true, |unknown| self.bench.could_allow(&unknown.view()))
    }

    /// Gives the arguments that policies compare as paths or addresses: they mean what they say
    /// only in normal form.
    pub fn liked_inputs(&self) -> &BTreeSet<String> {
        &self.liked
    }

    /// Lists the policies by id.
    pub fn list(&self) -> Vec<PolicySummary> {
        self.bench.summaries().cloned().collect()
    }
}

/// Digests what was compiled. The order in which files were found does not matter.
fn version(sources: &[PolicySource], options: PolicyOptions) -> String {
    let mut sorted: Vec<&PolicySource> = sources.iter().collect();
    sorted.sort_by(|one, other| (&one.name, &one.text).cmp(&(&other.name, &other.text)));
    let permit: &[u8] =
        if options.builtin_permit { b"builtin permit" } else { b"no builtin permit" };
    let mut parts: Vec<&[u8]> = vec![b"bailiwick policies v1", permit];
    for source in sorted {
        parts.extend([source.name.as_bytes(), source.text.as_bytes()]);
    }
    Digest::of_parts(&parts).to_string()
}
