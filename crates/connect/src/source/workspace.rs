//! Google Workspace: who did what in its applications, by the activities of the Reports API.
//!
//! One activity may have several events, each of which is an exercise; exports write one event a record, with its name at
//! the top.

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Platform, Timestamp};

use super::{
    NotRead, Shape, Source, Told,
    fields::{Fields, id_or_digest, keyed},
};

pub(super) const SOURCE: Source =
    Source { name: "workspace", platform: Platform::Workspace, knows, read };

/// Parameters that say what it was done to, the nearest first.
const TARGETS: [&str; 10] = [
    "doc_id",
    "calendar_id",
    "target_user",
    "USER_EMAIL",
    "GROUP_EMAIL",
    "SETTING_NAME",
    "app_name",
    "application_name",
    "APPLICATION_NAME",
    "affected_email_address",
];

fn knows(shape: &Shape<'_>) -> bool {
    shape.has(&["id", "actor", "events"])
        || shape.has(&["id", "name", "actor"])
        || shape.has(&["id", "name", "kind", "type"])
}

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    let it = Fields::of(record)?;
    let id = it.object("id");
    let application = id.text("applicationName").0;
    if application.is_empty() {
        return Err(NotRead::Lacks("id.applicationName"));
    }
    let mut events = it.objects("events");
    if events.is_empty() {
        events.push(it.clone());
    }
    let at = id.time(&["time"])?.or(it.time(&["p_event_time"])?).ok_or(NotRead::Undated)?;
    let key = id_or_digest(Platform::Workspace, &id.text("uniqueQualifier").0, record);
    let activity = Activity { at, record, it: &it, id, key, application };
    let mut all = Vec::new();
    for (place, event) in events.iter().enumerate() {
        all.push(activity.exercise(place, event)?);
    }
    Ok(match all.len() {
        1 => all.pop().map_or(Told::Nothing, |it| Told::Exercise(Box::new(it))),
        _ => Told::Exercises(all),
    })
}

/// One activity, and what all its events have in common.
struct Activity<'r, 'a> {
    at: Timestamp,
    record: &'a [u8],
    it: &'r Fields<'a>,
    id: Fields<'a>,
    key: String,
    application: Cow<'a, str>,
}

impl<'a> Activity<'_, 'a> {
    fn exercise(&self, place: usize, event: &Fields<'a>) -> Result<Exercise<'a>, NotRead> {
        let (name, sort) = (event.text("name").0, event.text("type").0);
        if name.is_empty() {
            return Err(NotRead::Lacks("name"));
        }
        let actor = actor(&self.it.object("actor"));
        let failed = name.ends_with("_failure") || name == "login_challenge_failed";
        let exercise = Exercise {
            platform: Platform::Workspace,
            key: 0,
            at: self.at,
            account: self.id.text("customerId").0,
            service: self.application.clone(),
            along: Along::NOTHING,
            resource: target(event),
            ended: if failed { Ended::Denied } else { Ended::Success },
            code: if failed { name.clone() } else { Cow::Borrowed("") },
            issued: None,
            data: false,
            // Nobody is named where the system warns of somebody.
            internal: sort == "account_warning" || actor.id.is_empty(),
            operation: name,
            granted_by: Cow::Borrowed(""),
            actor,
        };
        Ok(keyed(exercise, &self.key, self.record, place))
    }
}

fn actor<'a>(actor: &Fields<'a>) -> Actor<'a> {
    let id = Platform::Workspace.name_of(actor.first(&["email", "profileId", "key"]).0);
    let kind = match (&*actor.text("callerType").0, &*id) {
        ("KEY", _) => ActorKind::Service,
        (_, it) if it.contains("gserviceaccount.com") => ActorKind::Service,
        (_, it) if it.contains('@') => ActorKind::Person,
        (_, _) => ActorKind::Unknown,
    };
    // An application that acts for a person stands behind it.
    let application = actor.object("applicationInfo");
    let acts = application.text("impersonation").0 == "true";
    let client = application.text("oauthClientId").0;
    let chain = Some(client).filter(|it| acts && !it.is_empty()).into_iter().collect();
    Actor { id, kind, chain, ..Actor::default() }
}

/// Gives what it was done to. Parameters are a list of names and values, or an object.
fn target<'a>(event: &Fields<'a>) -> Cow<'a, str> {
    let listed = event.objects("parameters");
    let object = event.object("parameters");
    let of_list = |name: &str| {
        let found = listed.iter().find(|it| it.text("name").0 == name);
        found.map(|it| it.text("value").0).unwrap_or_default()
    };
    TARGETS
        .iter()
        .map(|name| if listed.is_empty() { object.text(name).0 } else { of_list(name) })
        .find(|it| !it.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
