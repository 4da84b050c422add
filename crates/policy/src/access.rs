//! The policies for what enforcement points elsewhere ask: over their names, not over our tasks.

mod search;

use std::collections::BTreeSet;

use bailiwick_model::{Constraints, Digest, Evaluation, Fact, PersonName, Timestamp};

use crate::{
    IdentityType, PolicyAnswer, PolicyError, PolicySource, PolicySummary, compile::Naming,
    counted::Counted, inventory::Inventory, judge::Bench, load::load, reads::Reads, set::digest,
    sheet::Files, view::Stranger,
};
pub use search::Candidates;
use search::{Members, Named};

/// A compiled, immutable set of policies for evaluations. They are asked as those of calls are: by
/// the same index, to the same verdicts. Nothing is permitted without a policy that says so.
#[derive(Debug)]
pub struct AccessPolicies {
    version: String,
    constraints: Constraints,
    pub(crate) bench: Bench,
    /// What any of them reads, and how often each is read so.
    reads: Reads,
    readings: Counted<Reads>,
    inventory: Inventory,
    /// What searches go by; made along with the rest, so that no search waits for it.
    named: Named,
    members: Members,
}

impl Default for AccessPolicies {
    /// Makes the set that permits nothing.
    fn default() -> Self {
        let constraints = Constraints::new();
        Self {
            version: version(&Files::default(), &constraints),
            constraints,
            bench: Bench::default(),
            reads: Reads::nothing(),
            readings: Counted::default(),
            inventory: Inventory::default(),
            named: Named::default(),
            members: Members::default(),
        }
    }
}

impl AccessPolicies {
    /// Compiles `sources`, or says everything that is wrong with them at once. They know no
    /// constraints.
    pub fn compile(sources: &[PolicySource]) -> Result<Self, Vec<PolicyError>> {
        Self::compile_after(None, sources)
    }

    /// Compiles `sources` like [`Self::compile`], faster where most of them stand in `before`, too.
    pub fn compile_after(
        before: Option<&Self>,
        sources: &[PolicySource],
    ) -> Result<Self, Vec<PolicyError>> {
        Self::compile_with(&Constraints::new(), before, sources)
    }

    /// Compiles `sources`, whose permits may ask for what `constraints` say, faster where most of them
    /// stand in `before`, too, and could ask for the same.
    pub fn compile_with(
        constraints: &Constraints,
        before: Option<&Self>,
        sources: &[PolicySource],
    ) -> Result<Self, Vec<PolicyError>> {
        let none = Bench::default();
        let before = before.filter(|it| it.constraints == *constraints);
        let names = (Naming::Any, constraints);
        let bench = before.map_or(&none, |it| &it.bench);
        let loaded = load(sources, None, names, bench)?;
        let version = version(&loaded.files, constraints);
        let (constraints, (bench, turnover)) = (constraints.clone(), Bench::after(bench, loaded));
        let mut readings = before.map(|it| it.readings.clone()).unwrap_or_default();
        turnover.gone.iter().for_each(|it| readings.take(&it.reads));
        turnover.came.iter().for_each(|it| readings.add_like(&it.reads));
        let reads = Reads::all(readings.each());
        let named = before.map(|it| it.named.clone()).unwrap_or_default().after(&turnover);
        Ok(Self { version, constraints, bench, reads, readings, named, ..Self::default() })
    }

    /// Takes in what is known of the people and things that are asked about.
    #[must_use]
    pub fn knowing(self, inventory: Inventory) -> Self {
        if inventory.version().is_empty() {
            return self;
        }
        let parts = [self.version.as_bytes(), inventory.version().as_bytes()];
        let version = Digest::of_parts(&parts).to_string();
        let members = Members::of(&inventory, &self.bench.index);
        Self { version, inventory, members, ..self }
    }

    /// Gives the type of the identities that charters register, as questions name it.
    pub const fn identities(&self) -> &IdentityType {
        self.inventory.identities()
    }

    /// Names these policies: the digest of their files' names and texts, and of what is known.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Says what the policies say of `evaluation`.
    pub fn judge(&self, evaluation: &Evaluation, facts: &[Fact], now: Timestamp) -> PolicyAnswer {
        self.judge_approved(evaluation, None, (facts, now))
    }

    /// Says what they say of it once that person has approved, where one has.
    pub fn judge_approved(
        &self,
        evaluation: &Evaluation,
        by: Option<&PersonName>,
        (facts, now): (&[Fact], Timestamp),
    ) -> PolicyAnswer {
        match Stranger::of(evaluation, (&self.inventory, &self.reads), (by, facts, now)) {
            Ok(stranger) => PolicyAnswer::of(vec![self.bench.ask_apart(&stranger)], now),
            Err(error) => PolicyAnswer::cannot_be_asked(error),
        }
    }

    /// Names what of an asker's context some condition reads; none where any of it may be.
    pub fn context_read(&self) -> Option<&BTreeSet<String>> {
        self.reads.context.names()
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

fn version(files: &Files, constraints: &Constraints) -> String {
    digest(files, constraints, [b"bailiwick policies v2", b"access"])
}

#[cfg(test)]
mod tests;
