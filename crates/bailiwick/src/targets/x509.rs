//! `kind = "x509"`: a client certificate for each lease.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bailiwick_connect::{Broker, X509, X509Target};
use bailiwick_model::{EnforcedAs, TargetName, format_span};

use super::{Bears, Home, TargetKind, TargetSettings, said};
use crate::config::Table;

/// Its line in the list.
pub(super) const KIND: TargetKind = TargetKind { name: "x509", bears: Bears::Nothing, read };

/// How long a certificate lives: where nobody says it, and at the most.
const LONGEST: Duration = Duration::from_secs(3600);

fn read(table: &Table<'_>, home: &Home<'_>) -> Option<Arc<dyn TargetSettings>> {
    let [folder, crl] = ["folder", "crl"].map(|key| said::needed_path(table, key, home));
    let trust_domain = said::required(table, "trust_domain");
    let paths = said::needed_texts(table, "paths");
    let longest = said::longest(table, LONGEST, LONGEST);
    let end = said::end(table, home);
    let target = X509Target {
        folder: folder?,
        crl: crl?,
        trust_domain: trust_domain?,
        paths: paths?,
        longest,
        end: end?,
    };
    let check = target.check();
    Some(Arc::new(said::checked(table, target, check)?))
}

impl TargetSettings for X509Target {
    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn wants(&self) -> Option<Vec<String>> {
        Some(self.paths.clone())
    }

    fn private(&self) -> Vec<PathBuf> {
        vec![self.folder.clone()]
    }

    fn told(&self) -> Vec<(&'static str, String)> {
        vec![
            ("folder", self.folder.display().to_string()),
            ("crl", self.crl.display().to_string()),
            ("trust_domain", self.trust_domain.clone()),
            ("paths", self.paths.join(", ")),
            ("longest", format_span(self.longest)),
        ]
    }

    fn broker(&self, target: &TargetName) -> anyhow::Result<Arc<dyn Broker>> {
        let made = X509::new(target.clone(), self.clone(), said::now());
        Ok(Arc::new(made.map_err(anyhow::Error::msg)?))
    }
}
