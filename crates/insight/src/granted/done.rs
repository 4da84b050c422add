//! Whether what was done is what statements give: the resources that it was done to are held against theirs.

use bailiwick_model::{Patterns, Platform, Statement};

use crate::reach::has_all;

/// Says whether some of these statements give each of these resources. Where the log does not say to what something was
/// done, only what counts for everything gives it.
pub(crate) fn give<'d>(
    platform: Platform,
    statements: &[&Statement],
    mut resources: impl Iterator<Item = &'d str>,
) -> bool {
    if statements.iter().any(|it| it.resources.is_everything()) {
        return true;
    }
    let gives = |resource: &str| {
        !resource.is_empty() && statements.iter().any(|it| has(platform, &it.resources, resource))
    };
    resources.next().is_some_and(gives) && resources.all(gives)
}

fn has(platform: Platform, patterns: &Patterns, resource: &str) -> bool {
    match (platform, patterns) {
        (Platform::Google, Patterns::Only(names)) => names.iter().any(|it| is_below(it, resource)),
        (_, _) => has_all(patterns, resource),
    }
}

/// Says whether Google's policy of `//storage.googleapis.com/projects/_/buckets/x` counts for `projects/_/buckets/x/…`: what
/// is below something inherits from it.
fn is_below(above: &str, resource: &str) -> bool {
    let path = above.strip_prefix("//").and_then(|it| it.split_once('/')).map_or(above, |it| it.1);
    let rest = resource.strip_prefix(path);
    !path.is_empty() && rest.is_some_and(|it| it.is_empty() || it.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_resource_of_google_s_inherits_from_it() {
        let bucket = "//storage.googleapis.com/projects/_/buckets/x";
        for (above, resource, is) in [
            (bucket, "projects/_/buckets/x", true),
            (bucket, "projects/_/buckets/x/objects/*", true),
            (bucket, "projects/_/buckets/xyz/objects/*", false),
            ("//cloudresourcemanager.googleapis.com/projects/p", "projects/p/zones/z", true),
            ("//cloudresourcemanager.googleapis.com/", "projects/p", false),
            ("", "projects/p", false),
        ] {
            assert_eq!(is_below(above, resource), is, "{above} {resource}");
        }
    }
}
