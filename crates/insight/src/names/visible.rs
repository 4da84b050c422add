//! What a log must be of for the use of a permission to be seen in it: each system has its rule.
//!
//! What nothing could have seen is not unused. A log shows what is of a sort once it has had something of that sort; a rule
//! that parts too little calls what is in use dormant, so where a system's log may leave something out, that is a sort of
//! its own, and what no call bears is of none.

mod aws;
mod azure;
mod google;
mod kubernetes;
mod postgres;

use std::borrow::Cow;

use bailiwick_model::Platform;

use super::{Action, Level};

/// What a log must be of for the use of a permission to be seen in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sort<'a> {
    /// Whose data it is done to; empty for what is done to settings.
    pub data_of: Cow<'a, str>,
    /// Whether it only looks.
    pub reads: bool,
}

impl<'a> Sort<'a> {
    /// Gives the sort of an action of AWS; none where no call is recorded under its name.
    pub fn of(action: &'a Action) -> Option<Self> {
        let reads = match action.level {
            Level::List | Level::Read => true,
            Level::Tagging | Level::Write | Level::Permissions => false,
        };
        Some(Self::new(aws::data_of(action)?, reads))
    }

    /// Gives the sorts that a name, or a pattern with `*`, is of: the use of what it means could have been missed unless
    /// a log has all of them. None where no log need have a part of it. The name is without that of its system.
    pub fn spanned(platform: Platform, name: &'a str) -> Option<Vec<Self>> {
        match platform {
            // AWS has a list of its actions, each of which stands for itself.
            Platform::Aws => None,
            Platform::Kubernetes => kubernetes::sorts(name),
            Platform::Google => google::sorts(name),
            Platform::Azure => azure::sorts(name),
            Platform::Postgres => postgres::sorts(name),
            // Whoever keeps such a log keeps all of it.
            Platform::Vault | Platform::Mcp => Some(vec![Self::new("", false)]),
            // What their makers chose to write down: one event shows nothing of the rest that a permission is for.
            Platform::Github
            | Platform::Okta
            | Platform::Workspace
            | Platform::Anthropic
            | Platform::Openai => None,
        }
    }

    fn new(data_of: impl Into<Cow<'a, str>>, reads: bool) -> Self {
        Self { data_of: data_of.into(), reads }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells the sorts of a name: `WHOSE r`, `WHOSE w`.
    pub(super) fn told(platform: Platform, name: &str) -> String {
        let Some(sorts) = Sort::spanned(platform, name) else { return "never".to_owned() };
        let one = |it: &Sort<'_>| format!("{} {}", it.data_of, if it.reads { "r" } else { "w" });
        sorts.iter().map(one).collect::<Vec<_>>().join(", ").trim_start().to_owned()
    }

    #[test]
    fn a_name_without_a_wildcard_is_of_one_sort_or_none() {
        for platform in Platform::ALL {
            for name in ["", ":", "*", "a", "a:b", "a/b:list", "a.b.get", "A.B/c/write", "a:b:c"] {
                let sorts = Sort::spanned(platform, name);
                assert!(
                    name.contains('*') || sorts.is_none_or(|it| it.len() == 1),
                    "{platform}:{name}"
                );
            }
        }
    }

    #[test]
    fn a_system_that_keeps_all_shows_all() {
        for name in ["files:read_text_file", "files:*", "*"] {
            assert_eq!(told(Platform::Mcp, name), "w");
        }
        assert_eq!(told(Platform::Vault, "secret/data/app:read"), "w");
    }
}
