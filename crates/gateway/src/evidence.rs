//! What of a call the ledger keeps, and people are shown.

mod brief;
mod explained;
mod secret;
mod whole;

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_connect::EvidenceKey;
use bailiwick_model::{
    Action, ActionKind, ArgumentsRecord, Hold, Json, Reason, ReasonCode, Sensitivity,
};

pub(crate) use brief::MANY;
use secret::{names_a_secret, secrets, shaped_like_a_secret};

/// Says whether a value, or the name that it goes by, looks like a secret.
pub fn looks_secret(name: &str, value: &str) -> bool {
    names_a_secret(name) || shaped_like_a_secret(value)
}

/// How much of the arguments is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// All of them.
    Full,
    /// All but what is sensitive or shaped like a secret.
    #[default]
    Redacted,
    /// Only a keyed digest.
    Digest,
}

/// Turns arguments into what the ledger keeps. A secret never passes, however much is kept.
#[derive(Clone, Debug)]
pub struct Evidence {
    keep: Keep,
    key: Arc<EvidenceKey>,
}

impl Evidence {
    /// Keeps `keep`, with digests under `key`: plain digests of guessable values hide nothing.
    pub const fn new(keep: Keep, key: Arc<EvidenceKey>) -> Self {
        Self { keep, key }
    }

    /// Gives what is kept of `arguments` to a tool that handles data of `sensitivity`: bounded,
    /// however much was sent.
    pub fn arguments(&self, arguments: &Json, sensitivity: Sensitivity) -> ArgumentsRecord {
        match self.keep {
            Keep::Full => ArgumentsRecord::Full(self.whole_or_cut(arguments, false)),
            Keep::Redacted => {
                let sensitive = Sensitivity::Confidential <= sensitivity;
                ArgumentsRecord::Redacted(self.whole_or_cut(arguments, sensitive))
            }
            Keep::Digest => ArgumentsRecord::Digest(self.key.digest(&arguments.canonical())),
        }
    }

    /// Gives the names that were found, all of them as far as a page of usual ones goes.
    pub fn names(&self, names: &Json) -> ArgumentsRecord {
        let shown = || {
            let shown = self.shown(names, false).canonical();
            brief::within(brief::NAMES_MAX, &self.key, shown, names)
        };
        match self.keep {
            Keep::Full => ArgumentsRecord::Full(shown()),
            Keep::Redacted => ArgumentsRecord::Redacted(shown()),
            Keep::Digest => ArgumentsRecord::Digest(self.key.digest(&names.canonical())),
        }
    }

    fn whole_or_cut(&self, arguments: &Json, hide_all: bool) -> String {
        brief::arguments(&self.key, self.shown(arguments, hide_all).canonical(), arguments)
    }

    /// Gives a set of texts as the ledger may show them, the first of them.
    pub fn texts(&self, all: &BTreeSet<String>) -> BTreeSet<String> {
        brief::set(&self.key, all.iter().map(|it| self.text(it)).collect())
    }

    /// Gives a text as the ledger may show it: a resource, a reason.
    pub fn text(&self, text: &str) -> String {
        if self.keep == Keep::Digest || shaped_like_a_secret(text) {
            self.key.digest(text)
        } else {
            brief::text(&self.key, text.to_owned())
        }
    }

    /// Gives what stands in for `text` where two of them are only to be compared.
    pub fn digest(&self, text: &str) -> String {
        self.key.digest(text)
    }

    /// Gives a sentence of ours as the ledger may show it: it may quote what a caller sent.
    pub fn phrase(&self, text: &str) -> String {
        let Some(found) = secrets(text) else { return self.key.digest(text) };
        let mut shown = text.to_owned();
        // From the end, so that what is still to come stays where it was found.
        for place in found.into_iter().rev() {
            let word = text.get(place.clone()).unwrap_or_default();
            shown.replace_range(place, &self.key.digest(word));
        }
        brief::text(&self.key, shown)
    }

    /// Gives an action as the ledger may show it. A resource's URI is as good as an argument; the
    /// name of a tool is what evidence is about.
    pub fn action(&self, action: &Action) -> Action {
        let name = match action.kind {
            ActionKind::Resource => self.text(&action.name),
            ActionKind::Tool | ActionKind::Prompt | ActionKind::Lease => self.phrase(&action.name),
        };
        Action { name, ..action.clone() }
    }

    /// Gives a reason as the ledger may show it, where the call was of `action`.
    pub fn reason(&self, reason: &Reason, action: &Action) -> Reason {
        // What is wrong with an argument quotes it.
        if reason.code == ReasonCode::NotNormal {
            return Reason { text: self.text(&reason.text), ..reason.clone() };
        }
        let shown = self.action(action);
        let quoted = |text: &str| {
            let hidden = shown.name != action.name && !action.name.is_empty();
            let text =
                if hidden { text.replace(&action.name, &shown.name) } else { text.to_owned() };
            self.phrase(&text)
        };
        let (text, source) = (quoted(&reason.text), quoted(&reason.source));
        Reason { text, source, ..reason.clone() }
    }

    /// Gives a hold as the ledger and people may see it; its arguments are written as evidence
    /// already. The kernel keeps what was asked, since what is shown matches no call.
    pub fn hold(&self, hold: Hold) -> Hold {
        let reasons = hold.reasons.iter().take(MANY);
        Hold {
            action: self.action(&hold.action),
            resources: self.texts(&hold.resources),
            destinations: self.texts(&hold.destinations),
            reasons: reasons.map(|it| self.reason(it, &hold.action)).collect(),
            ..hold
        }
    }

    fn shown(&self, value: &Json, hide_all: bool) -> Json {
        match value {
            Json::Object(members) => Json::Object(
                members
                    .iter()
                    .map(|(name, value)| {
                        let shown = if names_a_secret(name) {
                            Json::Text(self.key.digest(&value.canonical()))
                        } else {
                            self.shown(value, hide_all)
                        };
                        (name.clone(), shown)
                    })
                    .collect(),
            ),
            Json::List(items) => {
                Json::List(items.iter().map(|it| self.shown(it, hide_all)).collect())
            }
            Json::Text(text) if hide_all || shaped_like_a_secret(text) => {
                Json::Text(self.key.digest(text))
            }
            Json::Int(_) | Json::Float(_) if hide_all => {
                Json::Text(self.key.digest(&value.canonical()))
            }
            Json::Text(text) => Json::Text(brief::text(&self.key, text.clone())),
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
