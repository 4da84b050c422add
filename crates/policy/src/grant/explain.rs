//! Why the lines of a grant cover a call or not, part by part.

use bailiwick_model::{Asked, AskedKind, Otherwise};

use super::{Compiled, GrantProgram, Line, Outcome};
use crate::{
    Case, Rank, Told,
    explain::{FEW, RANKED, SEEN, ask_all, missing, together},
    reads::{Looks, Reads},
    view::{Origin, View},
    ways::{Way, bounded, met},
};

/// How many of the nearest lines of a layer are looked at for what they would cover.
const NEAREST: usize = 3;

/// A resource that no line of a layer covers, with the lines that name the action.
struct Spot<'a> {
    lines: Vec<&'a Line>,
    view: View<'a>,
    /// Which, where lines look at which of several it is.
    resource: Option<&'a str>,
}

impl GrantProgram {
    /// Asks the lines that name the action, part by part, and tells of the `most` telling: for the
    /// first resources that no line of a layer covers, the nearest first. Of the layers above the
    /// task's own no values are told, as these are other tasks'.
    pub fn explain(&self, case: &Case<'_>, most: usize) -> Told {
        let layers = self.layers.iter().enumerate();
        let told = layers.map(|(place, it)| it.explain(case, most, place == 0));
        told.fold(Told::default(), |all, it| all.and(it, most))
    }

    /// Gives changes that might make some line cover `case`, where none does.
    pub fn ways(&self, case: &Case<'_>) -> Vec<Way> {
        let layers = self.layers.iter().enumerate();
        bounded(layers.flat_map(|(place, it)| it.ways(case, place == 0)))
    }
}

impl Compiled {
    fn explain(&self, case: &Case<'_>, most: usize, own: bool) -> Told {
        let spots = self.missed(case);
        let mut ranked = Vec::new();
        for spot in &spots {
            ranked.extend(spot.ranked().into_iter().map(|(missing, line)| (missing, spot, line)));
        }
        ranked.sort_by_key(|(missing, ..)| *missing);
        let more = ranked.len().saturating_sub(most);
        let told = |(missing, spot, line): (usize, &Spot<'_>, &Line)| {
            (Rank::Misses(missing), told(line, spot, own))
        };
        Told { asked: ranked.into_iter().take(most).map(told).collect(), more }
    }

    fn ways(&self, case: &Case<'_>, own: bool) -> Vec<Way> {
        let mut ways = Vec::new();
        for spot in self.missed(case) {
            let ranked = spot.ranked();
            let near = ranked.iter().take(NEAREST);
            ways.extend(near.flat_map(|(_, line)| met(line.parts(), &spot.view)));
        }
        ways.retain(|it| own || it.iter().all(stands_there));
        ways
    }

    /// Finds the first resources that no line covers, where lines name the action at all.
    fn missed<'a>(&'a self, case: &'a Case<'_>) -> Vec<Spot<'a>> {
        let request = case.question.request;
        let lines: Vec<&Line> = self.lines.iter().filter(|it| it.names(&request.action)).collect();
        let reads = Reads::all(lines.iter().map(|it| it.reads()));
        // What is the same of every resource is asked of one.
        let several = reads.resource == Looks::Itself && 1 < request.resources.len();
        let most = if several { request.resources.len() } else { 1 };
        let reaches = self.layer.reaches(&request.action) && !lines.is_empty();
        let views = case.views(Origin::Layer(&self.layer), &reads).into_iter().flatten();
        let covers = |it: &&Line, view: &View<'_>| matches!(it.judge(view), Outcome::Covers);
        let missed = views
            .take(if reaches { most } else { 0 })
            .enumerate()
            .filter(|(_, view)| !lines.iter().any(|it| covers(it, view)));
        let spot = |(place, view)| {
            let resource = request.resources.iter().nth(place).filter(|_| several);
            Spot { lines: lines.clone(), view, resource: resource.map(String::as_str) }
        };
        missed.take(FEW).map(spot).collect()
    }
}

impl<'a> Spot<'a> {
    /// Gives the lines with how many of their parts are missing, the nearest first.
    fn ranked(&self) -> Vec<(usize, &'a Line)> {
        let rank = |(place, line): (usize, &&'a Line)| {
            let near = place < RANKED;
            (if near { missing(line.parts(), &self.view) } else { usize::MAX }, *line)
        };
        let mut ranked: Vec<_> = self.lines.iter().enumerate().map(rank).collect();
        ranked.sort_by_key(|(missing, _)| *missing);
        ranked
    }
}

/// Says whether a change takes its value from the condition itself: from nobody's parameters.
const fn stands_there(change: &Otherwise) -> bool {
    match change {
        Otherwise::Argument { from, .. } => from.is_none(),
        Otherwise::LeftOut { .. } | Otherwise::Fact { .. } => true,
        Otherwise::Param { .. } | Otherwise::Approval | Otherwise::Line { .. } => false,
    }
}

fn told(line: &Line, spot: &Spot<'_>, own: bool) -> Asked {
    let parts = ask_all(line.parts().iter(), &spot.view, if own { SEEN } else { 0 });
    Asked {
        by: line.source().to_owned(),
        kind: AskedKind::Line,
        file: None,
        line: None,
        resource: spot.resource.map(str::to_owned),
        applies: together(&parts),
        observed: false,
        parts,
    }
}
