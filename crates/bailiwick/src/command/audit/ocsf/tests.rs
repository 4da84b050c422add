//! Each event against what the schema asks for. The table below is ours, written from the documents of OCSF 1.8 for these two
//! classes and the objects that we use: what must be there, what may be, which numbers there are, and which of a group must
//! be given.

use std::{borrow::Cow, sync::LazyLock};

use bailiwick_model::{Actor, Along, Issued, Timestamp, Via};
use proptest::prelude::*;

use super::*;

/// What one object may hold: name, whether it must be there, and of what sort it is.
type Members = &'static [(&'static str, bool, Sort)];

#[derive(Clone, Copy)]
enum Sort {
    Text,
    Number,
    Texts,
    /// One of these, and what the member that is called the same without `_id` then says; 99 stands for anything else.
    Enum(&'static [(u64, &'static str)]),
    /// An object with these members, of which one of the last list at least.
    Object(Members, &'static [&'static str]),
    /// A list of such objects.
    Objects(Members, &'static [&'static str]),
    Anything,
}

use Sort::{Anything, Enum, Number, Object, Objects, Text, Texts};

const USER_TYPES: [(u64, &str); 6] =
    [(0, "Unknown"), (1, "User"), (2, "Admin"), (3, "System"), (4, "Service"), (99, "")];
const SEVERITIES: [(u64, &str); 8] = [
    (0, "Unknown"),
    (1, "Informational"),
    (2, "Low"),
    (3, "Medium"),
    (4, "High"),
    (5, "Critical"),
    (6, "Fatal"),
    (99, ""),
];
const STATUSES: [(u64, &str); 4] = [(0, "Unknown"), (1, "Success"), (2, "Failure"), (99, "")];
const CALLS: [(u64, &str); 6] =
    [(0, "Unknown"), (1, "Create"), (2, "Read"), (3, "Update"), (4, "Delete"), (99, "")];
const COMINGS: [(u64, &str); 9] = [
    (0, "Unknown"),
    (1, "Logon"),
    (2, "Logoff"),
    (3, "Authentication Ticket"),
    (4, "Service Ticket Request"),
    (5, "Service Ticket Renew"),
    (6, "Preauth"),
    (7, "Account Switch"),
    (99, ""),
];

const ENDPOINT: Members = &[("name", false, Text), ("ip", false, Text), ("uid", false, Text)];
const NAMED: Members = &[("name", false, Text), ("uid", false, Text)];
const USER: Members = &[
    ("uid", false, Text),
    ("name", false, Text),
    ("type", false, Text),
    ("type_id", false, Enum(&USER_TYPES)),
    // `credential_uid` is no more to be used since 1.6.
    ("programmatic_credentials", false, Objects(CREDENTIAL, &[])),
];
const CREDENTIAL: Members = &[("uid", true, Text), ("type", false, Text)];
const POLICY: Members = &[("name", false, Text), ("uid", false, Text)];
const AUTHORIZATION: Members =
    &[("decision", false, Text), ("policy", false, Object(POLICY, &["name", "uid"]))];
const ACTOR: Members = &[
    ("user", false, Object(USER, &["account", "name", "uid"])),
    ("app_name", false, Text),
    ("authorizations", false, Objects(AUTHORIZATION, &[])),
];
const PRODUCT: Members =
    &[("name", true, Text), ("vendor_name", true, Text), ("version", false, Text)];
const METADATA: Members = &[
    ("version", true, Text),
    ("product", true, Object(PRODUCT, &[])),
    ("uid", false, Text),
    ("log_name", false, Text),
    ("labels", false, Texts),
    ("profiles", false, Texts),
    ("tenant_uid", false, Text),
];
const CLOUD: Members =
    &[("provider", true, Text), ("account", false, Object(NAMED, &["name", "uid"]))];
const API: Members = &[
    ("operation", true, Text),
    ("service", false, Object(NAMED, &["name", "uid"])),
    ("response", false, Object(&[("error", false, Text)], &[])),
];

/// What every event has.
const BASE: Members = &[
    ("category_uid", true, Number),
    ("category_name", false, Text),
    ("class_uid", true, Number),
    ("class_name", false, Text),
    ("activity_name", false, Text),
    ("type_uid", true, Number),
    ("time", true, Number),
    ("severity_id", true, Enum(&SEVERITIES)),
    ("severity", false, Text),
    ("status_id", false, Enum(&STATUSES)),
    ("status", false, Text),
    ("status_code", false, Text),
    ("metadata", true, Object(METADATA, &[])),
    ("unmapped", false, Anything),
];
const SIX_THOUSAND_THREE: Members = &[
    ("activity_id", true, Enum(&CALLS)),
    ("actor", true, Object(ACTOR, &["user", "app_name"])),
    ("api", true, Object(API, &[])),
    ("src_endpoint", true, Object(ENDPOINT, &["ip", "uid", "name"])),
    ("resources", false, Objects(NAMED, &["name", "uid"])),
];
const THREE_THOUSAND_TWO: Members = &[
    ("activity_id", true, Enum(&COMINGS)),
    ("actor", false, Object(ACTOR, &["user", "app_name"])),
    ("user", true, Object(USER, &["account", "name", "uid"])),
    // Of it and `dst_endpoint` one must be there; the second is none of ours.
    ("service", true, Object(NAMED, &["name", "uid"])),
    ("src_endpoint", false, Object(ENDPOINT, &["ip", "uid", "name"])),
];
const PROFILE: Members = &[("cloud", true, Object(CLOUD, &[]))];

/// Says whether a number is one of a list, and its word the one that the list has for it.
fn is_known(object: &Map<String, Value>, name: &str, value: &Value, known: &[(u64, &str)]) -> bool {
    let stem = name.strip_suffix("_id").expect("a number has an end of its own");
    let word = ["", "_name"].iter().find_map(|it| object.get(&format!("{stem}{it}")));
    let number = known.iter().find(|it| Some(it.0) == value.as_u64());
    match (number, word.and_then(Value::as_str)) {
        (None, _) | (Some((99, _)), None) => false,
        (Some((99, _)), Some(_)) | (Some(_), None) => true,
        (Some((_, wanted)), Some(word)) => *wanted == word,
    }
}

/// Says what is wrong with an object.
fn faults(at: &str, value: &Value, members: &[Members], one_of: &[&str], into: &mut Vec<String>) {
    let Some(object) = value.as_object() else {
        into.push(format!("{at} is no object"));
        return;
    };
    let all: Vec<_> = members.iter().copied().flatten().collect();
    for (name, required, _) in &all {
        if *required && !object.contains_key(*name) {
            into.push(format!("{at}.{name} is missing"));
        }
    }
    if !one_of.is_empty() && !one_of.iter().any(|it| object.contains_key(*it)) {
        into.push(format!("{at} has none of {one_of:?}"));
    }
    for (name, value) in object {
        let here = format!("{at}.{name}");
        let Some((_, _, sort)) = all.iter().find(|it| it.0 == name) else {
            into.push(format!("{here} is not in the schema"));
            continue;
        };
        let text = |it: &Value| it.as_str().is_some_and(|it| !it.is_empty());
        let fits = match sort {
            Text => text(value),
            Number => value.is_i64() || value.is_u64(),
            Texts => value.as_array().is_some_and(|it| it.iter().all(text)),
            Enum(known) => is_known(object, name, value, known),
            Object(members, one_of) => {
                faults(&here, value, &[members], one_of, into);
                true
            }
            Objects(members, one_of) => {
                let list = value.as_array().cloned().unwrap_or_default();
                for it in &list {
                    faults(&here, it, &[members], one_of, into);
                }
                !list.is_empty()
            }
            Anything => true,
        };
        if !fits {
            into.push(format!("{here} does not fit: {value}"));
        }
    }
}

/// Says what the schema has against an event.
fn check(event: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let (class, category, more) = match event["class_uid"].as_u64() {
        Some(3002) => (3002_u64, 3, THREE_THOUSAND_TWO),
        _ => (6003, 6, SIX_THOUSAND_THREE),
    };
    let profiles = event["metadata"]["profiles"].as_array().cloned().unwrap_or_default();
    let profile: Members = if profiles.contains(&json!("cloud")) { PROFILE } else { &[] };
    faults("event", event, &[BASE, more, profile], &[], &mut found);
    let activity = event["activity_id"].as_u64().unwrap_or(0);
    let numbers = [
        ("class_uid", class),
        ("category_uid", category),
        ("type_uid", class.saturating_mul(100).saturating_add(activity)),
    ];
    for (name, number) in numbers {
        if event[name] != json!(number) {
            found.push(format!("{name} is {}, not {number}", event[name]));
        }
    }
    // Milliseconds, of this century: seconds would be of 1970.
    if event["time"].as_i64().is_none_or(|it| it < 946_684_800_000) {
        found.push(format!("time is {}", event["time"]));
    }
    if event["metadata"]["version"] != json!(VERSION) {
        found.push("it is of another version".to_owned());
    }
    found
}

fn exercise(platform: Platform, service: &str, operation: &str) -> Exercise<'static> {
    Exercise {
        platform,
        key: 7,
        at: Timestamp::from_millis(1_772_359_200_000),
        account: Cow::Borrowed("111122223333"),
        actor: Actor {
            id: Cow::Borrowed("arn:aws:iam::111122223333:role/deployer"),
            kind: ActorKind::Role,
            credential: Cow::Borrowed("ASIA1"),
            ..Actor::default()
        },
        service: Cow::Owned(service.to_owned()),
        operation: Cow::Owned(operation.to_owned()),
        along: Along::NOTHING,
        resource: Cow::Borrowed("arn:aws:s3:::releases/*"),
        ended: Ended::Success,
        code: Cow::Borrowed(""),
        issued: None,
        data: false,
        internal: false,
        granted_by: Cow::Borrowed(""),
    }
}

/// Unpacked once for all of them.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::carried);

fn made(it: &Exercise<'_>) -> Value {
    let event = event("cloudtrail", it, &CATALOGUE);
    assert_eq!(check(&event), [""; 0], "{event}");
    event
}

#[test]
fn an_access_is_an_api_activity() {
    let event = made(&exercise(Platform::Aws, "s3.amazonaws.com", "PutObject"));
    insta::assert_snapshot!(event, @r#"{"class_uid":6003,"class_name":"API Activity","category_uid":6,"category_name":"Application Activity","activity_id":99,"activity_name":"PutObject","type_uid":600399,"time":1772359200000,"severity_id":1,"severity":"Informational","status_id":1,"status":"Success","metadata":{"version":"1.8.0","uid":"00000000000000000000000000000007","log_name":"cloudtrail","product":{"name":"cloudtrail","vendor_name":"AWS"},"labels":["bailiwick:0.1.0"],"profiles":["cloud"]},"actor":{"user":{"type_id":99,"type":"Role","uid":"arn:aws:iam::111122223333:role/deployer","programmatic_credentials":[{"uid":"ASIA1"}]}},"src_endpoint":{"name":"unknown"},"cloud":{"provider":"AWS","account":{"uid":"111122223333"}},"api":{"operation":"PutObject","service":{"name":"s3.amazonaws.com"}},"resources":[{"uid":"arn:aws:s3:::releases/*"}],"unmapped":{"ended":"success","permissions":[{"name":"aws:s3:PutObject","certainty":"exact"}]}}"#);
}

#[test]
fn who_comes_in_is_authenticated() {
    let mut it = exercise(Platform::Aws, "signin.amazonaws.com", "ConsoleLogin");
    it.ended = Ended::Denied;
    it.code = Cow::Borrowed("Failed authentication");
    let event = made(&it);
    assert_eq!(event["type_uid"], 300_201);
    assert_eq!((&event["status_id"], &event["user"]["uid"]), (&json!(2), &json!(it.actor.id)));
    assert_eq!(event["api"], Value::Null);
}

#[test]
fn what_the_log_does_not_say_is_unknown() {
    let mut it = exercise(Platform::Postgres, "", "");
    it.actor = Actor::default();
    it.account = Cow::Borrowed("");
    it.resource = Cow::Borrowed("");
    let event = made(&it);
    assert_eq!(event["src_endpoint"], json!({ "name": "unknown" }));
    assert_eq!(event["actor"]["user"]["name"], "unknown");
    assert_eq!(event["api"]["operation"], "unknown");
    assert_eq!(event["activity_id"], 0);
}

#[test]
fn activities_are_what_names_say_and_no_more() {
    for (platform, service, operation, id) in [
        (Platform::Aws, "ec2.amazonaws.com", "DescribeInstances", 2),
        (Platform::Aws, "iam.amazonaws.com", "CreateRole", 1),
        (Platform::Aws, "iam.amazonaws.com", "DeleteRole", 4),
        (Platform::Aws, "lambda.amazonaws.com", "UpdateFunctionCode20150331v2", 3),
        // It may make something, or change it.
        (Platform::Aws, "s3.amazonaws.com", "PutObject", 99),
        (Platform::Kubernetes, "core/pods", "list", 2),
        (Platform::Kubernetes, "core/pods", "patch", 3),
        (Platform::Google, "", "storage.objects.delete", 4),
        (Platform::Azure, "", "Microsoft.Storage/storageAccounts/write", 99),
        (Platform::Postgres, "table public.orders", "INSERT", 1),
        (Platform::Mcp, "files", "read_text_file", 99),
    ] {
        let event = made(&exercise(platform, service, operation));
        assert_eq!(event["activity_id"], id, "{operation}: {event}");
    }
}

#[test]
fn a_strict_reader_notices_what_is_wrong() {
    let good = made(&exercise(Platform::Aws, "s3.amazonaws.com", "GetObject"));
    let with = |change: &dyn Fn(&mut Value)| {
        let mut event = good.clone();
        change(&mut event);
        check(&event)
    };
    let without =
        |name: &'static str| with(&move |it| drop(it.as_object_mut().unwrap().remove(name)));
    for name in [
        "activity_id",
        "actor",
        "api",
        "src_endpoint",
        "metadata",
        "severity_id",
        "time",
        "type_uid",
        "class_uid",
        "category_uid",
        "cloud",
    ] {
        assert!(!without(name).is_empty(), "{name}");
    }
    assert!(!with(&|it| it["activity_id"] = json!(7)).is_empty());
    assert!(!with(&|it| it["type_uid"] = json!(600_399)).is_empty());
    assert!(!with(&|it| it["src_endpoint"] = json!({})).is_empty());
    assert!(!with(&|it| it["time"] = json!("noon")).is_empty());
    assert!(!with(&|it| it["time"] = json!(1_772_359_200)).is_empty());
    assert!(!with(&|it| it["status"] = json!("Fine")).is_empty());
    assert!(!with(&|it| it["actor"]["user"]["credential_uid"] = json!("A")).is_empty());
    assert!(!with(&|it| it["mine"] = json!(1)).is_empty());
    assert!(!with(&|it| it["api"]["operation"] = json!("")).is_empty());
}

proptest! {
    #[test]
    fn whatever_a_log_says_the_event_is_one_of_the_schema(
        platform in 0..12_usize,
        (service, operation, account) in ("\\PC{0,12}", "[A-Za-z./]{0,20}", "\\PC{0,6}"),
        (id, credential, through, granted_by) in ("\\PC{0,9}", "\\PC{0,5}", "\\PC{0,5}", "\\PC{0,5}"),
        (kind, ended, internal, issued) in (0..7_usize, 0..3_usize, any::<bool>(), any::<bool>()),
    ) {
        let kinds = [ActorKind::Person, ActorKind::Service, ActorKind::Role, ActorKind::Agent, ActorKind::Platform, ActorKind::Anonymous, ActorKind::Unknown];
        let mut it = exercise(Platform::ALL[platform], &service, &operation);
        it.account = Cow::Owned(account);
        it.actor = Actor {
            id: Cow::Owned(id),
            kind: kinds[kind],
            credential: Cow::Owned(credential),
            through: Cow::Owned(through),
            chain: vec![Cow::Borrowed("behind")],
            delivered: "",
        };
        it.ended = [Ended::Success, Ended::Error, Ended::Denied][ended];
        it.internal = internal;
        it.granted_by = Cow::Owned(granted_by);
        it.issued = issued.then_some(Issued { credential: Cow::Borrowed("A"), to: Cow::Borrowed("b"), via: Via::Key, until: None });
        let event = event("source", &it, &CATALOGUE);
        prop_assert_eq!(check(&event), Vec::<String>::new(), "{}", event);
    }
}
