//! How an action of Azure is spelt.
//!
//! Role definitions and logs write the same action in letters of any case, so each word has one spelling: the usual one
//! where it is in the list, small letters elsewhere.

/// Words with capitals in them. In order of their small letters.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "accessPolicies", "actionGroups", "activityLogAlerts", "agentPools", "alertRules",
    "alertsSuppressionRules", "allProperties", "applicationGateways", "applicationSecurityGroups",
    "appSettings", "auditIfNotExists", "authorizationRules", "automationAccounts",
    "autoscaleSettings", "availabilitySets", "azureFirewalls", "backupFabrics", "backupInstances",
    "backupPolicies", "backupVaults", "bastionHosts", "beginGetAccess", "blobServices",
    "cancelDelete", "capacityReservations", "classicAdministrators", "clusterRoleBindings",
    "conditionalAccessPolicies", "configurationStores", "connectionStrings", "consumerGroups",
    "containerApps", "containerGroups", "createUiDefinitions", "customDomains", "databaseAccounts",
    "dataCollectionRules", "dataConnectors", "ddosProtectionPlans", "deletedVaults",
    "denyAssignments", "deployIfNotExists", "deploymentScripts", "diagnosticLogs",
    "diagnosticSettings", "diskEncryptionSets", "dnsZones", "elevateAccess", "endGetAccess",
    "eventHubs", "eventSubscriptions", "expressRouteCircuits", "federatedIdentityCredentials",
    "fileServices", "firewallPolicies", "firewallRules", "flowLogs", "frontDoors", "generateKeys",
    "getSecret", "hostingEnvironments", "hubVirtualNetworkConnections", "immutabilityPolicies",
    "importPipelines", "inviteGuest", "ipConfigurations", "keyVaults", "kubeConfigs",
    "linkedServices", "listAccountSas", "listAdminKeys", "listAuthorizationRules",
    "listClusterAdminCredential", "listClusterMonitoringUserCredential",
    "listClusterUserCredential", "listConnectionStrings", "listCredentials", "listKeys",
    "listSecrets", "listServiceSas", "loadBalancers", "localNetworkGateways", "logAnalytics",
    "logicApps", "managedClusters", "managedEnvironments", "managedInstances", "managementGroups",
    "managementPolicies", "metricAlerts", "Microsoft.AAD", "Microsoft.Advisor",
    "Microsoft.AlertsManagement", "Microsoft.AnalysisServices", "Microsoft.ApiManagement",
    "Microsoft.App", "Microsoft.AppConfiguration", "Microsoft.Authorization",
    "Microsoft.Automation", "Microsoft.Batch", "Microsoft.Billing", "Microsoft.Blueprint",
    "Microsoft.BotService", "Microsoft.Cache", "Microsoft.Cdn", "Microsoft.CognitiveServices",
    "Microsoft.Compute", "Microsoft.Consumption", "Microsoft.ContainerInstance",
    "Microsoft.ContainerRegistry", "Microsoft.ContainerService", "Microsoft.CostManagement",
    "Microsoft.Databricks", "Microsoft.DataFactory", "Microsoft.DataLakeStore",
    "Microsoft.DataProtection", "Microsoft.DBforMySQL", "Microsoft.DBforPostgreSQL",
    "Microsoft.DesktopVirtualization", "Microsoft.Devices", "Microsoft.DocumentDB",
    "Microsoft.EventGrid", "Microsoft.EventHub", "Microsoft.Features", "Microsoft.HybridCompute",
    "Microsoft.Insights", "Microsoft.KeyVault", "Microsoft.Kubernetes", "Microsoft.Kusto",
    "Microsoft.Logic", "Microsoft.MachineLearningServices", "Microsoft.ManagedIdentity",
    "Microsoft.Management", "Microsoft.Migrate", "Microsoft.Network", "Microsoft.NotificationHubs",
    "Microsoft.OperationalInsights", "Microsoft.OperationsManagement", "Microsoft.PolicyInsights",
    "Microsoft.Portal", "Microsoft.PowerBI", "Microsoft.Purview", "Microsoft.RecoveryServices",
    "Microsoft.Relay", "Microsoft.ResourceGraph", "Microsoft.ResourceHealth", "Microsoft.Resources",
    "Microsoft.Search", "Microsoft.Security", "Microsoft.SecurityInsights", "Microsoft.ServiceBus",
    "Microsoft.ServiceFabric", "Microsoft.SignalRService", "Microsoft.Sql", "Microsoft.Storage",
    "Microsoft.StorageSync", "Microsoft.StreamAnalytics", "Microsoft.Subscription",
    "Microsoft.Support", "Microsoft.Synapse", "Microsoft.Web", "mongodbDatabases", "natGateways",
    "networkAcls", "networkInterfaces", "networkSecurityGroups", "networkWatchers",
    "objectReplicationPolicies", "permissionGrantPolicies", "policyAssignments",
    "policyDefinitions", "policyExemptions", "policySetDefinitions", "powerOff", "privateDnsZones",
    "privateEndpointConnections", "privateEndpoints", "privateLinkServices", "protectableItems",
    "protectedItems", "protectionContainers", "protectionPolicies", "publicIPAddresses",
    "publicIPPrefixes", "publishingCredentials", "queueServices", "readMetadata", "recoveryPoints",
    "regenerateKey", "registeredServers", "resourceGroups", "restorePointCollections",
    "restorePoints", "restoreTargets", "roleAssignments", "roleAssignmentScheduleRequests",
    "roleDefinitions", "roleEligibilityScheduleRequests", "roleManagementPolicies", "routeTables",
    "runCommand", "runCommands", "savedSearches", "scaleSets", "schemaGroups", "secretRotation",
    "securityAlertPolicies", "securityContacts", "securityPolicies", "securityRules", "serverFarms",
    "serviceEndpointPolicies", "servicePrincipals", "setSecret", "sharedAccessPolicies",
    "sourceControls", "sqlDatabases", "sshPublicKeys", "storageAccounts", "syncGroups",
    "systemTopics", "tableServices", "trafficManagerProfiles", "transparentDataEncryption",
    "userAssignedIdentities", "virtualHubs", "virtualMachines", "virtualMachineScaleSets",
    "virtualNetworkGateways", "virtualNetworkPeerings", "virtualNetworks", "virtualWans",
    "vpnConnections", "vpnGateways", "vpnSites", "vulnerabilityAssessments",
    "webApplicationFirewallPolicies", "webTests",
];

/// Spells an action: `Microsoft.Storage/storageAccounts/write`.
pub(super) fn of(action: &str) -> String {
    let words: Vec<String> = action.split('/').map(word).collect();
    words.join("/")
}

fn word(word: &str) -> String {
    let small = word.to_lowercase();
    let order = |it: &&str| it.bytes().map(|it| it.to_ascii_lowercase()).cmp(small.bytes());
    let place = WORDS.binary_search_by(order).ok();
    place.and_then(|it| WORDS.get(it)).map_or(small, |it| (*it).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_in_order_and_each_is_found() {
        assert!(WORDS.is_sorted_by(|one, next| one.to_lowercase() < next.to_lowercase()));
        for it in WORDS {
            assert_eq!(word(&it.to_uppercase()), *it);
            assert_ne!(it.to_lowercase(), **it, "small letters need no entry");
        }
    }

    proptest::proptest! {
        #[test]
        fn case_makes_no_difference(action in "[A-Za-z.]{0,12}(/[A-Za-z]{0,16}){0,4}") {
            proptest::prop_assert_eq!(of(&action), of(&action.to_lowercase()));
            proptest::prop_assert_eq!(of(&action), of(&of(&action)));
            proptest::prop_assert!(of(&action).eq_ignore_ascii_case(&action));
        }
    }
}
