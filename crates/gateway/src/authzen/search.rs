//! A search: whatever is known is evaluated in the place of what is looked for, a page at a time.
//!
//! It is evaluated by the code that answers one evaluation, so what is found would be a yes if it
//! were asked for. A page ends when it is full, or when enough was looked at for one question; the
//! next one goes on from there.

mod page;
mod read;

use std::time::{Duration, Instant};

use bailiwick_kernel::{Search, Snapshot, world};
use bailiwick_model::{
    DecisionId, EntityName, Evaluation, Json, Record, SearchRecord, Sensitivity, Sought, Timestamp,
};
use serde::Serialize;
use serde_json::{Value, json};

use self::{page::Place, read::Question};
use super::{
    Authzen, answer,
    ask::Asker,
    limits::{LOOKS, WORK},
    refusal::Refusal,
};
use crate::meter;

/// How much is done for one page.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// How many are evaluated.
    looks: usize,
    /// How long it is worked on.
    work: Duration,
    /// How long others wait for their turn meanwhile.
    turn: Duration,
}

const BOUNDS: Bounds = Bounds { looks: LOOKS, work: WORK, turn: Duration::from_millis(1) };

/// An answer, in the order in which it is written: whoever reads it as it comes knows first how
/// much there is.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<Told>,
    context: Context,
    results: Vec<Value>,
}

#[derive(Debug, Serialize)]
struct Told {
    /// Where the next page begins; empty after the last.
    next_token: String,
    count: usize,
}

#[derive(Debug, Serialize)]
struct Context {
    search_id: DecisionId,
    policy_version: String,
    looked_at: usize,
}

/// What looking for one page came to.
#[derive(Debug)]
struct Seen {
    /// The ids or names of what is found.
    found: Vec<String>,
    looked_at: usize,
    unclear: usize,
    /// The place of the first that was not looked at, where there is one.
    next: Option<usize>,
}

impl Authzen {
    /// Answers one page of a search for `sought`.
    pub(super) async fn search(
        &self,
        asker: &Asker<'_>,
        sought: Sought,
        body: &[u8],
    ) -> Result<Answer, Refusal> {
        let question = Question::read(sought, body)?;
        // A page is judged by one set of policies, as of one moment.
        let (snapshot, now) = (asker.desk.snapshot(), asker.desk.now());
        let version = snapshot.access.version().to_owned();
        let under = (version.as_str(), world(&snapshot, now));
        let place = Place::open(&question, (asker.pep, under, now), &self.pages)?;
        let Question { search, paged, .. } = question;
        let said = search.asked().clone();
        let kind = kind(&search);
        let seen = look(&snapshot, search, &place, (BOUNDS, now)).await;
        let next = seen.next.map(|it| place.after(it, now).close(&self.pages)).transpose()?;
        let count = seen.found.len();
        let told = || Told { next_token: next.clone().unwrap_or_default(), count };
        let page = (paged || next.is_some()).then(told);
        let decision = DecisionId::new(asker.desk.ulid());
        let named = (decision.clone(), now, version.as_str());
        let record = asker.found(named, (sought, &said), (&place, &seen));
        asker.keep(&[record]).await?;
        meter::searched(asker.pep, sought);
        let Seen { found, looked_at, .. } = seen;
        let context = Context { search_id: decision, policy_version: version, looked_at };
        let results = found.iter().map(|it| told_of(sought, &kind, it)).collect();
        Ok(Answer { page, context, results })
    }
}

/// The work on one page, from the first that is done for it.
#[derive(Debug)]
struct Work {
    done: Duration,
    since: Instant,
}

impl Work {
    fn begin() -> Self {
        Self { done: Duration::ZERO, since: Instant::now() }
    }

    fn so_far(&self) -> Duration {
        self.done.saturating_add(self.since.elapsed())
    }

    /// Gives others their turn, once it was worked for longer than one; their time does not count.
    async fn pause(&mut self, turn: Duration) {
        if turn < self.since.elapsed() {
            self.done = self.so_far();
            tokio::task::yield_now().await;
            self.since = Instant::now();
        }
    }
}

/// Looks for one page.
async fn look(
    snapshot: &Snapshot,
    mut search: Search,
    place: &Place,
    (bounds, now): (Bounds, Timestamp),
) -> Seen {
    // Finding out who could be looked at is work, too.
    let mut work = Work::begin();
    let candidates = search.candidates(snapshot);
    work.pause(bounds.turn).await;
    let mut seen = Seen { found: Vec::new(), looked_at: 0, unclear: 0, next: None };
    let mut at = place.from();
    while let Some(candidate) = candidates.get(at) {
        // One at least is looked at, however much work it is, or no page would ever be the last.
        let enough = 0 < seen.looked_at && bounds.work < work.so_far();
        let enough = enough || seen.looked_at == bounds.looks;
        if seen.found.len() == place.limit() || enough {
            seen.next = Some(at);
            break;
        }
        let evaluated = search.judge(snapshot, candidate, now);
        seen.looked_at = seen.looked_at.saturating_add(1);
        if answer::is_yes(evaluated.verdict) {
            seen.found.push(candidate.to_owned());
        } else if evaluated.is_unclear() {
            seen.unclear = seen.unclear.saturating_add(1);
        }
        at = at.saturating_add(1);
        work.pause(bounds.turn).await;
    }
    seen
}

/// Gives the type of what is looked for; an action has none.
fn kind(search: &Search) -> String {
    let Evaluation { subject, resource, .. } = search.asked();
    match search.sought() {
        Sought::Subject => subject.kind.clone(),
        Sought::Resource => resource.kind.clone(),
        Sought::Action => String::new(),
    }
}

fn told_of(sought: Sought, kind: &str, name: &str) -> Value {
    match sought {
        Sought::Subject | Sought::Resource => json!({"type": kind, "id": name}),
        Sought::Action => json!({"name": name}),
    }
}

impl Asker<'_> {
    /// Makes the record of a page; nothing secret-shaped passes into it.
    fn found(
        &self,
        (decision, time, policy): (DecisionId, Timestamp, &str),
        (sought, asked): (Sought, &Evaluation),
        (place, seen): (&Place, &Seen),
    ) -> Record {
        let evidence = self.desk.evidence();
        let named = |it: &bailiwick_model::Entity| EntityName {
            kind: evidence.text(&it.kind),
            id: evidence.text(&it.id),
        };
        let unless = |open: Sought| sought != open;
        let kind = match sought {
            Sought::Subject => Some(&asked.subject.kind),
            Sought::Resource => Some(&asked.resource.kind),
            Sought::Action => None,
        };
        Record::Search(Box::new(SearchRecord {
            decision,
            time,
            pep: self.pep.to_owned(),
            request_id: self.request_id.map(|it| evidence.text(it)),
            sought,
            kind: kind.map(|it| evidence.text(it)),
            subject: unless(Sought::Subject).then(|| named(&asked.subject)),
            action: unless(Sought::Action).then(|| evidence.text(&asked.action.name)),
            resource: unless(Sought::Resource).then(|| named(&asked.resource)),
            said: evidence.arguments(&asked.said(), Sensitivity::Internal),
            from: place.from(),
            limit: Some(place.limit()),
            found: seen.found.len(),
            names: (!seen.found.is_empty()).then(|| evidence.names(&names(&seen.found))),
            looked_at: seen.looked_at,
            unclear: seen.unclear,
            more: seen.next.is_some(),
            policy: policy.to_owned(),
        }))
    }
}

fn names(found: &[String]) -> Json {
    Json::List(found.iter().cloned().map(Json::Text).collect())
}

/// A search, and what its token opens to.
#[cfg(any(test, fuzzing))]
pub(super) fn foreign(bytes: &[u8]) {
    for sought in Sought::ALL {
        let Ok(question) = Question::read(sought, bytes) else { continue };
        assert_eq!(question.search.sought(), sought);
    }
    page::foreign(bytes);
}

#[cfg(test)]
mod tests;
