//! What records of Azure and Entra ID tell of.

use bailiwick_model::{ActorKind, Ended};
use serde_json::{Value, json};

use super::*;
use crate::source::fields::tests::{laws, one, told};

const VM: &str =
    "/subscriptions/S1/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/web";

fn with(mut record: Value, change: Value) -> Value {
    for (name, value) in change.as_object().cloned().unwrap_or_default() {
        record[name] = value;
    }
    record
}

/// A record of the activity log.
fn activity(change: Value) -> Value {
    let record = json!({
        "time": "2026-03-01T10:00:00.1234567Z", "resourceId": VM, "category": "Administrative",
        "operationName": "Microsoft.Compute/virtualMachines/write",
        "resultType": "Success", "resultSignature": "Succeeded.OK",
        "correlationId": "a1b2c3d4-0000-4000-8000-000000000001",
        "identity": {
            "authorization": { "scope": VM, "evidence": { "role": "Contributor", "roleAssignmentId": "7f0a" } },
            "claims": {
                "http://schemas.microsoft.com/identity/claims/objectidentifier": "object-1",
                "appid": "app-1", "idtyp": "app", "uti": "token-1",
            },
        },
    });
    with(record, change)
}

/// A call to a storage account.
fn storage(change: Value) -> Value {
    let record = json!({
        "time": "2026-03-01T10:00:00Z", "category": "StorageRead", "operationName": "GetBlob",
        "statusCode": 200, "correlationId": "c",
        "uri": "https://shop.blob.core.windows.net/backups/all.zip?sig=SECRET",
        "properties": { "accountName": "shop", "objectKey": "/shop/backups/all.zip" },
    });
    with(record, change)
}

/// A sign-in as the directory writes it.
fn sign_in(change: Value) -> Value {
    let record = json!({
        "time": "2026-03-01 10:00:00.123", "category": "ServicePrincipalSignInLogs",
        "operationName": "Sign-in activity", "resourceId": "/tenants/T1/providers/Microsoft.aadiam",
        "resultType": "0", "correlationId": "c",
        "properties": {
            "id": "s-1", "appId": "app-1", "servicePrincipalId": "object-1",
            "uniqueTokenIdentifier": "token-1", "resourceDisplayName": "Azure Storage",
            "status": { "errorCode": 0 },
        },
    });
    with(record, change)
}

/// A change of the directory.
fn change(change: Value) -> Value {
    let record = json!({
        "time": "2026-03-01T10:00:00+01:00", "category": "AuditLogs", "tenantId": "T1",
        "operationName": "Add user", "correlationId": "c",
        "properties": {
            "id": "Directory_1", "activityDisplayName": "Add user", "result": "success",
            "initiatedBy": { "user": { "id": "u-1", "userPrincipalName": "ann@example.com" } },
            "targetResources": [{ "id": "u-2", "type": "User" }],
        },
    });
    with(record, change)
}

#[test]
fn no_bytes_break_it_and_the_order_of_members_makes_no_difference() {
    let audit = json!({ "log": "{\"kind\":\"Event\",\"auditID\":\"a\",\"verb\":\"get\"}" });
    laws(
        &SOURCE,
        &[
            activity(json!({})),
            storage(json!({ "identity": { "type": "AccountKey" } })),
            sign_in(json!({})),
            change(json!({})),
            activity(json!({ "category": "kube-audit", "properties": audit })),
            json!({ "CreationTime": "2026-03-01T10:00:00", "Workload": "AzureActiveDirectory", "Id": "i",
                    "Operation": "Update user.", "UserId": "ann@example.com", "OrganizationId": "T1" }),
        ],
    );
}

#[test]
fn an_operation_is_told_once_when_it_has_ended() {
    let it = one(&SOURCE, &activity(json!({})));
    assert_eq!(
        (&*it.service, &*it.operation, &*it.account),
        ("", "Microsoft.Compute/virtualMachines/write", "s1")
    );
    assert_eq!(&*it.resource, VM.to_lowercase());
    assert_eq!(&*it.granted_by, "Contributor 7f0a");
    for stage in ["Start", "Started", "Accept", "Accepted"] {
        assert_eq!(told(&SOURCE, &activity(json!({ "resultType": stage }))), []);
    }
}

#[test]
fn want_of_authority_is_a_denial_and_nothing_else_is() {
    let ended = |change: Value| {
        let it = one(&SOURCE, &activity(change));
        (it.ended, it.code.into_owned())
    };
    let is = |ended, code: &str| (ended, code.to_owned());
    assert_eq!(ended(json!({})), is(Ended::Success, ""));
    let signed =
        |kind: &str, code: &str| ended(json!({ "resultType": kind, "resultSignature": code }));
    assert_eq!(signed("Failed", "403"), is(Ended::Denied, "403"));
    assert_eq!(signed("Failure", "Failed.Forbidden"), is(Ended::Denied, "Failed.Forbidden"));
    assert_eq!(signed("ClientError", "Unauthorized"), is(Ended::Denied, "Unauthorized"));
    assert_eq!(signed("Failure", "Failed.NotFound"), is(Ended::Error, "Failed.NotFound"));
    assert_eq!(signed("Failure", "429"), is(Ended::Error, "429"));
    assert_eq!(signed("Failure", ""), is(Ended::Error, "Failure"));
    // One code hides no other.
    let beside = |change: Value| one(&SOURCE, &activity(change)).ended;
    assert_eq!(
        beside(json!({ "resultType": "Failure", "resultSignature": "Failed.",
            "properties": { "statusCode": "Forbidden" } })),
        Ended::Denied
    );
    assert_eq!(
        beside(json!({ "resultType": "Success", "resultSignature": "200",
            "properties": { "httpStatusCode": "403" } })),
        Ended::Denied
    );
    let data = |code: u16| one(&SOURCE, &storage(json!({ "statusCode": code }))).ended;
    assert_eq!(
        [200, 206, 403, 401, 404].map(data),
        [Ended::Success, Ended::Success, Ended::Denied, Ended::Denied, Ended::Error]
    );
}

#[test]
fn data_is_told_of_only_where_it_was_asked_for() {
    let sort = |record: Value| {
        let it = one(&SOURCE, &record);
        (it.data, it.internal)
    };
    assert_eq!(sort(activity(json!({}))), (false, false));
    assert_eq!(sort(activity(json!({ "category": "Policy" }))), (false, true));
    assert_eq!(
        sort(activity(json!({ "category": "AuditEvent", "operationName": "SecretGet" }))),
        (true, false)
    );
    assert_eq!(sort(storage(json!({}))), (true, false));
    assert_eq!(sort(sign_in(json!({}))), (false, true));
    assert_eq!(sort(change(json!({}))), (false, false));
}

#[test]
fn a_signature_in_an_address_is_never_kept() {
    let it = one(&SOURCE, &storage(json!({ "properties": null })));
    assert_eq!(&*it.resource, "https://shop.blob.core.windows.net/backups/all.zip");
    let it = one(&SOURCE, &storage(json!({})));
    assert_eq!(&*it.resource, "shop/backups/*");
    assert!(!format!("{it:?}").contains("SECRET"));
}

#[test]
fn a_caller_goes_by_the_name_that_role_assignments_have() {
    let actor = |claims: Value| {
        let it = one(&SOURCE, &activity(json!({ "identity": { "claims": claims } }))).actor;
        format!("{} {}", it.id, it.kind.as_str())
    };
    let upn = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
    assert_eq!(
        actor(json!({ upn: "ann@example.com", "appid": "app-1" })),
        "ann@example.com person"
    );
    assert_eq!(actor(json!({ "name": "ann@example.com" })), "ann@example.com person");
    assert_eq!(actor(json!({ "appid": "app-1" })), "app-1 service");
    assert_eq!(
        actor(json!({ "appid": "app-1", "oid": "object-1", "name": "Ann" })),
        "object-1 service"
    );
    assert_eq!(actor(json!({})), "anonymous anonymous");
    assert_eq!(actor(json!({ upn: "Ann@Example.com" })), "ann@example.com person");
    let key =
        one(&SOURCE, &storage(json!({ "identity": { "type": "SAS", "tokenHash": "key1(ab)" } })));
    assert_eq!((&*key.actor.id, &*key.actor.credential), ("SAS of shop", "key1(ab)"));
    let vault = json!({ "category": "AuditEvent", "identity": { "claim": { "oid": "object-1", "appid": "a" } } });
    assert_eq!(&*one(&SOURCE, &activity(vault)).actor.id, "object-1");
    let token = json!({ "type": "OAuth", "requester": { "objectId": "object-1", "appId": "a" } });
    assert_eq!(&*one(&SOURCE, &storage(json!({ "identity": token }))).actor.id, "object-1");
}

#[test]
fn an_identity_that_is_written_as_a_text_is_read_all_the_same() {
    let actor = |identity: &str| {
        let it = one(&SOURCE, &activity(json!({ "identity": identity })));
        (format!("{} {}", it.actor.id, it.actor.kind.as_str()), it.granted_by.into_owned())
    };
    let of = |app: &str| {
        let authorization = json!({ "evidence": { "role": "Reader", "roleAssignmentId": "7" } });
        json!({ "claims": { "appid": app, "idtyp": "app" }, "authorization": authorization })
            .to_string()
    };
    assert_eq!(actor(&of("app-1")), ("app-1 service".to_owned(), "Reader 7".to_owned()));
    assert_eq!(actor(&of("app-2")).0, "app-2 service");
    for nobody in ["", "{", "{}", "7", "ann"] {
        assert_eq!(actor(nobody).0, "anonymous anonymous", "{nobody}");
    }
}

#[test]
fn a_call_that_no_role_was_asked_for_has_no_permission_s_name() {
    let named = |record: Value| {
        let it = one(&SOURCE, &record);
        format!("{}:{}", it.service, it.operation)
    };
    let shown = json!({ "type": "OAuth", "requester": { "objectId": "object-1" } });
    assert_eq!(named(storage(json!({ "identity": shown }))), ":GetBlob");
    assert_eq!(named(storage(json!({}))), "anonymous:GetBlob");
    assert_eq!(
        named(storage(json!({ "identity": { "type": "AccountKey" } }))),
        "AccountKey:GetBlob"
    );
    assert_eq!(named(storage(json!({ "identity": { "type": "SAS" } }))), "SAS:GetBlob");
    let of = |kind: &str| {
        let id =
            format!("/SUBSCRIPTIONS/S1/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/{kind}/V");
        let change =
            json!({ "category": "AuditEvent", "operationName": "KeyCreate", "resourceId": id });
        named(activity(change))
    };
    assert_eq!(of("VAULTS"), ":KeyCreate");
    assert_eq!(of("MANAGEDHSMS"), "microsoft.keyvault/managedhsms:KeyCreate");
    let nowhere =
        json!({ "category": "AuditEvent", "operationName": "KeyCreate", "resourceId": null });
    assert_eq!(named(activity(nowhere)), "data:KeyCreate", "of what, nobody says");
}

#[test]
fn a_sign_in_shows_the_token_that_other_records_show() {
    let it = one(&SOURCE, &sign_in(json!({})));
    assert_eq!((&*it.service, &*it.operation), ("signin", "ServicePrincipalSignInLogs"));
    assert_eq!((it.actor.kind, &*it.account), (ActorKind::Service, "t1"));
    let used = one(&SOURCE, &activity(json!({})));
    assert_eq!((it.actor.id, it.actor.credential), (used.actor.id, used.actor.credential));
    let person = json!({ "category": "SignInLogs", "properties": {
        "userPrincipalName": "ann@example.com", "appId": "x", "status": { "errorCode": 50126 } } });
    let it = one(&SOURCE, &sign_in(person));
    assert_eq!((&*it.actor.id, it.actor.kind), ("ann@example.com", ActorKind::Person));
    assert_eq!((it.ended, &*it.code), (Ended::Denied, "50126"));
    let small = json!({
        "time": "2023-07-26 23:00:20.889", "category": "ServicePrincipalSignInLogs",
        "operationname": "Sign-in activity", "resulttype": 7_000_215, "properties": { "appId": "app-1" },
    });
    assert_eq!(one(&SOURCE, &small).ended, Ended::Denied);
}

#[test]
fn a_change_of_the_directory_names_who_made_it() {
    let it = one(&SOURCE, &change(json!({})));
    assert_eq!((&*it.service, &*it.operation, &*it.resource), ("directory", "Add user", "u-2"));
    assert_eq!((&*it.actor.id, it.actor.kind), ("ann@example.com", ActorKind::Person));
    assert_eq!(it.at.to_string(), "2026-03-01T09:00:00.000Z");
    let by = |result: &str, reason: &str| {
        let properties = json!({ "result": result, "resultReason": reason,
            "initiatedBy": { "app": { "servicePrincipalId": "object-1" } } });
        let it = one(&SOURCE, &change(json!({ "properties": properties })));
        assert_eq!((&*it.actor.id, it.actor.kind), ("object-1", ActorKind::Service));
        it.ended
    };
    assert_eq!(by("success", ""), Ended::Success);
    assert_eq!(by("failure", "Insufficient privileges"), Ended::Denied);
    assert_eq!(by("failure", "Duplicate value"), Ended::Denied, "a failure does not say of what");
}

#[test]
fn other_interfaces_write_other_shapes_of_the_same() {
    let listed = json!({
        "eventTimestamp": "2026-03-01T10:00:00Z", "eventDataId": "e", "caller": "ann@example.com",
        "authorization": { "action": "Microsoft.Compute/virtualMachines/write", "scope": VM },
        "operationName": { "value": "Microsoft.Compute/virtualMachines/write", "localizedValue": "Update" },
        "category": { "value": "Administrative" }, "resourceId": VM, "claims": {},
        "status": { "value": "Failed" }, "subStatus": { "value": "Forbidden" },
    });
    let it = one(&SOURCE, &listed);
    assert_eq!(
        (&*it.operation, it.ended, it.data),
        ("Microsoft.Compute/virtualMachines/write", Ended::Denied, false)
    );
    assert_eq!(&*it.actor.id, "ann@example.com");
    let graph = json!({ "id": "s-1", "createdDateTime": "2026-03-01T10:00:00Z", "appId": "app-1",
        "userPrincipalName": "ann@example.com", "status": { "errorCode": 0 } });
    assert_eq!(&*one(&SOURCE, &graph).operation, "SignInLogs");
    let graph = json!({ "id": "Directory_1", "activityDateTime": "2026-03-01T10:00:00Z",
        "activityDisplayName": "Add user", "result": "success", "category": "UserManagement" });
    assert_eq!(&*one(&SOURCE, &graph).operation, "Add user");
    let unified = json!({ "CreationTime": "2026-03-01 10:00:00", "Id": "i", "Operation": "Update user.",
        "Workload": "AzureActiveDirectory", "UserId": "ServicePrincipal_object-1", "ResultStatus": "Success" });
    let it = one(&SOURCE, &unified);
    assert_eq!((&*it.operation, &*it.actor.id), ("Update user", "object-1"));
    let other = with(unified, json!({ "Workload": "SharePoint" })).to_string();
    assert_eq!(read(other.as_bytes()), Err(NotRead::Stranger));
    for (shape, is_known) in [(&listed, true), (&graph, true), (&json!({ "time": 1 }), false)] {
        let names = shape.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(knows(&Shape::new(names)), is_known, "{shape}");
    }
}

#[test]
fn a_cluster_s_record_within_is_told_as_the_cluster_s() {
    let log = json!({ "kind": "Event", "auditID": "a", "verb": "get", "user": { "username": "ann" },
        "objectRef": { "resource": "secrets", "namespace": "shop" }, "responseStatus": { "code": 401 } });
    let carried = |log: &Value| {
        activity(json!({ "category": "kube-audit", "properties": { "log": log.to_string() } }))
    };
    let it = one(&SOURCE, &carried(&log));
    assert_eq!(
        (it.platform, &*it.service, it.ended),
        (Platform::Kubernetes, "core/secrets", Ended::Denied)
    );
    assert_eq!(it.at.to_string(), "2026-03-01T10:00:00.123Z");
    assert_eq!(told(&SOURCE, &carried(&with(log, json!({ "stage": "ResponseStarted" })))), []);
    // What a server asks about somebody is told of both.
    let review = json!({ "kind": "Event", "auditID": "b", "verb": "create", "user": { "username": "asks" },
        "objectRef": { "resource": "subjectaccessreviews", "apiGroup": "authorization.k8s.io" },
        "requestObject": { "spec": { "user": "ann", "resourceAttributes": { "resource": "pods", "verb": "get" } } } });
    let all = told(&SOURCE, &carried(&review));
    let who: Vec<_> = all.iter().map(|it| (&*it.actor.id, &*it.operation)).collect();
    assert_eq!(who, [("asks", "create"), ("ann", "asked about get")]);
    assert_eq!(all[0].account, all[1].account);
    let broken = carried(&json!("no"));
    assert!((SOURCE.read)(broken.to_string().as_bytes()).is_err());
}
