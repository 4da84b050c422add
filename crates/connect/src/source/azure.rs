//! Microsoft Azure and Entra ID: who did what, by the common schema of Azure Monitor, with the shapes that the activity
//! log's own interface, Microsoft Graph and the audit log of Microsoft 365 write.
//!
//! What is done to resources is in every subscription's activity log; what is done to their data is told of only where
//! diagnostics were asked for. A record may carry one of a Kubernetes cluster, and then tells of that.

mod caller;
mod entra;
mod resource;

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Exercise, Platform, Timestamp};

use super::{
    ANONYMOUS, NotRead, Shape, Source, Told,
    fields::{Fields, keyed},
    kubernetes,
};

pub(super) const SOURCE: Source = Source { name: "azure", platform: Platform::Azure, knows, read };

/// Where the time stands, the surest first.
const TIMES: [&str; 8] = [
    "time",
    "eventTimestamp",
    "createdDateTime",
    "activityDateTime",
    "CreationTime",
    "TimeGenerated",
    "@timestamp",
    "p_event_time",
];

fn knows(shape: &Shape<'_>) -> bool {
    let known: [&[&str]; 6] = [
        &["operationName", "category"],
        &["operationName", "eventTimestamp"],
        &["operationName", "resourceId", "time"],
        &["activityDateTime", "activityDisplayName"],
        &["createdDateTime", "appId", "status"],
        &["CreationTime", "Workload", "Operation"],
    ];
    known.iter().any(|it| shape.has(it))
}

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    let it = Fields::of(record)?;
    let (at, category) = (it.time(&TIMES)?, it.text("category").0);
    let properties = it.object("properties");
    if matches!(&*category, "kube-audit" | "kube-audit-admin") {
        return carried(&it, &properties, at);
    }
    let log = Log { at: at.ok_or(NotRead::Undated)?, record, it: &it };
    if it.has("Workload") && it.has("Operation") {
        return entra::unified(&log);
    }
    if it.has("activityDateTime") && !it.has("operationName") {
        return Ok(entra::audit(&log, &it));
    }
    if it.has("createdDateTime") && it.has("appId") && !it.has("operationName") {
        return Ok(entra::sign_in(&log, &it));
    }
    if !it.has("operationName") {
        return Err(NotRead::Lacks("operationName"));
    }
    match &*category {
        _ if category.ends_with("SignInLogs") => Ok(entra::sign_in(&log, &properties)),
        _ if entra::is_audit(&it, &properties) => Ok(entra::audit(&log, &properties)),
        _ => resource::told(&log, &category, &properties),
    }
}

/// One record, and what all readers of it need.
struct Log<'r, 'a> {
    at: Timestamp,
    record: &'a [u8],
    it: &'r Fields<'a>,
}

impl<'a> Log<'_, 'a> {
    /// Gives an exercise of which nothing is known yet but where and when.
    fn exercise(&self) -> Exercise<'a> {
        Exercise { account: self.account(), ..Exercise::begun(Platform::Azure, self.at) }
    }

    /// Tells of an exercise, under the key that comes of it and the record's own id. Nobody has an empty name.
    fn told(&self, mut exercise: Exercise<'a>, id: &str) -> Told<'a> {
        if exercise.actor.id.is_empty() {
            exercise.actor.id = Cow::Borrowed(ANONYMOUS);
            exercise.actor.kind = ActorKind::Anonymous;
        }
        Told::Exercise(Box::new(keyed(exercise, id, self.record, 0)))
    }

    /// Gives the subscription, else the tenant.
    fn account(&self) -> Cow<'a, str> {
        let path = self.it.text("resourceId").0.to_lowercase();
        let mut parts = path.split('/').filter(|it| !it.is_empty());
        if let (Some("subscriptions" | "tenants"), Some(name)) = (parts.next(), parts.next()) {
            return name.to_owned().into();
        }
        let named = ["subscriptionId", "tenantId", "OrganizationId", "AADTenantId", "homeTenantId"];
        self.it.first(&named).0.to_lowercase().into()
    }
}

/// Reads a record of a cluster that Azure runs: it is written into this one as a text.
fn carried<'a>(
    it: &Fields<'a>,
    properties: &Fields<'a>,
    at: Option<Timestamp>,
) -> Result<Told<'a>, NotRead> {
    let text = properties.text("log").0;
    let told = match kubernetes::read_at(text.as_bytes(), at)? {
        Told::Exercise(told) => vec![*told],
        Told::Exercises(all) => all,
        Told::Nothing => return Ok(Told::Nothing),
    };
    let account = it.text("resourceId").0.to_lowercase();
    let own = |it: Exercise<'_>| Exercise { account: account.clone().into(), ..owned(it) };
    Ok(Told::Exercises(told.into_iter().map(own).collect()))
}

/// Keeps a text that is borrowed.
fn own<'a>(it: Cow<'_, str>) -> Cow<'a, str> {
    Cow::Owned(it.into_owned())
}

/// Keeps what an actor borrows.
fn owned_actor<'a>(it: Actor<'_>) -> Actor<'a> {
    Actor {
        id: own(it.id),
        kind: it.kind,
        credential: own(it.credential),
        through: own(it.through),
        chain: it.chain.into_iter().map(own).collect(),
        delivered: it.delivered,
    }
}

/// Keeps what an exercise borrows.
fn owned<'a>(it: Exercise<'_>) -> Exercise<'a> {
    let issued = it.issued.map(|it| bailiwick_model::Issued {
        credential: own(it.credential),
        to: own(it.to),
        via: it.via,
        until: it.until,
    });
    Exercise {
        platform: it.platform,
        key: it.key,
        at: it.at,
        account: own(it.account),
        actor: owned_actor(it.actor),
        service: own(it.service),
        operation: own(it.operation),
        along: it.along,
        resource: own(it.resource),
        ended: it.ended,
        code: own(it.code),
        issued,
        data: it.data,
        internal: it.internal,
        granted_by: own(it.granted_by),
    }
}

#[cfg(test)]
mod tests;
