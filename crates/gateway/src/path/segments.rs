//! The segments of a path: `.`, `..`, empty ones, and other ways to write a slash.

use super::{Look, encoded};

/// Looks at a path, or with `in_url` at the path of a URL.
pub(super) fn look(path: &str, in_url: bool) -> Look {
    let encoded::Decoded { text, mut faults } = encoded::decode(path, in_url);
    let Some(text) = text else { return Look { faults, normal: None } };
    if text.contains('\\') {
        faults.push("a backslash");
    }
    let text = text.replace('\\', "/");
    if text.contains("//") {
        faults.push("an empty segment (`//`)");
    }
    // A lone `.` is how the current folder is written.
    if text != "." && text.split('/').any(|it| it == ".") {
        faults.push("a `.` segment");
    }
    if text.split('/').any(|it| it == "..") {
        faults.push("a `..` segment");
    }
    // Some servers cut parameters off before they resolve the dots.
    let parted = |it: &str| matches!(it.split_once(';'), Some(("." | "..", _)));
    if in_url && text.split('/').any(parted) {
        faults.push("a dot segment with parameters");
        return Look { faults, normal: None };
    }
    let normal = if faults.is_empty() { Some(path.to_owned()) } else { resolve(&text) };
    Look { faults, normal }
}

/// Resolves the dots; none if they lead above where the path begins.
fn resolve(path: &str) -> Option<String> {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if kept.pop().is_none() && !rooted => return None,
            ".." => {}
            name => kept.push(name),
        }
    }
    let folder = !kept.is_empty() && path.ends_with('/');
    let root = if rooted { "/" } else { "" };
    let end = if folder { "/" } else { "" };
    let whole = format!("{root}{}{end}", kept.join("/"));
    Some(if whole.is_empty() { ".".to_owned() } else { whole })
}
