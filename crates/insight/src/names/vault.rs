//! What a policy of Vault must say for what its audit log tells of: a path and a capability.
//!
//! The log's operation is the capability. Some paths take `sudo` besides ("Root protected API endpoints"), and some can be
//! called by anybody. What an operation is that no policy has a word for, is unknown.

use super::{Certainty, Name, Native, spelt};

/// Operations that policies have a word for. In order.
const CAPABILITIES: &[&str] = &["create", "delete", "list", "patch", "read", "update"];

/// Paths that anybody may call. In order.
const OPEN: &[&str] = &["sys/health", "sys/init", "sys/leader", "sys/seal-status", "sys/unseal"];

/// Paths that take `sudo`; those that end in `/` stand for all below them. In order.
const SUDO: &[&str] = &[
    "auth/token/accessors/",
    "sys/audit",
    "sys/audit/",
    "sys/auth/",
    "sys/config/auditing/request-headers",
    "sys/config/auditing/request-headers/",
    "sys/config/cors",
    "sys/config/ui/headers",
    "sys/config/ui/headers/",
    "sys/leases/lookup/",
    "sys/leases/revoke-force/",
    "sys/leases/revoke-prefix/",
    "sys/raw/",
    "sys/remount",
    "sys/rotate",
    "sys/seal",
    "sys/step-down",
];

pub(super) fn names(native: Native<'_>) -> Vec<Name> {
    let (path, operation) = (native.service, native.operation);
    let certainty = if native.internal {
        Certainty::Internal
    } else if OPEN.binary_search(&path).is_ok() {
        Certainty::Permissionless
    } else if CAPABILITIES.binary_search(&operation).is_ok() {
        Certainty::Exact
    } else {
        Certainty::Unknown
    };
    let mut names = vec![Name { text: spelt(native.platform, path, operation), certainty }];
    let is_of = |it: &&str| if it.ends_with('/') { path.starts_with(it) } else { path == *it };
    if certainty == Certainty::Exact && SUDO.iter().any(is_of) {
        let text = spelt(native.platform, path, "sudo");
        names.push(Name { text, certainty: Certainty::Implied });
    }
    names
}

#[cfg(test)]
mod tests {
    use bailiwick_model::{Along, Platform};

    use super::*;

    fn said(service: &str, operation: &str, internal: bool) -> String {
        let native = Native {
            platform: Platform::Vault,
            service,
            operation,
            along: Along::NOTHING,
            internal,
        };
        let told = names(native);
        let told = told.iter().map(|it| format!("{} {}", it.text, it.certainty.as_str()));
        told.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_path_and_a_capability_are_the_name() {
        for (path, operation, internal, names) in [
            ("secret/data/app", "read", false, "vault:secret/data/app:read exact"),
            ("secret/data/app", "revoke", false, "vault:secret/data/app:revoke unknown"),
            ("auth/approle/login", "update", true, "vault:auth/approle/login:update internal"),
            ("sys/health", "read", false, "vault:sys/health:read permissionless"),
            (
                "sys/raw/core",
                "read",
                false,
                "vault:sys/raw/core:read exact, vault:sys/raw/core:sudo implied",
            ),
            ("sys/rotates", "update", false, "vault:sys/rotates:update exact"),
        ] {
            assert_eq!(said(path, operation, internal), names);
        }
        for table in [CAPABILITIES, OPEN, SUDO] {
            assert!(table.is_sorted_by(|one, next| one < next));
        }
    }
}
