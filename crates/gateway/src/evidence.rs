//! What of a call's arguments the ledger keeps.

use std::sync::Arc;

use bailiwick_connect::EvidenceKey;
use bailiwick_model::{ArgumentsRecord, Json, Sensitivity};

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

    /// Gives what is kept of `arguments` to a tool that handles data of `sensitivity`.
    pub fn arguments(&self, arguments: &Json, sensitivity: Sensitivity) -> ArgumentsRecord {
        match self.keep {
            Keep::Full => ArgumentsRecord::Full(self.shown(arguments, false).canonical()),
            Keep::Redacted => {
                let sensitive = Sensitivity::Confidential <= sensitivity;
                ArgumentsRecord::Redacted(self.shown(arguments, sensitive).canonical())
            }
            Keep::Digest => ArgumentsRecord::Digest(self.key.digest(&arguments.canonical())),
        }
    }

    /// Gives a text as the ledger may show it: a resource, a reason.
    pub fn text(&self, text: &str) -> String {
        if self.keep == Keep::Digest || shaped_like_a_secret(text) {
            self.key.digest(text)
        } else {
            text.to_owned()
        }
    }

    /// Gives a sentence of ours as the ledger may show it: it may quote what a caller sent.
    pub fn phrase(&self, text: &str) -> String {
        if shaped_like_a_secret(text) { self.key.digest(text) } else { text.to_owned() }
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
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) | Json::Text(_) => {
                value.clone()
            }
        }
    }
}

/// Says whether a member's name promises a secret.
fn names_a_secret(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "privatekey",
        "authorization",
        "credential",
        "cookie",
        "bearer",
    ];
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|it| it.to_ascii_lowercase())
        .collect();
    WORDS.iter().any(|word| plain.contains(word))
}

/// Says whether a text, or a word in it, looks like a secret: a known prefix, a private key, a
/// token in three parts, or a long word without sense in it.
fn shaped_like_a_secret(text: &str) -> bool {
    const STARTS: [&str; 14] = [
        "AKIA",
        "ASIA",
        "ghp_",
        "gho_",
        "ghs_",
        "ghu_",
        "github_pat_",
        "glpat-",
        "sk-",
        "sk_live_",
        "xoxb-",
        "xoxp-",
        "hvs.",
        "AIza",
    ];
    if text.contains("-----BEGIN") {
        return true;
    }
    text.split(|it: char| {
        it.is_whitespace() || matches!(it, '"' | '\'' | '=' | ':' | ',' | '&' | '?' | '/' | ';')
    })
    .any(|word| {
        let known = STARTS
            .iter()
            .any(|it| word.starts_with(it) && it.len().saturating_add(12) <= word.len());
        let token = word.starts_with("eyJ") && word.matches('.').count() == 2;
        known || token || senseless(word)
    })
}

/// Says whether a word is long and mixed enough that nobody typed it.
fn senseless(word: &str) -> bool {
    let long = 32 <= word.len()
        && word.bytes().all(|it| it.is_ascii_alphanumeric() || b"+/_-=".contains(&it));
    let kinds = [
        word.bytes().any(|it| it.is_ascii_digit()),
        word.bytes().any(|it| it.is_ascii_lowercase()),
        word.bytes().any(|it| it.is_ascii_uppercase()),
    ];
    long && kinds.into_iter().filter(|it| *it).count() == 3
}
