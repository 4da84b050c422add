//! Asking for a credential: read, judged by the lane, handed out, and what came of it on record.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bailiwick_model::{
    AccessRequest, Action, ActionFacts, AllowLine, CallDigest, Caller, DecisionId, Effect,
    EnforcedAs, Json, Offered, OutcomeKind, Surface, TargetName, TaskId,
};

use super::{HandedOut, Leases, NotHandedOut, making::Order};
use crate::{
    Refusal,
    lane::{LeaseDone, lease_until},
};

/// How many things of one target are wanted at once.
const WANTS: usize = 16;
/// How long the name of one may be.
const WANT_LEN: usize = 256;

/// A wish for a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseWish {
    /// Of which target.
    pub target: TargetName,
    /// What of it; nothing is all that the task's own lines for it name.
    pub wants: BTreeSet<String>,
    /// For how long; none is as long as it may be.
    pub span: Option<Duration>,
}

/// Who asks, and through which door.
#[derive(Clone, Debug)]
pub struct LeaseAsker {
    /// Who.
    pub caller: Caller,
    /// Through which door.
    pub surface: Surface,
}

/// What became of a wish.
#[derive(Clone, Debug)]
pub enum LeaseAnswered {
    /// Here it is.
    HandedOut(DecisionId, Box<HandedOut>),
    /// It was not allowed, or waits for a person.
    Refused(Refusal),
    /// It was allowed, and could not be had.
    Failed(DecisionId, NotHandedOut),
}

impl Leases {
    /// Takes a wish to its end, whoever waits for it. None where there is no such target.
    pub async fn ask(
        self: &Arc<Self>,
        asker: LeaseAsker,
        wish: LeaseWish,
    ) -> Option<LeaseAnswered> {
        if !self.targets.contains_key(&wish.target) {
            return None;
        }
        let engine = Arc::clone(self);
        let whole = async move {
            let request = engine.request(&asker.caller, &wish)?;
            Some(engine.asked(request, wish, asker.surface).await)
        };
        self.lane.to_the_end(whole).await
    }

    async fn asked(
        self: &Arc<Self>,
        request: AccessRequest,
        wish: LeaseWish,
        surface: Surface,
    ) -> LeaseAnswered {
        let may = match self.lane.judge_lease(&request, surface).await {
            Ok(may) => may,
            Err(refusal) => return LeaseAnswered::Refused(refusal),
        };
        let started = may.started();
        let crate::lane::MayLease { decision, permit, slot, .. } = may;
        let now = self.desk().now();
        let most = lease_until(&slot.lock(), &request, now);
        let until = wish.span.map_or(most, |it| now.after(it).min(most));
        let order = Order {
            task: request.caller.task.clone(),
            identity: request.caller.identity.clone(),
            target: wish.target,
            wants: request.resources.iter().cloned().collect(),
            decision: Some(decision.clone()),
            shown: request.caller.credentials.clone(),
            until,
            enforced: EnforcedAs::Session,
        };
        let authority = Arc::clone(slot.authority());
        let call = request.call;
        let still = move || {
            let authority = authority.load(std::sync::atomic::Ordering::Acquire);
            permit.spend(&call, authority, now)
        };
        let handed = self.hand_out(order, still).await;
        let came = match &handed {
            Ok(handed) => (OutcomeKind::Ok, handed.lease.id.to_string()),
            Err(error) => (OutcomeKind::Error, error.to_string()),
        };
        let (decision, server) = (&decision, &request.action.server);
        self.lane.leased(&LeaseDone { decision, slot: &slot, server, started, came }).await;
        match handed {
            Ok(handed) => LeaseAnswered::HandedOut(decision.clone(), Box::new(handed)),
            Err(error) => LeaseAnswered::Failed(decision.clone(), error),
        }
    }

    /// Makes of a wish what is put to the kernel.
    fn request(&self, caller: &Caller, wish: &LeaseWish) -> Option<AccessRequest> {
        let target = self.targets.get(&wish.target)?;
        let wants = if wish.wants.is_empty() {
            self.usual(&caller.task, &wish.target)
        } else {
            wish.wants.clone()
        };
        let mut faults: Vec<String> = wants.iter().filter_map(|it| unfit(it)).collect();
        if wants.is_empty() {
            faults.push(format!("nothing says what of `{}` is wanted", wish.target));
        }
        if WANTS < wants.len() {
            faults.push(format!("{} things are wanted at once, {WANTS} at most", wants.len()));
        }
        if target.broker.reach() == EnforcedAs::Prevent {
            faults.push(format!(
                "credentials of `{}` never leave the gateway: use it through its route",
                wish.target
            ));
        }
        let action = Action::lease(&wish.target, &wants)?;
        let text = |it: &String| Json::Text(it.clone());
        let mut arguments = std::collections::BTreeMap::from([(
            "wants".to_owned(),
            Json::List(wants.iter().map(text).collect()),
        )]);
        if let Some(span) = wish.span {
            let seconds = span.as_secs();
            arguments.insert("seconds".to_owned(), Json::Int(seconds.into()));
        }
        let arguments = Json::Object(arguments);
        let facts = ActionFacts {
            effects: BTreeSet::from([Effect::Credential]),
            sensitivity: target.sensitivity,
            results_trusted: true,
            reversible: true,
            reach: target.reach,
            environment: target.environment,
            reading_credential: false,
        };
        Some(AccessRequest {
            caller: caller.clone(),
            call: CallDigest::of(&action, &arguments),
            action,
            facts,
            resources: wants,
            destinations: BTreeSet::new(),
            arguments,
            bytes_out: 0,
            offered: Offered::NotPinned,
            faults,
        })
    }

    /// Gives what the task's one line for a target names. One line must name all that is wanted at
    /// once, so of several lines it is to be said which is meant.
    fn usual(&self, task: &TaskId, target: &TargetName) -> BTreeSet<String> {
        let layers = self.desk().task(task).map(|it| it.grant.layers).unwrap_or_default();
        let own = layers.into_iter().next().map(|it| it.lines).unwrap_or_default();
        let of_it = |it: &AllowLine| it.server.as_str() == target.as_str() && !it.leases.is_empty();
        let mut lines = own.into_iter().filter(of_it);
        match (lines.next(), lines.next()) {
            (Some(line), None) => line.leases.into_iter().collect(),
            (Some(_), Some(_)) | (None, _) => BTreeSet::new(),
        }
    }
}

/// Says why nothing of a target can be called so.
fn unfit(want: &str) -> Option<String> {
    let fits = |it: char| it.is_ascii_graphic() && it != ',';
    if want.is_empty() || WANT_LEN < want.len() || !want.chars().all(fits) {
        let shown: String = want.chars().take(80).collect();
        return Some(format!(
            "nothing of a target is called `{}`: 1 to {WANT_LEN} visible characters, and no comma",
            shown.escape_debug()
        ));
    }
    None
}
