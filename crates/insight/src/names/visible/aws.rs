//! Whether `CloudTrail` can see that an action was used: always, only where somebody asked for data events, or never.
//!
//! What nothing could have seen is not unused: only what some rule says is recorded is taken for visible. Data events are of the
//! services for which they are documented; management events, which every trail has unless it is told otherwise, of those in
//! `aws/told.rs`.

mod told;

use super::Action;

/// Gives whose data an action is done to, empty for what is done to settings; none where no call is recorded under its name.
pub(super) fn data_of(action: &Action) -> Option<&str> {
    match visible(action) {
        Visible::Always => Some(""),
        Visible::Data => Some(&action.service),
        Visible::Never => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visible {
    /// In every log.
    Always,
    /// In logs that were asked for what is done to data.
    Data,
    /// Nowhere: no call is recorded for it, or no rule knows of one.
    Never,
}

/// Services with data events, and the beginnings of those actions' names. In order.
const DATA: &[(&str, &[&str])] = &[
    ("appsync", &["GraphQL"]),
    (
        "cloudwatch",
        &[
            "GetMetricData",
            "GetMetricStatistics",
            "GetMetricWidgetImage",
            "ListMetrics",
            "PutMetricData",
        ],
    ),
    ("codewhisperer", &["Generate"]),
    ("cognito-identity", &["GetCredentialsForIdentity", "GetId", "GetOpenIdToken"]),
    (
        "dynamodb",
        &[
            "Batch",
            "ConditionCheckItem",
            "DeleteItem",
            "GetItem",
            "GetRecords",
            "GetShardIterator",
            "PartiQL",
            "PutItem",
            "Query",
            "Scan",
            "UpdateItem",
        ],
    ),
    (
        "ebs",
        &[
            "CompleteSnapshot",
            "GetSnapshotBlock",
            "ListChangedBlocks",
            "ListSnapshotBlocks",
            "PutSnapshotBlock",
            "StartSnapshot",
        ],
    ),
    ("execute-api", &["Invoke", "ManageConnections"]),
    (
        "iot",
        &[
            "Connect",
            "GetThingShadow",
            "Publish",
            "Receive",
            "RetainPublish",
            "Subscribe",
            "UpdateThingShadow",
            "DeleteThingShadow",
        ],
    ),
    ("kinesis", &["GetRecords", "GetShardIterator", "PutRecord", "SubscribeToShard"]),
    // Trails may be told to leave all of them out.
    ("kms", &[""]),
    ("lambda", &["Invoke"]),
    (
        "rds-data",
        &["Batch", "BeginTransaction", "CommitTransaction", "Execute", "RollbackTransaction"],
    ),
    (
        "s3",
        &[
            "AbortMultipartUpload",
            "BypassGovernanceRetention",
            "DeleteObject",
            "GetObject",
            "ListBucketMultipartUploads",
            "ListBucketVersions",
            "ListMultipartUploadParts",
            "PutObject",
            "ReplicateDelete",
            "ReplicateObject",
            "RestoreObject",
        ],
    ),
    ("s3express", &["CreateSession"]),
    ("sagemaker", &["InvokeEndpoint", "PutRecord", "GetRecord", "DeleteRecord", "BatchGetRecord"]),
    ("sns", &["Publish"]),
    ("sqs", &["ChangeMessageVisibility", "DeleteMessage", "ReceiveMessage", "SendMessage"]),
    ("xray", &["PutTelemetryRecords", "PutTraceSegments", "GetSamplingTargets"]),
];

/// `ListBucket` is told of where objects are; `ListBucket…` is not, so it stands by its whole name.
const DATA_WHOLE: &[(&str, &str)] = &[("s3", "ListBucket")];

/// Actions that are part of other calls, or of which nothing is told. In order.
const NEVER: &[(&str, &str)] = &[
    ("iam", "PassRole"),
    ("logs", "PutLogEvents"),
    ("sts", "SetSourceIdentity"),
    ("sts", "TagSession"),
];

/// Services with actions that no call is recorded under, and the beginnings of their names: what goes by a protocol of its own, what
/// comes along with another call (a version, a tag), and data of which it is not sure who records it. In order.
const NEVER_BEGINS: &[(&str, &[&str])] = &[
    ("appconfig", &["GetLatestConfiguration", "StartConfigurationSession"]),
    ("aps", &["GetLabels", "GetMetricMetadata", "GetSeries", "QueryMetrics", "RemoteWrite"]),
    ("cassandra", &["Modify", "Select"]),
    (
        "dax",
        &[
            "Batch",
            "ConditionCheckItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "Scan",
            "UpdateItem",
        ],
    ),
    ("eks", &["AccessKubernetesApi"]),
    ("elasticfilesystem", &["Client"]),
    ("es", &["ESHttp"]),
    ("firehose", &["PutRecord"]),
    (
        "s3",
        &[
            "BypassGovernanceRetention",
            "DeleteObjectTagging",
            "DeleteObjectVersion",
            "GetObjectAcl",
            "GetObjectAttributes",
            "GetObjectLegalHold",
            "GetObjectRetention",
            "GetObjectTagging",
            "GetObjectVersion",
            "PutObjectAcl",
            "PutObjectLegalHold",
            "PutObjectRetention",
            "PutObjectTagging",
            "PutObjectVersion",
        ],
    ),
    ("ses", &["Send"]),
    ("timestream", &["Select", "WriteRecords"]),
];

/// Services of which nothing is told.
const SILENT: &[&str] =
    &["aoss", "ec2messages", "kafka-cluster", "neptune-db", "ssmmessages", "vpc-lattice-svcs"];

/// Says where the use of an action would be seen.
fn visible(action: &Action) -> Visible {
    let (service, name) = (&*action.service, &*action.name);
    if SILENT.contains(&service) || NEVER.binary_search(&(service, name)).is_ok() {
        return Visible::Never;
    }
    let never = NEVER_BEGINS.binary_search_by(|it| it.0.cmp(service)).ok();
    if never.and_then(|it| NEVER_BEGINS.get(it)).is_some_and(|it| begins_with(name, it.1)) {
        return Visible::Never;
    }
    let begins = DATA.binary_search_by(|it| it.0.cmp(service)).ok().and_then(|it| DATA.get(it));
    let data =
        begins.is_some_and(|it| begins_with(name, it.1)) || DATA_WHOLE.contains(&(service, name));
    if data {
        Visible::Data
    } else if told::is_told(service, name) {
        Visible::Always
    } else {
        Visible::Never
    }
}

fn begins_with(name: &str, begins: &[&str]) -> bool {
    begins.iter().any(|it| name.starts_with(it))
}

#[cfg(test)]
mod tests {
    use super::{super::Sort, *};
    use crate::names::Catalogue;

    #[test]
    fn the_tables_are_in_order_and_of_what_there_is() {
        let catalogue = Catalogue::carried();
        assert!(DATA.is_sorted_by(|one, next| one.0 < next.0));
        assert!(NEVER.is_sorted_by(|one, next| one < next));
        assert!(NEVER_BEGINS.is_sorted_by(|one, next| one.0 < next.0));
        for (service, begins) in DATA.iter().chain(NEVER_BEGINS) {
            for begin in *begins {
                let any = catalogue.of(service).iter().any(|it| it.name.starts_with(begin));
                assert!(any, "{service}:{begin}*");
            }
        }
        for (service, name) in NEVER.iter().chain(DATA_WHOLE) {
            assert!(catalogue.find(service, name).is_some(), "{service}:{name}");
        }
    }

    #[test]
    fn reads_and_writes_are_of_different_sorts() {
        let catalogue = Catalogue::carried();
        let said = |service, name| Sort::of(catalogue.find(service, name).expect("an action"));
        assert_eq!(said("s3", "PutObject"), Some(Sort::new("s3", false)));
        assert_eq!(said("iam", "ListUsers"), Some(Sort::new("", true)));
        assert_eq!(said("iam", "PassRole"), None);
    }

    #[test]
    fn what_no_rule_knows_to_be_recorded_is_not_taken_for_visible() {
        let catalogue = Catalogue::carried();
        let said = |service, name| visible(catalogue.find(service, name).expect("an action"));
        for (service, name) in [
            // No rule says that there is a call, or that it is recorded.
            ("mobiletargeting", "SendMessages"),
            ("geo", "SearchPlaceIndexForText"),
            ("redshift", "JoinGroup"),
            ("sqs", "GetQueueUrl"),
            ("ec2", "SendSpotInstanceInterruptions"),
            ("lambda", "EnableReplication"),
            ("ses", "SendEmail"),
        ] {
            assert_eq!(said(service, name), Visible::Never, "{service}:{name}");
        }
        assert_eq!(said("kms", "Decrypt"), Visible::Data, "a trail may leave it out");
        for (service, name) in [
            ("ec2", "RunInstances"),
            ("s3", "PutEncryptionConfiguration"),
            ("s3", "ListAllMyBuckets"),
            ("cloudformation", "CreateResource"),
            ("secretsmanager", "GetSecretValue"),
        ] {
            assert_eq!(said(service, name), Visible::Always, "{service}:{name}");
        }
    }

    #[test]
    fn a_bucket_s_settings_are_always_seen_and_its_objects_are_not() {
        let catalogue = Catalogue::carried();
        let said = |service, name| visible(catalogue.find(service, name).expect("an action"));
        assert_eq!(said("s3", "GetObject"), Visible::Data);
        assert_eq!(said("s3", "ListBucket"), Visible::Data);
        assert_eq!(said("s3", "GetBucketPolicy"), Visible::Always);
        assert_eq!(said("iam", "PassRole"), Visible::Never);
        assert_eq!(said("iam", "CreateUser"), Visible::Always);
    }
}
