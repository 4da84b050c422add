//! What Entra ID tells of: who signed in, and who changed the directory.

use std::borrow::Cow;

use bailiwick_model::{ActorKind, Ended, Exercise};

use super::{Log, caller};
use crate::source::{NotRead, Told, fields::Fields, loose::Text};

/// Says whether a record is one of the directory's audit log, under whatever category.
pub(super) fn is_audit(it: &Fields<'_>, properties: &Fields<'_>) -> bool {
    it.text("category").0 == "AuditLogs"
        || properties.has("activityDisplayName")
        || (properties.has("initiatedBy") && properties.has("loggedByService"))
}

/// Reads a sign-in: of a person, an application, or a machine that Azure gave an identity.
pub(super) fn sign_in<'a>(log: &Log<'_, 'a>, properties: &Fields<'a>) -> Told<'a> {
    let status = properties.object("status").text("errorCode").or(log.it.text("resultType"));
    let ended = match &*status.0 {
        "" | "0" | "Success" => Ended::Success,
        _ => Ended::Denied,
    };
    let token = properties.text("uniqueTokenIdentifier").0;
    let person = properties.text("userPrincipalName");
    let app = properties.first(&["servicePrincipalId", "appId"]);
    let actor = if person.is_empty() && properties.text("userId").is_empty() {
        caller::named(app, ActorKind::Service, token)
    } else {
        caller::named(person.or(properties.text("userId")), ActorKind::Person, token)
    };
    let id = properties.first(&["id", "originalRequestId"]).or(log.it.text("correlationId"));
    let target = properties.first(&["resourceDisplayName", "resourceId"]);
    let code = if ended == Ended::Success { Cow::Borrowed("") } else { status.0 };
    let category = log.it.text("category").0;
    let operation = if category.is_empty() { Cow::Borrowed("SignInLogs") } else { category };
    let exercise = Exercise {
        actor,
        service: Cow::Borrowed("signin"),
        operation,
        resource: target.0,
        ended,
        code,
        internal: true,
        ..log.exercise()
    };
    log.told(exercise, &id.0)
}

/// Reads a change of the directory.
pub(super) fn audit<'a>(log: &Log<'_, 'a>, properties: &Fields<'a>) -> Told<'a> {
    let by = properties.object("initiatedBy");
    let (user, app) = (by.object("user"), by.object("app"));
    let person = user.first(&["userPrincipalName", "id"]);
    let actor = if person.is_empty() {
        let id = app.first(&["servicePrincipalId", "appId", "displayName"]);
        let kind = if id.is_empty() { ActorKind::Unknown } else { ActorKind::Service };
        caller::named(id.or(log.it.text("identity")), kind, Cow::Borrowed(""))
    } else {
        caller::named(person, ActorKind::Person, Cow::Borrowed(""))
    };
    let operation = log.it.text("operationName").or(properties.text("activityDisplayName"));
    let result = properties.text("result").or(log.it.text("resultType")).0;
    let ended = match &*result.to_lowercase() {
        "" | "success" | "0" | "succeeded" => Ended::Success,
        // A failure does not say whether authority was there: it is no use.
        _ => Ended::Denied,
    };
    let target = properties.objects("targetResources").into_iter().next().unwrap_or_default();
    let target = target.first(&["id", "userPrincipalName", "displayName"]);
    let id = properties.text("id").or(log.it.text("correlationId"));
    let exercise = Exercise {
        actor,
        service: Cow::Borrowed("directory"),
        operation: operation.0,
        resource: target.0,
        ended,
        code: if ended == Ended::Success { Cow::Borrowed("") } else { result },
        ..log.exercise()
    };
    log.told(exercise, &id.0)
}

/// Reads a record of Microsoft 365's own audit log, where it is the directory's: other parts have permissions of other
/// kinds.
pub(super) fn unified<'a>(log: &Log<'_, 'a>) -> Result<Told<'a>, NotRead> {
    let it = log.it;
    if it.text("Workload").0 != "AzureActiveDirectory" {
        return Err(NotRead::Stranger);
    }
    let Text(operation) = it.text("Operation");
    let is_sign_in = matches!(&*operation, "UserLoggedIn" | "UserLoginFailed");
    let who = it.text("UserId");
    let actor = match who.0.strip_prefix("ServicePrincipal_") {
        Some(id) => {
            caller::named(Text(id.to_owned().into()), ActorKind::Service, Cow::Borrowed(""))
        }
        None if who.0.contains('@') => caller::named(who, ActorKind::Person, Cow::Borrowed("")),
        None => caller::named(who, ActorKind::Unknown, Cow::Borrowed("")),
    };
    let result = it.text("ResultStatus").0;
    let ended = match (&*operation, &*result) {
        ("UserLoginFailed", _) => Ended::Denied,
        (_, "" | "Success" | "Succeeded" | "PartiallySucceeded" | "True") => Ended::Success,
        _ => Ended::Denied,
    };
    let exercise = Exercise {
        actor,
        service: Cow::Borrowed(if is_sign_in { "signin" } else { "directory" }),
        // The same change has a full stop behind it here, and none in the directory's own log.
        operation: operation.trim_end_matches('.').to_owned().into(),
        resource: it.text("ObjectId").0,
        ended,
        code: if ended == Ended::Success { Cow::Borrowed("") } else { result },
        internal: is_sign_in,
        ..log.exercise()
    };
    Ok(log.told(exercise, &it.text("Id").0))
}
