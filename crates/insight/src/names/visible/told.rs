//! What the audit log of a service for its customers shows: what its maker chose to write down, and nobody looks into that.
//! Only what was seen of a name shows that its use is seen.

use super::Sort;

/// Gives the sort of `contents:write` or `user.lifecycle.create`.
pub(super) fn sorts(name: &str) -> Option<Vec<Sort<'_>>> {
    if name.contains('*') || name.starts_with("scope:") {
        // A scope is what a token may be used for, and no log writes it for what it was used for.
        return None;
    }
    let (whose, reads) = match name.rsplit_once(':') {
        Some((whose, "read")) => (whose, true),
        Some((whose, "write" | "admin")) => (whose, false),
        Some(_) | None => (name, false),
    };
    Some(vec![Sort::new(whose, reads)])
}

#[cfg(test)]
mod tests {
    use bailiwick_model::Platform;

    use super::super::tests::told;

    #[test]
    fn what_was_seen_under_a_name_tells_of_that_name() {
        for (name, sorts) in [
            ("contents:write", "contents w"),
            ("contents:read", "contents r"),
            ("repo.create", "repo.create w"),
            ("scope:repo", "never"),
            ("*", "never"),
        ] {
            assert_eq!(told(Platform::Github, name), sorts, "{name}");
        }
    }
}
