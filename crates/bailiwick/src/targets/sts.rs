//! `kind = "sts"`: a session of a role of AWS for each lease.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bailiwick_connect::{AwsAllow, Broker, Sts, StsTarget};
use bailiwick_model::{EnforcedAs, TargetName, format_span};
use toml::Spanned;

use super::{Bears, Home, TargetKind, TargetSettings, said};
use crate::config::Table;

/// Its line in the list.
pub(super) const KIND: TargetKind = TargetKind { name: "sts", bears: Bears::Keys, read };

/// How long a session lives: where nobody says it, and at the most.
const LONGEST: Duration = Duration::from_secs(3600);
const LONGEST_MAX: Duration = Duration::from_secs(12 * 3600);

fn read(table: &Table<'_>, home: &Home<'_>) -> Option<Arc<dyn TargetSettings>> {
    let [role, region] = ["role", "region"].map(|key| said::required(table, key));
    let [endpoint, iam_endpoint] = ["endpoint", "iam_endpoint"].map(|key| said::text(table, key));
    let ca = said::path(table, "ca", home);
    let keys = said::needed_secret(table, ["keys_file", "keys_command"], home);
    let [hand_out, deny] =
        ["hand_out", "deny"].map(|key| table.get(key).truth().is_some_and(Spanned::into_inner));
    let longest = said::longest(table, LONGEST, LONGEST_MAX);
    let mut allow = Vec::new();
    for item in table.get("allow").required().items() {
        let one = item.table(|table| {
            let name = said::required(table, "name");
            let [actions, resources] =
                ["actions", "resources"].map(|key| said::needed_texts(table, key));
            Some(AwsAllow { name: name?, actions: actions?, resources: resources? })
        });
        allow.push(one.flatten()?);
    }
    let target = StsTarget {
        role: role?,
        region: region?,
        endpoint,
        iam_endpoint,
        ca,
        keys: keys?,
        allow,
        hand_out,
        deny,
        longest,
    };
    let check = target.check();
    Some(Arc::new(said::checked(table, target, check)?))
}

impl TargetSettings for StsTarget {
    fn reach(&self) -> EnforcedAs {
        if self.hand_out { EnforcedAs::Session } else { EnforcedAs::Prevent }
    }

    fn wants(&self) -> Option<Vec<String>> {
        Some(self.allow.iter().map(|it| it.name.clone()).collect())
    }

    fn unprovable(&self) -> Option<&'static str> {
        (self.hand_out && !self.deny)
            .then_some("no canary proves it: what is handed out ends by itself without `deny`")
    }

    fn private(&self) -> Vec<PathBuf> {
        said::file(Some(&self.keys))
    }

    fn told(&self) -> Vec<(&'static str, String)> {
        let allow: Vec<_> = self.allow.iter().map(|it| it.name.as_str()).collect();
        vec![
            ("role", self.role.clone()),
            ("region", self.region.clone()),
            ("allow", allow.join(", ")),
            ("hand_out", self.hand_out.to_string()),
            ("deny", self.deny.to_string()),
            ("longest", format_span(self.longest)),
        ]
    }

    fn broker(&self, target: &TargetName) -> anyhow::Result<Arc<dyn Broker>> {
        Ok(Arc::new(Sts::new(target.clone(), self.clone())?))
    }
}
