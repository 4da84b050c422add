//! What the activity log of Azure shows: changes, and never who looks; what is done to data is in logs that somebody asked
//! for, for each kind of resource.

use super::Sort;

/// Gives the sort of `Microsoft.Storage/storageAccounts/write`.
pub(super) fn sorts(name: &str) -> Option<Vec<Sort<'_>>> {
    if name.contains('*') {
        return None;
    }
    let (kind, verb) = name.rsplit_once('/')?;
    let depth = kind.split('/').count();
    Some(vec![match verb {
        "write" | "delete" if depth == 2 => Sort::new("", false),
        // Below a resource itself a name may be of data: only what was seen of the same kind tells that it would be seen.
        "read" => Sort::new(kind, true),
        _ => Sort::new(kind, false),
    }])
}

#[cfg(test)]
mod tests {
    use bailiwick_model::Platform;

    use super::super::tests::told;

    #[test]
    fn changes_of_a_resource_are_there_and_the_rest_is_a_sort_for_each_kind() {
        let blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs";
        for (name, sorts) in [
            ("Microsoft.Storage/storageAccounts/write", "w".to_owned()),
            (
                "Microsoft.Storage/storageAccounts/read",
                "Microsoft.Storage/storageAccounts r".to_owned(),
            ),
            (&format!("{blobs}/write"), format!("{blobs} w")),
            (
                "Microsoft.Compute/virtualMachines/login/action",
                "Microsoft.Compute/virtualMachines/login w".to_owned(),
            ),
            ("Microsoft.Storage/*", "never".to_owned()),
        ] {
            assert_eq!(told(Platform::Azure, name), sorts, "{name}");
        }
    }
}
