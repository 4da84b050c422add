//! Credentials of a server that stay in the gateway: each is a lease of the task whose call bears it, from
//! its first use to the end of the task.

use std::sync::{Arc, Weak};

use bailiwick_connect::{Credential, EnforcedAs};
use bailiwick_kernel::PermitError;
use bailiwick_model::{TargetName, Timestamp};

use super::{SendError, ServerSpec, Upstreams, request::Spent};
use crate::{
    leases::{Leases, Order},
    web::Outfit,
};

/// What the targets of kept secrets are called: `secret.` and the secret's name.
const OF_SECRETS: &str = "secret.";

impl Upstreams {
    /// Says who lends credentials for calls.
    pub(crate) fn lend_from(&self, engine: &Arc<Leases>) {
        // A second engine would be one too many, and there is none.
        let _first = self.lender.set(Arc::downgrade(engine));
    }

    /// Gives who keeps leases, where anybody does.
    pub(crate) fn lender(&self) -> Option<Arc<Leases>> {
        self.lender.get().and_then(Weak::upgrade)
    }

    /// Has the task of a call lease what its server wants to see. The lease is on disk before the
    /// credential is used, and whoever ends the task ends it.
    pub(super) async fn lent(
        &self,
        spent: &Spent<'_>,
        spec: &ServerSpec,
    ) -> Result<Option<(Credential, Timestamp)>, SendError> {
        let Some(outfit) = spec.credential.as_ref() else { return Ok(None) };
        let call = spent.call();
        let (target, wants) = match outfit {
            Outfit::Kept(it) if !it.is_for(&call.action().name) => return Ok(None),
            Outfit::Lent(it) if !it.is_for(&call.action().name) => return Ok(None),
            Outfit::Kept(it) => (kept(&it.secret), vec![spec.name.to_string()]),
            Outfit::Lent(it) => (Some(it.target.clone()), it.wants.clone()),
        };
        let not_sent = |why: &str| SendError::NotSent { why: why.to_owned() };
        let target = target.ok_or_else(|| not_sent("its credential has no name"))?;
        let engine = self.lender();
        let Some((engine, errand)) = engine.zip(call.used().errand()) else {
            return match outfit {
                // Where nobody keeps leases there is no proof of them, and nothing else is missing.
                Outfit::Kept(_) => Ok(None),
                Outfit::Lent(_) => Err(not_sent("nobody makes its credential")),
            };
        };
        let task = engine.desk().task(&errand.task);
        let until = task.ok_or_else(|| not_sent("its task is over"))?.deadline;
        let order = Order {
            task: errand.task,
            identity: errand.identity,
            shown: errand.shown,
            target,
            wants,
            decision: Some(errand.decision),
            until,
            enforced: EnforcedAs::Prevent,
        };
        let still = spent.still().clone();
        let permitted = move || still.permitted().then_some(()).ok_or(PermitError::Withdrawn);
        let handed = engine.hand_out(order, permitted).await;
        let handed = handed.map_err(|error| not_sent(&format!("it has no credential: {error}")))?;
        handed.take();
        Ok(Some((handed.credential.clone(), engine.desk().now())))
    }
}

/// Names the target that stands for a kept secret.
pub(crate) fn kept(secret: &bailiwick_model::SecretName) -> Option<TargetName> {
    format!("{OF_SECRETS}{secret}").parse().ok()
}
