//! The chains as a drawing, and below it in words: who became whom, from left to right.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_insight::{Audit, Chain};
use bailiwick_model::Platform;

use super::{super::within::Within, more, none, who};
use crate::page::escape::{quoted, text};

/// How many chains are drawn; all of them stand below in words, as far as a page goes.
const DRAWN: usize = 40;
const WORDS: usize = 300;
/// How many letters a box has room for.
const LETTERS: usize = 26;

const BOX: (usize, usize) = (210, 44);
const STEP: (usize, usize) = (330, 58);
const EDGE: usize = 10;

/// Draws the chains.
pub(super) fn drawn(told: &Audit) -> String {
    if told.chains.is_empty() {
        return none("No session was joined to who began it.");
    }
    let within = Within::new(told);
    let words: String = told.chains.iter().take(WORDS).map(|it| in_words(it, &within)).collect();
    format!(
        "{}{}<details open><summary>The same in words</summary><ul class=\"names\">\n{words}</ul>{}</details>\n",
        drawing(told, &within),
        more(told.chains.len(), DRAWN),
        more(told.chains.len(), WORDS),
    )
}

fn in_words(chain: &Chain, within: &Within<'_>) -> String {
    let mut steps = String::new();
    for (place, id) in chain.path.iter().enumerate() {
        if let Some(via) = place.checked_sub(1).and_then(|it| chain.via.get(it)) {
            steps.push_str(&format!(" <span class=\"dim\">› {} ›</span> ", via.as_str()));
        }
        if let Some(platform) = chain.platforms.get(place) {
            steps.push_str(&who(*platform, id, within.step(chain, place)));
        }
    }
    let crosses = if chain.crosses { ", into another system" } else { "" };
    let accesses = if chain.events == 1 { "access" } else { "accesses" };
    format!(
        "<li data-row>{steps} <span class=\"dim\">{} {accesses}{crosses}; begins: {}</span></li>\n",
        chain.events,
        text(&chain.begins)
    )
}

/// Somebody in the drawing: of which system, by what name, and where that is its name.
type Somebody<'a> = (Platform, &'a str, Option<&'a str>);

/// Where each of them stands: how far from the left, and which from above.
type Places<'a> = BTreeMap<Somebody<'a>, (usize, usize)>;

/// Gives those whom a chain leads through.
fn path<'a>(chain: &'a Chain, within: &Within<'a>) -> Vec<Somebody<'a>> {
    let steps = chain.path.iter().zip(&chain.platforms).enumerate();
    steps
        .map(|(place, (id, platform))| (*platform, id.as_str(), within.step(chain, place)))
        .collect()
}

fn places<'a>(chains: &[(&'a Chain, Vec<Somebody<'a>>)]) -> Places<'a> {
    let mut layers: BTreeMap<Somebody<'_>, usize> = BTreeMap::new();
    for (_, path) in chains {
        for (layer, it) in path.iter().enumerate() {
            let known = layers.entry(*it).or_default();
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

/// A step of a chain: from whom, to whom, how, and whether it leads into another system.
type Edge<'a> = (Somebody<'a>, Somebody<'a>, &'static str, bool);

fn drawing(told: &Audit, within: &Within<'_>) -> String {
    let chains: Vec<_> = told.chains.iter().take(DRAWN).map(|it| (it, path(it, within))).collect();
    let places = places(&chains);
    let mut edges: BTreeSet<Edge<'_>> = BTreeSet::new();
    for (chain, path) in &chains {
        for (pair, via) in path.windows(2).zip(&chain.via) {
            if let [from, to] = pair {
                edges.insert((*from, *to, via.as_str(), from.0 != to.0));
            }
        }
    }
    let (lines, words): (Vec<_>, Vec<_>) = edges.iter().filter_map(|it| line(&places, it)).unzip();
    // No line goes over a word.
    let lines = [lines.concat(), words.concat()].concat();
    let boxes: String = places.iter().map(|(it, place)| boxed(*it, *place, &edges)).collect();
    let far = |of: fn(&(usize, usize)) -> usize| places.values().map(of).max().unwrap_or(0);
    let (right, below) = corner((far(|it| it.0), far(|it| it.1)));
    let width = right.saturating_add(BOX.0).saturating_add(EDGE);
    let height = below.saturating_add(BOX.1).saturating_add(EDGE);
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Drawing of chains\"><svg class=\"chains\" role=\"img\" aria-label=\"Who became whom; the same stands below in words\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n{lines}{boxes}</svg></div>\n"
    )
}

/// Draws a step from one box to another, with a tip and its word where it ends: many may begin at one box. Who becomes itself has no line: its box says so.
fn line(places: &Places<'_>, (from, to, via, crosses): &Edge<'_>) -> Option<(String, String)> {
    if from == to {
        return None;
    }
    let (from, to) = (places.get(from)?, places.get(to)?);
    let ((x, y), (to_x, to_y)) = (corner(*from), corner(*to));
    let (y, to_y) = (y.saturating_add(BOX.1 / 2), to_y.saturating_add(BOX.1 / 2));
    // Most steps lead to the right; one that leads back begins on the left.
    let (x, to_x, tip, word_x) = if from.0 < to.0 {
        (x.saturating_add(BOX.0), to_x, "l-7 -4 v8 z", to_x.saturating_sub(10))
    } else {
        let to_x = to_x.saturating_add(BOX.0);
        (x, to_x, "l7 -4 v8 z", to_x.saturating_add(100))
    };
    let bend = x.midpoint(to_x);
    let class = if *crosses { "edge crosses" } else { "edge" };
    let line = format!(
        "<path class=\"{class}\" d=\"M{x} {y} C{bend} {y} {bend} {to_y} {to_x} {to_y}\"/><path class=\"tip\" d=\"M{to_x} {to_y} {tip}\"/>\n"
    );
    let word_y = to_y.saturating_sub(6);
    Some((line, format!("<text class=\"via\" x=\"{word_x}\" y=\"{word_y}\">{via}</text>\n")))
}

fn boxed(
    (platform, id, within): Somebody<'_>,
    place: (usize, usize),
    edges: &BTreeSet<Edge<'_>>,
) -> String {
    let (x, y) = corner(place);
    let (name, of_name) = parts(id);
    let mut below = platform.to_string();
    if let Some(within) = within.or(of_name) {
        below = format!("{below} {within}");
    }
    let somebody = (platform, id, within);
    if let Some((_, _, via, _)) = edges.iter().find(|it| it.0 == somebody && it.1 == somebody) {
        below = format!("{via} of itself, {below}");
    }
    let title = within.map_or_else(|| id.to_owned(), |it| format!("{id} in {it}"));
    format!(
        "<g><title>{}</title><rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"5\"/><text x=\"{left}\" y=\"{}\">{}</text><text class=\"place\" x=\"{left}\" y=\"{}\">{}</text></g>\n",
        quoted(&title),
        BOX.0,
        BOX.1,
        y.saturating_add(18),
        quoted(&label(name)),
        y.saturating_add(35),
        quoted(&label(&below)),
        left = x.saturating_add(10),
    )
}

/// Takes a name of AWS apart, which begins with what all of them have: what is named, and in which account.
fn parts(id: &str) -> (&str, Option<&str>) {
    let Some(rest) = id.strip_prefix("arn:") else { return (id, None) };
    let mut parts = rest.splitn(5, ':').skip(3);
    match (parts.next(), parts.next()) {
        (Some(account), Some(name)) if !name.is_empty() => {
            (name, Some(account).filter(|it| !it.is_empty()))
        }
        _ => (id, None),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_aws_is_shown_by_what_it_names() {
        let role = "arn:aws:iam::111122223333:role/svc/deployer";
        assert_eq!(parts(role), ("role/svc/deployer", Some("111122223333")));
        assert_eq!(parts("arn:aws:s3:::bucket"), ("bucket", None));
        for whole in ["arn:aws:iam", "arn:", "system:serviceaccount:ci:runner", "arn:a:b:c:d:"] {
            assert_eq!(parts(whole), (whole, None));
        }
    }

    #[test]
    fn steps_lead_right_or_back_and_who_becomes_itself_has_no_line() {
        let who = |id| (Platform::Aws, id, None);
        let (ann, bob) = (who("ann"), who("bob"));
        let places = Places::from([(ann, (0, 0)), (bob, (1, 0))]);
        let drawn = |from, to| line(&places, &(from, to, "key", false));
        let (there, word) = drawn(ann, bob).expect("a line");
        assert!(there.contains("d=\"M220 32 C280 32 280 32 340 32\""), "{there}");
        assert!(there.contains("M340 32 l-7"), "{there}");
        assert_eq!(word, "<text class=\"via\" x=\"330\" y=\"26\">key</text>\n");
        let (back, _) = drawn(bob, ann).expect("a line");
        assert!(back.contains("M220 32 l7"), "{back}");
        assert_eq!(drawn(ann, ann), None);
        let itself = BTreeSet::from([(ann, ann, "key", false)]);
        assert!(boxed(ann, (0, 0), &itself).contains(">key of itself, aws</text>"));
    }
}
