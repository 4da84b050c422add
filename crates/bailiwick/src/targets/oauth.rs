//! `kind = "oauth"`: a token of an authorization server of others for each lease.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bailiwick_connect::{Broker, OAuth, OAuthTarget, TradedFor};
use bailiwick_model::{EnforcedAs, TargetName, format_span};

use super::{Bears, Home, TargetKind, TargetSettings, said};
use crate::config::Table;

/// Its line in the list.
pub(super) const KIND: TargetKind = TargetKind { name: "oauth", bears: Bears::Text, read };

/// How long a token may live: where nobody says it, and at the most.
const LONGEST: Duration = Duration::from_secs(3600);
const LONGEST_MAX: Duration = Duration::from_secs(12 * 3600);

fn read(table: &Table<'_>, home: &Home<'_>) -> Option<Arc<dyn TargetSettings>> {
    let target = client(table, home)?;
    let check = target.check();
    Some(Arc::new(said::checked(table, target, check)?))
}

/// Reads what our own client is, and what its tokens are for.
pub(super) fn client(table: &Table<'_>, home: &Home<'_>) -> Option<OAuthTarget> {
    let [token_endpoint, revocation_endpoint, client] =
        ["token_endpoint", "revocation_endpoint", "client"].map(|key| said::required(table, key));
    let ca = said::path(table, "ca", home);
    let secret = said::needed_secret(table, ["secret_file", "secret_command"], home);
    let resource = said::text(table, "resource");
    let scopes = said::needed_texts(table, "scopes");
    let longest = said::longest(table, LONGEST, LONGEST_MAX);
    Some(OAuthTarget {
        token_endpoint: token_endpoint?,
        revocation_endpoint: revocation_endpoint?,
        ca,
        client: client?,
        secret: secret?,
        resource,
        scopes: scopes?,
        longest,
        traded: None,
    })
}

impl TargetSettings for OAuthTarget {
    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn wants(&self) -> Option<Vec<String>> {
        Some(self.scopes.clone())
    }

    fn unprovable(&self) -> Option<&'static str> {
        let person = self.traded.as_ref().is_some_and(|it| it.subject == TradedFor::Person);
        person.then_some("no canary proves it: its tokens are for a person, and a canary has none")
    }

    fn person_issuer(&self) -> Option<&str> {
        self.traded.as_ref()?.person_issuer.as_deref()
    }

    fn private(&self) -> Vec<PathBuf> {
        let key = self.traded.as_ref().map(|it| &it.key);
        [Some(&self.secret), key].into_iter().flat_map(said::file).collect()
    }

    fn told(&self) -> Vec<(&'static str, String)> {
        let mut told = vec![
            ("token_endpoint", self.token_endpoint.clone()),
            ("revocation_endpoint", self.revocation_endpoint.clone()),
            ("client", self.client.clone()),
            ("resource", self.resource.clone().unwrap_or_default()),
            ("scopes", self.scopes.join(", ")),
            ("longest", format_span(self.longest)),
        ];
        if let Some(traded) = &self.traded {
            told.push(("issuer", traded.issuer.clone()));
            told.push(("audience", traded.audience.clone()));
            told.push(("subject", traded.subject.as_str().to_owned()));
            told.extend(traded.person_issuer.clone().map(|it| ("person_issuer", it)));
        }
        told
    }

    fn broker(&self, target: &TargetName) -> anyhow::Result<Arc<dyn Broker>> {
        Ok(Arc::new(OAuth::new(target.clone(), self.clone())?))
    }
}
