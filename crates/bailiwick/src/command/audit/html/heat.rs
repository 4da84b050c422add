//! The heat map: how much of what each identity may do in each service it did.
//!
//! A field has the number that was exercised and the number that is granted; its colour says the same once more. What could
//! not be seen is no part of the share, and neither is what is excluded, which is not judged yet.

use std::{cmp::Reverse, collections::BTreeMap};

use bailiwick_insight::{AuditEntry, AuditedIdentity, State};

use super::{super::within, more, none, who};
use crate::page::escape::{quoted, text};

const ROWS: usize = 200;
const COLUMNS: usize = 16;

/// The column of all services that have none of their own.
const REST: &str = "others";

/// What became of the permissions of one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Field {
    exercised: u64,
    attempted: u64,
    dormant: u64,
    unobservable: u64,
    excluded: u64,
}

impl Field {
    fn add(&mut self, state: State) {
        let count = match state {
            State::Exercised => &mut self.exercised,
            State::Attempted => &mut self.attempted,
            State::Dormant => &mut self.dormant,
            State::Unobservable => &mut self.unobservable,
            State::Excluded => &mut self.excluded,
        };
        *count = count.saturating_add(1);
    }

    /// Gives what could have been seen, and is judged.
    fn seen(self) -> u64 {
        self.exercised.saturating_add(self.attempted).saturating_add(self.dormant)
    }

    /// Gives which fifth of it was used; none where nothing could have been seen.
    fn fifth(self) -> Option<u64> {
        let seen = self.seen();
        match (seen, self.exercised) {
            (0, _) => None,
            // Nothing used, and all used, are colours of their own.
            (_, 0) => Some(0),
            (_, used) => Some(used.saturating_mul(4).checked_div(seen)?.saturating_add(1).min(5)),
        }
    }

    fn drawn(self, service: &str) -> String {
        let Self { exercised, attempted, dormant, unobservable, excluded } = self;
        let more = if excluded == 0 { String::new() } else { format!(", {excluded} excluded") };
        let says = format!(
            "{}: {exercised} exercised, {attempted} attempted, {dormant} dormant, {unobservable} unobservable{more}",
            quoted(service)
        );
        let besides = if excluded == 0 { String::new() } else { format!("+{excluded}") };
        let (class, share) = match self.fifth() {
            None if unobservable == 0 => ("blank".to_owned(), String::new()),
            None => ("blank".to_owned(), format!("?{unobservable}")),
            Some(fifth) => (format!("h{fifth}"), format!("{exercised}/{}", self.seen())),
        };
        format!("<td class=\"{class}\" title=\"{says}\">{share}{besides}</td>")
    }
}

/// Gives the service of a permission: all of its name but the system's and the operation's.
fn service(entry: &AuditEntry) -> &str {
    let name = entry.name.as_str();
    let inside = name.split_once(':').map_or(name, |it| it.1);
    match inside.rsplit_once(':') {
        Some((service, _)) => service,
        // Google's and Azure's names have the service in front.
        None => inside.split(['.', '/']).next().unwrap_or(inside),
    }
}

/// One identity, its fields by service, and all of them together.
type Row<'a> = (&'a AuditedIdentity, BTreeMap<&'a str, Field>, Field);

/// Draws the map. Whoever holds most that is not used comes first, as they are ranked.
pub(super) fn drawn(ranked: &[&AuditedIdentity]) -> String {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut services: BTreeMap<&str, u64> = BTreeMap::new();
    for identity in ranked {
        let (mut fields, mut sum) = (BTreeMap::<_, Field>::new(), Field::default());
        for entry in &identity.entries {
            let service = service(entry);
            fields.entry(service).or_default().add(entry.state);
            sum.add(entry.state);
            let count = services.entry(service).or_default();
            *count = count.saturating_add(1);
        }
        if !fields.is_empty() {
            rows.push((identity, fields, sum));
        }
    }
    if rows.is_empty() {
        return none("No permission is granted or exercised.");
    }
    let mut order: Vec<_> = services.into_iter().collect();
    order.sort_by_key(|(name, count)| (Reverse(*count), *name));
    let columns: Vec<&str> = order.iter().take(COLUMNS).map(|it| it.0).collect();
    let has_rest = COLUMNS < order.len();
    let all = rows.len();
    rows.truncate(ROWS);
    let body: String = rows.iter().map(|it| row(it, (&columns, has_rest))).collect();
    let mut heads: String = columns
        .iter()
        .map(|it| format!("<th scope=\"col\"><span>{}</span></th>", text(it)))
        .collect();
    if has_rest {
        heads.push_str(&format!("<th scope=\"col\"><span>{REST}</span></th>"));
    }
    format!(
        "<p class=\"dim\" id=\"heat-says\">Permissions that were exercised, of those that are granted and could have been seen, by identity and service</p>\n{LEGEND}<div class=\"wide high\" tabindex=\"0\" role=\"region\" aria-label=\"Heat map\"><table class=\"heat\" aria-labelledby=\"heat-says\">\n<thead><tr><th scope=\"col\">Identity</th><th scope=\"col\"><span>all</span></th>{heads}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n{}",
        more(all, ROWS)
    )
}

const LEGEND: &str = "<ul class=\"legend\"><li><b class=\"h0\">0/9</b> none used</li><li><b class=\"h2\">3/9</b></li><li><b class=\"h3\">6/9</b></li><li><b class=\"h5\">9/9</b> all used</li><li><b class=\"blank\">?9</b> could not be seen</li><li><b class=\"blank\">+9</b> excluded: not judged yet</li></ul>\n";

fn row((identity, fields, sum): &Row<'_>, (columns, has_rest): (&[&str], bool)) -> String {
    const NOTHING: &str = "<td class=\"nothing\" aria-label=\"nothing\">·</td>";
    let mut cells: String = columns
        .iter()
        .map(|it| fields.get(it).map_or_else(|| NOTHING.to_owned(), |field| field.drawn(it)))
        .collect();
    if has_rest {
        let mut rest = Field::default();
        for (_, field) in fields.iter().filter(|(name, _)| !columns.contains(*name)) {
            rest.exercised = rest.exercised.saturating_add(field.exercised);
            rest.attempted = rest.attempted.saturating_add(field.attempted);
            rest.dormant = rest.dormant.saturating_add(field.dormant);
            rest.unobservable = rest.unobservable.saturating_add(field.unobservable);
            rest.excluded = rest.excluded.saturating_add(field.excluded);
        }
        let is_nothing = rest == Field::default();
        cells.push_str(&if is_nothing { NOTHING.to_owned() } else { rest.drawn(REST) });
    }
    format!(
        "<tr data-row><th scope=\"row\">{}</th>{}{cells}</tr>\n",
        who(identity.platform, &identity.id, within::identity(identity)),
        sum.drawn("all services")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_says_what_the_numbers_say() {
        let field = |exercised, attempted, dormant, unobservable| Field {
            exercised,
            attempted,
            dormant,
            unobservable,
            excluded: 0,
        };
        for (of, fifth) in [
            (field(0, 0, 0, 7), None),
            (field(0, 0, 9, 7), Some(0)),
            (field(0, 3, 0, 0), Some(0)),
            (field(1, 0, 99, 0), Some(1)),
            (field(5, 0, 5, 900), Some(3)),
            (field(99, 0, 1, 0), Some(4)),
            (field(4, 0, 0, 0), Some(5)),
        ] {
            assert_eq!(of.fifth(), fifth, "{of:?}");
        }
        assert_eq!(
            field(1, 2, 3, 4).drawn("a\"b"),
            "<td class=\"h1\" title=\"a&quot;b: 1 exercised, 2 attempted, 3 dormant, 4 unobservable\">1/6</td>"
        );
    }

    #[test]
    fn what_is_excluded_could_be_seen_and_stands_beside_the_share() {
        let shown = |exercised, unobservable, excluded| {
            let field = Field { exercised, unobservable, excluded, ..Field::default() };
            let drawn = field.drawn("s3");
            let shown = drawn.split_once('>').and_then(|it| it.1.strip_suffix("</td>"));
            let is_blank = drawn.starts_with("<td class=\"blank\"");
            (is_blank, shown.expect("a field").to_owned())
        };
        for (of, wanted) in [
            ((0, 0, 4), (true, "+4")),
            ((0, 3, 4), (true, "?3+4")),
            ((2, 3, 4), (false, "2/2+4")),
            ((2, 3, 0), (false, "2/2")),
            ((0, 3, 0), (true, "?3")),
        ] {
            assert_eq!(shown(of.0, of.1, of.2), (wanted.0, wanted.1.to_owned()), "{of:?}");
        }
    }
}
