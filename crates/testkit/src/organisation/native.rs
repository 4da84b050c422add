//! What each system writes of an access, in its own words.
#![expect(
    clippy::indexing_slicing,
    reason = "members are put into JSON objects that are made here"
)]

use bailiwick_model::{ActorKind, Ended, Exercise, Platform, Timestamp};
use serde_json::{Value, json};

/// Writes the line that a system logs; none where it is Bailiwick itself, whose ledger has another shape.
pub(super) fn line(it: &Exercise<'_>, said: &str) -> Option<String> {
    match it.platform {
        Platform::Aws => Some(cloudtrail(it, said).to_string()),
        Platform::Kubernetes => Some(kubernetes(it).to_string()),
        Platform::Github => Some(github(it).to_string()),
        Platform::Okta => Some(okta(it).to_string()),
        Platform::Postgres => Some(pgaudit(it)),
        Platform::Google
        | Platform::Workspace
        | Platform::Azure
        | Platform::Vault
        | Platform::Mcp
        | Platform::Anthropic
        | Platform::Openai => None,
    }
}

fn uuid(key: u128) -> String {
    let digits = format!("{key:032x}");
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default().to_owned();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

/// As `CloudTrail` writes moments: whole seconds.
fn second(at: Timestamp) -> String {
    Timestamp::from_millis(at.seconds().saturating_mul(1000)).to_string().replace(".000Z", "Z")
}

fn cloudtrail(it: &Exercise<'_>, session: &str) -> Value {
    let id = &*it.actor.id;
    let (kind, web) = match (it.actor.kind, id.split_once(":repo:"), id.split_once(":system:")) {
        (_, Some((provider, rest)), _) => {
            ("WebIdentityUser", Some((provider, format!("repo:{rest}"))))
        }
        (_, _, Some((provider, rest))) => {
            ("WebIdentityUser", Some((provider, format!("system:{rest}"))))
        }
        (ActorKind::Role, ..) => ("AssumedRole", None),
        _ => ("IAMUser", None),
    };
    let mut identity = json!({ "type": kind, "accountId": it.account });
    if let Some((provider, subject)) = web {
        identity["principalId"] = json!(format!("{provider}:sts.amazonaws.com:{subject}"));
        identity["identityProvider"] = json!(provider);
        identity["userName"] = json!(subject);
    } else {
        identity["accessKeyId"] = json!(it.actor.credential);
        identity["arn"] = json!(id);
    }
    if kind == "AssumedRole" {
        let name = id.rsplit('/').next().unwrap_or_default();
        identity["arn"] =
            json!(format!("arn:aws:sts::{}:assumed-role/{name}/{session}", it.account));
        identity["sessionContext"] = json!({ "sessionIssuer": { "type": "Role", "arn": id } });
        if let Some(said) = it.actor.chain.first() {
            identity["sessionContext"]["sourceIdentity"] = json!(said);
        }
    }
    let mut event = json!({
        "eventVersion": "1.09", "eventID": uuid(it.key), "eventTime": second(it.at), "eventSource": it.service,
        "eventName": it.operation, "awsRegion": "eu-central-1", "eventType": "AwsApiCall",
        "recipientAccountId": it.account, "userIdentity": identity, "managementEvent": !it.data,
        "eventCategory": if it.data { "Data" } else { "Management" },
    });
    if it.ended == Ended::Denied {
        event["errorCode"] = json!(it.code);
    }
    if let Some(issued) = &it.issued {
        if issued.credential.starts_with("AKIA") {
            let user = issued.to.rsplit('/').next();
            event["responseElements"] =
                json!({ "accessKey": { "accessKeyId": issued.credential, "userName": user } });
        } else {
            event["requestParameters"] =
                json!({ "roleArn": issued.to, "roleSessionName": session });
            event["responseElements"] = json!({ "credentials": { "accessKeyId": issued.credential,
                "expiration": issued.until.map(second), "sessionToken": "not kept" } });
        }
    } else if let Some(bucket) = it.resource.strip_prefix("arn:aws:s3:::") {
        let bucket = bucket.trim_end_matches("/*");
        event["requestParameters"] = json!({ "bucketName": bucket, "key": "a" });
    }
    event
}

fn kubernetes(it: &Exercise<'_>) -> Value {
    let (group, resource) = it.service.split_once('/').unwrap_or(("core", &it.service));
    let group = if group == "core" { "" } else { group };
    let behind = it.actor.chain.first();
    let caller = behind.map_or(&*it.actor.id, |it| it);
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
        "auditID": uuid(it.key), "requestReceivedTimestamp": it.at.to_string(), "stageTimestamp": it.at.to_string(),
        "verb": it.operation, "user": { "username": caller, "groups": ["system:authenticated"] },
        "objectRef": { "apiGroup": group, "apiVersion": "v1", "resource": resource, "namespace": it.resource },
        "responseStatus": { "code": if it.ended == Ended::Denied { 403 } else { 200 } },
        "annotations": { "authorization.k8s.io/decision": if it.ended == Ended::Denied { "forbid" } else { "allow" } },
    });
    if !it.actor.credential.is_empty() {
        event["user"]["extra"] = json!({ "accessKeyId": [it.actor.credential] });
    }
    if behind.is_some() {
        event["impersonatedUser"] = json!({ "username": it.actor.id });
    }
    event
}

fn github(it: &Exercise<'_>) -> Value {
    let hash = it.actor.credential.trim_start_matches("sha256:");
    json!({
        "_document_id": uuid(it.key), "@timestamp": it.at.millis(), "created_at": it.at.millis(), "action": it.operation,
        "actor": it.actor.id, "org": it.account, "repo": it.resource, "hashed_token": hash,
        "programmatic_access_type": "Personal access token (classic)",
    })
}

fn okta(it: &Exercise<'_>) -> Value {
    json!({
        "uuid": uuid(it.key), "published": it.at.to_string(), "eventType": it.operation,
        "actor": { "type": "User", "alternateId": it.actor.id, "id": format!("00u{}", it.actor.id.len()) },
        "authenticationContext": { "externalSessionId": it.actor.credential },
        "outcome": { "result": "SUCCESS" }, "target": [{ "type": "AppInstance", "displayName": it.resource }],
    })
}

/// With `log_line_prefix = '%m [%p] %u@%d '`.
fn pgaudit(it: &Exercise<'_>) -> String {
    let at = it.at.to_string().replace('T', " ").replace('Z', " UTC");
    let table = it.service.trim_start_matches("table ");
    let class = if it.operation == "SELECT" { "READ" } else { "WRITE" };
    format!(
        "{at} [{}] {}@{} LOG:  AUDIT: SESSION,1,1,{class},{},TABLE,{table},\"{} {table}\",<none>",
        4000_u128.saturating_add(it.key & 0xfff),
        it.actor.id,
        it.account,
        it.operation,
        it.operation.to_lowercase(),
    )
}
