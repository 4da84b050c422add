//! What Azure calls the permission for what its logs tell of.
//!
//! The activity log names the very action that a role definition names, in letters of any case; one permission has one
//! name here. Logs of data name calls, and the directory names changes: for some it is documented which permission they
//! take, the rest is unknown.

mod spelling;

use bailiwick_model::Platform;

use super::{Certainty, Name, Native, spelt};

const BLOBS: &str = "Microsoft.Storage/storageAccounts/blobServices/containers";

/// Calls that reach data in storage, and what of a container they take. In order.
const STORAGE: &[(&str, &str)] = &[
    ("AppendBlock", "blobs/write"),
    ("CopyBlob", "blobs/write"),
    ("CreateContainer", "write"),
    ("DeleteBlob", "blobs/delete"),
    ("DeleteContainer", "delete"),
    ("GetBlob", "blobs/read"),
    ("GetBlobMetadata", "blobs/read"),
    ("GetBlobProperties", "blobs/read"),
    ("GetBlobTags", "blobs/tags/read"),
    ("GetBlockList", "blobs/read"),
    ("GetContainerMetadata", "read"),
    ("GetContainerProperties", "read"),
    ("LeaseBlob", "blobs/write"),
    ("ListBlobs", "blobs/read"),
    ("ListContainers", "read"),
    ("PutBlob", "blobs/write"),
    ("PutBlock", "blobs/write"),
    ("PutBlockList", "blobs/write"),
    ("PutPage", "blobs/write"),
    ("SetBlobMetadata", "blobs/write"),
    ("SetBlobProperties", "blobs/write"),
    ("SetBlobTags", "blobs/tags/write"),
    ("SetBlobTier", "blobs/write"),
    ("SetContainerMetadata", "write"),
    ("SnapshotBlob", "blobs/write"),
];

/// Calls of a key vault, and what of a vault they take. In order.
const VAULT: &[(&str, &str)] = &[
    ("CertificateCreate", "certificates/create/action"),
    ("CertificateDelete", "certificates/delete"),
    ("CertificateGet", "certificates/read"),
    ("CertificateImport", "certificates/import/action"),
    ("CertificateList", "certificates/read"),
    ("CertificatePurge", "certificates/purge/action"),
    ("CertificateUpdate", "certificates/update/action"),
    ("KeyBackup", "keys/backup/action"),
    ("KeyCreate", "keys/create/action"),
    ("KeyDecrypt", "keys/decrypt/action"),
    ("KeyDelete", "keys/delete"),
    ("KeyEncrypt", "keys/encrypt/action"),
    ("KeyGet", "keys/read"),
    ("KeyImport", "keys/import/action"),
    ("KeyList", "keys/read"),
    ("KeyListVersions", "keys/read"),
    ("KeyPurge", "keys/purge/action"),
    ("KeyRecover", "keys/recover/action"),
    ("KeyRestore", "keys/restore/action"),
    ("KeySign", "keys/sign/action"),
    ("KeyUnwrap", "keys/unwrap/action"),
    ("KeyUpdate", "keys/update/action"),
    ("KeyVerify", "keys/verify/action"),
    ("KeyWrap", "keys/wrap/action"),
    ("SecretBackup", "secrets/backup/action"),
    ("SecretDelete", "secrets/delete"),
    ("SecretGet", "secrets/getSecret/action"),
    ("SecretList", "secrets/readMetadata/action"),
    ("SecretListVersions", "secrets/readMetadata/action"),
    ("SecretPurge", "secrets/purge/action"),
    ("SecretRecover", "secrets/recover/action"),
    ("SecretRestore", "secrets/restore/action"),
    ("SecretSet", "secrets/setSecret/action"),
    ("SecretUpdate", "secrets/update/action"),
    ("VaultDelete", "delete"),
    ("VaultGet", "read"),
    ("VaultPatch", "write"),
    ("VaultPut", "write"),
];

/// Changes of the directory that one permission stands for. What owners, everybody by default, or a consent may bring about besides is
/// not among them. In order.
const DIRECTORY: &[(&str, &str)] = &[
    ("Add conditional access policy", "microsoft.directory/conditionalAccessPolicies/create"),
    (
        "Add service principal credentials",
        "microsoft.directory/servicePrincipals/credentials/update",
    ),
    ("Add user", "microsoft.directory/users/create"),
    ("Delete application", "microsoft.directory/applications/delete"),
    ("Delete conditional access policy", "microsoft.directory/conditionalAccessPolicies/delete"),
    ("Delete group", "microsoft.directory/groups/delete"),
    ("Delete user", "microsoft.directory/users/delete"),
    ("Disable account", "microsoft.directory/users/disable"),
    ("Enable account", "microsoft.directory/users/enable"),
    ("Remove service principal", "microsoft.directory/servicePrincipals/delete"),
    (
        "User has elevated their access to User Access Administrator for their Azure Resources",
        "Microsoft.Authorization/elevateAccess/action",
    ),
];

pub(super) fn names(native: Native<'_>) -> Vec<Name> {
    let named =
        |text: &str, certainty| vec![Name { text: spelt(Platform::Azure, "", text), certainty }];
    let operation = native.operation;
    if native.service == "directory" {
        return match find(DIRECTORY, operation) {
            Some(permission) if !native.internal => named(permission, Certainty::Renamed),
            Some(_) | None => plain(native, Certainty::Unknown),
        };
    }
    if native.internal || !native.service.is_empty() {
        return plain(native, Certainty::Unknown);
    }
    if operation.contains('/') {
        let action = spelling::of(operation);
        // Policies are weighed by Azure itself, whenever somebody changes something.
        let is_policy = action.starts_with("Microsoft.Authorization/policies/");
        return named(&action, if is_policy { Certainty::Internal } else { Certainty::Exact });
    }
    if operation == "Authentication" {
        return plain(native, Certainty::Internal);
    }
    if let Some(rest) = find(STORAGE, operation) {
        return named(&format!("{BLOBS}/{rest}"), Certainty::Renamed);
    }
    if let Some(rest) = find(VAULT, operation) {
        return named(&format!("Microsoft.KeyVault/vaults/{rest}"), Certainty::Renamed);
    }
    plain(native, Certainty::Unknown)
}

/// Gives the log's own names.
fn plain(native: Native<'_>, certainty: Certainty) -> Vec<Name> {
    let certainty = if native.internal { Certainty::Internal } else { certainty };
    vec![Name { text: spelt(Platform::Azure, native.service, native.operation), certainty }]
}

fn find(table: &[(&str, &'static str)], word: &str) -> Option<&'static str> {
    let place = table.binary_search_by(|it| it.0.cmp(word)).ok()?;
    table.get(place).map(|it| it.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Catalogue, tests::said};

    #[test]
    fn the_tables_are_in_order_and_spelt_as_everything_else_is() {
        for table in [STORAGE, VAULT, DIRECTORY] {
            assert!(table.is_sorted_by(|one, next| one.0 < next.0));
        }
        let whole = DIRECTORY.iter().map(|it| it.1.to_owned());
        let blobs = STORAGE.iter().map(|it| format!("{BLOBS}/{}", it.1));
        let vault = VAULT.iter().map(|it| format!("Microsoft.KeyVault/vaults/{}", it.1));
        for name in whole.chain(blobs).chain(vault) {
            assert_eq!(spelling::of(&name), name, "one permission has one name");
        }
    }

    #[test]
    fn one_permission_has_one_name_however_the_log_spells_it() {
        let catalogue = Catalogue::carried();
        for (service, operation, is) in [
            (
                "",
                "Microsoft.Storage/storageAccounts/write",
                "azure:Microsoft.Storage/storageAccounts/write exact",
            ),
            (
                "",
                "MICROSOFT.STORAGE/STORAGEACCOUNTS/WRITE",
                "azure:Microsoft.Storage/storageAccounts/write exact",
            ),
            ("", "Contoso.New/ThingS/Read", "azure:contoso.new/things/read exact"),
            (
                "",
                "GetBlob",
                "azure:Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read renamed",
            ),
            ("", "SecretGet", "azure:Microsoft.KeyVault/vaults/secrets/getSecret/action renamed"),
            ("", "PutMessage", "azure:PutMessage unknown"),
            (
                "",
                "MICROSOFT.AUTHORIZATION/POLICIES/AUDIT/ACTION",
                "azure:Microsoft.Authorization/policies/audit/action internal",
            ),
            ("directory", "Add user", "azure:microsoft.directory/users/create renamed"),
            ("directory", "Update user", "azure:directory:Update user unknown"),
        ] {
            assert_eq!(said(Platform::Azure, service, operation, &catalogue), is);
        }
    }
}
