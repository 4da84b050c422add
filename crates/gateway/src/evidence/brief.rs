//! Keeping evidence short: whoever sends much must not fill the disk with it.
//!
//! What is too long is cut, and its keyed digest stands beside the cut: whoever has the whole can
//! still show that it is what was sent.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_connect::EvidenceKey;
use bailiwick_model::Json;

/// The longest text that is kept whole.
const TEXT_MAX: usize = 2 << 10;
/// How much of a longer one is kept.
const TEXT_KEPT: usize = 256;
/// The longest arguments, as they are shown, that are kept whole.
const ARGUMENTS_MAX: usize = 16 << 10;
/// How many bytes of names that were found are kept whole.
pub(super) const NAMES_MAX: usize = 64 << 10;
/// How much of longer ones is kept.
const ARGUMENTS_KEPT: usize = 4 << 10;
/// How many texts of a set, or reasons of a step, are kept.
pub(crate) const MANY: usize = 64;

/// Keeps a text, or its beginning with the digest of all of it.
pub(super) fn text(key: &EvidenceKey, whole: String) -> String {
    if whole.len() <= TEXT_MAX {
        return whole;
    }
    let (kept, digest) = (beginning(&whole, TEXT_KEPT), key.digest(&whole));
    format!("{kept}… (of {} bytes, {digest})", whole.len())
}

/// Keeps the beginning of what is shown, with the digest of all that it stands for.
pub(super) fn cut(key: &EvidenceKey, shown: &str, whole: &str) -> String {
    let (kept, digest) = (beginning(shown, TEXT_KEPT), key.digest(whole));
    format!("{kept}… (of {} bytes, {digest})", whole.len())
}

/// Keeps arguments as they are shown, or their beginning with the digest of what was sent.
pub(super) fn arguments(key: &EvidenceKey, shown: String, sent: &Json) -> String {
    within(ARGUMENTS_MAX, key, shown, sent)
}

/// Keeps what is shown up to `most` bytes, or its beginning with the digest of what it stands for.
pub(super) fn within(most: usize, key: &EvidenceKey, shown: String, sent: &Json) -> String {
    if shown.len() <= most {
        return shown;
    }
    let sent = sent.canonical();
    let bytes = i128::try_from(sent.len()).unwrap_or(i128::MAX);
    let kept = beginning(&shown, ARGUMENTS_KEPT).to_owned();
    Json::Object(BTreeMap::from([
        ("bytes".to_owned(), Json::Int(bytes)),
        ("cut".to_owned(), Json::Text(kept)),
        ("digest".to_owned(), Json::Text(key.digest(&sent))),
    ]))
    .canonical()
}

/// Keeps the first of a set, and says how many there were.
pub(super) fn set(key: &EvidenceKey, whole: BTreeSet<String>) -> BTreeSet<String> {
    if whole.len() <= MANY {
        return whole;
    }
    let all: Vec<&str> = whole.iter().map(String::as_str).collect();
    let rest = format!("… (of {}, {})", whole.len(), key.digest(&all.join("\n")));
    whole.into_iter().take(MANY).chain(std::iter::once(rest)).collect()
}

/// Gives at most the first `most` bytes, whole letters only.
fn beginning(text: &str, most: usize) -> &str {
    (0..=most).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}
