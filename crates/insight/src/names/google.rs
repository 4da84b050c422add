//! What Google's IAM calls the permission for what its audit log tells of.
//!
//! A record names the permissions that were checked, and they come without a service. What comes with one is a method of
//! which no permission is told, and a method's name is none, with a few exceptions.

use bailiwick_model::Platform;

use super::{Certainty, Name, Native, spelt};

/// Methods whose permission is documented: service, last part of the method's name, permission. In order.
const METHODS: &[(&str, &str, &str)] = &[
    ("cloudkms.googleapis.com", "AsymmetricDecrypt", "cloudkms.cryptoKeyVersions.useToDecrypt"),
    ("cloudkms.googleapis.com", "AsymmetricSign", "cloudkms.cryptoKeyVersions.useToSign"),
    ("cloudkms.googleapis.com", "Decrypt", "cloudkms.cryptoKeyVersions.useToDecrypt"),
    ("cloudkms.googleapis.com", "Encrypt", "cloudkms.cryptoKeyVersions.useToEncrypt"),
    ("iamcredentials.googleapis.com", "GenerateAccessToken", "iam.serviceAccounts.getAccessToken"),
    ("iamcredentials.googleapis.com", "GenerateIdToken", "iam.serviceAccounts.getOpenIdToken"),
    ("iamcredentials.googleapis.com", "SignBlob", "iam.serviceAccounts.signBlob"),
    ("iamcredentials.googleapis.com", "SignJwt", "iam.serviceAccounts.signJwt"),
    ("secretmanager.googleapis.com", "AccessSecretVersion", "secretmanager.versions.access"),
];

/// Methods of storage that are called what their permission is.
const SAME: &[&str] = &[
    "storage.buckets.create",
    "storage.buckets.delete",
    "storage.buckets.get",
    "storage.buckets.list",
    "storage.buckets.update",
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
    "storage.objects.update",
];

pub(super) fn names(native: Native<'_>) -> Vec<Name> {
    let named =
        |name: &str, certainty| vec![Name { text: spelt(Platform::Google, "", name), certainty }];
    let of_service = |certainty| {
        let text = spelt(Platform::Google, native.service, native.operation);
        vec![Name { text, certainty }]
    };
    if native.internal || native.service == "login.googleapis.com" {
        return of_service(Certainty::Internal);
    }
    match (native.service, native.operation) {
        (_, "") => of_service(Certainty::Unknown),
        ("", permission) => named(permission, Certainty::Exact),
        ("storage.googleapis.com", method) if SAME.contains(&method) => {
            named(method, Certainty::Exact)
        }
        (service, method) => {
            let last = method.rsplit('.').next().unwrap_or_default();
            let known = METHODS.iter().find(|it| (it.0, it.1) == (service, last));
            known.map_or_else(
                || of_service(Certainty::Unknown),
                |it| named(it.2, Certainty::Renamed),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Catalogue, tests::said};

    #[test]
    fn the_table_is_in_order() {
        assert!(METHODS.is_sorted_by(|one, next| (one.0, one.1) < (next.0, next.1)));
        assert!(SAME.is_sorted());
    }

    #[test]
    fn a_permission_is_exact_and_a_method_is_none() {
        let catalogue = Catalogue::carried();
        for (service, operation, is) in [
            ("", "storage.objects.get", "google:storage.objects.get exact"),
            ("storage.googleapis.com", "storage.objects.get", "google:storage.objects.get exact"),
            (
                "cloudkms.googleapis.com",
                "Encrypt",
                "google:cloudkms.cryptoKeyVersions.useToEncrypt renamed",
            ),
            (
                "secretmanager.googleapis.com",
                "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion",
                "google:secretmanager.versions.access renamed",
            ),
            (
                "compute.googleapis.com",
                "v1.compute.instances.insert",
                "google:compute.googleapis.com:v1.compute.instances.insert unknown",
            ),
            (
                "storage.googleapis.com",
                "storage.setIamPermissions",
                "google:storage.googleapis.com:storage.setIamPermissions unknown",
            ),
            (
                "login.googleapis.com",
                "google.login.LoginService.loginSuccess",
                "google:login.googleapis.com:google.login.LoginService.loginSuccess internal",
            ),
            ("x.googleapis.com", "", "google:x.googleapis.com: unknown"),
        ] {
            assert_eq!(said(Platform::Google, service, operation, &catalogue), is);
        }
    }
}
