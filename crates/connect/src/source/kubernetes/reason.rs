//! Which binding let a request through, as the authorizer wrote it down.
//!
//! Old spellings have the binding's name alone, new ones have it in quotes with role and subject, and EKS has an access
//! policy in its place. A binding in a namespace is spelt `NAME/NAMESPACE`.

/// Gives the binding of `RBAC: allowed by ClusterRoleBinding "X" of ClusterRole "Y" to Group "Z"` as
/// `ClusterRoleBinding X`, and one of a namespace as `RoleBinding NAMESPACE/X`; nothing where no binding is named.
pub(super) fn binding(reason: &str) -> String {
    let named = || {
        let (_, by) = reason.split_once("allowed by ")?;
        let (kind, rest) = by.split_once(' ')?;
        let name = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?.0,
            None => rest.split(' ').next()?,
        };
        let is_binding = matches!(kind, "ClusterRoleBinding" | "RoleBinding") && !name.is_empty();
        is_binding.then_some((kind, name))
    };
    match named() {
        Some((kind @ "RoleBinding", name)) => match name.split_once('/') {
            Some((name, namespace)) => format!("{kind} {namespace}/{name}"),
            None => format!("{kind} {name}"),
        },
        Some((kind, name)) => format!("{kind} {name}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_is_named_in_every_spelling() {
        for (reason, is) in [
            ("RBAC: allowed by ClusterRoleBinding readers", "ClusterRoleBinding readers"),
            (
                "RBAC: allowed by ClusterRoleBinding \"a:b\" of ClusterRole \"r\" to Group \"g\"",
                "ClusterRoleBinding a:b",
            ),
            (
                "RBAC: allowed by RoleBinding \"deploy/shop\" of Role \"r\" to ServiceAccount \"ci/shop\"",
                "RoleBinding shop/deploy",
            ),
            (
                "EKS Access Policy: allowed by ClusterRoleBinding \"arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy\" of ClusterRole \"x\" to User \"y\"",
                "ClusterRoleBinding arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
            ),
            ("access granted by Azure RBAC", ""),
            ("RBAC: allowed by ", ""),
            ("RBAC: allowed by ClusterRoleBinding \"cut", ""),
            ("", ""),
        ] {
            assert_eq!(binding(reason), is, "{reason}");
        }
    }
}
