//! Logs and grants of others, where they lie at hand: `BAILIWICK_DATA` names the folder that holds `permissions/`.

mod ocsf;
mod page;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use bailiwick_connect::{
    grants::read_grants,
    source::{Record, read_file, read_from},
};
use bailiwick_insight::{Audit, Catalogue, Certainty, Exercised, Native, State, audit, names};
use bailiwick_model::{Along, Platform};

const INVICTUS: &str = "aws-invictus/cloudtrail.jsonl.zst";
const STRATUS: &str = "aws-stratus/cloudtrail.labelled.jsonl.zst";

/// Finds a file of others; where there is none, says that nothing was tested.
pub(super) fn file(name: &str) -> Option<PathBuf> {
    let Some(data) = std::env::var_os("BAILIWICK_DATA") else {
        eprintln!("SKIPPED: `BAILIWICK_DATA` is not set, so `permissions/{name}` was not tested");
        return None;
    };
    Some(PathBuf::from(data).join("permissions").join(name))
}

fn audited(name: &str) -> Option<Audit> {
    let mut all = Exercised::new(Catalogue::carried());
    let mut take = |record: Record<'_>| match record {
        Record::Exercise(_, it) => {
            all.take(it);
        }
        Record::Nothing | Record::Undated => {}
        Record::Error(error) => panic!("{name}: {error}"),
    };
    read_file(&file(name)?, None, &mut take, &|_| {}).unwrap();
    Some(audit(&all, &[]))
}

/// What is no permission of the same name: read one by one beside AWS's own list of actions.
const BY_HAND: [(&str, &str, &str); 24] = [
    ("ec2", "SharedSnapshotVolumeCreated", "internal"),
    ("lambda", "AddPermission20150331v2", "aws:lambda:AddPermission"),
    ("lambda", "CreateFunction20150331", "aws:lambda:CreateFunction"),
    ("lambda", "DeleteFunction20150331", "aws:lambda:DeleteFunction"),
    ("lambda", "GetFunction20150331v2", "aws:lambda:GetFunction"),
    ("lambda", "ListVersionsByFunction20150331", "aws:lambda:ListVersionsByFunction"),
    ("lambda", "RemovePermission20150331v2", "aws:lambda:RemovePermission"),
    ("lambda", "UpdateFunctionCode20150331v2", "aws:lambda:UpdateFunctionCode"),
    ("lambda", "UpdateFunctionConfiguration20150331v2", "aws:lambda:UpdateFunctionConfiguration"),
    ("monitoring", "DescribeAlarms", "aws:cloudwatch:DescribeAlarms"),
    ("s3", "DeleteBucketLifecycle", "aws:s3:PutLifecycleConfiguration"),
    ("s3", "GetBucketCors", "aws:s3:GetBucketCORS"),
    ("s3", "GetBucketEncryption", "aws:s3:GetEncryptionConfiguration"),
    ("s3", "GetBucketLifecycle", "aws:s3:GetLifecycleConfiguration"),
    ("s3", "GetBucketReplication", "aws:s3:GetReplicationConfiguration"),
    ("s3", "GetStorageLensDashboardDataInternal", "internal"),
    ("s3", "ListBuckets", "aws:s3:ListAllMyBuckets"),
    ("s3", "PutBucketLifecycle", "aws:s3:PutLifecycleConfiguration"),
    ("secretsmanager", "EndSecretVersionDelete", "internal"),
    ("secretsmanager", "StartSecretVersionDelete", "internal"),
    ("servicecatalog-appregistry", "ListApplications", "aws:servicecatalog:ListApplications"),
    ("signin", "CheckMfa", "internal"),
    ("signin", "ConsoleLogin", "internal"),
    ("sts", "GetCallerIdentity", "permissionless"),
];

#[test]
fn every_name_of_their_logs_is_known_and_none_is_taken_for_another() {
    let catalogue = Catalogue::carried();
    let mut pairs: BTreeMap<(String, String), bool> = BTreeMap::new();
    for name in [INVICTUS, STRATUS] {
        let Some(path) = file(name) else { return };
        let mut take = |record: Record<'_>| {
            if let Record::Exercise(_, it) = record {
                pairs.insert((it.service.to_string(), it.operation.to_string()), it.internal);
            }
        };
        read_file(&path, None, &mut take, &|_| {}).unwrap();
    }
    assert_eq!(pairs.len(), 280);
    let by_hand: BTreeMap<_, _> = BY_HAND.iter().map(|it| ((it.0, it.1), it.2)).collect();
    let mut met = BTreeSet::new();
    for ((service, operation), internal) in &pairs {
        let native = Native {
            platform: Platform::Aws,
            service,
            operation,
            along: Along::NOTHING,
            internal: *internal,
        };
        let told = names(native, &catalogue);
        let [name] = told.as_slice() else { panic!("{service} {operation}: {told:?}") };
        let said = if name.certainty.is_permission() {
            name.text.as_str()
        } else {
            name.certainty.as_str()
        };
        let source = service.strip_suffix(".amazonaws.com").unwrap();
        let naive = format!("aws:{source}:{operation}");
        match by_hand.get(&(source, operation.as_str())) {
            Some(wanted) => {
                met.insert((source, operation.as_str()));
                assert_eq!(said, *wanted, "{service} {operation}");
            }
            None => assert_eq!((said, name.certainty), (naive.as_str(), Certainty::Exact)),
        }
    }
    assert_eq!(met.len(), BY_HAND.len(), "each line of the table is of a name that is there");
}

#[test]
fn what_was_only_denied_is_attempted() {
    let attempted = |name: &str| {
        let told = audited(name)?;
        let entries = told.identities.iter().flat_map(|it| it.entries.iter().map(|e| (&it.id, e)));
        let only = entries.filter(|(_, it)| it.state == State::Attempted);
        Some(only.map(|(id, it)| format!("{id} {} {}", it.name, it.attempts)).collect::<Vec<_>>())
    };
    let (Some(invictus), Some(stratus)) = (attempted(INVICTUS), attempted(STRATUS)) else { return };
    insta::assert_snapshot!(invictus.join("\n"), @r"
    arn:aws:iam::123837392027:role/stratus-red-team-ec2-get-password-data-role aws:ec2:GetPasswordData 29
    arn:aws:iam::123837392027:role/stratus-red-team-get-usr-data-role aws:ec2:DescribeInstanceAttribute 15
    arn:aws:iam::123837392027:role/stratus-red-team-leave-org-role aws:organizations:LeaveOrganization 1
    arn:aws:iam::123837392027:user/bert-jan aws:ce:GetCostAndUsage 1
    arn:aws:iam::123837392027:user/bert-jan aws:ce:GetCostForecast 1
    ");
    insta::assert_snapshot!(stratus.join("\n"), @r"
    arn:aws:iam::307578594326:role/stratus-red-team-leave-org-role aws:organizations:LeaveOrganization 1
    arn:aws:iam::321848314756:role/stratus-red-team-get-usr-data-role aws:ec2:DescribeInstanceAttribute 15
    arn:aws:iam::457448411975:role/stratus-red-team-ec2-get-password-data-role aws:ec2:GetPasswordData 30
    arn:aws:iam::900138736586:role/stratus-red-team-ec2lui-role-idtzskbvtd aws:ec2:RunInstances 1
    ");
}

#[test]
fn sessions_are_joined_to_who_began_them_or_say_why_not() {
    for (name, events, joined) in [(INVICTUS, 76, 70), (STRATUS, 68, 47)] {
        let Some(told) = audited(name) else { return };
        let sessions = &told.summary.sessions;
        assert_eq!(sessions.events, events, "{name}: {sessions:?}");
        assert!(joined <= sessions.joined, "{name}: {sessions:?}");
        let rest = sessions.delivered.checked_add(sessions.out_of_sight).unwrap();
        assert_eq!(sessions.events, sessions.joined.checked_add(rest).unwrap(), "{sessions:?}");
        assert!(told.chains.iter().all(|it| !it.begins.is_empty()));
    }
}

/// Puts lines in the order of their texts read backwards, which is that of nothing they say.
pub(super) fn shuffled(lines: &[&str]) -> String {
    let mut turned: Vec<String> = lines.iter().map(|it| it.chars().rev().collect()).collect();
    turned.sort_unstable();
    turned.iter().map(|it| it.chars().rev().chain(['\n']).collect::<String>()).collect()
}

#[test]
fn law_10_order_and_repetition_change_no_byte_of_the_report() {
    let Some(grants) = file("aws-iam-authz/example-authz-details.json") else { return };
    let holders = read_grants(&fs::read(grants).unwrap()).unwrap();
    for name in [INVICTUS, STRATUS] {
        let mut lines = String::new();
        let packed = fs::File::open(file(name).unwrap()).unwrap();
        let mut unpacked = ruzstd::decoding::StreamingDecoder::new(packed).unwrap();
        std::io::Read::read_to_string(&mut unpacked, &mut lines).unwrap();
        let lines: Vec<_> = lines.lines().collect();
        let report = |texts: &[String]| {
            let mut all = Exercised::new(Catalogue::carried());
            for text in texts {
                let mut take = |record: Record<'_>| {
                    if let Record::Exercise(_, it) = record {
                        all.take(it);
                    }
                };
                read_from(text.as_bytes(), None, &mut take, &|_| {}).unwrap();
            }
            let mut told = audit(&all, &holders);
            // How often something came again is told, and is of the reading.
            told.summary.duplicates = 0;
            serde_json::to_string(&told).unwrap()
        };
        let plain: String = lines.iter().map(|it| format!("{it}\n")).collect();
        let turned = shuffled(&lines);
        assert!(plain != turned);
        let once = report(std::slice::from_ref(&plain));
        assert!(once == report(&[turned.clone(), plain]), "{name} twice");
        assert!(once == report(&[turned]), "{name} in another order");
    }
}

#[test]
fn lists_of_grants_of_others_are_read() {
    for (name, count) in [
        ("example-authz-details.json", 6),
        ("example_authz_details_for_overrides_complete.json", 3),
        ("example_authz_v2.json", 3),
    ] {
        let Some(path) = file(&format!("aws-iam-authz/{name}")) else { return };
        let holders = read_grants(&fs::read(path).unwrap()).unwrap();
        assert_eq!(holders.len(), count, "{name}");
        let told = audit(&Exercised::new(Catalogue::carried()), &holders);
        let entries: Vec<_> = told.identities.iter().flat_map(|it| &it.entries).collect();
        assert!(!entries.is_empty(), "{name}");
        // No log was read: nothing can be known to be unused.
        assert!(entries.iter().all(|it| it.state == State::Unobservable), "{name}");
        assert!(entries.iter().all(|it| !it.granted_by.is_empty()), "{name}");
    }
}
