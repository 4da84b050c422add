//! What entries of Google's audit logs tell of.

use serde_json::{Value, json};

use super::*;
use crate::source::fields::tests::{laws, one, told};

fn record(payload: Value, change: Value) -> Value {
    let mut record = json!({
        "insertId": "1abc", "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Factivity",
        "resource": { "type": "gce_instance", "labels": { "project_id": "shop" } },
        "timestamp": "2026-03-01T10:00:00.123456789Z",
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "status": {},
            "serviceName": "compute.googleapis.com", "methodName": "v1.compute.instances.insert",
            "resourceName": "projects/shop/zones/z/instances/web",
            "authenticationInfo": { "principalEmail": "ci@shop.iam.gserviceaccount.com" },
            "authorizationInfo": [
                { "permission": "compute.instances.create", "resource": "projects/shop/zones/z/instances/web", "granted": true },
                { "permission": "compute.disks.create", "resource": "projects/shop/zones/z/disks/web", "granted": true },
            ],
        },
    });
    for (name, value) in payload.as_object().cloned().unwrap_or_default() {
        record["protoPayload"][name] = value;
    }
    for (name, value) in change.as_object().cloned().unwrap_or_default() {
        record[name] = value;
    }
    record
}

fn check(permission: &str, granted: Value) -> Value {
    json!({ "authorizationInfo": [{ "permission": permission, "granted": granted }] })
}

/// Says each exercise in a line: permission, resource, end.
fn lines(record: &Value) -> Vec<String> {
    let all = told(&SOURCE, record);
    all.iter()
        .map(|it| format!("{}{} {} {:?}", it.service, it.operation, it.resource, it.ended))
        .collect()
}

#[test]
fn no_bytes_break_it_and_the_order_of_members_makes_no_difference() {
    let key = json!({ "authenticationInfo": { "principalEmail": "a@b", "serviceAccountKeyName": "//iam/k",
        "serviceAccountDelegationInfo": [{ "firstPartyPrincipal": { "principalEmail": "c@d" } }] } });
    let gke = json!({ "methodName": "io.k8s.apps.v1.deployments.create", "serviceName": "k8s.io",
        "resourceName": "apps/v1/namespaces/shop/deployments/web" });
    let refused = json!({ "status": { "code": 7 }, "authorizationInfo": null });
    let records = [
        record(json!({}), json!({})),
        record(key, json!({})),
        record(gke, json!({})),
        record(refused, json!({})),
    ];
    laws(&SOURCE, &records);
}

#[test]
fn each_permission_that_was_checked_is_an_exercise_of_its_own() {
    let both = record(json!({}), json!({}));
    assert_eq!(
        lines(&both),
        [
            "compute.instances.create projects/shop/zones/z/instances/web Success",
            "compute.disks.create projects/shop/zones/z/disks/web Success",
        ]
    );
    let keys: Vec<_> = told(&SOURCE, &both).iter().map(|it| it.key).collect();
    assert_ne!(keys.first(), keys.last());
    let other = told(&SOURCE, &record(json!({}), json!({ "insertId": "2" })));
    assert!(!keys.contains(&other[0].key));
    let nameless = told(&SOURCE, &record(json!({}), json!({ "insertId": null })));
    assert_ne!(nameless[0].key, nameless[1].key);
    let twice = json!({ "authorizationInfo": [
        { "permission": "run.services.setIamPolicy", "resource": "s", "granted": true },
        { "permission": "run.services.setIamPolicy", "granted": true },
    ] });
    assert_eq!(lines(&record(twice, json!({}))), ["run.services.setIamPolicy s Success"]);
}

#[test]
fn what_was_not_granted_was_denied_and_a_refused_call_used_nothing() {
    let ended = |payload: Value| {
        let it = one(&SOURCE, &record(payload, json!({})));
        (it.ended, it.code.into_owned())
    };
    let is = |ended, code: &str| (ended, code.to_owned());
    assert_eq!(ended(check("a.b.c", json!(true))), is(Ended::Success, ""));
    assert_eq!(ended(check("a.b.c", json!(false))), is(Ended::Denied, "not granted"));
    assert_eq!(ended(check("a.b.c", json!(null))), is(Ended::Denied, "not granted"));
    let with = |code: u16| {
        let mut payload = check("a.b.c", json!(true));
        payload["status"] = json!({ "code": code });
        ended(payload)
    };
    assert_eq!(with(7), is(Ended::Denied, "PERMISSION_DENIED"));
    assert_eq!(with(16), is(Ended::Denied, "UNAUTHENTICATED"));
    assert_eq!(with(5), is(Ended::Error, "NOT_FOUND"));
    assert_eq!(with(404), is(Ended::Error, "404"));
    assert_eq!(with(403), is(Ended::Denied, "403"));
    let policy = json!({ "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Fpolicy" });
    assert_eq!(one(&SOURCE, &record(check("a.b.c", json!(true)), policy)).ended, Ended::Denied);
}

#[test]
fn a_method_is_no_permission() {
    let payload = json!({ "authorizationInfo": null, "methodName": "SetIamPolicy" });
    let it = one(&SOURCE, &record(payload, json!({})));
    assert_eq!((&*it.service, &*it.operation), ("compute.googleapis.com", "SetIamPolicy"));
    let payload = json!({ "authorizationInfo": null, "methodName": "x", "serviceName": null });
    assert_eq!(&*one(&SOURCE, &record(payload, json!({}))).service, "method");
    let other = json!({ "authorizationInfo": null, "methodName": null });
    assert_eq!(lines(&record(other, json!({}))), [""; 0]);
}

#[test]
fn which_sort_of_log_has_it_is_told() {
    let sort = |log: Value, kind: &str| {
        let mut payload = check("storage.objects.get", json!(true));
        payload["authorizationInfo"][0]["permissionType"] = json!(kind);
        let it = one(&SOURCE, &record(payload, json!({ "logName": log })));
        (it.data, it.internal)
    };
    let log = |name: &str| json!(format!("projects/shop/logs/cloudaudit.googleapis.com%2F{name}"));
    assert_eq!(sort(log("activity"), "ADMIN_WRITE"), (false, false));
    assert_eq!(sort(log("data_access"), "DATA_READ"), (true, false));
    assert_eq!(sort(log("system_event"), ""), (false, true));
    assert_eq!(sort(json!(null), "DATA_WRITE"), (true, false));
    assert_eq!(sort(json!(null), "ADMIN_WRITE"), (false, false));
}

#[test]
fn a_key_is_joined_to_the_call_that_made_it() {
    let made = json!({
        "methodName": "google.iam.admin.v1.CreateServiceAccountKey",
        "authorizationInfo": [{ "permission": "iam.serviceAccountKeys.create", "granted": true }],
        "response": { "name": "projects/shop/serviceAccounts/ci@shop.iam.gserviceaccount.com/keys/77", "private_key_data": "SECRET" },
    });
    let made = one(&SOURCE, &record(made, json!({})));
    assert!(!format!("{made:?}").contains("SECRET"));
    let issued = made.issued.unwrap();
    assert_eq!((&*issued.to, issued.via), ("ci@shop.iam.gserviceaccount.com", Via::Key));
    let mut payload = check("a.b.c", json!(true));
    payload["authenticationInfo"] = json!({
        "principalEmail": "ci@shop.iam.gserviceaccount.com",
        "serviceAccountKeyName": "//iam.googleapis.com/projects/shop/serviceAccounts/ci@shop.iam.gserviceaccount.com/keys/77",
    });
    assert_eq!(one(&SOURCE, &record(payload, json!({}))).actor.credential, issued.credential);
}

#[test]
fn who_stands_behind_a_service_account_is_told_outermost_first() {
    let actor = |caller: Value| {
        let mut payload = check("a.b.c", json!(true));
        payload["authenticationInfo"] = caller;
        one(&SOURCE, &record(payload, json!({}))).actor
    };
    let it = actor(json!({
        "principalEmail": "deploy@shop.iam.gserviceaccount.com",
        "serviceAccountDelegationInfo": [
            { "principalSubject": "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s" },
            { "firstPartyPrincipal": { "principalEmail": "ci@shop.iam.gserviceaccount.com" } },
            {},
        ],
    }));
    assert_eq!(it.kind, ActorKind::Service);
    assert_eq!(
        it.chain,
        [
            "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s",
            "ci@shop.iam.gserviceaccount.com",
        ]
    );
    for (caller, id, kind) in [
        (json!({ "principalEmail": "Ann@Example.com" }), "ann@example.com", ActorKind::Person),
        (json!({ "principalSubject": "principal://x/s" }), "principal://x/s", ActorKind::Role),
        (
            json!({ "principalEmail": "system@google.com" }),
            "system@google.com",
            ActorKind::Platform,
        ),
        (json!({}), "", ActorKind::Unknown),
    ] {
        let it = actor(caller);
        assert_eq!((&*it.id, it.kind), (id, kind));
    }
}

#[test]
fn a_cluster_s_requests_are_told_in_the_words_of_kubernetes() {
    let asked = |method: &str, path: &str| {
        let mut payload = check(method, json!(true));
        payload["methodName"] = json!(method);
        payload["resourceName"] = json!(path);
        payload["authenticationInfo"] =
            json!({ "principalEmail": "system:serviceaccount:shop:ci" });
        let labels = json!({ "project_id": "shop", "location": "here", "cluster_name": "c" });
        let it = one(&SOURCE, &record(payload, json!({ "resource": { "labels": labels } })));
        assert_eq!((it.platform, &*it.account), (Platform::Kubernetes, "shop/here/c"));
        assert_eq!((it.actor.kind, it.data), (ActorKind::Service, false));
        format!("{} {} {}", it.service, it.operation, it.resource)
    };
    assert_eq!(
        asked("io.k8s.core.v1.pods.exec.create", "core/v1/namespaces/shop/pods/web/exec"),
        "core/pods/exec create shop/web"
    );
    assert_eq!(
        asked(
            "io.k8s.authorization.rbac.v1.clusterroles.update",
            "rbac.authorization.k8s.io/v1/clusterroles/r"
        ),
        "rbac.authorization.k8s.io/clusterroles update r"
    );
    assert_eq!(
        asked("io.k8s.core.v1.pods.list", "core/v1/namespaces/shop/pods"),
        "core/pods list shop/*"
    );
}

#[test]
fn small_letters_buckets_and_accounts_are_read() {
    let small = json!({
        "insertid": "1", "logname": "organizations/7/logs/cloudaudit.googleapis.com%2Fdata_access",
        "timestamp": "2023-03-28 18:37:06.079", "protopayload": {
            "methodName": "storage.objects.get",
            "authorizationinfo": [{ "granted": true, "permission": "storage.objects.get",
                "resource": "projects/_/buckets/b/objects/a/very/secret" }],
        },
    });
    let it = one(&SOURCE, &small);
    assert_eq!(
        (&*it.account, &*it.resource, it.data),
        ("organizations/7", "projects/_/buckets/b/objects/*", true)
    );
    assert_eq!(it.at.to_string(), "2023-03-28T18:37:06.079Z");
    assert_eq!(read(b"{}"), Err(NotRead::Lacks("protoPayload")));
}
