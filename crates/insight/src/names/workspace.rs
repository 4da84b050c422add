//! What of Google Workspace's events is no permission: signing in, what somebody does to their own account, and what the
//! system tells of itself. Other events go by their own names, with the application's.

use bailiwick_model::Platform;

use super::{Certainty, Name, Native, spelt};

/// Applications whose events are sign-ins.
const SIGN_INS: &[&str] = &["context_aware_access", "login", "logout", "saml"];
/// Applications in which everybody does things to their own account.
const OWN: &[&str] = &["token", "user_accounts"];
/// Events that nobody asked for.
const SYSTEM: &[(&str, &str)] = &[("gmail", "delivery")];

pub(super) fn names(native: Native<'_>) -> Vec<Name> {
    let (application, event) = (native.service, native.operation);
    let certainty = if native.internal
        || SIGN_INS.contains(&application)
        || SYSTEM.contains(&(application, event))
        || event.ends_with("_hierarchy_reconciled")
    {
        Certainty::Internal
    } else if OWN.contains(&application) {
        Certainty::Permissionless
    } else if event.is_empty() {
        Certainty::Unknown
    } else {
        Certainty::Exact
    };
    vec![Name { text: spelt(Platform::Workspace, application, event), certainty }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Catalogue, tests::said};

    #[test]
    fn signing_in_is_no_permission() {
        let catalogue = Catalogue::carried();
        for (application, event, is) in [
            ("drive", "download", "workspace:drive:download exact"),
            ("admin", "CREATE_USER", "workspace:admin:CREATE_USER exact"),
            ("login", "login_success", "workspace:login:login_success internal"),
            ("saml", "login_failure", "workspace:saml:login_failure internal"),
            ("user_accounts", "2sv_enroll", "workspace:user_accounts:2sv_enroll permissionless"),
            ("gmail", "delivery", "workspace:gmail:delivery internal"),
            ("drive", "", "workspace:drive: unknown"),
        ] {
            assert_eq!(said(Platform::Workspace, application, event, &catalogue), is);
        }
    }
}
