//! What was done to resources, and to the data in them.

use std::borrow::Cow;

use bailiwick_model::{Actor, Ended, Exercise};

use super::{Log, caller};
use crate::source::{ANONYMOUS, NotRead, Told, fields::Fields, loose::Text};

/// Categories of the activity log, which every subscription has, and whether they tell what somebody did.
const ACTIVITY: [(&str, bool); 8] = [
    ("administrative", true),
    ("alert", false),
    ("autoscale", false),
    ("policy", false),
    ("recommendation", false),
    ("resourcehealth", false),
    ("security", false),
    ("servicehealth", false),
];

pub(super) fn told<'a>(
    log: &Log<'_, 'a>,
    category: &str,
    properties: &Fields<'a>,
) -> Result<Told<'a>, NotRead> {
    let it = log.it;
    // The activity log's own interface writes these as objects with a value.
    let value = |name: &str| it.object(name).text("value").or(it.text(name));
    let operation = it.object("authorization").text("action").or(value("operationName"));
    if operation.is_empty() {
        return Err(NotRead::Lacks("operationName"));
    }
    let result = value("resultType").or(value("status"));
    let stages = ["Start", "Started", "Accept", "Accepted", "InProgress", "In Progress", "Active"];
    if stages.contains(&&*result.0) {
        // Another stage of what is told elsewhere.
        return Ok(Told::Nothing);
    }
    let (ended, code) = ended(it, properties, &result.0);
    let category = match value("category").0 {
        own if category.is_empty() => own.to_lowercase(),
        _ => category.to_lowercase(),
    };
    let Caller { actor, granted_by, key } = caller(it, properties);
    let service = match key {
        // No role was asked whether it may.
        Some(key) => key.to_owned(),
        None if operation.0.contains('/') => String::new(),
        None if actor.id.is_empty() => ANONYMOUS.to_owned(),
        None => other_kind(it, &category),
    };
    let activity = ACTIVITY.iter().find(|(name, _)| *name == category);
    let id = it.first(&["eventDataId", "correlationId"]);
    let exercise = Exercise {
        actor,
        service: service.into(),
        operation: operation.0,
        resource: resource(it, properties),
        ended,
        code,
        data: activity.is_none() && !category.is_empty(),
        internal: activity.is_some_and(|(_, is_done)| !is_done),
        granted_by,
        ..log.exercise()
    };
    Ok(log.told(exercise, &id.0))
}

/// Says how it ended. What the resource itself refuses, and what a policy does, is a denial as well.
fn ended<'a>(it: &Fields<'a>, properties: &Fields<'a>, result: &str) -> (Ended, Cow<'a, str>) {
    let codes = [
        it.object("subStatus").text("value"),
        it.text("statusCode"),
        it.text("httpStatusCode"),
        it.text("resultSignature"),
        properties.text("httpStatusCode"),
        properties.text("statusCode"),
    ];
    // Any of them may be the one that says it.
    let refusal = codes.iter().find(|it| is_refusal(&it.0)).cloned();
    let denied = refusal.is_some();
    let first = refusal.or_else(|| codes.into_iter().find(|it| !word(&it.0).is_empty()));
    let code = first.unwrap_or_default().0;
    let number: u16 = word(&code).parse().unwrap_or(0);
    let failed = matches!(result, "Failure" | "Failed" | "ClientError" | "ServerError" | "Error");
    let code = if code.is_empty() && failed { Cow::Owned(result.to_owned()) } else { code };
    match (denied, failed || 400 <= number) {
        (true, _) => (Ended::Denied, code),
        (false, true) => (Ended::Error, code),
        (false, false) => (Ended::Success, Cow::Borrowed("")),
    }
}

fn word(code: &str) -> &str {
    code.strip_prefix("Failed.").unwrap_or(code)
}

fn is_refusal(code: &str) -> bool {
    let word = word(code);
    ["401", "403"].contains(&word)
        || ["Forbidden", "Unauthorized", "AuthorizationFailed"]
            .iter()
            .any(|it| word.starts_with(it))
}

/// Who called, and what let it through.
struct Caller<'a> {
    actor: Actor<'a>,
    granted_by: Cow<'a, str>,
    /// By which sort of key data was reached, where it was by one.
    key: Option<&'static str>,
}

/// Reads who called. Some exports write `identity` as a text of JSON.
fn caller<'a>(it: &Fields<'a>, properties: &Fields<'a>) -> Caller<'a> {
    let text = it.text("identity").0;
    if text.is_empty() {
        return identified(&it.object("identity"), it, properties);
    }
    let read = Fields::of(text.as_bytes()).unwrap_or_default();
    let Caller { actor, granted_by, key } = identified(&read, it, properties);
    Caller { actor: super::owned_actor(actor), granted_by: super::own(granted_by), key }
}

fn identified<'a>(identity: &Fields<'a>, it: &Fields<'a>, properties: &Fields<'a>) -> Caller<'a> {
    let granted_by = granted_by(identity, it);
    let account = properties.text("accountName").or(it.text("accountName"));
    if let Some((key, actor)) = caller::of_key(identity, &account.0) {
        return Caller { actor, granted_by, key: Some(key) };
    }
    // Key vaults write `claim`, storage its requester, the activity log's interface both at the top.
    let claims = [
        identity.object("claims"),
        identity.object("claim"),
        it.object("claims"),
        identity.object("requester"),
    ];
    let claims = claims.into_iter().find(|it| !it.is_empty()).unwrap_or_default();
    let mut actor = caller::of_claims(&claims, it.text("caller"));
    if actor.credential.is_empty() {
        actor.credential = identity.text("tokenHash").0;
    }
    Caller { actor, granted_by, key: None }
}

/// Gives the kind of what a call to data was done to, where its words need not mean what they do for vaults and storage
/// accounts: a managed HSM has calls of the same names, and permissions of its own.
fn other_kind(it: &Fields<'_>, category: &str) -> String {
    let id = it.text("resourceId").0.to_lowercase();
    let behind = id.rsplit_once("/providers/").map(|(_, behind)| behind).unwrap_or_default();
    let mut parts = behind.split('/');
    match (parts.next(), parts.next()) {
        (Some("microsoft.keyvault"), Some("vaults"))
        | (Some("microsoft.storage"), Some("storageaccounts")) => String::new(),
        (Some(provider), Some(kind)) => format!("{provider}/{kind}"),
        // Of storage the category says so.
        _ if matches!(category, "storageread" | "storagewrite" | "storagedelete") => String::new(),
        _ => "data".to_owned(),
    }
}

/// Gives the role assignment that the log says let it through.
fn granted_by<'a>(identity: &Fields<'a>, it: &Fields<'a>) -> Cow<'a, str> {
    let authorizations = [identity.object("authorization"), it.object("authorization")];
    let evidence = authorizations.iter().map(|it| it.object("evidence")).find(|it| !it.is_empty());
    let evidence = evidence.unwrap_or_default();
    let (role, assignment) = (evidence.text("role").0, evidence.text("roleAssignmentId").0);
    match (role.is_empty(), assignment.is_empty()) {
        (_, true) => role,
        (true, false) => assignment,
        (false, false) => format!("{role} {assignment}").into(),
    }
}

/// Gives what it was done to; the objects of a container are one. An address may bear a signature, which is a secret.
fn resource<'a>(it: &Fields<'a>, properties: &Fields<'a>) -> Cow<'a, str> {
    let object = properties.text("objectKey").or(it.text("objectKey"));
    if !object.is_empty() {
        let mut parts = object.0.split('/').filter(|it| !it.is_empty());
        return match (parts.next(), parts.next()) {
            (Some(account), Some(container)) => format!("{account}/{container}/*").into(),
            (Some(account), None) => account.to_owned().into(),
            (None, _) => Cow::Borrowed(""),
        };
    }
    let id = it.text("resourceId").or(it.object("authorization").text("scope"));
    if !id.is_empty() {
        // Azure writes the same one in capitals and in small letters.
        return id.0.to_lowercase().into();
    }
    let Text(address) = it.first(&["uri", "requestUri"]).or(properties.text("requestUri"));
    address.split('?').next().unwrap_or_default().to_owned().into()
}
