//! Logs of Kubernetes, Google, Azure and Workspace: in one report, and those of others where they lie at hand.

use std::{collections::BTreeMap, io::Read as _};

use bailiwick_connect::source::{Record, read_file, read_from};
use bailiwick_insight::{Catalogue, Exercised, Native, audit, names};
use bailiwick_model::{Ended, Exercise};
use serde_json::{Value, json};

use super::{
    House,
    real::{file, shuffled},
};

fn logs() -> String {
    let pods = |number: u8, code: u16, verb: &str| {
        json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete",
            "auditID": format!("00000000-0000-4000-8000-0000000000{number:02x}"), "verb": verb,
            "user": { "username": "system:serviceaccount:shop:ci" },
            "objectRef": { "resource": "pods", "namespace": "shop", "name": "web" },
            "responseStatus": { "code": code }, "stageTimestamp": "2026-03-01T10:00:00Z",
        })
    };
    let google = json!({
        "insertId": "1", "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Factivity",
        "timestamp": "2026-03-02T10:00:00Z", "protoPayload": {
            "methodName": "v1.compute.instances.insert", "serviceName": "compute.googleapis.com",
            "authenticationInfo": { "principalEmail": "ci@shop.iam.gserviceaccount.com" },
            "authorizationInfo": [
                { "permission": "compute.instances.create", "granted": true },
                { "permission": "compute.disks.create", "granted": false },
            ],
        },
    });
    let azure = |operation: &str, category: &str| {
        json!({
            "time": "2026-03-03T10:00:00Z", "resourceId": "/subscriptions/s1/x", "category": category,
            "operationName": operation, "correlationId": "c",
            "identity": { "claims": { "oid": "object-1", "appid": "app-1" } },
        })
    };
    let workspace = json!({
        "id": { "applicationName": "drive", "time": "2026-03-04T10:00:00Z", "uniqueQualifier": "1" },
        "actor": { "email": "ann@example.com" }, "name": "download", "type": "access",
    });
    let records = [
        pods(1, 200, "get"),
        pods(2, 403, "delete"),
        google,
        azure("MICROSOFT.STORAGE/STORAGEACCOUNTS/WRITE", "Administrative"),
        azure("Microsoft.Storage/storageAccounts/write", "Administrative"),
        azure("GetBlob", "StorageRead"),
        azure("Sign-in activity", "ServicePrincipalSignInLogs"),
        workspace,
    ];
    records.iter().map(|it| format!("{it}\n")).collect()
}

#[test]
fn one_name_in_two_clusters_is_told_with_the_cluster() {
    let house = House::new();
    let record = |number: u8, cluster: &str| {
        json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete",
            "auditID": format!("00000000-0000-4000-8000-0000000000{number:02x}"), "verb": "get",
            "user": { "username": "system:serviceaccount:shop:ci" }, "clusterName": cluster,
            "objectRef": { "resource": "pods", "namespace": "shop", "name": "web" },
            "responseStatus": { "code": 200 }, "stageTimestamp": "2026-03-01T10:00:00Z",
        })
    };
    house.write("two.jsonl", format!("{}\n{}\n", record(1, "one"), record(2, "two")).as_bytes());
    let shown = house.run(&["two.jsonl"]).stdout;
    for cluster in ["one", "two"] {
        let named = format!("\nsystem:serviceaccount:shop:ci ({cluster})\n");
        assert!(shown.contains(&named), "{shown}");
    }
    let graph = house.run(&["two.jsonl", "--format", "opengraph"]).stdout;
    let graph: Value = serde_json::from_str(&graph).unwrap();
    let ids: Vec<_> =
        graph["graph"]["nodes"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert!(ids.contains(&&json!("kubernetes:one:system:serviceaccount:shop:ci")), "{ids:?}");
    assert!(ids.contains(&&json!("kubernetes:two:system:serviceaccount:shop:ci")), "{ids:?}");
}

#[test]
fn clouds_are_told_of_in_one_report() {
    let house = House::new();
    house.write("clouds.jsonl", logs().as_bytes());
    let told = house.json(&["clouds.jsonl"]);
    assert_eq!(told["summary"]["errors"], 0, "{told:#}");
    let entries = |it: &Value| it["entries"].as_array().unwrap().clone();
    let mut lines = Vec::new();
    for identity in told["identities"].as_array().unwrap() {
        let id = identity["id"].as_str().unwrap();
        for it in entries(identity) {
            let word = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
            lines.push(format!("{id} {} {} {}", word("name"), word("state"), word("mapping")));
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    system:serviceaccount:shop:ci kubernetes:core/pods:delete attempted exact
    system:serviceaccount:shop:ci kubernetes:core/pods:get exercised exact
    ci@shop.iam.gserviceaccount.com google:compute.disks.create attempted exact
    ci@shop.iam.gserviceaccount.com google:compute.instances.create exercised exact
    object-1 azure:Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read exercised renamed
    object-1 azure:Microsoft.Storage/storageAccounts/write exercised exact
    ");
    assert_eq!(
        told["unmapped"],
        json!([
            { "platform": "workspace", "native": "drive:download", "class": "unknown", "count": 1 },
            { "platform": "azure", "native": "signin:ServicePrincipalSignInLogs", "class": "internal", "count": 1 },
        ])
    );
    let only = house.json(&["clouds.jsonl", "--source", "kubernetes"]);
    assert_eq!((&only["summary"]["events"], &only["summary"]["errors"]), (&json!(2), &json!(6)));
}

/// The files of others whose records are of these logs, and how many there are.
const PANTHER: [(&str, u64); 6] = [
    ("panther-tests/Amazon_EKS_Audit.jsonl.zst", 127),
    ("panther-tests/GCP_AuditLog.jsonl.zst", 86),
    ("panther-tests/Azure_Audit.jsonl.zst", 37),
    ("panther-tests/Azure_MonitorActivity.jsonl.zst", 95),
    ("panther-tests/Microsoft365_Audit_AzureActiveDirectory.jsonl.zst", 2),
    ("panther-tests/GSuite_ActivityEvent.jsonl.zst", 54),
];
const AUDIT2RBAC: &str = "k8s-audit2rbac/audit.jsonl.zst";

/// Reads a file of others, each record with a time: most of theirs were written without.
fn timed(name: &str) -> Option<String> {
    let packed = std::fs::File::open(file(name)?).unwrap();
    let mut text = String::new();
    ruzstd::decoding::StreamingDecoder::new(packed).unwrap().read_to_string(&mut text).unwrap();
    let timed = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let record = if line.get("event").is_some() { &mut line["event"] } else { &mut line };
        if record.get("p_event_time").is_none() {
            record["p_event_time"] = json!("2026-03-01 10:00:00");
        }
        format!("{line}\n")
    };
    Some(text.lines().map(timed).collect())
}

/// Takes every exercise of a file, and ends at a record that cannot be read.
fn each(name: &str, take: &mut dyn FnMut(&Exercise<'_>)) -> Option<u64> {
    let text = timed(name)?;
    let mut take = |record: Record<'_>| match record {
        Record::Exercise(_, it) => take(it),
        Record::Nothing => {}
        Record::Undated => panic!("{name}: without a time"),
        Record::Error(error) => panic!("{name}: {error}"),
    };
    Some(read_from(text.as_bytes(), None, &mut take, &|_| {}).unwrap())
}

#[test]
fn every_event_of_others_is_read_without_an_error() {
    for (name, count) in PANTHER {
        let mut exercises = 0_u64;
        let mut take = |it: &Exercise<'_>| {
            assert!(!it.operation.is_empty() || !it.service.is_empty(), "{it:?}");
            exercises = exercises.saturating_add(1);
        };
        let Some(records) = each(name, &mut take) else { return };
        assert_eq!(records, count, "{name}");
        let mut untouched = |record: Record<'_>| {
            assert!(!matches!(record, Record::Error(_)), "{name}: {record:?}");
        };
        let path = file(name).unwrap();
        assert_eq!(read_file(&path, None, &mut untouched, &|_| {}).unwrap(), count, "{name}");
        assert!(count / 2 < exercises, "{name}: {exercises}");
    }
}

#[test]
fn what_impersonated_users_did_is_theirs_and_what_was_forbidden_is_denied() {
    let (mut who, mut denied) = (BTreeMap::<String, u64>::new(), 0_u64);
    let mut take = |it: &Exercise<'_>| {
        let count = who.entry(it.actor.id.to_string()).or_default();
        *count = count.saturating_add(1);
        assert_eq!(it.actor.chain, ["system:admin"], "{it:?}");
        denied = denied.saturating_add(u64::from(it.ended == Ended::Denied));
    };
    let Some(records) = each(AUDIT2RBAC, &mut take) else { return };
    let is = [("alice", 3), ("bob", 29), ("system:serviceaccount:ns1:sa1", 5)];
    assert_eq!(who, is.map(|(id, count)| (id.to_owned(), count)).into());
    assert_eq!((records, denied), (37, 11));
}

/// Says what each name of a log became: one line for each pair of names.
fn named(files: &[&str]) -> Option<Vec<String>> {
    let catalogue = Catalogue::carried();
    let mut lines = std::collections::BTreeSet::new();
    for name in files {
        let mut take = |it: &Exercise<'_>| {
            let (service, operation) = (&*it.service, &*it.operation);
            let internal = it.internal;
            let native =
                Native { platform: it.platform, service, operation, along: it.along, internal };
            for name in names(native, &catalogue) {
                lines.insert(format!(
                    "{} {service} {operation} -> {} {}",
                    it.platform,
                    name.text,
                    name.certainty.as_str()
                ));
            }
        };
        each(name, &mut take)?;
    }
    Some(lines.into_iter().collect())
}

/// What is spelt otherwise than the permission, or is none: read one by one.
const BY_HAND: &str = r"
    azure  MICROSOFT.AUTHORIZATION/POLICIES/AUDIT/ACTION -> azure:MICROSOFT.AUTHORIZATION/POLICIES/AUDIT/ACTION internal
    azure  MICROSOFT.AUTHORIZATION/POLICIES/AUDITIFNOTEXISTS/ACTION -> azure:MICROSOFT.AUTHORIZATION/POLICIES/AUDITIFNOTEXISTS/ACTION internal
    azure  Microsoft.Authorization/policies/deployIfNotExists/action -> azure:Microsoft.Authorization/policies/deployIfNotExists/action internal
    azure  microsoft.authorization/policies/audit/action -> azure:microsoft.authorization/policies/audit/action internal
    azure  microsoft.authorization/policies/deployifnotexists/action -> azure:Microsoft.Authorization/policies/deployIfNotExists/action internal
    azure AccountKey GetBlob -> azure:AccountKey:GetBlob unknown
    azure anonymous DeleteBlob -> azure:anonymous:DeleteBlob unknown
    azure anonymous GetBlob -> azure:anonymous:GetBlob unknown
    azure anonymous PutBlob -> azure:anonymous:PutBlob unknown
    azure directory Add member to role -> azure:directory:Add member to role unknown
    azure directory Add member to role in PIM completed (permanent) -> azure:directory:Add member to role in PIM completed (permanent) unknown
    azure directory Add member to role in PIM requested (permanent) -> azure:directory:Add member to role in PIM requested (permanent) unknown
    azure directory Add service principal -> azure:directory:Add service principal unknown
    azure directory Add service principal credentials -> azure:microsoft.directory/servicePrincipals/credentials/update renamed
    azure directory Added policy -> azure:directory:Added policy unknown
    azure directory Authentication Methods Policy Update -> azure:directory:Authentication Methods Policy Update unknown
    azure directory Delete conditional access policy -> azure:microsoft.directory/conditionalAccessPolicies/delete renamed
    azure directory Delete role assignment -> azure:directory:Delete role assignment unknown
    azure directory Invite Internal User -> azure:directory:Invite Internal User unknown
    azure directory Invite external user -> azure:directory:Invite external user unknown
    azure directory Set domain authentication -> azure:directory:Set domain authentication unknown
    azure directory Set federation settings on domain -> azure:directory:Set federation settings on domain unknown
    azure directory Update policy -> azure:directory:Update policy unknown
    azure directory Update user -> azure:directory:Update user unknown
    azure directory User has elevated their access to User Access Administrator for their Azure Resources -> azure:Microsoft.Authorization/elevateAccess/action renamed
    azure signin NonInteractiveUserSignInLogs -> azure:signin:NonInteractiveUserSignInLogs internal
    azure signin ServicePrincipalSignInLogs -> azure:signin:ServicePrincipalSignInLogs internal
    azure signin SignInLogs -> azure:signin:SignInLogs internal
    google admin.googleapis.com google.admin.AdminService.addGroupMember -> google:admin.googleapis.com:google.admin.AdminService.addGroupMember unknown
    google admin.googleapis.com google.admin.AdminService.inboundSsoProfileCreated -> google:admin.googleapis.com:google.admin.AdminService.inboundSsoProfileCreated unknown
    google admin.googleapis.com google.admin.AdminService.inboundSsoProfileDeleted -> google:admin.googleapis.com:google.admin.AdminService.inboundSsoProfileDeleted unknown
    google admin.googleapis.com google.admin.AdminService.inboundSsoProfileUpdated -> google:admin.googleapis.com:google.admin.AdminService.inboundSsoProfileUpdated unknown
    google apikeys.googleapis.com google.api.apikeys.v2.ApiKeys.CreateKey -> google:apikeys.googleapis.com:google.api.apikeys.v2.ApiKeys.CreateKey unknown
    google cloudkms.googleapis.com Encrypt -> google:cloudkms.cryptoKeyVersions.useToEncrypt renamed
    google cloudresourcemanager.googleapis.com InsertProjectOwnershipInvite -> google:cloudresourcemanager.googleapis.com:InsertProjectOwnershipInvite unknown
    google compute.googleapis.com compute.instances.list -> google:compute.googleapis.com:compute.instances.list unknown
    google compute.googleapis.com v1.compute.projects.setCommonInstanceMetadata -> google:compute.googleapis.com:v1.compute.projects.setCommonInstanceMetadata unknown
    google method compute.instances.list -> google:method:compute.instances.list unknown
    google method compute.instances.setIamPolicy -> google:method:compute.instances.setIamPolicy unknown
    google oslogin.googleapis.com google.cloud.oslogin.dataplane.OsLoginDataPlaneService.CheckPolicy -> google:oslogin.googleapis.com:google.cloud.oslogin.dataplane.OsLoginDataPlaneService.CheckPolicy unknown
    google storage.googleapis.com cloudsql.instances.update -> google:storage.googleapis.com:cloudsql.instances.update unknown
    google storage.googleapis.com storage.objects.delete -> google:storage.objects.delete exact
    google storage.googleapis.com storage.objects.get -> google:storage.objects.get exact
    google us-central1-ssh-serialport.googleapis.com google.ssh-serialport.v1.connect -> google:us-central1-ssh-serialport.googleapis.com:google.ssh-serialport.v1.connect unknown
    kubernetes core/certificatesigningrequests create -> kubernetes:core/certificatesigningrequests:create unknown
    kubernetes core/certificatesigningrequests get -> kubernetes:core/certificatesigningrequests:get unknown
    kubernetes core/clusterrolebindings create -> kubernetes:core/clusterrolebindings:create unknown
    kubernetes core/clusterrolebindings get -> kubernetes:core/clusterrolebindings:get unknown
    kubernetes core/clusterroles create -> kubernetes:core/clusterroles:create unknown
    kubernetes core/clusterroles update -> kubernetes:core/clusterroles:update unknown
    kubernetes core/cronjobs create -> kubernetes:core/cronjobs:create unknown
    kubernetes core/cronjobs get -> kubernetes:core/cronjobs:get unknown
    kubernetes core/deployments create -> kubernetes:core/deployments:create unknown
    kubernetes core/pods  -> kubernetes:core/pods: unknown
    kubernetes nonresource  -> kubernetes:nonresource: unknown
    kubernetes nonresource get -> kubernetes:nonresource:get unknown
    kubernetes nonresource watch -> kubernetes:nonresource:watch unknown
    workspace admin ADD_MOBILE_APPLICATION_TO_WHITELIST -> workspace:admin:ADD_MOBILE_APPLICATION_TO_WHITELIST unknown
    workspace admin CHANGE_CALENDAR_SETTING -> workspace:admin:CHANGE_CALENDAR_SETTING unknown
    workspace admin CREATE_APPLICATION_SETTING -> workspace:admin:CREATE_APPLICATION_SETTING unknown
    workspace admin CREATE_GMAIL_SETTING -> workspace:admin:CREATE_GMAIL_SETTING unknown
    workspace admin CUSTOMER_TAKEOUT_SUCCEEDED -> workspace:admin:CUSTOMER_TAKEOUT_SUCCEEDED unknown
    workspace admin DELETE_GMAIL_SETTING -> workspace:admin:DELETE_GMAIL_SETTING unknown
    workspace calendar change_calendar_acls -> workspace:calendar:change_calendar_acls unknown
    workspace drive change_document_access_scope_hierarchy_reconciled -> workspace:drive:change_document_access_scope_hierarchy_reconciled internal
    workspace drive change_document_visibility -> workspace:drive:change_document_visibility unknown
    workspace drive change_owner -> workspace:drive:change_owner unknown
    workspace drive change_user_access -> workspace:drive:change_user_access unknown
    workspace drive change_user_access_hierarchy_reconciled -> workspace:drive:change_user_access_hierarchy_reconciled internal
    workspace drive download -> workspace:drive:download unknown
    workspace drive rename -> workspace:drive:rename unknown
    workspace drive shared_drive_settings_change -> workspace:drive:shared_drive_settings_change unknown
    workspace drive upload -> workspace:drive:upload unknown
    workspace drive view -> workspace:drive:view unknown
    workspace gmail delivery -> workspace:gmail:delivery internal
    workspace gmail download -> workspace:gmail:download unknown
    workspace login account_disabled_spamming -> workspace:login:account_disabled_spamming internal
    workspace login login_success -> workspace:login:login_success internal
    workspace login suspicious_login -> workspace:login:suspicious_login internal
    workspace logout login_success -> workspace:logout:login_success internal
    workspace saml login_success -> workspace:saml:login_success internal
    workspace user_accounts 2sv_disable -> workspace:user_accounts:2sv_disable permissionless
    workspace user_accounts 2sv_enroll -> workspace:user_accounts:2sv_enroll permissionless
    workspace user_accounts titanium_enroll -> workspace:user_accounts:titanium_enroll permissionless
    workspace user_accounts titanium_unenroll -> workspace:user_accounts:titanium_unenroll permissionless
";

#[test]
fn every_name_of_their_logs_is_classified_as_by_hand() {
    let files: Vec<&str> = PANTHER.iter().map(|it| it.0).chain([AUDIT2RBAC]).collect();
    let Some(lines) = named(&files) else { return };
    // A name that the log spells as the permission is spelt is that permission.
    let is_other = |line: &&String| {
        let (native, name) = line.split_once(" -> ").unwrap();
        let native: Vec<_> = native.splitn(3, ' ').collect();
        let (platform, service, operation) = (native[0], native[1], native[2]);
        let colon = if service.is_empty() { "" } else { ":" };
        !name.eq_ignore_ascii_case(&format!("{platform}:{service}{colon}{operation} exact"))
    };
    let others: Vec<_> = lines.iter().filter(is_other).cloned().collect();
    assert!(100 < lines.len().saturating_sub(others.len()), "{}", lines.len());
    let by_hand: Vec<_> = BY_HAND.trim().lines().map(str::trim).collect();
    assert_eq!(others, by_hand);
}

#[test]
fn law_10_order_and_repetition_change_no_byte_of_what_clouds_say() {
    let mut all = String::new();
    for name in PANTHER.iter().map(|it| it.0).chain([AUDIT2RBAC]) {
        let Some(text) = timed(name) else { return };
        all.push_str(&text);
    }
    let lines: Vec<_> = all.lines().collect();
    let report = |texts: &[&str]| {
        let mut all = Exercised::new(Catalogue::carried());
        let mut take = |record: Record<'_>| {
            if let Record::Exercise(_, it) = record {
                all.take(it);
            }
        };
        for text in texts {
            read_from(text.as_bytes(), None, &mut take, &|_| {}).unwrap();
        }
        let mut told = audit(&all, &[]);
        told.summary.duplicates = 0;
        serde_json::to_string(&told).unwrap()
    };
    let turned = shuffled(&lines);
    let once = report(&[&all]);
    assert!(all != turned && once.contains("core/pods"));
    assert!(once == report(&[&turned]), "in another order");
    assert!(once == report(&[&all, &turned]), "twice");
}
