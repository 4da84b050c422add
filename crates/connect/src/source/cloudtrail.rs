//! AWS `CloudTrail`: who called what, by the `CloudTrail` record contents reference (versions 1.05 to 1.11).
//!
//! The same event may be delivered several times: its id is its key. Many lack `resources`, some `userIdentity`, and a
//! service that acts for somebody stands in `invokedBy`. Event history (`lookup-events`) and Logstash write the same
//! records with small differences, which are read as well.

mod expiry;
mod record;

use std::{borrow::Cow, mem};

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Issued, Platform, Via};

use self::expiry::expiry;
use self::record::{Identity, Params, Record, Response, is_role};
use super::{NotRead, Shape, Source, Told, key, loose::Text, moment::when, scan};

pub(super) const SOURCE: Source =
    Source { name: "cloudtrail", platform: Platform::Aws, knows, read };

fn knows(shape: &Shape<'_>) -> bool {
    shape.has(&["eventName", "eventSource"])
        || shape.has(&["insightDetails"])
        || shape.has(&["digestStartTime", "logFiles"])
}

/// What stands before the name of a bucket in its ARN.
const BUCKET: &str = "arn:aws:s3:::";

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    let told = exercise(record)?;
    Ok(told.map_or(Told::Nothing, |it| Told::Exercise(Box::new(it))))
}

/// Reads a record, and puts nothing of what it tells in a place of its own: these are by far the most.
pub(super) fn exercise(record: &[u8]) -> Result<Option<Exercise<'_>>, NotRead> {
    let mut read = Record::default();
    scan::object(record, &mut read)?;
    if read.event_name.is_empty() || read.event_source.is_empty() {
        // Digests lie beside the logs, and Insights say what is unusual, not what somebody did.
        return Ok(None);
    }
    let time = if read.event_time.is_empty() { &read.stamp } else { &read.event_time };
    let at = when(&time.0)?;
    let (params, response) = (&mut read.request_parameters, &mut read.response_elements);
    let internal = matches!(&*read.event_type.0, "AwsServiceEvent" | "AwsConsoleSignIn");
    let changes = read.read_only.0 != "true";
    let ended = match (&*read.error_code.0, &*response.console_login.0) {
        ("", "Failure") => Ended::Denied,
        ("", _) => Ended::Success,
        (code, _) if is_denial(code) => Ended::Denied,
        (_, _) => Ended::Error,
    };
    let account = if read.recipient_account_id.is_empty() {
        read.user_identity.account_id.clone()
    } else {
        mem::take(&mut read.recipient_account_id)
    };
    let issued = if ended == Ended::Success { issued(params, response, &account.0) } else { None };
    Ok(Some(Exercise {
        platform: Platform::Aws,
        key: key(Platform::Aws, &read.event_id.0, record),
        at,
        account: account.0,
        actor: actor(&mut read.user_identity, &read.event_source),
        along: along(params, &read.event_source.0, changes),
        resource: resource(&mut read.resource, params),
        service: read.event_source.0,
        operation: read.event_name.0,
        ended,
        code: read.error_code.0,
        issued,
        data: read.event_category.0 == "Data" || read.management_event.0 == "false",
        internal,
        granted_by: Cow::Borrowed(""),
    }))
}

/// Says whether a code of AWS means that authority was wanting. Too many requests, or nothing found, does not.
fn is_denial(code: &str) -> bool {
    let code = code.strip_prefix("Client.").unwrap_or(code);
    code.starts_with("AccessDenied")
        || matches!(
            code,
            "UnauthorizedOperation"
                | "UnauthorizedAccess"
                | "UnauthorizedException"
                | "NotAuthorized"
                | "NotAuthorizedException"
                | "AuthorizationError"
                | "AuthorizationErrorException"
                | "AuthFailure"
                | "Forbidden"
                | "ForbiddenException"
                | "ExpiredToken"
                | "ExpiredTokenException"
                | "InvalidClientTokenId"
                | "SignatureDoesNotMatch"
                | "UnrecognizedClientException"
                | "OptInRequired"
        )
}

fn actor<'a>(identity: &mut Identity<'a>, source: &Text<'a>) -> Actor<'a> {
    let session = &mut identity.session_context;
    let kind = match &*identity.kind.0 {
        // It is the user's own authority, for a while.
        "FederatedUser" if session.issuer.arn.0.contains(":user/") => ActorKind::Unknown,
        "AssumedRole" | "Role" | "FederatedUser" | "WebIdentityUser" | "SAMLUser" => {
            ActorKind::Role
        }
        "IdentityCenterUser" => ActorKind::Person,
        "AWSService" | "" => ActorKind::Platform,
        _ => ActorKind::Unknown,
    };
    let chain = if session.source_identity.is_empty() {
        Vec::new()
    } else {
        vec![mem::take(&mut session.source_identity.0)]
    };
    let is_named = !identity.access_key_id.is_empty();
    let delivered = match (session.ec2_role_delivery.is_empty(), identity.invoked_by.is_empty()) {
        (false, _) => "delivered to a machine by AWS itself",
        (true, false) if !is_named => "taken by a part of AWS itself",
        (true, _) => "",
    };
    let id = match (session.issuer.arn.is_empty(), identity.arn.is_empty()) {
        (false, _) => mem::take(&mut session.issuer.arn),
        (true, false) => role_of(mem::take(&mut identity.arn)),
        (true, true) => without_arn(identity, source),
    };
    let through = mem::take(&mut identity.invoked_by.0);
    let through = if through == id.0 { Cow::Borrowed("") } else { through };
    let credential = mem::take(&mut identity.access_key_id.0);
    Actor { id: id.0, kind, credential, through, chain, delivered }
}

/// Names a caller of whom the log gives no ARN.
fn without_arn<'a>(identity: &mut Identity<'a>, source: &Text<'a>) -> Text<'a> {
    if !identity.provider.is_empty() && !identity.user_name.is_empty() {
        return Text(Cow::Owned(format!("{}:{}", identity.provider.0, identity.user_name.0)));
    }
    Text::first_of(&mut [
        &mut identity.invoked_by,
        &mut identity.principal_id,
        &mut identity.user_name,
        &mut identity.account_id,
        &mut source.clone(),
    ])
}

/// Gives the role that a session is of: `arn:aws:iam::…:role/NAME` of `arn:aws:sts::…:assumed-role/NAME/SESSION`.
fn role_of(arn: Text<'_>) -> Text<'_> {
    let role = || {
        // Most are users, and are looked at no further.
        if arn.0.starts_with("arn:aws:iam:") {
            return None;
        }
        let mut parts = arn.0.splitn(6, ':');
        let [_, partition, "sts", region, account, rest] =
            [(); 6].map(|()| parts.next().unwrap_or(""))
        else {
            return None;
        };
        let session = rest.strip_prefix("assumed-role/")?;
        let name = session.split_once('/').map_or(session, |(name, _)| name);
        Some(["arn:", partition, ":iam:", region, ":", account, ":role/", name].concat())
    };
    match role() {
        Some(role) => Text(Cow::Owned(role)),
        None => arn,
    }
}

fn along(params: &Params<'_>, source: &str, changes: bool) -> Along {
    // Whoever asks for a role, or changes one, hands none over.
    let hands_over = changes && !matches!(source, "sts.amazonaws.com" | "iam.amazonaws.com");
    let is_named = || is_role(&params.role_arn) || params.roles.contains(&true);
    let mut along = Along::NOTHING;
    if hands_over && (is_named() || params.iam_instance_profile) {
        along = along.and(Along::ROLE);
    }
    if params.tag_specification_set {
        along = along.and(Along::TAGS);
    }
    along
}

/// Gives what a request was about: the log's own word for it, else what the request names.
fn resource<'a>(listed: &mut Text<'a>, params: &mut Params<'a>) -> Cow<'a, str> {
    if !params.bucket_name.is_empty() {
        let bucket = &*params.bucket_name.0;
        let objects = if params.key.is_empty() { "" } else { "/*" };
        let is_listed = objects.is_empty() && listed.0.strip_prefix(BUCKET) == Some(bucket);
        if is_listed {
            return mem::take(&mut listed.0);
        }
        return Cow::Owned([BUCKET, bucket, objects].concat());
    }
    let named = Text::first_of(&mut [
        listed,
        &mut params.role_arn,
        &mut params.role_name,
        &mut params.user_name,
        &mut params.function_name,
        &mut params.secret_id,
        &mut params.table_name,
        &mut params.key_id,
        &mut params.queue_url,
        &mut params.topic_arn,
    ]);
    named.0
}

/// Gives the credential that came of a call: an assumed role's, a federated user's, or a key that lasts.
fn issued<'a>(
    params: &Params<'a>,
    response: &mut Response<'a>,
    account: &str,
) -> Option<Issued<'a>> {
    let lasting = &mut response.access_key;
    if !lasting.access_key_id.is_empty() {
        let user = mem::take(&mut lasting.user_name.0);
        let to = if user.starts_with("arn:") {
            user
        } else {
            format!("arn:aws:iam::{account}:user/{user}").into()
        };
        return Some(Issued {
            credential: mem::take(&mut lasting.access_key_id.0),
            to,
            via: Via::Key,
            until: None,
        });
    }
    let made = &mut response.credentials;
    if made.access_key_id.is_empty() {
        return None;
    }
    let (credential, until) = (mem::take(&mut made.access_key_id), expiry(&made.expiration.0));
    let (to, via) = match params.role_arn.is_empty() {
        false => (params.role_arn.clone(), Via::AssumeRole),
        true if !response.assumed_role_user.arn.is_empty() => {
            (role_of(mem::take(&mut response.assumed_role_user.arn)), Via::AssumeRole)
        }
        true => (mem::take(&mut response.federated_user.arn), Via::Federation),
    };
    Some(Issued { credential: credential.0, to: to.0, via, until })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(record: &Value) -> Exercise<'static> {
        // A test may keep what it read for as long as it runs.
        let text = record.to_string().leak().as_bytes();
        match read(text).unwrap() {
            Told::Exercise(it) => *it,
            other @ (Told::Exercises(_) | Told::Nothing) => panic!("{other:?}"),
        }
    }

    fn record(change: Value) -> Exercise<'static> {
        let mut record = json!({
            "eventTime": "2026-03-01T10:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "GetObject", "eventID": "875240ac-e821-4fc6-a311-8c352a1d20f5",
            "recipientAccountId": "1", "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::1:user/ann" },
        });
        for (name, value) in change.as_object().cloned().unwrap_or_default() {
            record[name] = value;
        }
        told(&record)
    }

    #[test]
    fn an_identity_is_whose_authority_it_was() {
        let role = "arn:aws:iam::1:role/path/deployer";
        for (identity, id, kind, through) in [
            (
                json!({ "type": "IAMUser", "arn": "arn:aws:iam::1:user/ann" }),
                "arn:aws:iam::1:user/ann",
                ActorKind::Unknown,
                "",
            ),
            (
                json!({ "type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/deployer/x",
                        "sessionContext": { "sessionIssuer": { "arn": role } } }),
                role,
                ActorKind::Role,
                "",
            ),
            (
                json!({ "type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/deployer/x" }),
                "arn:aws:iam::1:role/deployer",
                ActorKind::Role,
                "",
            ),
            (
                json!({ "type": "FederatedUser", "arn": "arn:aws:sts::1:federated-user/x",
                        "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::1:user/ann" } } }),
                "arn:aws:iam::1:user/ann",
                ActorKind::Unknown,
                "",
            ),
            (
                json!({ "type": "AWSService", "invokedBy": "ec2.amazonaws.com" }),
                "ec2.amazonaws.com",
                ActorKind::Platform,
                "",
            ),
            (
                json!({ "type": "IAMUser", "arn": "arn:aws:iam::1:user/ann", "invokedBy": "cloudformation.amazonaws.com" }),
                "arn:aws:iam::1:user/ann",
                ActorKind::Unknown,
                "cloudformation.amazonaws.com",
            ),
            (
                json!({ "type": "Root", "arn": "arn:aws:iam::1:root" }),
                "arn:aws:iam::1:root",
                ActorKind::Unknown,
                "",
            ),
            (json!(null), "s3.amazonaws.com", ActorKind::Platform, ""),
            (json!("HIDDEN_DUE_TO_SECURITY_REASONS"), "s3.amazonaws.com", ActorKind::Platform, ""),
        ] {
            let actor = record(json!({ "userIdentity": identity.clone() })).actor;
            assert_eq!(
                (&*actor.id, actor.kind, &*actor.through),
                (id, kind, through),
                "{identity}"
            );
        }
    }

    #[test]
    fn only_want_of_authority_is_a_denial() {
        for (code, ended) in [
            ("", Ended::Success),
            ("AccessDenied", Ended::Denied),
            ("AccessDeniedException", Ended::Denied),
            ("Client.UnauthorizedOperation", Ended::Denied),
            ("ThrottlingException", Ended::Error),
            ("NoSuchBucketPolicy", Ended::Error),
            ("Client.InvalidParameterValue", Ended::Error),
        ] {
            assert_eq!(record(json!({ "errorCode": code })).ended, ended, "{code}");
        }
        let failed = json!({ "responseElements": { "ConsoleLogin": "Failure" } });
        assert_eq!(record(failed).ended, Ended::Denied);
    }

    #[test]
    fn a_credential_is_joined_by_its_name_and_never_kept() {
        let made = record(json!({
            "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
            "requestParameters": { "roleArn": "arn:aws:iam::1:role/deployer" },
            "responseElements": { "credentials": { "accessKeyId": "ASIA1", "sessionToken": "SECRET" } },
        }));
        let issued = made.issued.clone().unwrap();
        assert_eq!(
            (&*issued.credential, &*issued.to, issued.via),
            ("ASIA1", "arn:aws:iam::1:role/deployer", Via::AssumeRole)
        );
        assert!(!format!("{made:?}").contains("SECRET"));
        assert_eq!(made.along, Along::NOTHING, "whoever asks for a role hands none over");
        let key = record(json!({
            "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey",
            "responseElements": { "accessKey": { "accessKeyId": "AKIA2", "userName": "bob" } },
        }));
        let issued = key.issued.unwrap();
        assert_eq!((&*issued.to, issued.via), ("arn:aws:iam::1:user/bob", Via::Key));
        let denied = record(json!({
            "errorCode": "AccessDenied", "responseElements": { "credentials": { "accessKeyId": "ASIA1" } },
        }));
        assert_eq!(denied.issued, None);
    }

    #[test]
    fn what_is_handed_over_and_tagged_is_seen() {
        let runs = |params: Value| {
            record(json!({
            "eventSource": "ec2.amazonaws.com", "eventName": "RunInstances", "requestParameters": params,
        })).along
        };
        assert_eq!(runs(json!({})), Along::NOTHING);
        assert_eq!(runs(json!({ "iamInstanceProfile": {} })), Along::NOTHING);
        assert_eq!(
            runs(
                json!({ "iamInstanceProfile": { "name": "x" }, "tagSpecificationSet": { "items": [] } })
            ),
            Along::ROLE.and(Along::TAGS)
        );
        assert_eq!(runs(json!({ "role": "arn:aws:iam::1:role/x" })), Along::ROLE);
    }

    #[test]
    fn the_same_event_has_one_key_and_others_have_another() {
        let one = record(json!({}));
        assert_eq!(one.key, record(json!({ "eventTime": "2027-01-01T00:00:00Z" })).key);
        assert_ne!(
            one.key,
            record(json!({ "eventID": "975240ac-e821-4fc6-a311-8c352a1d20f5" })).key
        );
        assert_ne!(one.key, record(json!({ "eventID": "mine" })).key);
        let bare = |at: &str| record(json!({ "eventID": null, "eventTime": at })).key;
        assert_ne!(bare("2027-01-01T00:00:00Z"), bare("2027-01-01T00:00:01Z"));
    }

    #[test]
    fn what_lies_beside_the_log_tells_of_nobody() {
        for other in [
            json!({ "digestStartTime": "2026-03-01T00:00:00Z", "logFiles": [] }),
            json!({ "eventTime": "2026-03-01T00:00:00Z", "eventType": "AwsCloudTrailInsight", "insightDetails": {} }),
        ] {
            let names = other.as_object().unwrap().keys().map(String::as_str).collect();
            assert!(knows(&Shape::new(names)), "{other}");
            assert_eq!(read(other.to_string().as_bytes()), Ok(Told::Nothing), "{other}");
        }
        let timeless = json!({ "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventTime": "noon" });
        assert_eq!(read(timeless.to_string().as_bytes()), Err(NotRead::Time("noon".to_owned())));
        let undated = json!({ "eventSource": "s3.amazonaws.com", "eventName": "GetObject" });
        assert_eq!(read(undated.to_string().as_bytes()), Err(NotRead::Undated));
    }

    #[test]
    fn names_in_small_letters_are_the_same_names() {
        let it = told(&json!({
            "eventtime": "2026-03-01T10:00:00Z", "eventsource": "s3.amazonaws.com", "eventname": "GetObject",
            "eventid": "a", "recipientaccountid": "1", "errorcode": "AccessDenied",
            "useridentity": { "type": "IAMUser", "arn": "arn:aws:iam::1:user/ann" },
        }));
        assert_eq!((&*it.operation, &*it.account, it.ended), ("GetObject", "1", Ended::Denied));
        assert_eq!(&*it.actor.id, "arn:aws:iam::1:user/ann");
    }
}
