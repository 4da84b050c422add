//! What of Google Workspace's events is no permission: signing in, what somebody does to their own account, and what the
//! system tells of itself. Of the others no table of Google's says which privilege of an administrator's role, or which share of a
//! file, they take: they are unknown, under their own names.

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
    } else {
        Certainty::Unknown
    };
    vec![Name { text: spelt(Platform::Workspace, application, event), certainty }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Catalogue, tests::said};

    #[test]
    fn no_event_is_called_as_a_permission_is() {
        let catalogue = Catalogue::carried();
        for (application, event, is) in [
            ("drive", "download", "workspace:drive:download unknown"),
            ("admin", "CREATE_USER", "workspace:admin:CREATE_USER unknown"),
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
