//! What looks like a secret: a name that promises one, or a word that nobody would have typed.

use std::ops::Range;

/// Says whether a member's name promises a secret.
pub(super) fn names_a_secret(name: &str) -> bool {
    /// Anywhere in a name.
    const PARTS: [&str; 12] = [
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
    /// As a word of their own: a compass is no pass.
    const WORDS: [&str; 5] = ["pwd", "pass", "otp", "session", "jwt"];
    let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
    let plain: Vec<u8> = letters.map(|it| it.to_ascii_lowercase()).collect();
    // Most names are short and promise nothing, and looking for their words takes a while.
    let has = |it: &str| plain.windows(it.len()).any(|found| found == it.as_bytes());
    if PARTS.iter().any(|it| has(it)) {
        return true;
    }
    if !WORDS.iter().chain(&["key"]).any(|it| has(it)) {
        return false;
    }
    let words = words_of(name);
    let key = 1 < words.len() && words.last().is_some_and(|it| it == "key");
    key || words.iter().any(|it| WORDS.contains(&it.as_str()))
}

/// Gives the words of a name: `sessionId`, `session_id` and `SESSION-ID` have the same two, though
/// `key` counts as a word of its own only where it is set apart.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for letter in name.chars() {
        let apart = !letter.is_ascii_alphanumeric();
        if apart || (before_lower && letter.is_ascii_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !apart) {
            word.push(letter.to_ascii_lowercase());
        }
        before_lower = letter.is_ascii_lowercase();
    }
    words.retain(|it| !it.is_empty());
    words
}

/// Says whether a text, or a word in it, looks like a secret.
pub(super) fn shaped_like_a_secret(text: &str) -> bool {
    secrets(text).is_none_or(|it| !it.is_empty())
}

/// Finds the words in a text that look like secrets: by a known beginning, as a token in three
/// parts, or as a long word without sense in it. None where the whole text is one: a private key.
pub(super) fn secrets(text: &str) -> Option<Vec<Range<usize>>> {
    if text.contains("-----BEGIN") {
        return None;
    }
    let mut found = Vec::new();
    let mut start = 0;
    for (end, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        if !parts(letter) {
            continue;
        }
        let word = text.get(start..end).unwrap_or_default();
        let before = text.get(..start).unwrap_or_default();
        if is_secret(word) && !is_known(word, before) {
            found.push(start..end);
        }
        start = end.saturating_add(letter.len_utf8());
    }
    Some(found)
}

/// Says whether a letter stands between words.
fn parts(letter: char) -> bool {
    // Most letters are plain ones.
    if letter.is_ascii_alphanumeric() {
        return false;
    }
    letter.is_whitespace()
        || matches!(
            letter,
            '"' | '\''
                | '`'
                | '='
                | ':'
                | ','
                | '&'
                | '?'
                | '/'
                | ';'
                | '|'
                | '#'
                | '@'
                | '<'
                | '>'
                | '('
                | ')'
                | '['
                | ']'
                | '{'
                | '}'
        )
}

fn is_secret(word: &str) -> bool {
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
    /// What follows such a beginning, at least.
    const REST: usize = 12;
    let token = word.starts_with("eyJ") && word.matches('.').count() == 2;
    if token || word.len() < REST {
        return token;
    }
    let known =
        STARTS.iter().any(|it| word.starts_with(it) && it.len().saturating_add(REST) <= word.len());
    known || word.split('.').any(senseless)
}

/// Says whether a word is long and mixed enough that nobody typed it. A name of short words and
/// numbers, each of them pure, is a name.
fn senseless(word: &str) -> bool {
    const LONG: usize = 32;
    const PART_MAX: usize = 11;
    let of_token = |it: u8| it.is_ascii_alphanumeric() || b"+_-".contains(&it);
    if word.len() < LONG || !word.bytes().all(of_token) {
        return false;
    }
    if 2 <= kinds(word) {
        let pure = |part: &str| part.len() <= PART_MAX && kinds(part) <= 1;
        return !word.split(['-', '_']).all(pure);
    }
    false
}

/// Counts the kinds of letters in a word: digits, lower case, upper case.
fn kinds(word: &str) -> usize {
    let kinds: [fn(&u8) -> bool; 3] =
        [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
    kinds.into_iter().filter(|kind| word.bytes().any(|it| kind(&it))).count()
}

/// Says whether a word is one that evidence is full of: a digest, an id of ours, a UUID.
fn is_known(word: &str, before: &str) -> bool {
    let hex = |it: &str| it.bytes().all(|it| it.is_ascii_hexdigit());
    let digest = (before.ends_with("sha256:") && word.len() == 64)
        || (before.ends_with("hmac:") && word.len() == 32);
    let id = word.split_once('_').is_some_and(|(kind, rest)| {
        let ours = ["task", "dec", "hold", "exc"].contains(&kind);
        ours && rest.len() == 26 && rest.bytes().all(|it| it.is_ascii_alphanumeric())
    });
    let groups: Vec<_> = word.split('-').collect();
    let uuid = groups.iter().map(|it| it.len()).eq([8, 4, 4, 4, 12]);
    (digest && hex(word)) || id || (uuid && groups.iter().all(|it| hex(it)))
}
