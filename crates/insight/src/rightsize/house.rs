//! Bailiwick's own charters and templates: what an identity's tasks need not be let do.
//!
//! A template that others have too stays: a smaller one would change what they may do. A charter loses templates of which
//! nothing is used, and servers and targets that none of its templates names.

#[cfg(test)]
mod tests;
pub(super) mod toml;
mod write;

use std::collections::BTreeSet;

use bailiwick_model::{Json, Platform};

pub(super) use self::write::write;
use super::{
    named::{Grant, Holding, Rules},
    narrow::texts,
    written::{RightsizeError, items, text},
};
use crate::{
    exercised::{Deeds, Exercised},
    granted::fits,
};

/// Names the shape of charters and templates that were read.
pub const HOUSE_GRANTS: &str = "bailiwick-house/1";

/// A ledger has everything under its own name.
pub(super) const RULES: Rules = Rules {
    means: fits,
    takes: |_| false,
    needs: |_, _| false,
    is_unseen: |_| false,
    manages: |_| false,
    may_be: |_, _| true,
    alike: server,
};

/// One file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    /// Its name below the configuration's folder.
    pub(super) file: &'a str,
    /// What it says, word for word.
    pub(super) text: &'a str,
    pub(super) value: &'a Json,
}

/// One identity, and what its charter gives it.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) holding: Holding,
    pub(super) charter: Source<'a>,
    /// What the first grants are; behind them is the charter itself.
    pub(super) templates: Vec<Source<'a>>,
}

/// Gives the server, or the target, that a name is of. A tool's own name may have a colon in it, as no server's has.
fn server(name: &str) -> String {
    let (lease, rest) = match name.strip_prefix(LEASE) {
        Some(rest) => (LEASE, rest),
        None => ("", name),
    };
    format!("{lease}{}", rest.split_once(':').map_or(rest, |it| it.0))
}

/// Stands before the name of a target that credentials are for.
const LEASE: &str = "lease:";

fn sources<'a>(house: &'a Json, folder: &'a str) -> impl Iterator<Item = Source<'a>> {
    items(house, "files").iter().filter_map(move |it| {
        let file = text(it, "name");
        let is_there = file.strip_prefix(folder)?.starts_with('/');
        let value = it.get("value")?;
        is_there.then_some(Source { file, text: text(it, "text"), value })
    })
}

/// Gives a list of words; none where it is no such list.
fn words<'a>(of: &'a Json, name: &str) -> Vec<&'a str> {
    of.get(name).and_then(texts).unwrap_or_default()
}

/// Gives the names that a line of a template allows: of a server, or of a target that credentials are for.
pub(super) fn names(line: &Json) -> Vec<String> {
    let (server, target) = (text(line, "server"), text(line, "target"));
    let mut all: Vec<_> = words(line, "tools").iter().map(|it| format!("{server}:{it}")).collect();
    for (list, operation) in [("resources", "resources/read"), ("prompts", "prompts/get")] {
        all.extend((!words(line, list).is_empty()).then(|| format!("{server}:{operation}")));
    }
    all.extend(words(line, "wants").iter().map(|it| format!("lease:{target}:{it}")));
    all
}

/// Gives a template's lines.
pub(super) fn lines(template: &Json) -> impl Iterator<Item = &Json> {
    items(template, "allow").iter().chain(items(template, "lease"))
}

/// Finds an identity by its name.
pub(super) fn find<'a>(house: &'a Json, wanted: &str) -> Result<Found<'a>, RightsizeError> {
    let charters: Vec<_> = sources(house, "charters").collect();
    let ids = charters.iter().map(|it| text(it.value, "identity").to_owned());
    let id = super::named_so(ids, "identity", wanted)?;
    let charter = charters.iter().find(|it| text(it.value, "identity") == id);
    let nobody = || RightsizeError::Nobody { whom: "identity", wanted: wanted.to_owned() };
    let charter = *charter.ok_or_else(nobody)?;
    // Whoever hands authority on must hold it.
    let mut users = vec![id.clone()];
    let mut at = 0;
    while let Some(here) = users.get(at).cloned() {
        at = at.saturating_add(1);
        let of = charters.iter().find(|it| text(it.value, "identity") == here);
        for next in of.map(|it| words(it.value, "delegates_to")).unwrap_or_default() {
            if !users.iter().any(|it| it == next) {
                users.push(next.to_owned());
            }
        }
    }
    let holding = Holding {
        platform: Platform::Mcp,
        id,
        users,
        besides: None,
        grants: Vec::new(),
        unread: Vec::new(),
        notes: vec!["no file says since when a line is there: what is newer than `--window` is to be named with `--keep`".to_owned()],
    };
    let mut found = Found { holding, charter, templates: Vec::new() };
    for name in words(charter.value, "templates") {
        match sources(house, "templates").find(|it| text(it.value, "name") == name) {
            Some(template) => found.template(template, &charters),
            None => found.holding.unread.push(format!("template {name}")),
        }
    }
    found.reach();
    Ok(found)
}

impl<'a> Found<'a> {
    /// Says whether the charter reaches what a name is of.
    fn is_reached(&self, name: &str) -> bool {
        let of = server(name);
        let (list, one) = match of.strip_prefix("lease:") {
            Some(target) => ("targets", target),
            None => ("servers", of.as_str()),
        };
        words(self.charter.value, list).contains(&one)
    }

    /// Adds what a template gives within the charter.
    fn template(&mut self, template: Source<'a>, charters: &[Source<'a>]) {
        let name = text(template.value, "name");
        let id = &self.holding.id;
        let has = |it: &&Source<'_>| {
            text(it.value, "identity") != id && words(it.value, "templates").contains(&name)
        };
        let others: Vec<_> =
            charters.iter().filter(has).map(|it| text(it.value, "identity")).collect();
        let fixed = if !others.is_empty() {
            Some(format!("{} may open such tasks, too", others.join(", ")))
        } else if text(template.value, "kind") == "break-glass" {
            Some("it is for emergencies, in which nothing is used until it is needed".to_owned())
        } else if text(template.value, "mode") == "observe" {
            Some("it only observes so far".to_owned())
        } else {
            None
        };
        let names: BTreeSet<String> =
            lines(template.value).flat_map(names).filter(|it| self.is_reached(it)).collect();
        self.holding.grants.push(Grant {
            path: format!("template {name}"),
            names: names.into_iter().collect(),
            since: None,
            fixed,
            original: template.value.clone(),
        });
        self.templates.push(template);
    }

    /// Adds what the charter reaches and no template of it names.
    fn reach(&mut self) {
        let servers = words(self.charter.value, "servers").into_iter().map(str::to_owned);
        let targets =
            words(self.charter.value, "targets").into_iter().map(|it| format!("lease:{it}"));
        let named: BTreeSet<String> = self
            .templates
            .iter()
            .flat_map(|it| lines(it.value))
            .flat_map(names)
            .map(|it| server(&it))
            .collect();
        let unnamed = servers.chain(targets).filter(|it| !named.contains(it));
        let names = unnamed.map(|it| format!("{it}:*")).collect();
        let missing = (!self.holding.unread.is_empty())
            .then(|| "what its other templates name is in no file".to_owned());
        self.holding.grants.push(Grant {
            path: format!("charter {}", self.holding.id),
            names,
            since: None,
            fixed: missing,
            original: self.charter.value.clone(),
        });
    }
}

/// A ledger has no name that no rule knows.
pub(super) fn is_harmless(_: &Exercised, _: &str, _: &Deeds) -> bool {
    false
}
