//! Paths and URLs in arguments: is there another way to write the same place?
//!
//! A condition such as `context.input.path like "/srv/data/*"` compares text, while a server opens
//! places. Only for a text in normal form do the two mean the same, so everything else is a fault.
//! All of it is lexical: no file is looked at and no name resolved.

mod encoded;
mod host;
mod segments;
mod url;

use url::Url;

/// Longer texts are checked, but no normal form is offered for them.
const SUGGEST_MAX: usize = 4096;

/// What was noticed about a text, and its normal form where there is one.
#[derive(Debug, Default, PartialEq, Eq)]
struct Look {
    faults: Vec<&'static str>,
    /// None where no other text certainly means the same.
    normal: Option<String>,
}

impl Look {
    fn fault(fault: &'static str) -> Self {
        Self { faults: vec![fault], normal: None }
    }
}

/// Says what keeps `text` from being in normal form, and what the normal form would be. Texts that
/// name neither a path nor a URL have no faults.
pub(crate) fn faults(text: &str) -> Option<String> {
    let Look { faults, .. } = look(text);
    if faults.is_empty() {
        return None;
    }
    let named = shown(text).map_or_else(|| "a URL".to_owned(), |text| format!("`{text}`"));
    let list = faults.join(", ");
    let instead = normal(text).and_then(|normal| shown(&normal));
    let instead = instead.map_or_else(String::new, |normal| format!("; write `{normal}`"));
    Some(format!("{named} is not in normal form: it has {list}{instead}"))
}

/// Gives the normal form of a text, where there certainly is one.
pub(crate) fn normal(text: &str) -> Option<String> {
    let Look { faults, normal } = look(text);
    if faults.is_empty() {
        return Some(text.to_owned());
    }
    // One change can uncover another fault, and then it is safer to suggest nothing.
    normal.filter(|it| text.len() <= SUGGEST_MAX && look(it).faults.is_empty())
}

/// Gives the host that a URL names, in normal form where it has one.
pub(crate) fn host_of(text: &str) -> Option<String> {
    let url = Url::split(text.trim())?;
    let host = url.host();
    let normal = host::look(&url.scheme.to_ascii_lowercase(), host).normal;
    let host = normal.unwrap_or_else(|| host.to_ascii_lowercase());
    (!host.is_empty()).then_some(host)
}

fn look(text: &str) -> Look {
    let trimmed = text.trim();
    if !names_a_place(trimmed) {
        return if text.contains('\0') { Look::fault("a NUL character") } else { clean(text) };
    }
    let mut look = if text.chars().any(char::is_control) {
        Look::fault("a control character")
    } else if let Some(url) = Url::split(trimmed) {
        url.look()
    } else if url::slashes_are_missing(trimmed) {
        Look::fault("a scheme that is not followed by `//`")
    } else {
        segments::look(trimmed, false)
    };
    if trimmed.len() < text.len() {
        look.faults.push("white space around it");
    }
    look
}

fn clean(text: &str) -> Look {
    Look { faults: Vec::new(), normal: Some(text.to_owned()) }
}

/// Says whether a text can be read as a path or a URL.
fn names_a_place(text: &str) -> bool {
    text.contains(['/', '\\'])
        || matches!(text, "." | "..")
        || encoded::hides_structure(text)
        || url::slashes_are_missing(text)
}

/// Gives what may be shown of a place: no query, which may hold secrets, and nothing at all of a
/// URL with credentials in it.
fn shown(text: &str) -> Option<String> {
    let place = match Url::split(text.trim()) {
        Some(url) if url.authority.contains('@') => return None,
        Some(_) => text.split(['?', '#']).next().unwrap_or_default(),
        None => text,
    };
    let start: String = place.chars().take(200).collect();
    let cut = if start.len() < text.len() { "…" } else { "" };
    Some(format!("{}{cut}", start.escape_debug()))
}

#[cfg(test)]
mod tests;
