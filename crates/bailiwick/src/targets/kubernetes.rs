//! `kind = "kubernetes"`: a bound token of a service account for each lease.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bailiwick_connect::{Broker, Kubernetes, KubernetesTarget};
use bailiwick_model::{EnforcedAs, TargetName, format_span};

use super::{Bears, Home, TargetKind, TargetSettings, said};
use crate::config::Table;

/// Its line in the list.
pub(super) const KIND: TargetKind = TargetKind { name: "kubernetes", bears: Bears::Text, read };

/// How long a token lives: where nobody says it, and at the most.
const LONGEST: Duration = Duration::from_secs(3600);
const LONGEST_MAX: Duration = Duration::from_secs(12 * 3600);

fn read(table: &Table<'_>, home: &Home<'_>) -> Option<Arc<dyn TargetSettings>> {
    let [server, namespace] = ["server", "namespace"].map(|key| said::required(table, key));
    let ca = said::path(table, "ca", home);
    let token = said::needed_secret(table, ["token_file", "token_command"], home);
    let accounts = said::needed_texts(table, "accounts");
    let audiences = said::texts(table, "audiences");
    let longest = said::longest(table, LONGEST, LONGEST_MAX);
    let target = KubernetesTarget {
        server: server?,
        ca,
        token: token?,
        namespace: namespace?,
        accounts: accounts?,
        audiences,
        longest,
    };
    let check = target.check();
    Some(Arc::new(said::checked(table, target, check)?))
}

impl TargetSettings for KubernetesTarget {
    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn wants(&self) -> Option<Vec<String>> {
        Some(self.accounts.clone())
    }

    fn private(&self) -> Vec<PathBuf> {
        said::file(Some(&self.token))
    }

    fn told(&self) -> Vec<(&'static str, String)> {
        vec![
            ("server", self.server.clone()),
            ("namespace", self.namespace.clone()),
            ("accounts", self.accounts.join(", ")),
            ("audiences", self.audiences.join(", ")),
            ("longest", format_span(self.longest)),
        ]
    }

    fn broker(&self, target: &TargetName) -> anyhow::Result<Arc<dyn Broker>> {
        Ok(Arc::new(Kubernetes::new(target.clone(), self.clone())?))
    }
}
