//! Google Cloud: who asked for what, by `LogEntry.protoPayload` of Cloud Audit Logs.
//!
//! A call is checked for several permissions, and the record has each with its answer: each is an exercise of its own.
//! What its method is called is no permission's name. A record of GKE's API tells of Kubernetes, and is told as such.

mod checked;
mod gke;

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Issued, Platform, Timestamp, Via};

use self::checked::{Check, checks};
use super::{
    NotRead, Shape, Source, Told,
    fields::{Fields, id_or_digest, keyed},
};

pub(super) const SOURCE: Source =
    Source { name: "google", platform: Platform::Google, knows, read };

/// gRPC's codes, by number.
const CODES: [&str; 17] = [
    "",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

fn knows(shape: &Shape<'_>) -> bool {
    shape.has(&["protoPayload"])
}

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    let entry = Fields::of(record)?;
    if !entry.has("protoPayload") {
        return Err(NotRead::Lacks("protoPayload"));
    }
    let payload = entry.object("protoPayload");
    let method = payload.text("methodName").0;
    let checks = checks(&entry, &payload);
    if method.is_empty() && checks.is_empty() {
        // Other services put their own words there.
        return Ok(Told::Nothing);
    }
    let times = ["timestamp", "receiveTimestamp", "p_event_time"];
    let at = entry.time(&times)?.ok_or(NotRead::Undated)?;
    let call = Call { at, entry: &entry, payload: &payload };
    let mut all: Vec<_> = checks.into_iter().map(|it| call.checked(it)).collect();
    if all.is_empty() {
        all.push(call.unchecked(method.clone()));
    }
    for it in &mut all {
        gke::name(it, &method, &entry);
        addressed(it);
    }
    let id = id_or_digest(Platform::Google, &entry.text("insertId").0, record);
    let all = all.into_iter().enumerate();
    let mut all: Vec<_> = all.map(|(part, it)| keyed(it, &id, record, part)).collect();
    Ok(match all.len() {
        1 => all.pop().map_or(Told::Nothing, |it| Told::Exercise(Box::new(it))),
        _ => Told::Exercises(all),
    })
}

/// One call, and what all its exercises have in common.
struct Call<'r, 'a> {
    at: Timestamp,
    entry: &'r Fields<'a>,
    payload: &'r Fields<'a>,
}

impl<'a> Call<'_, 'a> {
    /// Tells of one permission that was checked.
    fn checked(&self, check: Check<'a>) -> Exercise<'a> {
        let (mut ended, mut code) = self.ended();
        if !check.granted {
            ended = Ended::Denied;
            code = if code.is_empty() { Cow::Borrowed("not granted") } else { code };
        }
        let log = self.entry.text("logName").0;
        let data = log.contains("data_access")
            || (log.is_empty()
                && matches!(&*check.sort, "DATA_READ" | "DATA_WRITE" | "ADMIN_READ"));
        let resource = if check.resource.is_empty() {
            self.payload.text("resourceName").0
        } else {
            check.resource
        };
        let exercise = self.exercise((ended, code));
        Exercise { operation: check.permission, resource: shortened(resource), data, ..exercise }
    }

    /// Tells of a call of which no permission is told, under its method's name.
    fn unchecked(&self, method: Cow<'a, str>) -> Exercise<'a> {
        let exercise = self.exercise(self.ended());
        let service = self.payload.text("serviceName").0;
        // Something must say that this is no permission.
        let service = if service.is_empty() { Cow::Borrowed("method") } else { service };
        Exercise { service, operation: method, ..exercise }
    }

    fn exercise(&self, (ended, code): (Ended, Cow<'a, str>)) -> Exercise<'a> {
        let log = self.entry.text("logName").0;
        Exercise {
            platform: Platform::Google,
            key: 0,
            at: self.at,
            account: account(self.entry),
            actor: actor(&self.payload.object("authenticationInfo")),
            service: Cow::Borrowed(""),
            operation: Cow::Borrowed(""),
            along: Along::NOTHING,
            resource: shortened(self.payload.text("resourceName").0),
            issued: if ended == Ended::Success { issued(self.payload) } else { None },
            ended,
            code,
            data: log.contains("data_access"),
            internal: log.contains("system_event"),
            granted_by: Cow::Borrowed(""),
        }
    }

    fn ended(&self) -> (Ended, Cow<'a, str>) {
        let code = self.payload.object("status").text("code").0;
        let number: usize = code.parse().unwrap_or(0);
        let code = CODES.get(number).map_or(code, |it| Cow::Borrowed(*it));
        let is_refused =
            self.entry.text("logName").0.contains("cloudaudit.googleapis.com%2Fpolicy");
        match number {
            7 | 16 | 401 | 403 => (Ended::Denied, code),
            _ if is_refused => (Ended::Denied, code),
            0 => (Ended::Success, Cow::Borrowed("")),
            _ => (Ended::Error, code),
        }
    }
}

fn actor<'a>(caller: &Fields<'a>) -> Actor<'a> {
    let subject = caller.text("principalSubject").0;
    let id = caller.text("principalEmail").or(caller.text("principalSubject")).0;
    let kind = match &*id {
        "" => ActorKind::Unknown,
        "allUsers" | "allAuthenticatedUsers" => ActorKind::Anonymous,
        "system@google.com" => ActorKind::Platform,
        it if it.contains("gserviceaccount.com") || subject.starts_with("serviceAccount:") => {
            ActorKind::Service
        }
        it if it.starts_with("principal:") || it.starts_with("principalSet:") => ActorKind::Role,
        it if it.contains('@') => ActorKind::Person,
        _ => ActorKind::Unknown,
    };
    let behind = caller.objects("serviceAccountDelegationInfo").into_iter().map(|it| {
        let first = it.object("firstPartyPrincipal").text("principalEmail");
        let claims = it.object("thirdPartyPrincipal").object("thirdPartyClaims");
        first.or(it.text("principalSubject")).or(claims.text("sub")).0
    });
    let chain = behind.filter(|it| !it.is_empty()).collect();
    let credential = caller.text("serviceAccountKeyName").0;
    Actor { id, kind, credential, through: Cow::Borrowed(""), chain, delivered: "" }
}

/// Gives callers the one spelling that counts; in Kubernetes that is the log's own.
fn addressed(it: &mut Exercise<'_>) {
    for name in std::iter::once(&mut it.actor.id).chain(&mut it.actor.chain) {
        *name = it.platform.name_of(std::mem::take(name));
    }
}

/// Gives the key of a service account that was made, as those who use it are told of.
fn issued<'a>(payload: &Fields<'a>) -> Option<Issued<'a>> {
    if !payload.text("methodName").0.ends_with("CreateServiceAccountKey") {
        return None;
    }
    let name = payload.object("response").text("name").0;
    let (account, _) = name.split_once("/serviceAccounts/")?.1.split_once("/keys/")?;
    let to = account.to_owned().into();
    let credential = format!("//iam.googleapis.com/{name}").into();
    Some(Issued { credential, to, via: Via::Key, until: None })
}

/// Gives the project, else the organisation or folder, that the record is of.
fn account<'a>(entry: &Fields<'a>) -> Cow<'a, str> {
    let labels = entry.object("resource").object("labels");
    let project = labels.text("project_id").0;
    if !project.is_empty() {
        return project;
    }
    let log = entry.text("logName").0;
    let mut parts = log.split('/');
    match (parts.next(), parts.next()) {
        (Some("projects"), Some(name)) => name.to_owned().into(),
        (Some(kind), Some(name)) if !name.is_empty() => format!("{kind}/{name}").into(),
        _ => Cow::Borrowed(""),
    }
}

/// Takes the objects of a bucket for one.
fn shortened(resource: Cow<'_, str>) -> Cow<'_, str> {
    match resource.split_once("/objects/") {
        Some((bucket, _)) if bucket.contains("buckets/") => format!("{bucket}/objects/*").into(),
        Some(_) | None => resource,
    }
}

#[cfg(test)]
mod tests;
