//! A call as it will be sent: with its arguments as its obligations want them.
//!
//! A call is judged as it will be sent. Where what permits it wants its arguments otherwise, it is
//! written anew and judged again, until nothing more is asked for; what was asked for on the way
//! stays asked for.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{
    AccessRequest, ActionKind, Arguments, Change, Json, ObligationKind, Obligations, Rate, Reason,
    ReasonCode, Step, Timestamp, Verdict, format_span,
};
use bailiwick_policy::Briefs;

use super::{Asked, case, steps::Said};
use crate::{Snapshot, TaskState};

/// What the obligation step says of arguments as they came. Whoever records it keeps of it what is
/// kept of arguments.
pub const CAME: &str = "came";
/// How often a call is written anew: obligations that call each other forth without end meet none.
const ROUNDS_MAX: usize = 4;

/// A call that is put to the kernel, by whoever can write it anew.
pub trait Rewritable {
    /// Gives it as it came.
    fn request(&self) -> &AccessRequest;

    /// Gives it with its arguments as `limits` want them and everything else as it came, read as it
    /// was read before.
    fn rewritten(&self, limits: &Arguments) -> Result<AccessRequest, String>;
}

/// What is only read can be sent as it came, or not at all.
impl Rewritable for AccessRequest {
    fn request(&self) -> &AccessRequest {
        self
    }

    fn rewritten(&self, _: &Arguments) -> Result<AccessRequest, String> {
        Err("it cannot be written anew here".to_owned())
    }
}

/// A call as it will be sent, judged.
pub(super) struct AsSent<T> {
    /// The call; none where it is sent as it came.
    pub(super) request: Option<AccessRequest>,
    pub(super) said: Vec<Said>,
    /// What the judgement brought along.
    pub(super) with: T,
    /// What must happen along with it.
    pub(super) obligations: Obligations,
}

/// Has `judge` judge `call` as it will be sent.
pub(super) fn as_sent<T>(
    (snapshot, state, briefs): (&Snapshot, &TaskState, &mut Briefs),
    call: &impl Rewritable,
    now: Timestamp,
    judge: impl Fn(&Asked<'_>) -> (Vec<Said>, T),
) -> AsSent<T> {
    let (mut asks, mut made, mut sent) = (Obligations::NONE, Vec::new(), None);
    let (mut rounds, mut found) = (0_usize, Vec::new());
    loop {
        let request = sent.as_ref().unwrap_or_else(|| call.request());
        let case = case(snapshot, (state, &mut *briefs), request, now);
        let asked = Asked { snapshot, state, request, now, case: case.as_ref(), approval: None };
        let (mut said, with) = judge(&asked);
        asks = said.iter().fold(asks, |all, it| all.and(it.obligations.clone()));
        rounds = rounds.saturating_add(1);
        match next(call, &asks, (&made, rounds)) {
            Ok(None) => {
                said.extend(found);
                said.extend(met(&asks, (&made, &call.request().arguments)));
                said.extend(paced(&asks, state, now));
                return AsSent { request: sent, said, with, obligations: asks };
            }
            Ok(Some((changes, rewritten))) => {
                drop(case);
                // What it came as is not what is sent, and yet it was asked for.
                found.extend(said.into_iter().filter_map(Said::found));
                (made, sent) = (changes, Some(rewritten));
            }
            Err(why) => {
                said.extend(found);
                said.push(unmet(&asks, why));
                return AsSent { request: sent, said, with, obligations: asks };
            }
        }
    }
}

/// Gives the call as `asks` want it, where that is not how it was just judged; or says why it cannot
/// be made.
fn next(
    call: &impl Rewritable,
    asks: &Obligations,
    (made, rounds): (&[Change], usize),
) -> Result<Option<(Vec<Change>, AccessRequest)>, Vec<String>> {
    if asks.is_nothing() {
        return Ok(None);
    }
    let met = match call.request().action.kind {
        ActionKind::Tool | ActionKind::Resource | ActionKind::Prompt => {
            ObligationKind::met_for(&call.request().facts)
        }
        ActionKind::Lease => ObligationKind::MET_OF_LEASES,
    };
    let impossible = asks.unmet(met);
    if !impossible.is_empty() {
        return Err(impossible);
    }
    let changes = asks.arguments.changes(&call.request().arguments).map_err(|why| vec![why])?;
    if changes == made {
        return Ok(None);
    }
    if ROUNDS_MAX <= rounds {
        return Err(vec!["what it asks for calls forth more without end".to_owned()]);
    }
    let rewritten = call.rewritten(&asks.arguments).map_err(|why| vec![why])?;
    Ok(Some((changes, rewritten)))
}

/// Says what must happen along with the call; nothing where nothing must.
fn met(asks: &Obligations, (made, came): (&[Change], &Json)) -> Option<Said> {
    let mut said = (!asks.is_nothing()).then(|| about(asks, Verdict::allow()))?;
    if !made.is_empty() {
        let changed: Vec<_> = made.iter().map(|it| it.path.to_string()).collect();
        said = said.with("changed", changed.join(", "));
        said = said.with(CAME, originals(made, came).canonical());
    }
    Some(said)
}

/// Gives the arguments that are sent otherwise as they came; those that did not come are left out.
fn originals(made: &[Change], came: &Json) -> Json {
    let mut all = Json::Object(BTreeMap::new());
    for Change { path, .. } in made {
        let found = path.names().try_fold(came, |at, name| at.get(name));
        let Some(found) = found else { continue };
        let mut at = &mut all;
        for name in path.names() {
            let Json::Object(members) = at else { break };
            at = members.entry(name.to_owned()).or_insert_with(|| Json::Object(BTreeMap::new()));
        }
        *at = found.clone();
    }
    all
}

/// Denies what would be one call too many in the time of a rate. Like any budget it is not asked of a
/// call that was paid for.
fn paced(asks: &Obligations, state: &TaskState, now: Timestamp) -> Option<Said> {
    let over = asks.rate.each().filter(|it| !state.paced.keeps(it, now));
    let reason = |it: &Rate| {
        let text = format!(
            "constraint `{}` allows {} such calls in {}, and this would be one more",
            it.name,
            it.calls,
            format_span(it.per)
        );
        Reason::new(ReasonCode::OverBudget, text, format!("constraint:{}", it.name))
    };
    let over: BTreeSet<Reason> = over.map(reason).collect();
    (!over.is_empty()).then(|| Said::new(Step::Budget, Verdict::Deny(over)))
}

/// Denies what cannot be made as it must be: an obligation is a condition, not a wish.
fn unmet(asks: &Obligations, why: Vec<String>) -> Said {
    let source = sources(asks);
    let reason = |text| Reason::new(ReasonCode::CannotComply, text, source.clone());
    about(asks, Verdict::Deny(why.into_iter().map(reason).collect()))
}

fn about(asks: &Obligations, verdict: Verdict) -> Said {
    let said = Said::new(Step::Obligation, verdict).with("constraints", sources(asks));
    asks.texts().into_iter().fold(said, |said, (kind, text)| said.with(kind.as_str(), text))
}

fn sources(asks: &Obligations) -> String {
    asks.from.iter().cloned().collect::<Vec<_>>().join(", ")
}
