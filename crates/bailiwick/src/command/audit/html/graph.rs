//! The chains as a drawing, and below it in words: who became whom, from left to right.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_insight::Audit;

use super::{more, none};
use crate::page::escape::{quoted, text};

/// How many chains are drawn; all of them stand below in words, as far as a page goes.
const DRAWN: usize = 40;
const WORDS: usize = 300;
/// How many letters a box has room for.
const LETTERS: usize = 26;

const BOX: (usize, usize) = (210, 30);
const STEP: (usize, usize) = (320, 46);
const EDGE: usize = 10;

/// Draws the chains.
pub(super) fn drawn(told: &Audit) -> String {
    if told.chains.is_empty() {
        return none("No session was joined to who began it.");
    }
    let words: String = told
        .chains
        .iter()
        .take(WORDS)
        .map(|chain| {
            let mut steps = String::new();
            for (place, id) in chain.path.iter().enumerate() {
                if let Some(via) = place.checked_sub(1).and_then(|it| chain.via.get(it)) {
                    steps.push_str(&format!(" <span class=\"dim\">› {} ›</span> ", via.as_str()));
                }
                steps.push_str(&format!("<code>{}</code>", text(id)));
            }
            let crosses = if chain.crosses { ", into another system" } else { "" };
            format!(
                "<li>{steps} <span class=\"dim\">{} accesses{crosses}; begins with {}</span></li>\n",
                chain.events,
                text(&chain.begins)
            )
        })
        .collect();
    format!(
        "{}{}<details><summary>The same in words</summary><ul class=\"names\">\n{words}</ul>{}</details>\n",
        drawing(told),
        more(told.chains.len(), DRAWN),
        more(told.chains.len(), WORDS),
    )
}

/// Where each name stands: how far from the left, and which from above.
type Places<'a> = BTreeMap<&'a str, (usize, usize)>;

fn places(told: &Audit) -> Places<'_> {
    let mut layers: BTreeMap<&str, usize> = BTreeMap::new();
    for chain in told.chains.iter().take(DRAWN) {
        for (layer, id) in chain.path.iter().enumerate() {
            let known = layers.entry(id).or_default();
            *known = layer.max(*known);
        }
    }
    let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for (id, layer) in layers {
        let row = rows.entry(layer).or_default();
        places.insert(id, (layer, *row));
        *row = row.saturating_add(1);
    }
    places
}

/// Gives where a box begins.
fn corner((layer, row): (usize, usize)) -> (usize, usize) {
    let at = |place: usize, step: usize| place.saturating_mul(step).saturating_add(EDGE);
    (at(layer, STEP.0), at(row, STEP.1))
}

fn drawing(told: &Audit) -> String {
    let places = places(told);
    let mut edges: BTreeSet<(&str, &str, &str, bool)> = BTreeSet::new();
    for chain in told.chains.iter().take(DRAWN) {
        for (place, pair) in chain.path.windows(2).enumerate() {
            if let ([from, to], Some(via)) = (pair, chain.via.get(place)) {
                edges.insert((from, to, via.as_str(), chain.crosses));
            }
        }
    }
    let lines: String = edges.iter().filter_map(|it| line(&places, *it)).collect();
    let boxes: String = places.iter().map(|(id, place)| boxed(id, *place)).collect();
    let far = |of: fn(&(usize, usize)) -> usize| places.values().map(of).max().unwrap_or(0);
    let (right, below) = corner((far(|it| it.0), far(|it| it.1)));
    let width = right.saturating_add(BOX.0).saturating_add(EDGE);
    let height = below.saturating_add(BOX.1).saturating_add(EDGE);
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Drawing of chains\"><svg class=\"chains\" role=\"img\" aria-label=\"Who became whom; the same stands below in words\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n{lines}{boxes}</svg></div>\n"
    )
}

fn line(places: &Places<'_>, (from, to, via, crosses): (&str, &str, &str, bool)) -> Option<String> {
    let (from, to) = (places.get(from)?, places.get(to)?);
    let ((x, y), (to_x, to_y)) = (corner(*from), corner(*to));
    let half = BOX.1 / 2;
    let (x, y, to_y) = (x.saturating_add(BOX.0), y.saturating_add(half), to_y.saturating_add(half));
    let bend = x.saturating_add(to_x.saturating_sub(x) / 2);
    let above = y.saturating_add(to_y) / 2;
    let class = if crosses { "edge crosses" } else { "edge" };
    Some(format!(
        "<path class=\"{class}\" d=\"M{x} {y} C{bend} {y} {bend} {to_y} {to_x} {to_y}\"/><text class=\"via\" x=\"{bend}\" y=\"{}\">{via}</text>\n",
        above.saturating_sub(4)
    ))
}

fn boxed(id: &str, place: (usize, usize)) -> String {
    let (x, y) = corner(place);
    format!(
        "<g><title>{}</title><rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"5\"/><text x=\"{}\" y=\"{}\">{}</text></g>\n",
        quoted(id),
        BOX.0,
        BOX.1,
        x.saturating_add(10),
        y.saturating_add(20),
        quoted(&label(id)),
    )
}

/// Shortens a name to what a box has room for; its end tells more than its beginning.
fn label(id: &str) -> String {
    let count = id.chars().count();
    if count <= LETTERS {
        return id.to_owned();
    }
    let end: String = id.chars().skip(count.saturating_sub(LETTERS.saturating_sub(1))).collect();
    format!("…{end}")
}
