//! Kubernetes: who asked its API for what, by `audit.k8s.io/v1`, with what EKS adds.
//!
//! One request is told of in several stages, of which the last one says how it ended; one that goes on for long is use from
//! the moment on at which it was let through. What a server asks about somebody else is told of that one, too: where the record
//! has the question, whoever it is about may have done it with that server. Who is impersonated has the authority, and who impersonates stands behind. An admission that refuses what RBAC allowed is a denial as well.

mod reason;
mod review;

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Issued, Platform, Timestamp, Via};

use super::{
    NotRead, Shape, Source, Told,
    fields::{Fields, keyed},
    loose::Text,
};

pub(super) const SOURCE: Source =
    Source { name: "kubernetes", platform: Platform::Kubernetes, knows, read };

/// What a request's own token is called, and what one that came of a request is.
const SHOWN: &str = "authentication.kubernetes.io/credential-id";
const MADE: &str = "authentication.kubernetes.io/issued-credential-id";

fn knows(shape: &Shape<'_>) -> bool {
    shape.has(&["kind", "verb"])
        || shape.has(&["auditID"])
        || shape.has(&["kind", "requestURI", "user"])
}

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    read_at(record, None)
}

/// Reads a record; where it does not say when, what carries it may.
pub(super) fn read_at(record: &[u8], carried: Option<Timestamp>) -> Result<Told<'_>, NotRead> {
    let it = Fields::of(record)?;
    let (verb, path, object) = (it.text("verb"), it.text("requestURI"), it.object("objectRef"));
    let is_event = it.has("auditID") || it.text("kind").0 == "Event";
    if !is_event || (verb.is_empty() && path.is_empty() && object.is_empty()) {
        return Err(NotRead::Lacks("verb"));
    }
    let is_long = is_long(&verb.0, &object.text("subresource").0);
    match &*it.text("stage").0 {
        "" | "ResponseComplete" | "Panic" => {}
        // Its end may be days away, or in no log at all.
        "ResponseStarted" if is_long => {}
        // Another stage of what is told elsewhere.
        _ => return Ok(Told::Nothing),
    }
    let mut times = ["stageTimestamp", "timestamp", "requestReceivedTimestamp", "@timestamp"];
    if is_long {
        // Both of its stages have this one: they are the same, whichever comes first.
        times.swap(0, 2);
    }
    let created = it.object("metadata").time(&["creationTimestamp"])?;
    let at = it.time(&times)?.or(created).or(it.time(&["p_event_time"])?);
    let annotations = it.object("annotations");
    let (ended, code) = ended(&it, &annotations);
    let actor = actor(&it);
    let issued = issued(&annotations, &object, ended);
    let (service, operation) = asked(verb, &path.0, &object);
    let exercise = Exercise {
        platform: Platform::Kubernetes,
        key: 0,
        at: at.or(carried).ok_or(NotRead::Undated)?,
        account: it.first(&["clusterName", "cluster_name", "cluster"]).0,
        actor,
        service,
        operation,
        along: Along::NOTHING,
        resource: resource(&object),
        ended,
        code,
        issued,
        data: false,
        internal: false,
        granted_by: reason::binding(&annotations.text("authorization.k8s.io/reason").0).into(),
    };
    let id = it.text("auditID").0;
    let about = review::about(&it, &object, &exercise);
    let exercise = keyed(exercise, &id, record, 0);
    Ok(match about {
        Some(about) => Told::Exercises(vec![exercise, keyed(about, &id, record, 1)]),
        None => Told::Exercise(Box::new(exercise)),
    })
}

/// Says whether a request goes on for long, by the server's own rule: what watches or is a way in.
fn is_long(verb: &str, part: &str) -> bool {
    matches!(verb, "watch" | "proxy")
        || matches!(part, "attach" | "exec" | "log" | "portforward" | "proxy")
}

/// Says how it ended: what is forbidden, or came without a name that counts, was refused.
fn ended<'a>(it: &Fields<'a>, annotations: &Fields<'a>) -> (Ended, Cow<'a, str>) {
    let status = it.object("responseStatus");
    let code = status.text("code").0;
    let number: u16 = code.parse().unwrap_or(0);
    let refused = annotations.text("authorization.k8s.io/decision").0 == "forbid";
    match number {
        // Who is turned away for asking too often was let do nothing.
        401 | 403 | 429 => (Ended::Denied, code),
        _ if refused => (Ended::Denied, Cow::Borrowed("forbid")),
        400.. => (Ended::Error, code),
        _ if it.text("stage").0 == "Panic" => (Ended::Error, Cow::Borrowed("Panic")),
        _ if status.text("status").0 == "Failure" => (Ended::Error, status.text("reason").0),
        _ => (Ended::Success, Cow::Borrowed("")),
    }
}

fn actor<'a>(it: &Fields<'a>) -> Actor<'a> {
    let (user, acted_as) = (it.object("user"), it.object("impersonatedUser"));
    let extra = user.object("extra");
    let first = |name: &str| extra.texts(name).into_iter().next().unwrap_or_default();
    let caller = user.text("username");
    let credential = first("accessKeyId").or(first(SHOWN));
    let role = first("canonicalArn").or(first("arn"));
    let mut chain: Vec<_> = Some(role.0).into_iter().filter(|it| !it.is_empty()).collect();
    let id = match acted_as.text("username") {
        id if id.is_empty() => caller.0,
        id => {
            chain.push(caller.0);
            id.0
        }
    };
    let kind = kind(&id);
    Actor { id, kind, credential: credential.0, through: Cow::Borrowed(""), chain, delivered: "" }
}

/// Says what sort of caller a name is of: of those that Kubernetes makes itself the name says so.
pub(super) fn kind(name: &str) -> ActorKind {
    let begins = |them: &[&str]| them.iter().any(|it| name.starts_with(it));
    if name == "system:anonymous" {
        ActorKind::Anonymous
    } else if begins(&["system:serviceaccount:"]) {
        ActorKind::Service
    } else if begins(&["system:node:", "system:kube-", "system:apiserver", "system:cloud-", "eks:"])
    {
        ActorKind::Platform
    } else {
        ActorKind::Unknown
    }
}

/// Gives the group with the resource, and the verb; of a path that is no resource's, the verb with the path.
fn asked<'a>(verb: Text<'a>, path: &str, object: &Fields<'a>) -> (Cow<'a, str>, Cow<'a, str>) {
    let resource = object.text("resource").0;
    if resource.is_empty() {
        let path = path.split('?').next().unwrap_or_default();
        // A path alone is no permission: what was asked of it is not known.
        let operation = if verb.is_empty() { String::new() } else { format!("{} {path}", verb.0) };
        return (Cow::Borrowed("nonresource"), operation.trim_end().to_owned().into());
    }
    // Some exports leave the group out, and then the path has it.
    let group = object.text("apiGroup").0;
    let of_path = path.strip_prefix("/apis/").and_then(|it| it.split('/').next());
    let group = if group.is_empty() { of_path.unwrap_or("core") } else { &group };
    let part = object.text("subresource").0;
    let slash = if part.is_empty() { "" } else { "/" };
    (format!("{group}/{resource}{slash}{part}").into(), verb.0)
}

/// Gives where it is, and its name: `NAMESPACE/NAME`, a star for all names in a namespace.
fn resource<'a>(object: &Fields<'a>) -> Cow<'a, str> {
    let (namespace, name) = (object.text("namespace").0, object.text("name").0);
    match (namespace.is_empty(), name.is_empty()) {
        (true, _) => name,
        (false, true) => format!("{namespace}/*").into(),
        (false, false) => format!("{namespace}/{name}").into(),
    }
}

/// Gives the token of a service account that was made.
fn issued<'a>(annotations: &Fields<'a>, object: &Fields<'a>, ended: Ended) -> Option<Issued<'a>> {
    let credential = annotations.text(MADE);
    if credential.is_empty() || ended != Ended::Success {
        return None;
    }
    let (namespace, name) = (object.text("namespace").0, object.text("name").0);
    let to = format!("system:serviceaccount:{namespace}:{name}").into();
    Some(Issued { credential: credential.0, to, via: Via::Exchange, until: None })
}

#[cfg(test)]
mod tests;
