//! Links between pages lead somewhere.

use crate::tree::{Fault, Tree};

/// Finds links in Markdown to files that are not there.
pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, text) in tree.ending(".md") {
        let mut in_code = false;
        for (index, line) in text.lines().enumerate() {
            in_code ^= line.trim_start().starts_with("```");
            if in_code {
                continue;
            }
            let broken = targets(line).into_iter().filter(|it| !leads_somewhere(tree, path, it));
            faults.extend(
                broken.map(|it| Fault::of_line(path, index, format!("`{it}` leads nowhere"))),
            );
        }
    }
    faults
}

/// The targets of the links in a line; what stands between backticks is code.
fn targets(line: &str) -> Vec<&str> {
    let prose = line.split('`').step_by(2);
    let links = prose.flat_map(|it| it.split("](").skip(1));
    let targets = links.filter_map(|it| it.split_once(')')).map(|(target, _)| target);
    targets.filter_map(|it| it.split_whitespace().next()).collect()
}

fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    let file = target.split('#').next().unwrap_or_default();
    if file.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if file.starts_with('/') { "" } else { folder };
    resolved(start, file).is_some_and(|to| {
        let inside = format!("{to}/");
        to.is_empty() || tree.paths.iter().any(|it| *it == to || it.starts_with(&inside))
    })
}

/// The path that `relative` means in `folder`; none when it leaves the repository.
fn resolved(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, wanted: &[&str]) {
        let files = [("README.md", ""), ("docs/guide/a.md", text), ("docs/guide/b.md", "")];
        let found: Vec<String> = faults(&Tree::of(&files)).into_iter().map(|it| it.what).collect();
        let wanted: Vec<String> = wanted.iter().map(|it| format!("`{it}` leads nowhere")).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn links_to_what_is_there_are_fine() {
        check("[b](b.md) [same](./b.md#part) [up](../../README.md) [folder](../guide)", &[]);
        check("[here](#part) [out](https://example.org/x) [mail](mailto:a@example.org)", &[]);
        check("[root](/README.md) ![picture](b.md \"a title\")", &[]);
    }

    #[test]
    fn links_to_what_is_not_there_are_found() {
        check("[c](c.md) and [d](../d.md#x)", &["c.md", "../d.md#x"]);
    }

    #[test]
    fn a_link_that_leaves_the_repository_is_found() {
        check("[beside](../../../other/README.md)", &["../../../other/README.md"]);
    }

    #[test]
    fn code_is_not_read() {
        check("`[c](c.md)`\n```\n[c](c.md)\n```\n[c](c.md)", &["c.md"]);
    }
}
