//! Right-sizing: the smaller policy that allows all that was used and nothing that was not allowed before (law 11).
//!
//! What makes policies smaller lies here; what checks them lies in `check`, and shares nothing with it. So far these
//! are policies of AWS IAM.

mod certificate;
mod check;
mod decide;
#[cfg(test)]
mod fixture;
mod house;
mod kubernetes;
mod named;
mod narrow;
mod plan;
mod postgres;
mod shorten;
mod split;
mod stays;
#[cfg(test)]
mod tests;
mod written;

use std::collections::BTreeMap;

use bailiwick_model::{Json, Platform, Timestamp};

pub use self::{
    certificate::{
        CERTIFICATE, Certificate, Checks, Decide, Decision, DocumentRef, EventCounts, Input,
        Removed, SeenSource,
    },
    check::{
        Allowed, EVALUATOR, NoPolicy, Policy, Replay, Request, Used, Verified, allows, gives_more,
        replay, used_of, verify,
    },
    plan::{Plan, Stage},
    stays::{KeptFor, Margin, Wishes},
    written::RightsizeError,
};
use self::{
    check::digest_of,
    decide::Decided,
    named::Left,
    plan::{command, shadow},
    stays::Stays,
    written::Written,
};
pub use self::{
    house::HOUSE_GRANTS,
    postgres::{Conninfo, ConninfoError, POSTGRES_GRANTS},
};
use crate::{
    exercised::{Doer, Exercised, Shown, SystemIdentity},
    granted::Grants,
    names::Sort,
};

/// A document, and the file that it goes into.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The file, beside the certificate.
    pub file: String,
    /// What it says.
    pub json: Json,
}

/// What right-sizing comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Rightsized {
    /// What it rests on, and what was checked.
    pub certificate: Certificate,
    /// How it comes into force, and how it is taken back.
    pub plan: Plan,
    /// Everything that is to be written.
    pub documents: Vec<Document>,
}

/// Makes the policies of identities smaller, by what one set of logs tells.
#[derive(Debug)]
pub struct Rightsizer<'a> {
    exercised: &'a Exercised,
    wishes: &'a Wishes,
    grants: Grants<'a>,
    doers: BTreeMap<SystemIdentity, Doer>,
    shown: Vec<Shown>,
}

impl<'a> Rightsizer<'a> {
    /// Begins with what logs tell.
    pub fn new(exercised: &'a Exercised, wishes: &'a Wishes) -> Self {
        Self {
            exercised,
            wishes,
            grants: Grants::new(exercised.catalogue()),
            doers: exercised.doers(),
            shown: exercised.shown(),
        }
    }

    /// Makes the policies of one identity smaller: `account` is what AWS lists of it.
    pub fn of(
        &mut self,
        account: &Json,
        wanted: &str,
        made: Timestamp,
    ) -> Result<Rightsized, RightsizeError> {
        let written = Written::find(account, wanted)?;
        let whom = SystemIdentity::of(Platform::Aws, written.id.clone());
        let found = Doer::find(&self.doers, &whom);
        let doer = found.as_ref();
        let who = (written.account(), written.since);
        let known = (self.wishes, &mut self.grants);
        let mut stays = Stays::of(self.exercised, who, doer, known);
        let decided =
            decide::decide(&written, (self.exercised.catalogue(), &mut self.grants), &mut stays);
        let look = Look { exercised: self.exercised, written: &written, doer, decided: &decided };
        let mut certificate = look.certificate(self.wishes, made, &mut stays);
        let by_session = whom.without_path();
        let is_mine = |it: &&Shown| it.by == whom || Some(&it.by) == by_session.as_ref();
        let mine = self.shown.iter().filter(is_mine);
        let place = (Platform::Aws, written.account());
        certificate
            .decisions
            .extend(mine.filter_map(|it| credential(self.exercised, place, it, self.wishes)));
        let plan = plan::plan(&look, &certificate, made, self.wishes.trial_days);
        certificate.notes.extend(plan.crowded(&look));
        let named = plan
            .documents
            .iter()
            .map(|it| DocumentRef { file: it.file.clone(), sha256: digest_of(&it.json) });
        certificate.files = named.collect();
        let mut documents = decided.documents();
        documents.extend(plan.documents);
        Ok(Rightsized { certificate, plan: plan.plan, documents })
    }
}

/// Makes what one subject of a Kubernetes cluster holds smaller: `grants` are lists of its API, one or many.
pub fn rightsize_kubernetes(
    (exercised, wishes): (&Exercised, &Wishes),
    grants: &Json,
    wanted: &str,
    made: Timestamp,
) -> Result<Rightsized, RightsizeError> {
    let found = kubernetes::find(grants, wanted, exercised)?;
    let write = |left: &[Left<'_>]| kubernetes::write(&found, left, wishes.trial_days);
    Ok(named::rightsize(
        (exercised, wishes),
        (&found.holding, kubernetes::RULES, grants),
        &kubernetes::is_harmless,
        &write,
        made,
    ))
}

/// Takes back what one role of a `PostgreSQL` database does not use of its own grants: `listed` is what the database said, and
/// `place` is where it is.
pub fn rightsize_postgres(
    (exercised, wishes): (&Exercised, &Wishes),
    (listed, place): (&Json, &Conninfo),
    wanted: &str,
    made: Timestamp,
) -> Result<Rightsized, RightsizeError> {
    let found = postgres::find(listed, wanted, exercised)?;
    found.is_logged(exercised)?;
    let write = |left: &[Left<'_>]| postgres::write(&found, left, place, wishes.trial_days);
    Ok(named::rightsize(
        (exercised, wishes),
        (&found.holding, postgres::RULES, listed),
        &postgres::is_harmless,
        &write,
        made,
    ))
}

/// Makes what an identity's charter and templates let its tasks do smaller: `house` is what these files say.
pub fn rightsize_house(
    (exercised, wishes): (&Exercised, &Wishes),
    house: &Json,
    wanted: &str,
    made: Timestamp,
) -> Result<Rightsized, RightsizeError> {
    let found = house::find(house, wanted)?;
    let write = |left: &[Left<'_>]| house::write(&found, left, wishes.trial_days);
    Ok(named::rightsize(
        (exercised, wishes),
        (&found.holding, house::RULES, house),
        &house::is_harmless,
        &write,
        made,
    ))
}

/// All that is known once it is decided.
struct Look<'l, 'a> {
    exercised: &'a Exercised,
    written: &'l Written,
    doer: Option<&'l Doer>,
    decided: &'l Decided,
}

impl<'a> Look<'_, 'a> {
    fn certificate(&self, wishes: &Wishes, made: Timestamp, stays: &mut Stays<'a>) -> Certificate {
        let (exercised, written) = (self.exercised, self.written);
        let delivered = exercised.delivered(Platform::Aws, written.account());
        let (kept, needed, sources) = self.kept(stays);
        Certificate {
            shape: CERTIFICATE.to_owned(),
            made,
            evaluator: EVALUATOR.to_owned(),
            catalogue: exercised.catalogue().origin().to_owned(),
            platform: Platform::Aws,
            identity: written.id.clone(),
            account: written.account().to_owned(),
            wishes: wishes.clone(),
            window: exercised.window(),
            observed_days: delivered.count(),
            gaps: delivered.gaps(),
            sources,
            events: self.counts(),
            inputs: Vec::new(),
            files: Vec::new(),
            decisions: self.decided.decisions(self.doer, exercised.catalogue()),
            removed: self.removed(wishes),
            kept,
            needed,
            unread: written.unread.clone(),
            unknown: stays.unknown.clone(),
            notes: self.decided.notes.clone(),
            checks: self.checks(),
        }
    }

    fn counts(&self) -> EventCounts {
        let deeds = || self.doer.into_iter().flat_map(|it| it.deeds.values());
        let sum = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
        EventCounts {
            events: self.exercised.events(),
            duplicates: self.exercised.duplicates(),
            exercised: sum(&mut deeds().flat_map(|it| it.done.values()).map(|it| it.count)),
            denied: sum(&mut deeds().filter_map(|it| it.denied.as_ref()).map(|it| it.count)),
            ..EventCounts::default()
        }
    }

    /// Gives what stays by the reason, what logs would have to be read for the rest, and what logs were.
    #[expect(clippy::type_complexity, reason = "three lists that one walk makes")]
    fn kept(
        &self,
        stays: &mut Stays<'a>,
    ) -> (BTreeMap<KeptFor, Vec<String>>, BTreeMap<String, u64>, Vec<SeenSource>) {
        let mut kept: BTreeMap<KeptFor, Vec<String>> = BTreeMap::new();
        let mut needed: BTreeMap<String, u64> = BTreeMap::new();
        let mut seen = BTreeMap::new();
        let actions = self.exercised.catalogue().actions();
        for number in self.decided.before.iter() {
            let Some(action) = actions.get(number) else { continue };
            let sort = Sort::of(action);
            let days = stays.days(sort.clone());
            if sort.is_some() && days.count() != 0 {
                seen.insert(words(sort.as_ref()), (days.count(), days.gaps()));
            }
            if !self.decided.after.has(number) {
                continue;
            }
            let why = stays.why(number).unwrap_or(KeptFor::Whole);
            kept.entry(why).or_default().push(format!("{}:{}", action.service, action.name));
            if why == KeptFor::Unobservable {
                let count = needed.entry(words(sort.as_ref())).or_default();
                *count = count.saturating_add(1);
            }
        }
        let source = |(source, (observed_days, gaps))| SeenSource { source, observed_days, gaps };
        (kept, needed, seen.into_iter().map(source).collect())
    }

    fn removed(&self, wishes: &Wishes) -> Removed {
        let mut removed = Removed::of_names(Vec::new(), wishes.window_days);
        for number in self.decided.gone().iter() {
            let Some(action) = self.exercised.catalogue().actions().get(number) else { continue };
            let count: &mut u64 = removed.levels.entry(action.level).or_default();
            *count = count.saturating_add(1);
            removed.actions.push(format!("{}:{}", action.service, action.name));
        }
        removed
    }

    fn checks(&self) -> Checks {
        let (before, after) = (&self.decided.read_before, &self.decided.read_after);
        // A boundary stays as it is, and bounds both alike.
        let replayed =
            replay(before, after, &[], &check::used(Platform::Aws, self.doer.into_iter()));
        Checks {
            gives_no_more: gives_more(before, after).is_empty(),
            gives_all_used: replayed.lost.is_empty(),
            asked: replayed.asked,
            given_otherwise: replayed.given_otherwise,
        }
    }
}

/// Says what becomes of a credential that lasts, of an account of a system.
fn credential(
    exercised: &Exercised,
    (platform, account): (Platform, &str),
    shown: &Shown,
    wishes: &Wishes,
) -> Option<Decision> {
    if shown.origin != crate::exercised::Origin::Lasting || shown.credential.is_empty() {
        return None;
    }
    let end = exercised.window()?.1;
    let observed = exercised.delivered(platform, account);
    let idle = observed.count_since(shown.used.last).saturating_sub(1);
    let age = end.since(shown.used.first).as_secs() / (24 * 3600);
    let (decision, why) = if wishes.window_days <= idle {
        (Decide::Revoke, format!("a key that lasts, not used on the last {idle} observed days"))
    } else if ROTATION_DAYS <= age {
        (Decide::Rotate, format!("a key that lasts, in use for {age} days at least"))
    } else {
        let why = format!(
            "a key that lasts, seen in use for {age} days; what it was before, no log here says"
        );
        (Decide::Keep, why)
    };
    let what = if platform == Platform::Aws { "access key" } else { "credential" };
    Some(Decision {
        entitlement: format!("{what} {}", shown.credential),
        decision,
        why,
        is_changed: false,
        before: 0,
        after: 0,
        exercised: shown.used.count,
        last: Some(shown.used.last),
        original: None,
        documents: Vec::new(),
    })
}

/// Finds the one of some names that is meant: the whole of it, or its end.
fn named_so(
    names: impl IntoIterator<Item = String>,
    whom: &'static str,
    wanted: &str,
) -> Result<String, RightsizeError> {
    let wanted_so = |it: &String| it == wanted || written::is_end(it, wanted);
    let mut found: Vec<_> = names.into_iter().filter(wanted_so).collect();
    if found.iter().any(|it| it == wanted) {
        found.retain(|it| it == wanted);
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(RightsizeError::Nobody { whom, wanted: wanted.to_owned() }),
        _ => Err(RightsizeError::Several { wanted: wanted.to_owned(), found }),
    }
}

/// After how many days a key that lasts is to be made anew.
const ROTATION_DAYS: u64 = 90;

/// Says in words which log has a sort.
fn words(sort: Option<&Sort<'_>>) -> String {
    let Some(sort) = sort else { return "no log has it under a name of its own".to_owned() };
    let what = if sort.reads { "reads" } else { "writes" };
    if sort.data_of.is_empty() {
        format!("management events, {what}")
    } else {
        format!("data events of {}, {what}", sort.data_of)
    }
}
