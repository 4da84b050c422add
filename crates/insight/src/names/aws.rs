//! What IAM calls the permission for what `CloudTrail` tells of.
//!
//! The two agree more often than not, which makes the rest dangerous: some names of the log are permissions of
//! something else, some calls take two, some take none, and some are no calls.

use bailiwick_model::{Along, Platform};

use super::{Catalogue, Certainty, Name, Native, spelt};

/// Sources of events whose name is not the prefix that policies use: the source, without `.amazonaws.com`, and the prefix.
const PREFIXES: &[(&str, &str)] = &[
    ("api.ecr", "ecr"),
    ("api.iotwireless", "iotwireless"),
    ("api.pricing", "pricing"),
    ("api.sagemaker", "sagemaker"),
    ("application-insights", "applicationinsights"),
    ("bedrock-runtime", "bedrock"),
    ("catalog.marketplace", "aws-marketplace"),
    ("cloudcontrolapi", "cloudformation"),
    ("data.iot", "iot"),
    ("data.iotevents", "iotevents"),
    ("data.jobs.iot", "iotjobsdata"),
    ("email", "ses"),
    ("entitlement.marketplace", "aws-marketplace"),
    ("metering.marketplace", "aws-marketplace"),
    ("models.lex", "lex"),
    ("models.lex.v2", "lex"),
    ("monitoring", "cloudwatch"),
    ("mturk-requester", "mechanicalturk"),
    ("runtime.lex", "lex"),
    ("runtime.lex.v2", "lex"),
    ("runtime.sagemaker", "sagemaker"),
    ("servicecatalog-appregistry", "servicecatalog"),
    ("streams.dynamodb", "dynamodb"),
    ("tagging", "tag"),
];

/// Calls whose permission has another name, or that take several: prefix, call, permissions. In order.
const RENAMED: &[(&str, &str, &[&str])] = &[
    ("bedrock", "Converse", &["InvokeModel"]),
    ("bedrock", "ConverseStream", &["InvokeModelWithResponseStream"]),
    ("kms", "ReEncrypt", &["ReEncryptFrom", "ReEncryptTo"]),
    ("lambda", "Invoke", &["InvokeFunction"]),
    ("lambda", "InvokeWithResponseStream", &["InvokeFunction"]),
    ("s3", "CompleteMultipartUpload", &["PutObject"]),
    ("s3", "CopyObject", &["GetObject", "PutObject"]),
    ("s3", "CreateMultipartUpload", &["PutObject"]),
    ("s3", "DeleteAccountPublicAccessBlock", &["PutAccountPublicAccessBlock"]),
    ("s3", "DeleteBucketAnalyticsConfiguration", &["PutAnalyticsConfiguration"]),
    ("s3", "DeleteBucketCors", &["PutBucketCORS"]),
    ("s3", "DeleteBucketEncryption", &["PutEncryptionConfiguration"]),
    ("s3", "DeleteBucketIntelligentTieringConfiguration", &["PutIntelligentTieringConfiguration"]),
    ("s3", "DeleteBucketInventoryConfiguration", &["PutInventoryConfiguration"]),
    ("s3", "DeleteBucketLifecycle", &["PutLifecycleConfiguration"]),
    ("s3", "DeleteBucketMetricsConfiguration", &["PutMetricsConfiguration"]),
    ("s3", "DeleteBucketOwnershipControls", &["PutBucketOwnershipControls"]),
    ("s3", "DeleteBucketPublicAccessBlock", &["PutBucketPublicAccessBlock"]),
    ("s3", "DeleteBucketReplication", &["PutReplicationConfiguration"]),
    ("s3", "DeleteBucketTagging", &["PutBucketTagging"]),
    ("s3", "DeleteObjects", &["DeleteObject"]),
    ("s3", "DeletePublicAccessBlock", &["PutBucketPublicAccessBlock"]),
    ("s3", "GetBucketAccelerateConfiguration", &["GetAccelerateConfiguration"]),
    ("s3", "GetBucketAnalyticsConfiguration", &["GetAnalyticsConfiguration"]),
    ("s3", "GetBucketEncryption", &["GetEncryptionConfiguration"]),
    ("s3", "GetBucketIntelligentTieringConfiguration", &["GetIntelligentTieringConfiguration"]),
    ("s3", "GetBucketInventoryConfiguration", &["GetInventoryConfiguration"]),
    ("s3", "GetBucketLifecycle", &["GetLifecycleConfiguration"]),
    ("s3", "GetBucketLifecycleConfiguration", &["GetLifecycleConfiguration"]),
    ("s3", "GetBucketMetricsConfiguration", &["GetMetricsConfiguration"]),
    ("s3", "GetBucketNotificationConfiguration", &["GetBucketNotification"]),
    ("s3", "GetBucketReplication", &["GetReplicationConfiguration"]),
    ("s3", "GetObjectLockConfiguration", &["GetBucketObjectLockConfiguration"]),
    ("s3", "GetPublicAccessBlock", &["GetBucketPublicAccessBlock"]),
    ("s3", "HeadBucket", &["ListBucket"]),
    ("s3", "HeadObject", &["GetObject"]),
    ("s3", "ListBucketAnalyticsConfigurations", &["GetAnalyticsConfiguration"]),
    ("s3", "ListBucketIntelligentTieringConfigurations", &["GetIntelligentTieringConfiguration"]),
    ("s3", "ListBucketInventoryConfigurations", &["GetInventoryConfiguration"]),
    ("s3", "ListBucketMetricsConfigurations", &["GetMetricsConfiguration"]),
    ("s3", "ListBuckets", &["ListAllMyBuckets"]),
    ("s3", "ListMultipartUploads", &["ListBucketMultipartUploads"]),
    ("s3", "ListObjectVersions", &["ListBucketVersions"]),
    ("s3", "ListObjects", &["ListBucket"]),
    ("s3", "ListObjectsV2", &["ListBucket"]),
    ("s3", "ListParts", &["ListMultipartUploadParts"]),
    ("s3", "PostObject", &["PutObject"]),
    ("s3", "PutBucketAccelerateConfiguration", &["PutAccelerateConfiguration"]),
    ("s3", "PutBucketAnalyticsConfiguration", &["PutAnalyticsConfiguration"]),
    ("s3", "PutBucketEncryption", &["PutEncryptionConfiguration"]),
    ("s3", "PutBucketIntelligentTieringConfiguration", &["PutIntelligentTieringConfiguration"]),
    ("s3", "PutBucketInventoryConfiguration", &["PutInventoryConfiguration"]),
    ("s3", "PutBucketLifecycle", &["PutLifecycleConfiguration"]),
    ("s3", "PutBucketLifecycleConfiguration", &["PutLifecycleConfiguration"]),
    ("s3", "PutBucketMetricsConfiguration", &["PutMetricsConfiguration"]),
    ("s3", "PutBucketNotificationConfiguration", &["PutBucketNotification"]),
    ("s3", "PutBucketReplication", &["PutReplicationConfiguration"]),
    ("s3", "PutObjectLockConfiguration", &["PutBucketObjectLockConfiguration"]),
    ("s3", "PutPublicAccessBlock", &["PutBucketPublicAccessBlock"]),
    ("s3", "SelectObjectContent", &["GetObject"]),
    ("s3", "UploadPart", &["PutObject"]),
    ("s3", "UploadPartCopy", &["GetObject", "PutObject"]),
    ("sns", "PublishBatch", &["Publish"]),
    ("sqs", "ChangeMessageVisibilityBatch", &["ChangeMessageVisibility"]),
    ("sqs", "DeleteMessageBatch", &["DeleteMessage"]),
    ("sqs", "SendMessageBatch", &["SendMessage"]),
];

/// Calls that nobody needs a permission for. In order.
const PERMISSIONLESS: &[(&str, &str)] = &[
    ("sso", "CreateToken"),
    ("sso", "RegisterClient"),
    ("sso", "StartDeviceAuthorization"),
    ("sts", "GetCallerIdentity"),
    ("sts", "GetSessionToken"),
];

/// Sources that are a console's own workings.
const CONSOLE: &[&str] = &["billingconsole", "console", "signin"];

/// What permissions of API Gateway are: verbs of HTTP, by how a call's name begins.
const API_GATEWAY: &[(&str, &str)] = &[
    ("Create", "POST"),
    ("Delete", "DELETE"),
    ("Get", "GET"),
    ("Put", "PUT"),
    ("Update", "PATCH"),
];

pub(super) fn names(native: Native<'_>, catalogue: &Catalogue) -> Vec<Name> {
    let source = native.service.strip_suffix(".amazonaws.com").unwrap_or(native.service);
    let prefix = find(PREFIXES, source).unwrap_or(source);
    let plain =
        |certainty| vec![Name { text: spelt(Platform::Aws, prefix, native.operation), certainty }];
    if native.internal || CONSOLE.contains(&prefix) {
        return plain(Certainty::Internal);
    }
    if PERMISSIONLESS.binary_search(&(prefix, native.operation)).is_ok() {
        return plain(Certainty::Permissionless);
    }
    let found = |operation: &str, certainty| {
        let action = catalogue.find(prefix, operation)?;
        Some(Name { text: spelt(Platform::Aws, prefix, &action.name), certainty })
    };
    let mut names: Vec<Name> = match (renamed(prefix, native.operation), catalogue.of(prefix)) {
        (Some(others), _) => others.iter().filter_map(|it| found(it, Certainty::Renamed)).collect(),
        (None, [_, ..]) => found(native.operation, Certainty::Exact)
            .or_else(|| found(undated(native.operation)?, Certainty::Renamed))
            .into_iter()
            .collect(),
        (None, []) => Vec::new(),
    };
    if names.is_empty() {
        let internal = native.operation.ends_with("Internal");
        return plain(if internal { Certainty::Internal } else { Certainty::Unknown });
    }
    names.extend(implied(prefix, native.along));
    names
}

/// Gives the permissions of a call that has another name than they.
fn renamed(prefix: &str, operation: &str) -> Option<&'static [&'static str]> {
    if prefix == "apigateway" {
        let verb = API_GATEWAY.iter().find(|(begin, _)| operation.starts_with(begin));
        return verb.map(|(_, verb)| std::slice::from_ref(verb));
    }
    let order = |it: &(&str, &str, _)| (it.0, it.1).cmp(&(prefix, operation));
    let place = RENAMED.binary_search_by(order).ok()?;
    RENAMED.get(place).map(|it| it.2)
}

/// Takes the date off a call's name: `CreateFunction20150331`, `AddPermission20150331v2`, `GetDistribution2020_05_31`.
fn undated(operation: &str) -> Option<&str> {
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let unversioned = match operation.rsplit_once('v') {
        Some((before, number)) if digits(number) => before,
        Some(_) | None => operation,
    };
    for (length, is_date) in [
        (8, digits as fn(&str) -> bool),
        (10, |it| {
            it.split('_').map(str::len).eq([4, 2, 2])
                && it.replace('_', "").bytes().all(|it| it.is_ascii_digit())
        }),
    ] {
        let (name, date) = unversioned.split_at_checked(unversioned.len().checked_sub(length)?)?;
        if is_date(date) {
            return Some(name);
        }
    }
    None
}

/// Gives what takes a permission of its own because it came along.
fn implied(prefix: &str, along: Along) -> Vec<Name> {
    let mut names = Vec::new();
    let mut add =
        |text: &str| names.push(Name { text: text.to_owned(), certainty: Certainty::Implied });
    if along.has(Along::ROLE) {
        add("aws:iam:PassRole");
    }
    if along.has(Along::TAGS) && prefix == "ec2" {
        add("aws:ec2:CreateTags");
    }
    names
}

fn find(table: &[(&str, &'static str)], word: &str) -> Option<&'static str> {
    let place = table.binary_search_by(|it| it.0.cmp(word)).ok()?;
    table.get(place).map(|it| it.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(source: &str, operation: &str, along: Along) -> String {
        let service = format!("{source}.amazonaws.com");
        let native = Native {
            platform: Platform::Aws,
            service: &service,
            operation,
            along,
            internal: false,
        };
        let names = names(native, &Catalogue::carried());
        names
            .iter()
            .map(|it| format!("{} {}", it.text, it.certainty.as_str()))
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn the_tables_are_in_order_and_every_permission_in_them_is_one() {
        let catalogue = Catalogue::carried();
        assert!(PREFIXES.is_sorted_by(|one, next| one.0 < next.0));
        assert!(RENAMED.is_sorted_by(|one, next| (one.0, one.1) < (next.0, next.1)));
        assert!(PERMISSIONLESS.is_sorted_by(|one, next| one < next));
        for (_, prefix) in PREFIXES {
            assert!(!catalogue.of(prefix).is_empty(), "{prefix}");
        }
        for (prefix, call, permissions) in RENAMED {
            assert_eq!(catalogue.find(prefix, call).map(|it| &*it.name), None, "{prefix}:{call}");
            for permission in *permissions {
                let found = catalogue.find(prefix, permission).map(|it| &*it.name);
                assert_eq!(found, Some(*permission), "{prefix}:{permission}");
            }
        }
    }

    #[test]
    fn the_traps_of_the_log_are_known() {
        for (source, operation, names) in [
            ("s3", "GetObject", "aws:s3:GetObject exact"),
            ("s3", "HeadObject", "aws:s3:GetObject renamed"),
            ("s3", "CopyObject", "aws:s3:GetObject renamed, aws:s3:PutObject renamed"),
            ("s3", "PutBucketReplication", "aws:s3:PutReplicationConfiguration renamed"),
            ("monitoring", "DescribeAlarms", "aws:cloudwatch:DescribeAlarms exact"),
            ("lambda", "CreateFunction20150331", "aws:lambda:CreateFunction renamed"),
            ("lambda", "UpdateFunctionCode20150331v2", "aws:lambda:UpdateFunctionCode renamed"),
            ("cloudfront", "GetDistribution2020_05_31", "aws:cloudfront:GetDistribution renamed"),
            ("apigateway", "GetRestApis", "aws:apigateway:GET renamed"),
            ("sts", "GetCallerIdentity", "aws:sts:GetCallerIdentity permissionless"),
            ("signin", "ConsoleLogin", "aws:signin:ConsoleLogin internal"),
            (
                "s3",
                "GetStorageLensDashboardDataInternal",
                "aws:s3:GetStorageLensDashboardDataInternal internal",
            ),
            ("ec2", "PutBucketLogging", "aws:ec2:PutBucketLogging unknown"),
            ("ec2", "RunInstances2", "aws:ec2:RunInstances2 unknown"),
            ("of-nobody", "GetObject", "aws:of-nobody:GetObject unknown"),
        ] {
            assert_eq!(said(source, operation, Along::NOTHING), names);
        }
    }

    #[test]
    fn what_comes_along_takes_permissions_of_its_own() {
        assert_eq!(
            said("ec2", "RunInstances", Along::ROLE.and(Along::TAGS)),
            "aws:ec2:RunInstances exact, aws:iam:PassRole implied, aws:ec2:CreateTags implied"
        );
        assert_eq!(
            said("lambda", "CreateFunction20150331", Along::ROLE),
            "aws:lambda:CreateFunction renamed, aws:iam:PassRole implied"
        );
    }

    #[test]
    fn no_letters_of_a_name_are_taken_for_a_date() {
        for name in
            ["", "v2", "2015", "Get2015_0331", "GetObject1234567v", "é0150331", "Getv2", "20150331"]
        {
            let undated = undated(name);
            assert!(undated.is_none_or(str::is_empty), "{name}: {undated:?}");
        }
    }
}
