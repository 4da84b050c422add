//! `kind = "github"`: a token of an installation of a GitHub App for each lease.

use std::{path::PathBuf, sync::Arc};

use bailiwick_connect::{Broker, GitHub, GitHubTarget};
use bailiwick_model::{EnforcedAs, TargetName};
use toml::Spanned;

use super::{Bears, Home, TargetKind, TargetSettings, said};
use crate::config::Table;

/// Its line in the list.
pub(super) const KIND: TargetKind = TargetKind { name: "github", bears: Bears::Text, read };

fn read(table: &Table<'_>, home: &Home<'_>) -> Option<Arc<dyn TargetSettings>> {
    let app = said::required(table, "app");
    let api = said::text(table, "api");
    let ca = said::path(table, "ca", home);
    let key = said::needed_secret(table, ["key_file", "key_command"], home);
    let installation = table.get("installation").required().whole().map(Spanned::into_inner);
    let [repositories, permissions] =
        ["repositories", "permissions"].map(|key| said::needed_texts(table, key));
    let target = GitHubTarget {
        api,
        ca,
        app: app?,
        key: key?,
        installation: installation?,
        repositories: repositories?,
        permissions: permissions?,
    };
    let check = target.check();
    Some(Arc::new(said::checked(table, target, check)?))
}

impl TargetSettings for GitHubTarget {
    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn wants(&self) -> Option<Vec<String>> {
        Some(self.repositories.iter().chain(&self.permissions).cloned().collect())
    }

    // A token is for a repository and may do something there.
    fn least(&self) -> Vec<String> {
        self.repositories.first().into_iter().chain(self.permissions.first()).cloned().collect()
    }

    fn private(&self) -> Vec<PathBuf> {
        said::file(Some(&self.key))
    }

    fn told(&self) -> Vec<(&'static str, String)> {
        vec![
            ("app", self.app.clone()),
            ("api", self.api.clone().unwrap_or_default()),
            ("installation", self.installation.to_string()),
            ("repositories", self.repositories.join(", ")),
            ("permissions", self.permissions.join(", ")),
        ]
    }

    fn broker(&self, target: &TargetName) -> anyhow::Result<Arc<dyn Broker>> {
        Ok(Arc::new(GitHub::new(target.clone(), self.clone())?))
    }
}
