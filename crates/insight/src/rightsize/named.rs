//! Right-sizing where permissions are names and no list has all of them: what stays of each grant, and why.
//!
//! What a system's log cannot tell apart, the system's own rules say: what was done may have taken more than its name.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Json, Platform, Timestamp};

use super::{
    Document, Plan, Rightsized,
    certificate::{
        CERTIFICATE, Certificate, Checks, Decide, Decision, DocumentRef, EventCounts, Removed,
        SeenSource,
    },
    check::{self, digest_of},
    credential,
    stays::{KeptFor, Margin, Wishes},
};
use crate::{
    exercised::{Days, Deeds, Doer, Exercised},
    granted::{fits, means},
    names::{Certainty, Sort, bare},
};

/// Something that gives names, and is made smaller or goes as one.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// The way by which it is held.
    pub(super) path: String,
    /// What it gives, each once, without the system's name.
    pub(super) names: Vec<String>,
    /// Since when it says what it says, where that is known.
    pub(super) since: Option<Timestamp>,
    /// Why it stays as it is, whatever the log says.
    pub(super) fixed: Option<String>,
    /// All that it is, as the system lists it.
    pub(super) original: Json,
}

/// One identity, and everything it holds.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    pub(super) platform: Platform,
    pub(super) id: String,
    /// Whose use counts as its own: itself, and whoever uses what it holds under another name.
    pub(super) users: Vec<String>,
    /// What a log must have besides for all use to be seen.
    pub(super) besides: Option<Besides>,
    pub(super) grants: Vec<Grant>,
    pub(super) unread: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// What a log must have besides for the use of some names to be seen: it may go by the names of others.
#[derive(Clone, Debug)]
pub(super) struct Besides {
    /// The days on which it has that.
    pub(super) days: Days,
    /// What it is, in words.
    pub(super) source: &'static str,
    /// Says whether it is needed for a name.
    pub(super) is_about: fn(&str) -> bool,
    /// What to say where it is not there on any day.
    pub(super) lacks: &'static str,
}

/// What a system's log cannot tell apart.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Says whether a name that is granted means one of the log.
    pub(super) means: fn(&str, &str) -> bool,
    /// Says whether a name that is no permission's tells which ones it may have taken.
    pub(super) takes: fn(&str) -> bool,
    /// Says whether what was done may have taken this as well.
    pub(super) needs: fn(&str, &BTreeSet<String>) -> bool,
    /// Says whether no record bears its use for certain.
    pub(super) is_unseen: fn(&str) -> bool,
    /// Says whether it changes who may do what.
    pub(super) manages: fn(&str) -> bool,
    /// Says whether something that no rule knows may have been this.
    pub(super) may_be: fn(&str, &str) -> bool,
    /// Gives what those that are alike have in common.
    pub(super) alike: fn(&str) -> String,
}

/// What is left of one grant.
pub(super) struct Left<'h> {
    pub(super) grant: &'h Grant,
    pub(super) decision: Decide,
    pub(super) why: String,
    pub(super) names: BTreeSet<&'h str>,
}

impl Left<'_> {
    pub(super) fn is_changed(&self) -> bool {
        matches!(self.decision, Decide::Reduce | Decide::Revoke)
    }
}

/// What was written in a system's own language.
#[derive(Default)]
pub(super) struct Written {
    /// For each grant, what takes its place.
    pub(super) successors: Vec<Vec<Document>>,
    /// What takes it back.
    pub(super) files: Vec<Document>,
    pub(super) plan: Plan,
}

/// Everything that is known of one identity's use.
struct Judge<'a> {
    exercised: &'a Exercised,
    wishes: &'a Wishes,
    holding: &'a Holding,
    rules: Rules,
    account: Option<&'a str>,
    doers: Vec<Doer>,
    done: BTreeSet<String>,
    /// What was done, with what is no permission's name and may have taken some.
    took: BTreeSet<String>,
    denied: BTreeSet<String>,
    unknown: Vec<String>,
    since: BTreeMap<&'a str, Option<Timestamp>>,
}

/// Makes what one identity holds smaller: `grants` is all that was read, and `write` speaks the system's language.
pub(super) fn rightsize(
    (exercised, wishes): (&Exercised, &Wishes),
    (holding, rules, grants): (&Holding, Rules, &Json),
    is_harmless: &dyn Fn(&Exercised, &str, &Deeds) -> bool,
    write: &dyn Fn(&[Left<'_>]) -> Written,
    made: Timestamp,
) -> Rightsized {
    let judge = Judge::of((exercised, wishes), (holding, rules), is_harmless);
    let why: BTreeMap<&str, Option<KeptFor>> =
        judge.since.keys().map(|name| (*name, judge.why(name))).collect();
    let left: Vec<_> = holding.grants.iter().map(|it| judge.left(it, &why)).collect();
    let written = write(&left);
    let mut certificate = judge.certificate(&left, &why, made);
    for (decision, documents) in certificate.decisions.iter_mut().zip(&written.successors) {
        decision.documents = documents.iter().map(referred).collect();
    }
    certificate.decisions.extend(judge.credentials());
    certificate.files = written.files.iter().map(referred).collect();
    let all = written.successors.into_iter().flatten().chain(written.files);
    let by_file: BTreeMap<_, _> = all.map(|it| (it.file, it.json)).collect();
    certificate.checks = check::checks(&certificate, grants, &by_file, exercised);
    let documents = by_file.into_iter().map(|(file, json)| Document { file, json });
    Rightsized { certificate, plan: written.plan, documents: documents.collect() }
}

fn referred(document: &Document) -> DocumentRef {
    DocumentRef { file: document.file.clone(), sha256: digest_of(&document.json) }
}

impl<'a> Judge<'a> {
    fn of(
        (exercised, wishes): (&'a Exercised, &'a Wishes),
        (holding, rules): (&'a Holding, Rules),
        is_harmless: &dyn Fn(&Exercised, &str, &Deeds) -> bool,
    ) -> Self {
        let platform = holding.platform;
        let all = exercised.doers();
        let of = |id: &String| Doer::named(&all, platform, id);
        let doers: Vec<Doer> = holding.users.iter().filter_map(of).collect();
        let mut judge = Self {
            exercised,
            wishes,
            holding,
            rules,
            // No list says of which cluster, server or house it is: one log is of one.
            account: exercised.only_account(platform),
            doers,
            done: BTreeSet::new(),
            took: BTreeSet::new(),
            denied: BTreeSet::new(),
            unknown: Vec::new(),
            since: BTreeMap::new(),
        };
        for (name, deeds) in judge.doers.iter().flat_map(|it| &it.deeds) {
            let own = bare(platform, name);
            if (rules.takes)(own) {
                judge.took.extend((!deeds.done.is_empty()).then(|| own.to_owned()));
            } else if deeds.certainty.is_permission() {
                let into = if deeds.done.is_empty() { &mut judge.denied } else { &mut judge.done };
                into.insert(own.to_owned());
            } else if deeds.certainty == Certainty::Unknown && !is_harmless(exercised, own, deeds) {
                judge.unknown.push(name.clone());
            }
        }
        judge.took.extend(judge.done.iter().cloned());
        judge.unknown.sort();
        judge.unknown.dedup();
        for grant in &holding.grants {
            for name in &grant.names {
                let known = judge.since.entry(name).or_insert(grant.since);
                *known = known.zip(grant.since).map(|it| it.0.min(it.1));
            }
        }
        judge
    }

    /// Says why a name stays; nothing if it may go.
    fn why(&self, name: &str) -> Option<KeptFor> {
        let is_in = |all: &BTreeSet<String>| {
            all.contains(name) || all.iter().any(|it| (self.rules.means)(name, it))
        };
        let since = self.since.get(name).copied().flatten();
        let days = self.days(name).count();
        let alike = |it: &String| (self.rules.alike)(it) == (self.rules.alike)(name);
        let may_be = |it: &String| (self.rules.may_be)(name, bare(self.holding.platform, it));
        let is_named = |it: &String| means(self.holding.platform, it, name);
        let reasons: [(&dyn Fn() -> bool, KeptFor); 11] = [
            (&|| is_in(&self.done), KeptFor::Exercised),
            (&|| is_in(&self.denied), KeptFor::Attempted),
            (&|| days == 0 || (self.rules.is_unseen)(name), KeptFor::Unobservable),
            (&|| (self.rules.needs)(name, &self.took), KeptFor::Needed),
            (&|| since.is_some_and(|it| self.is_young(it)), KeptFor::Grace),
            (&|| (self.rules.manages)(name), KeptFor::Permissions),
            (&|| self.wishes.keep.iter().any(is_named), KeptFor::Named),
            (&|| self.unknown.iter().any(may_be), KeptFor::UnknownName),
            (
                &|| self.wishes.margin == Margin::Siblings && self.done.iter().any(alike),
                KeptFor::Sibling,
            ),
            (&|| days < self.wishes.window_days, KeptFor::TooFewDays),
            (&|| false, KeptFor::Whole),
        ];
        reasons.into_iter().find(|(holds, _)| holds()).map(|(_, why)| why)
    }

    fn sort<'n>(&self, name: &'n str) -> Option<Sort<'n>> {
        let mut sorts = Sort::spanned(self.holding.platform, name)?.into_iter();
        let first = sorts.next()?;
        // What is of several could have been used as one that no log has.
        sorts.next().is_none().then_some(first)
    }

    /// Gives the days on which the use of a name would have been seen.
    fn days(&self, name: &str) -> Days {
        let (Some(sort), Some(account)) = (self.sort(name), self.account) else {
            return Days::default();
        };
        let mut days = self.exercised.observed(self.holding.platform, account, &sort);
        if let Some(besides) = self.holding.besides.as_ref().filter(|it| (it.is_about)(name)) {
            days.keep(&besides.days);
        }
        // Nobody could have used it before it was there.
        if let Some(since) = self.since.get(name).copied().flatten() {
            days.begin_at(since);
        }
        days
    }

    /// Gives what a log would have to have besides for the use of a name to be seen, where it has not.
    fn lacks(&self, name: &str) -> Option<&Besides> {
        let besides = self.holding.besides.as_ref()?;
        ((besides.is_about)(name) && besides.days.count() == 0).then_some(besides)
    }

    fn is_young(&self, since: Timestamp) -> bool {
        let grace = self.wishes.grace_days.saturating_mul(24 * 3600);
        let end = self.exercised.window().map(|it| it.1);
        end.is_none_or(|it| it.since(since).as_secs() < grace)
    }

    /// Decides on one grant.
    fn left<'h>(&self, grant: &'h Grant, why: &BTreeMap<&str, Option<KeptFor>>) -> Left<'h> {
        let all: BTreeSet<&str> = grant.names.iter().map(String::as_str).collect();
        let keep = |why: &str| Left {
            grant,
            decision: Decide::Keep,
            why: why.to_owned(),
            names: all.clone(),
        };
        if let Some(why) = &grant.fixed {
            return keep(why);
        }
        if grant.since.is_some_and(|it| self.is_young(it)) {
            return keep("it says what it says for too short a time to be judged");
        }
        let stays = |it: &&str| why.get(it).is_none_or(Option::is_some);
        let names: BTreeSet<&str> = all.iter().copied().filter(stays).collect();
        let (decision, why) = match names.len() {
            it if it == all.len() => return keep("all that it gives stays"),
            0 => (
                Decide::Revoke,
                "nothing that it gives is used, and all of it would have been seen",
            ),
            _ => (Decide::Reduce, "part of what it gives is not used, and would have been seen"),
        };
        Left { grant, decision, why: why.to_owned(), names }
    }

    fn certificate(
        &self,
        left: &[Left<'_>],
        why: &BTreeMap<&str, Option<KeptFor>>,
        made: Timestamp,
    ) -> Certificate {
        let (exercised, holding) = (self.exercised, self.holding);
        let account = self.account.unwrap_or_default();
        let delivered = exercised.delivered(holding.platform, account);
        let after: BTreeSet<&str> = left.iter().flat_map(|it| it.names.iter().copied()).collect();
        let (mut kept, mut needed) = (BTreeMap::<_, Vec<String>>::new(), BTreeMap::new());
        let (mut removed, mut seen) = (Vec::new(), BTreeMap::new());
        for (name, why) in why {
            let days = self.days(name);
            if days.count() != 0 {
                seen.insert(words(self.sort(name).as_ref()), (days.count(), days.gaps()));
            }
            if !after.contains(name) {
                removed.push((*name).to_owned());
                continue;
            }
            let why = why.unwrap_or(KeptFor::Whole);
            kept.entry(why).or_default().push((*name).to_owned());
            if why == KeptFor::Unobservable {
                let sort = self.sort(name).filter(|_| !(self.rules.is_unseen)(name));
                let lacks = self.lacks(name).filter(|_| sort.is_some());
                let source = lacks.map_or_else(|| words(sort.as_ref()), |it| it.source.to_owned());
                let count: &mut u64 = needed.entry(source).or_default();
                *count = count.saturating_add(1);
            }
        }
        if let Some(besides) = holding.besides.as_ref().filter(|it| it.days.count() != 0) {
            let days = (besides.days.count(), besides.days.gaps());
            seen.insert(besides.source.to_owned(), days);
        }
        let source = |(source, (observed_days, gaps))| SeenSource { source, observed_days, gaps };
        Certificate {
            shape: CERTIFICATE.to_owned(),
            made,
            evaluator: check::evaluator(holding.platform).to_owned(),
            catalogue: exercised.catalogue().origin().to_owned(),
            platform: holding.platform,
            identity: holding.id.clone(),
            account: account.to_owned(),
            wishes: self.wishes.clone(),
            window: exercised.window(),
            observed_days: delivered.count(),
            gaps: delivered.gaps(),
            sources: seen.into_iter().map(source).collect(),
            events: self.counts(),
            inputs: Vec::new(),
            files: Vec::new(),
            decisions: left.iter().map(|it| self.decision(it)).collect(),
            removed: Removed::of_names(removed, self.wishes.window_days),
            kept,
            needed,
            unread: holding.unread.clone(),
            unknown: self.unknown.clone(),
            notes: self.notes(),
            checks: Checks::default(),
        }
    }

    fn counts(&self) -> EventCounts {
        let deeds = || self.doers.iter().flat_map(|it| it.deeds.values());
        let sum = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
        EventCounts {
            events: self.exercised.events(),
            duplicates: self.exercised.duplicates(),
            exercised: sum(&mut deeds().flat_map(|it| it.done.values()).map(|it| it.count)),
            denied: sum(&mut deeds().filter_map(|it| it.denied.as_ref()).map(|it| it.count)),
            ..EventCounts::default()
        }
    }

    fn decision(&self, left: &Left<'_>) -> Decision {
        let count = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        let (mut exercised, mut last) = (BTreeSet::new(), None);
        for (name, deeds) in self.doers.iter().flat_map(|it| &it.deeds) {
            let own = bare(self.holding.platform, name);
            let Some(tally) = deeds.exercised() else { continue };
            let mut given = left.grant.names.iter();
            if deeds.certainty.is_permission() && given.any(|it| fits(it, own)) {
                exercised.insert(own);
                last = last.max(Some(tally.last));
            }
        }
        Decision {
            entitlement: left.grant.path.clone(),
            decision: left.decision,
            why: left.why.clone(),
            is_changed: left.is_changed(),
            before: count(left.grant.names.len()),
            after: count(left.names.len()),
            exercised: count(exercised.len()),
            last,
            original: Some(digest_of(&left.grant.original)),
            documents: Vec::new(),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.holding.notes.clone();
        if !self.holding.unread.is_empty() {
            let unread = self.holding.unread.join(", ");
            notes.push(format!("what {unread} gives is in no file, and stays"));
        }
        if self.exercised.window().is_some() && self.account.is_none() {
            notes.push(format!(
                "the logs are of several {0} accounts or of none, and these grants do not say of which: nothing is removed",
                self.holding.platform
            ));
        }
        if self.exercised.window().is_some()
            && let Some(besides) = self.since.keys().find_map(|it| self.lacks(it))
        {
            notes.push(besides.lacks.to_owned());
        }
        if !self.unknown.is_empty() {
            notes.push(format!(
                "the log has {} names that no rule knows: what they may have been stays",
                self.unknown.len()
            ));
        }
        if let [_, others @ ..] = self.holding.users.as_slice()
            && !others.is_empty()
        {
            notes.push(format!("what {} did counts as its own", others.join(", ")));
        }
        notes
    }

    fn credentials(&self) -> Vec<Decision> {
        let whom = |it: &&crate::exercised::Shown| {
            it.by.platform == self.holding.platform && it.by.id == self.holding.id
        };
        let place = (self.holding.platform, self.account.unwrap_or_default());
        let shown = self.exercised.shown();
        let mine = shown.iter().filter(whom);
        mine.filter_map(|it| credential(self.exercised, place, it, self.wishes)).collect()
    }
}

/// Says in words which log has a sort.
fn words(sort: Option<&Sort<'_>>) -> String {
    let Some(sort) = sort else { return "no log has it under a name of its own".to_owned() };
    let what = if sort.reads { "reads" } else { "writes" };
    if sort.data_of.is_empty() {
        "all that is done".to_owned()
    } else {
        format!("{}, {what}", sort.data_of)
    }
}
