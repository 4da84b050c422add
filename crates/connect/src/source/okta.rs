//! Okta's System Log: who signed in, and what was administered.
//!
//! Many exports write names in small letters only. A caller is a person, an application, an address, or Okta itself; an
//! API token is named in `transaction`, a session in `authenticationContext`. `outcome` tells more than yes and no: what
//! was not let through is no use, whatever the word for it.

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Issued, Platform, Via};

use super::{
    ANONYMOUS, NotRead, Shape, Source, Told, key,
    moment::{moment, when},
    picked::Picked,
};

pub(super) const SOURCE: Source = Source { name: "okta", platform: Platform::Okta, knows, read };

const PLACES: &[&str] = &[
    "actor/alternateId",
    "actor/displayName",
    "actor/id",
    "actor/type",
    "authenticationContext/externalSessionId",
    "debugContext/debugData/grantedScopes[]",
    "debugContext/debugData/requestedScopes[]",
    "eventType",
    "outcome/reason",
    "outcome/result",
    "published",
    "target/detailEntry/expires",
    "target/detailEntry/subject",
    "target/id[]",
    "transaction/detail/requestApiTokenId",
    "uuid",
];

fn knows(shape: &Shape<'_>) -> bool {
    shape.has(&["eventType", "actor"])
        && ["client", "severity", "displayMessage", "legacyEventType", "authenticationContext"]
            .iter()
            .any(|it| shape.has(&[it]))
}

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    let mut it = Picked::read(record, PLACES)?;
    let event = it.take("eventType");
    if !event.contains('.') {
        return Err(NotRead::Lacks("eventType"));
    }
    let at = when(&it.take("published"))?;
    let result = it.take("outcome/result");
    let ended = ended(&result);
    let reason = it.take("outcome/reason");
    let targets = it.take("target/id[]");
    let is_grant = event.contains(".token.grant") || event.contains(".authorize.");
    let subject = Platform::Okta.name_of(it.take("target/detailEntry/subject"));
    let mut actor = actor(&mut it);
    if is_grant && !subject.is_empty() && subject != actor.id {
        // The application acts for whom the token is about.
        actor.chain.push(subject);
    }
    let until = moment(&it.take("target/detailEntry/expires"));
    let begin = match &*event {
        "system.api_token.create" => "00T",
        _ if is_grant => "AT.",
        _ => "",
    };
    let made = targets.split(", ").find(|it| !begin.is_empty() && it.starts_with(begin));
    let issued = made.filter(|_| ended == Ended::Success).map(|credential| Issued {
        credential: Cow::Owned(credential.to_owned()),
        to: actor.id.clone(),
        via: if is_grant { Via::OauthGrant } else { Via::Key },
        until,
    });
    let scopes = it.first(&[
        "debugContext/debugData/grantedScopes[]",
        "debugContext/debugData/requestedScopes[]",
    ]);
    let first = targets.split(", ").next().unwrap_or_default();
    let id = it.take("uuid");
    Ok(Told::Exercise(Box::new(Exercise {
        platform: Platform::Okta,
        key: key(Platform::Okta, &id, record),
        at,
        account: Cow::Borrowed(""),
        internal: actor.kind == ActorKind::Platform,
        actor,
        service: Cow::Borrowed(""),
        operation: event,
        along: Along::NOTHING,
        resource: if is_grant && !scopes.is_empty() {
            scopes
        } else {
            Cow::Owned(first.to_owned())
        },
        ended,
        code: match (ended, reason.is_empty()) {
            (Ended::Success, _) => Cow::Borrowed(""),
            (Ended::Error | Ended::Denied, false) => reason,
            (Ended::Error | Ended::Denied, true) => result,
        },
        issued,
        data: false,
        granted_by: Cow::Borrowed(""),
    })))
}

/// Reads an outcome. A failure does not say whether authority was there: it is no use.
fn ended(result: &str) -> Ended {
    match result {
        "" | "SUCCESS" | "ALLOW" => Ended::Success,
        "FAILURE" | "DENY" | "CHALLENGE" | "ABANDONED" | "UNANSWERED" => Ended::Denied,
        _ => Ended::Error,
    }
}

fn actor<'a>(it: &mut Picked<'_, 'a>) -> Actor<'a> {
    let kind = match &*it.take("actor/type") {
        "User" => ActorKind::Person,
        "SystemPrincipal" => ActorKind::Platform,
        "IP" | "IP address" | "IpAddress" => ActorKind::Anonymous,
        "" => ActorKind::Unknown,
        // Applications have several words for them, and all end alike.
        it if it.ends_with("App") || it.ends_with("Principal") || it == "AppInstance" => {
            ActorKind::Service
        }
        _ => ActorKind::Unknown,
    };
    let named = |it: &Cow<'_, str>| !it.is_empty() && *it != "unknown";
    let names = ["actor/alternateId", "actor/id", "actor/displayName"].map(|place| it.take(place));
    let credential = [
        it.take("transaction/detail/requestApiTokenId"),
        it.take("authenticationContext/externalSessionId"),
    ];
    let id = names.into_iter().find(named).unwrap_or(Cow::Borrowed(ANONYMOUS));
    Actor {
        id: Platform::Okta.name_of(id),
        kind,
        credential: credential.into_iter().find(named).unwrap_or_default(),
        through: Cow::Borrowed(""),
        chain: Vec::new(),
        delivered: "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::tests::{change, order_is_nothing, told};

    fn record(changes: serde_json::Value) -> Exercise<'static> {
        let record = json!({
            "uuid": "44aeb388-08b4-11ef-9cec-73ffcb6f9fdd", "published": "2026-03-01T10:00:00.121Z",
            "eventType": "group.lifecycle.create", "severity": "INFO",
            "actor": { "id": "00u1", "type": "User", "alternateId": "ann@acme.example" },
            "outcome": { "result": "SUCCESS" },
        });
        told(&SOURCE, &change(record, changes))
    }

    #[test]
    fn names_in_small_letters_are_the_same_names() {
        let small = json!({
            "uuid": "a", "published": "2022-11-22 18:48:49.177", "eventtype": "user.account.lock",
            "severity": "DEBUG", "displaymessage": "x",
            "actor": { "alternateId": "ann@acme.example", "id": "00u1", "type": "User" },
            "authenticationcontext": { "externalSessionId": "trs1" },
            "outcome": { "result": "FAILURE", "reason": "LOCKED_OUT" },
        });
        let it = told(&SOURCE, &small);
        assert_eq!((&*it.operation, &*it.actor.credential), ("user.account.lock", "trs1"));
        assert_eq!((it.ended, &*it.code), (Ended::Denied, "LOCKED_OUT"));
        assert!(knows(&Shape::new(vec!["eventtype", "actor", "severity"])));
    }

    #[test]
    fn a_caller_is_a_person_an_application_an_address_or_okta_itself() {
        let actor = |kind: &str, other: &str| {
            record(json!({ "actor": { "id": "id1", "type": kind, "alternateId": other } }))
        };
        for (kind, other, id, is) in [
            ("User", "ann@acme.example", "ann@acme.example", ActorKind::Person),
            ("User", "Ann@Acme.example", "ann@acme.example", ActorKind::Person),
            ("User", "unknown", "id1", ActorKind::Person),
            ("PublicClientApp", "unknown", "id1", ActorKind::Service),
            ("WorkloadIdentityPrincipal", "bot@agents", "bot@agents", ActorKind::Service),
            ("SystemPrincipal", "system@okta.com", "system@okta.com", ActorKind::Platform),
            ("IP", "unknown", "id1", ActorKind::Anonymous),
            ("Something", "unknown", "id1", ActorKind::Unknown),
        ] {
            let it = actor(kind, other);
            assert_eq!((&*it.actor.id, it.actor.kind), (id, is), "{kind}");
            assert_eq!(it.internal, is == ActorKind::Platform, "{kind}");
        }
        assert_eq!(&*record(json!({ "actor": {} })).actor.id, "anonymous");
    }

    #[test]
    fn what_was_not_let_through_is_no_use() {
        for (result, ended) in [
            ("SUCCESS", Ended::Success),
            ("ALLOW", Ended::Success),
            ("FAILURE", Ended::Denied),
            ("DENY", Ended::Denied),
            ("CHALLENGE", Ended::Denied),
            ("SKIPPED", Ended::Error),
            ("RATE_LIMIT", Ended::Error),
        ] {
            assert_eq!(record(json!({ "outcome": { "result": result } })).ended, ended, "{result}");
        }
        assert_eq!(record(json!({ "outcome": null })).ended, Ended::Success);
    }

    #[test]
    fn a_token_is_joined_to_the_call_that_made_it() {
        let made = record(json!({
            "eventType": "system.api_token.create",
            "target": [{ "id": "00u1", "type": "User" }, { "id": "00T1", "type": "Token" }],
        }));
        let issued = made.issued.unwrap();
        assert_eq!((&*issued.credential, issued.via), ("00T1", Via::Key));
        let used = record(json!({ "transaction": { "detail": { "requestApiTokenId": "00T1" } } }));
        assert_eq!(used.actor.credential, issued.credential);
    }

    #[test]
    fn a_grant_tells_scopes_and_for_whom() {
        let grant = |outcome: &str| {
            record(json!({
                "eventType": "app.oauth2.as.token.grant.access_token",
                "actor": { "id": "0oa1", "type": "PublicClientApp", "alternateId": "unknown" },
                "outcome": { "result": outcome },
                "debugContext": { "debugData": { "grantedScopes": "okta.users.read, okta.logs.read" } },
                "target": [
                    { "id": "00u1", "type": "User" },
                    { "id": "AT.abc", "type": "access_token", "detailEntry": {
                        "expires": "2026-03-01T11:00:00.000Z", "subject": "00u1", "hash": "h" } },
                ],
            }))
        };
        let it = grant("SUCCESS");
        assert_eq!(
            (&*it.resource, &it.actor.chain),
            ("okta.users.read, okta.logs.read", &vec!["00u1".into()])
        );
        let issued = it.issued.unwrap();
        assert_eq!(
            (&*issued.credential, &*issued.to, issued.via),
            ("AT.abc", "0oa1", Via::OauthGrant)
        );
        assert_eq!(issued.until.unwrap().to_string(), "2026-03-01T11:00:00.000Z");
        assert_eq!(grant("FAILURE").issued, None);
    }

    #[test]
    fn a_secret_in_a_record_is_never_kept() {
        let it = record(
            json!({ "target": [{ "id": "0oa1", "detailEntry": { "clientsecret": "HUSH" } }] }),
        );
        assert!(!format!("{it:?}").contains("HUSH"));
    }

    #[test]
    fn a_record_without_a_time_says_so() {
        let none =
            br#"{"eventtype":"user.mfa.factor.deactivate","severity":"INFO","actor":{"id":"a"}}"#;
        assert_eq!(read(none), Err(NotRead::Undated));
        let other = br#"{"eventType":"AwsApiCall","actor":{"id":"a"},"severity":"x"}"#;
        assert_eq!(read(other), Err(NotRead::Lacks("eventType")));
    }

    #[test]
    fn the_order_of_names_makes_no_difference() {
        order_is_nothing(
            &SOURCE,
            &json!({
                "uuid": "a", "published": "2026-03-01T10:00:00Z", "severity": "INFO",
                "eventType": "app.oauth2.token.grant.access_token",
                "actor": { "id": "0oa1", "type": "PublicClientApp", "alternateId": "unknown" },
                "outcome": { "result": "SUCCESS", "reason": null },
                "target": [{ "id": "AT.abc", "detailEntry": { "subject": "00u1" } }],
                "transaction": { "id": "t", "detail": { "requestApiTokenId": "00T1" } },
            }),
        );
    }
}
