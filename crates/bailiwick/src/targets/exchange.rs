//! `kind = "exchange"`: a token of an authorization server of others for each lease, in trade for our word about
//! whose task it is.

use std::sync::Arc;

use bailiwick_connect::{OAuthTarget, Traded, TradedFor};

use super::{Bears, Home, TargetKind, TargetSettings, oauth, said};
use crate::config::Table;

/// Its line in the list.
pub(super) const KIND: TargetKind = TargetKind { name: "exchange", bears: Bears::Text, read };

fn read(table: &Table<'_>, home: &Home<'_>) -> Option<Arc<dyn TargetSettings>> {
    let client = oauth::client(table, home);
    let [issuer, audience] = ["issuer", "audience"].map(|key| said::required(table, key));
    let key = said::needed_secret(table, ["key_file", "key_command"], home);
    let subject = table.get("subject").word(TradedFor::ALL, TradedFor::as_str);
    let subject = subject.unwrap_or(TradedFor::Identity);
    let person_issuer = said::text(table, "person_issuer");
    let (issuer, audience) = (issuer?, audience?);
    let traded = Some(Traded { issuer, audience, key: key?, subject, person_issuer });
    let target = OAuthTarget { traded, ..client? };
    let check = target.check();
    Some(Arc::new(said::checked(table, target, check)?))
}
