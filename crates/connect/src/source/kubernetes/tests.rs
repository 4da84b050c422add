//! What events of Kubernetes tell of.

use serde_json::{Value, json};

use super::*;
use crate::source::fields::tests::{laws, one, told};

fn record(change: Value) -> Value {
    let mut record = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": "0aa1fd64-6c2c-4e39-a0e9-0a9d6f8f5a11", "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/pods?limit=5", "verb": "list",
        "user": { "username": "system:serviceaccount:shop:deployer", "groups": ["system:authenticated"] },
        "objectRef": { "resource": "pods", "namespace": "shop", "apiVersion": "v1" },
        "responseStatus": { "metadata": {}, "code": 200 },
        "requestReceivedTimestamp": "2026-03-01T10:00:00.000001Z",
        "stageTimestamp": "2026-03-01T10:00:00.250000Z",
        "annotations": {
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": "RBAC: allowed by RoleBinding \"deploy/shop\" of Role \"r\" to ServiceAccount \"deployer/shop\"",
        },
    });
    for (name, value) in change.as_object().cloned().unwrap_or_default() {
        record[name] = value;
    }
    record
}

fn read_one(change: Value) -> Exercise<'static> {
    one(&SOURCE, &record(change))
}

#[test]
fn no_bytes_break_it_and_the_order_of_members_makes_no_difference() {
    let eks = json!({ "user": { "username": "dev", "extra": { "accessKeyId": ["ASIA1"], "arn": ["a"] } } });
    laws(
        &SOURCE,
        &[
            record(json!({})),
            record(eks),
            record(json!({ "impersonatedUser": { "username": "bob" }, "stage": "Panic" })),
            record(json!({ "objectRef": null, "requestURI": "/healthz", "verb": "get" })),
        ],
    );
}

#[test]
fn a_request_is_named_as_rbac_names_it() {
    let named = |object: Value, verb: &str, path: &str| {
        let it = read_one(json!({ "objectRef": object, "verb": verb, "requestURI": path }));
        format!("{} {} {}", it.service, it.operation, it.resource).trim_end().to_owned()
    };
    let pods = json!({ "resource": "pods", "namespace": "shop" });
    assert_eq!(named(pods, "list", "/api/v1/namespaces/shop/pods"), "core/pods list shop/*");
    let exec =
        json!({ "resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web" });
    assert_eq!(named(exec, "create", "/x"), "core/pods/exec create shop/web");
    let role =
        json!({ "resource": "clusterroles", "apiGroup": "rbac.authorization.k8s.io", "name": "r" });
    assert_eq!(named(role, "update", "/x"), "rbac.authorization.k8s.io/clusterroles update r");
    let bare = json!({ "resource": "roles", "name": "r" });
    assert_eq!(
        named(bare, "get", "/apis/rbac.authorization.k8s.io/v1/x"),
        "rbac.authorization.k8s.io/roles get r"
    );
    assert_eq!(named(json!({ "resource": "nodes" }), "watch", "/x"), "core/nodes watch");
    assert_eq!(named(json!(null), "get", "/healthz?verbose"), "nonresource get /healthz");
    assert_eq!(named(json!(null), "", "/healthz"), "nonresource", "a path alone is no permission");
}

#[test]
fn one_request_counts_once_however_many_stages_tell_of_it() {
    for stage in ["RequestReceived", "ResponseStarted"] {
        assert_eq!(told(&SOURCE, &record(json!({ "stage": stage }))), []);
    }
    assert_eq!(read_one(json!({ "stage": null })).ended, Ended::Success);
    let panic = read_one(json!({ "stage": "Panic", "responseStatus": null }));
    assert_eq!((panic.ended, &*panic.code), (Ended::Error, "Panic"));
    let panic = read_one(json!({ "stage": "Panic", "responseStatus": { "code": 500 } }));
    assert_eq!((panic.ended, &*panic.code), (Ended::Error, "500"));
}

#[test]
fn what_goes_on_for_long_is_use_from_its_beginning_and_counts_once() {
    let exec =
        json!({ "resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web" });
    for change in [json!({ "verb": "watch" }), json!({ "verb": "get", "objectRef": exec })] {
        let at = |stage: &str, time: &str| {
            let mut record = record(change.clone());
            record["stage"] = json!(stage);
            record["stageTimestamp"] = json!(time);
            record
        };
        assert_eq!(told(&SOURCE, &at("RequestReceived", "2026-03-01T10:00:00Z")), []);
        let begun = one(&SOURCE, &at("ResponseStarted", "2026-03-01T10:00:00.1Z"));
        let ended = one(&SOURCE, &at("ResponseComplete", "2026-03-02T11:00:00Z"));
        assert_eq!(begun, ended, "whichever comes first");
        assert_eq!(begun.at.to_string(), "2026-03-01T10:00:00.000Z");
    }
}

#[test]
fn what_is_forbidden_is_denied_and_what_is_not_there_is_not() {
    for (code, ended) in [
        (200, Ended::Success),
        (101, Ended::Success),
        (401, Ended::Denied),
        (403, Ended::Denied),
        (404, Ended::Error),
        (409, Ended::Error),
        (429, Ended::Denied),
    ] {
        assert_eq!(read_one(json!({ "responseStatus": { "code": code } })).ended, ended, "{code}");
    }
    let forbid = json!({ "authorization.k8s.io/decision": "forbid" });
    let it = read_one(json!({ "annotations": forbid, "responseStatus": null }));
    assert_eq!((it.ended, &*it.code, &*it.granted_by), (Ended::Denied, "forbid", ""));
}

#[test]
fn whoever_is_impersonated_has_the_authority() {
    let it = read_one(json!({
        "user": { "username": "admin" }, "impersonatedUser": { "username": "bob", "groups": ["g"] },
    }));
    assert_eq!((&*it.actor.id, it.actor.chain), ("bob", vec!["admin".into()]));
}

#[test]
fn eks_says_which_key_of_aws_a_request_came_with() {
    let extra = json!({
        "accessKeyId": ["ASIAEXAMPLE"], "sessionName": ["run-7"],
        "arn": ["arn:aws:sts::1:assumed-role/dev/run-7"], "canonicalArn": ["arn:aws:iam::1:role/dev"],
    });
    let actor = read_one(json!({ "user": { "username": "dev", "extra": extra } })).actor;
    assert_eq!((&*actor.id, &*actor.credential), ("dev", "ASIAEXAMPLE"));
    assert_eq!(actor.chain, ["arn:aws:iam::1:role/dev"]);
    let arn = json!({ "arn": ["arn:aws:sts::1:assumed-role/dev/run-7"] });
    let actor = read_one(json!({ "user": { "username": "dev", "extra": arn } })).actor;
    assert_eq!(actor.chain, ["arn:aws:sts::1:assumed-role/dev/run-7"]);
}

#[test]
fn a_token_is_joined_to_the_request_that_made_it() {
    let made = read_one(json!({
        "verb": "create", "responseStatus": { "code": 201 },
        "objectRef": { "resource": "serviceaccounts", "subresource": "token", "namespace": "shop", "name": "ci" },
        "annotations": { "authentication.kubernetes.io/issued-credential-id": "JTI=7f3a" },
    }));
    let issued = made.issued.unwrap();
    assert_eq!((&*issued.credential, &*issued.to), ("JTI=7f3a", "system:serviceaccount:shop:ci"));
    let extra = json!({ "authentication.kubernetes.io/credential-id": ["JTI=7f3a"] });
    let used = read_one(json!({ "user": { "username": &*issued.to, "extra": extra } }));
    assert_eq!((used.actor.credential, used.actor.kind), (issued.credential, ActorKind::Service));
}

#[test]
fn the_binding_and_the_kind_are_by_the_logs_own_word() {
    let it = read_one(json!({}));
    assert_eq!((&*it.granted_by, it.actor.kind), ("RoleBinding shop/deploy", ActorKind::Service));
    for (name, is) in [
        ("system:anonymous", ActorKind::Anonymous),
        ("system:node:a", ActorKind::Platform),
        ("system:kube-scheduler", ActorKind::Platform),
        ("ann@example.com", ActorKind::Unknown),
    ] {
        assert_eq!(kind(name), is, "{name}");
    }
}

#[test]
fn an_id_that_callers_may_choose_makes_no_two_requests_the_same() {
    let one = read_one(json!({})).key;
    assert_eq!(one, read_one(json!({ "stageTimestamp": "2026-03-01 10:00:00.25" })).key);
    for other in [
        json!({ "responseStatus": { "code": 403 } }),
        json!({ "stageTimestamp": "2026-03-01T10:00:01Z" }),
        json!({ "verb": "delete" }),
        json!({ "impersonatedUser": { "username": "bob" } }),
        json!({ "auditID": null }),
    ] {
        assert_ne!(one, read_one(other.clone()).key, "{other}");
    }
}

#[test]
fn times_stand_under_many_names_and_may_be_missing() {
    let at = |change: Value| {
        let mut record =
            record(json!({ "stageTimestamp": null, "requestReceivedTimestamp": null }));
        record.as_object_mut().unwrap().extend(change.as_object().cloned().unwrap());
        one(&SOURCE, &record).at.to_string()
    };
    let is = "2017-09-11T19:55:05.000Z";
    assert_eq!(at(json!({ "timestamp": "2017-09-11T19:55:05Z" })), is);
    assert_eq!(at(json!({ "metadata": { "creationTimestamp": "2017-09-11T19:55:05Z" } })), is);
    assert_eq!(at(json!({ "p_event_time": "2017-09-11 19:55:05" })), is);
    let undated = record(json!({ "stageTimestamp": null, "requestReceivedTimestamp": null }));
    assert_eq!(read(undated.to_string().as_bytes()), Err(NotRead::Undated));
    let noon = record(json!({ "stageTimestamp": "noon" })).to_string();
    assert_eq!(read(noon.as_bytes()), Err(NotRead::Time("noon".to_owned())));
}

#[test]
fn what_is_no_event_is_left_to_others() {
    for other in [json!({ "kind": "Event" }), json!({ "verb": "get" }), json!({ "auditID": "a" })] {
        assert_eq!(read(other.to_string().as_bytes()), Err(NotRead::Lacks("verb")), "{other}");
    }
}

#[test]
fn what_a_server_asks_about_somebody_is_told_of_them_as_asked_about() {
    let review = |change: Value| {
        let mut record = record(json!({
            "verb": "create", "requestURI": "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            "user": { "username": "system:serviceaccount:monitoring:prometheus" },
            "objectRef": { "resource": "subjectaccessreviews", "apiGroup": "authorization.k8s.io", "apiVersion": "v1" },
            "responseStatus": { "code": 201 },
            "requestObject": { "kind": "SubjectAccessReview", "spec": { "user": "ann", "groups": ["g"] } },
        }));
        for (name, value) in change.as_object().cloned().unwrap_or_default() {
            if name == "spec" {
                for (name, value) in value.as_object().cloned().unwrap_or_default() {
                    record["requestObject"]["spec"][name] = value;
                }
            } else {
                record[name] = value;
            }
        }
        let all = told(&SOURCE, &record);
        let line = |it: &Exercise<'_>| {
            format!("{} {} {} {}", it.actor.id, it.service, it.operation, it.resource)
                .trim_end()
                .to_owned()
        };
        all.iter().map(line).collect::<Vec<_>>()
    };
    let asks = "system:serviceaccount:monitoring:prometheus authorization.k8s.io/subjectaccessreviews create";
    let on = json!({ "namespace": "shop", "verb": "get", "group": "", "resource": "services", "subresource": "proxy", "name": "web" });
    for (change, about) in [
        (
            json!({ "spec": { "resourceAttributes": on } }),
            "ann core/services/proxy asked about get shop/web",
        ),
        (
            json!({ "spec": { "nonResourceAttributes": { "path": "/metrics", "verb": "get" } } }),
            "ann nonresource asked about get /metrics",
        ),
        (
            json!({ "spec": { "resourceAttributes": { "group": "metrics.k8s.io", "resource": "pods", "verb": "list" } } }),
            "ann metrics.k8s.io/pods asked about list",
        ),
    ] {
        assert_eq!(review(change.clone()), [asks, about], "{change}");
    }
    for change in [
        // Without the body, nobody knows whom it was about.
        json!({ "requestObject": null }),
        json!({ "spec": {} }),
        json!({ "spec": { "user": "", "resourceAttributes": on } }),
        json!({ "spec": { "resourceAttributes": { "verb": "get" } } }),
        // The asking server was refused.
        json!({ "spec": { "resourceAttributes": on }, "responseStatus": { "code": 403 } }),
    ] {
        assert_eq!(review(change.clone()), [asks], "{change}");
    }
    // What somebody asks about themselves is no use.
    let own = json!({ "resource": "selfsubjectaccessreviews", "apiGroup": "authorization.k8s.io" });
    assert_eq!(review(json!({ "spec": { "resourceAttributes": on }, "objectRef": own })).len(), 1);
}
