//! What the audit logs of Google Cloud show: changes of settings always, looking and what is done to data only where
//! somebody asked for that, service by service.
//!
//! A permission's name does not say whether it is of settings or of data, so each kind of resource is a sort of its own; only of
//! services that have no data of their own are all changes of one.

use super::Sort;

/// Services that have settings alone. In order.
const SETTINGS: [&str; 5] = ["compute", "dns", "iam", "resourcemanager", "serviceusage"];
/// How verbs that only look begin.
const LOOKS: [&str; 4] = ["get", "list", "query", "search"];
/// How verbs that change begin.
const CHANGES: [&str; 6] = ["create", "delete", "insert", "patch", "set", "update"];
/// Verbs that begin alike and give a credential.
const GIVES: [&str; 2] = ["getAccessToken", "getOpenIdToken"];

/// Gives the sort of `storage.objects.get`.
pub(super) fn sorts(name: &str) -> Option<Vec<Sort<'_>>> {
    if name.contains('*') {
        return None;
    }
    let (kind, verb) = name.rsplit_once('.')?;
    let (service, _) = kind.split_once('.')?;
    // To use one thing for another, or to act as somebody, is a part of other calls.
    if verb.starts_with("use") || verb == "actAs" {
        return None;
    }
    let begins = |list: &[&str]| list.iter().any(|it| verb.starts_with(it));
    Some(vec![if GIVES.contains(&verb) {
        Sort::new(name, true)
    } else if begins(&LOOKS) {
        Sort::new(kind, true)
    } else if !begins(&CHANGES) {
        Sort::new(name, false)
    } else if SETTINGS.binary_search(&service).is_ok() {
        Sort::new("", false)
    } else {
        Sort::new(kind, false)
    }])
}

#[cfg(test)]
mod tests {
    use bailiwick_model::Platform;

    use super::super::tests::told;

    #[test]
    fn only_changes_of_settings_are_always_there() {
        for (name, sorts) in [
            ("compute.instances.create", "w"),
            ("resourcemanager.projects.setIamPolicy", "w"),
            ("compute.instances.get", "compute.instances r"),
            ("storage.objects.create", "storage.objects w"),
            ("storage.objects.get", "storage.objects r"),
            ("iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getAccessToken r"),
            ("iam.serviceAccounts.signBlob", "iam.serviceAccounts.signBlob w"),
            ("iam.serviceAccounts.actAs", "never"),
            ("compute.subnetworks.useExternalIp", "never"),
            ("storage.objects.*", "never"),
            ("owner", "never"),
        ] {
            assert_eq!(told(Platform::Google, name), sorts, "{name}");
        }
    }
}
