//! Services of which it is known that each call is a management event, but for what other tables say.
//!
//! A service that is not here may have calls that nothing records: an action of it is not known to be seen. Nor is an action
//! that no call of the service bears, by its own name or by a rule of `names/aws.rs`: it is a part of other calls, or a console's,
//! or of calls that `CloudTrail` does not take. Held against the calls of botocore 1.44.8, of November 2026.

/// Each service, and its actions that no call is recorded under. In order.
const TOLD: &[(&str, &[&str])] = &[
    ("access-analyzer", &[]),
    ("account", &["CloseAccount"]),
    ("acm", &["UpdateCertificate"]),
    ("application-autoscaling", &[]),
    ("autoscaling", &[]),
    ("batch", &["SetCapacityTags"]),
    (
        "cloudformation",
        &["CreateUploadBucket", "ListAllHookResults", "TagResource", "UntagResource"],
    ),
    (
        "cloudfront",
        &[
            "AllowVendedLogDeliveryForResource",
            "CreateSavingsPlan",
            "GetSavingsPlan",
            "ListDistributionsByLambdaFunction",
            "ListRateCards",
            "ListSavingsPlans",
            "ListUsages",
            "UpdateSavingsPlan",
        ],
    ),
    (
        "cloudtrail",
        &[
            "CreateServiceLinkedChannel",
            "DeleteServiceLinkedChannel",
            "GenerateQueryResultsSummary",
            "GetEventDataStoreData",
            "GetServiceLinkedChannel",
            "ListServiceLinkedChannels",
            "UpdateServiceLinkedChannel",
        ],
    ),
    ("codepipeline", &[]),
    ("config", &[]),
    (
        "dynamodb",
        &[
            "AssociateTableReplica",
            "CreateGlobalTableWitness",
            "CreateTableReplica",
            "DeleteGlobalTableWitness",
            "DeleteTableReplica",
            "DescribeEndpoints",
            "DescribeReservedCapacity",
            "DescribeReservedCapacityOfferings",
            "GetAbacStatus",
            "InjectError",
            "PurchaseReservedCapacityOfferings",
            "ReadDataForReplication",
            "ReplicateSettings",
            "RestoreTableFromAwsBackup",
            "StartAwsBackupJob",
            "UpdateAbacStatus",
            "UpdateGlobalTableVersion",
            "WriteDataForReplication",
        ],
    ),
    (
        "ec2",
        &[
            "AssociateVerifiedAccessInstanceWebAcl",
            "AttachApplianceToNatGateway",
            "AttachResourcesToPlacementGroup",
            "CreateCoipPoolPermission",
            "CreateLocalGatewayRouteTablePermission",
            "CreateOdbNetworkPeering",
            "DeleteCoipPoolPermission",
            "DeleteLocalGatewayRouteTablePermission",
            "DeleteOdbNetworkPeering",
            "DeleteResourcePolicy",
            "DescribeLocalGatewayRouteTablePermissions",
            "DescribeVerifiedAccessInstanceWebAclAssociations",
            "DetachApplianceFromNatGateway",
            "DetachResourcesFromPlacementGroup",
            "DisassociateVerifiedAccessInstanceWebAcl",
            "GetResourcePolicy",
            "GetVerifiedAccessInstanceWebAcl",
            "ImportByoipCidrToIpam",
            "InjectApiError",
            "InjectVolumeIOLatency",
            "ModifyOdbNetworkPeering",
            "PauseVolumeIO",
            "PutResourcePolicy",
            "SendSpotInstanceInterruptions",
        ],
    ),
    ("ecr", &["BatchImportUpstreamImage", "GetImageCopyStatus", "ReplicateImage"]),
    (
        "ecs",
        &[
            "AllowVendedLogDeliveryForResource",
            "DiscoverPollEndpoint",
            "Poll",
            "PutSystemLogEvents",
            "StartTelemetrySession",
        ],
    ),
    ("eks", &["ListDashboardData", "ListDashboardResources", "MutateViaKubernetesApi"]),
    ("elasticache", &["Connect", "InterruptClusterAzPower"]),
    (
        "elasticloadbalancing",
        &[
            "AllowVendedLogDeliveryForResource",
            "CreateWebACLAssociation",
            "DeleteWebACLAssociation",
            "DescribeWebACLAssociation",
            "GetLoadBalancerWebACL",
            "SetWebAcl",
        ],
    ),
    (
        "events",
        &[
            "AllowVendedLogDeliveryForResource",
            "InvokeApiDestination",
            "PutEvents",
            "PutPartnerEvents",
            "RetrieveConnectionCredentials",
        ],
    ),
    ("fis", &["InjectApiInternalError", "InjectApiThrottleError", "InjectApiUnavailableError"]),
    ("guardduty", &["SendSecurityTelemetry"]),
    (
        "iam",
        &[
            "DeleteCloudFrontPublicKey",
            "GetAccountEmailAddress",
            "GetAccountName",
            "GetCloudFrontPublicKey",
            "ListCloudFrontPublicKeys",
            "ListSTSRegionalEndpointsStatus",
            "SetSTSRegionalEndpointStatus",
            "UpdateAccountEmailAddress",
            "UpdateAccountName",
            "UpdateCloudFrontPublicKey",
            "UploadCloudFrontPublicKey",
        ],
    ),
    ("inspector2", &[]),
    ("kms", &["SynchronizeMultiRegionKey"]),
    (
        "lambda",
        &[
            "ConnectMicrovm",
            "DisableReplication",
            "EnableReplication",
            "PassCapacityProvider",
            "PassNetworkConnector",
            "UpdateFunctionCodeSigningConfig",
        ],
    ),
    (
        "logs",
        &[
            "CallWithBearerToken",
            "CreateLogDelivery",
            "DeleteLogDelivery",
            "DeletePipelineRule",
            "FilterLogEvents",
            "GetLogDelivery",
            "GetLogEvents",
            "GetLogRecord",
            "GetQueryResults",
            "IntegrateWithDataset",
            "IntegrateWithS3Table",
            "Link",
            "ListEntitiesForLogGroup",
            "ListLogDeliveries",
            "ListLogGroupsForEntity",
            "ProcessWithPipeline",
            "PutPipelineRule",
            "StartLiveTail",
            "StartQuery",
            "StopLiveTail",
            "Unmask",
            "UpdateLogDelivery",
        ],
    ),
    ("organizations", &[]),
    ("ram", &[]),
    (
        "rds",
        &[
            "CopyCustomDBEngineVersion",
            "CrossRegionCommunication",
            "DescribeRecommendationGroups",
            "DescribeRecommendations",
            "DownloadCompleteDBLogFile",
            "ModifyRecommendation",
        ],
    ),
    ("route53", &[]),
    (
        "s3",
        &[
            "AllowVendedLogDeliveryForResource",
            "GetAccountPublicAccessBlock",
            "GetDataAccess",
            "GetStorageLensDashboard",
            "InitiateReplication",
            "ListObjectVersionAnnotations",
            "ObjectOwnerOverrideToBucketOwner",
            "PauseReplication",
            "PutAccessPointPublicAccessBlock",
            "ReplicateTags",
        ],
    ),
    ("secretsmanager", &[]),
    (
        "securityhub",
        &[
            "AllowVendedLogDeliveryForResource",
            "BatchGetControlEvaluations",
            "BatchGetEnabledRegionsV2",
            "ConnectorRegistrationsV2",
            "GetAdhocInsightResults",
            "GetControlFindingSummary",
            "GetCoverageStatisticsV2",
            "GetFreeTrialEndDate",
            "GetFreeTrialUsage",
            "GetInsightFindingTrend",
            "GetUsage",
            "GetUsageV2",
            "ListAccountUsageV2",
            "ListControlEvaluationSummaries",
            "SendFindingEvents",
            "SendInsightEvents",
        ],
    ),
    ("servicecatalog", &["DeleteResourcePolicy", "GetResourcePolicy", "PutResourcePolicy"]),
    ("sns", &[]),
    (
        "sqs",
        &[
            "GetQueueAttributes",
            "GetQueueUrl",
            "ListDeadLetterSourceQueues",
            "ListQueueTags",
            "ListQueues",
        ],
    ),
    (
        "ssm",
        &[
            "DescribeDocumentParameters",
            "ExecuteAPI",
            "GetCalendar",
            "GetManifest",
            "ListInstanceAssociations",
            "PutCalendar",
            "PutConfigurePackageResult",
            "RegisterManagedInstance",
            "RequestManagedInstanceRoleToken",
            "UpdateInstanceAssociationStatus",
            "UpdateInstanceInformation",
            "UpdateManagedInstancePublicKey",
        ],
    ),
    (
        "states",
        &[
            "GetActivityTask",
            "InvokeHTTPEndpoint",
            "RevealSecrets",
            "SendTaskFailure",
            "SendTaskHeartbeat",
            "SendTaskSuccess",
        ],
    ),
    ("sts", &["GetServiceBearerToken", "SetContext", "TagGetWebIdentityToken"]),
    (
        "wafv2",
        &[
            "DisassociateFirewallManager",
            "PutFirewallManagerRuleGroups",
            "ValidateNetworkSecurityManagerRuleConfiguration",
            "ValidateNetworkSecurityManagerWebACLConfiguration",
        ],
    ),
];

/// Says whether every trail has an action's call.
pub(super) fn is_told(service: &str, name: &str) -> bool {
    let found = TOLD.binary_search_by(|it| it.0.cmp(service)).ok().and_then(|it| TOLD.get(it));
    found.is_some_and(|(_, bare)| bare.binary_search(&name).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Catalogue;

    #[test]
    fn the_table_is_in_order_and_of_what_there_is() {
        let catalogue = Catalogue::carried();
        assert!(TOLD.is_sorted_by(|one, next| one.0 < next.0));
        for (service, bare) in TOLD {
            assert!(bare.is_sorted_by(|one, next| one < next), "{service}");
            assert!(!catalogue.of(service).is_empty(), "{service}");
            for name in *bare {
                assert!(catalogue.find(service, name).is_some(), "{service}:{name}");
            }
        }
    }
}
