//! What policies say of everything that a task's calls of one kind share.

use std::{borrow::Cow, sync::Arc};

use crate::{
    Case, Question,
    index::{Index, Key},
    judge::Bench,
    reads::{Looks, Reads},
    seat::Seat,
    view::{Place, STANDING, Scene, Subject, View, ViewError},
};

/// The policies that can apply while a task does one thing: those that do apply whatever the call
/// is, and those whose head fits and whose condition only a call can answer. Those that never apply
/// are left out.
#[derive(Debug)]
pub(crate) struct Slice {
    /// Names the set that it was cut from.
    version: String,
    /// Numbers the keys, and may do so otherwise in a set that says the same and was loaded after
    /// another one.
    index: Arc<Index>,
    pub(crate) satisfied: Vec<usize>,
    pub(crate) open: Vec<usize>,
    /// What the open ones read.
    pub(crate) reads: Reads,
    /// What heads can ask for so that who asks, and for what, fits.
    keys: [Vec<Key>; 2],
}

impl Slice {
    /// Cuts it. What is done to resources is looked at on one that stands for them all: it is like
    /// every other in whatever is asked of it here.
    pub(crate) fn of(
        bench: &Bench,
        version: &str,
        scene: &Scene,
        question: &Question<'_>,
    ) -> Result<Self, ViewError> {
        let stand_in = stand_in(scene, question)?;
        let (resource, entities) = stand_in
            .as_ref()
            .map_or((&scene.tool, &scene.entities), |it| (&it.resource, &it.entities));
        let keys = [&scene.principal, &scene.action].map(|it| bench.index.keys(&it.entity));
        let resources = match stand_in {
            Some(_) => bench.index.keys_above(&resource.entity),
            None => bench.index.keys(&resource.entity),
        };
        let found = bench.index.policies_for(&keys, Some(&resources));
        let stands = |it: &Seat| stands(it, stand_in.is_some());
        let standing = Reads::all(bench.seats(&found).filter(|it| stands(it)).map(|it| &it.reads));
        let view = View::standing((scene, resource, entities), question, &standing)?;
        let (mut satisfied, mut open) = (Vec::new(), Vec::new());
        for place in found {
            let Some(seat) = bench.seat(place) else { continue };
            if !view.ask(&seat.head).map_err(|_| ViewError::Head)? {
                continue;
            }
            match stands(seat).then(|| seat.asked(&view)) {
                Some(Ok(true)) => satisfied.push(place),
                Some(Ok(false)) => {}
                // What goes wrong is said of the call.
                Some(Err(_)) | None => open.push(place),
            }
        }
        let reads = Reads::all(bench.seats(&open).map(|it| &it.reads));
        let (version, index) = (version.to_owned(), Arc::clone(&bench.index));
        Ok(Self { version, index, satisfied, open, reads, keys })
    }

    /// Says whether it was cut from this very set.
    pub(crate) fn is_of(&self, bench: &Bench, version: &str) -> bool {
        self.version == version && Arc::ptr_eq(&self.index, &bench.index)
    }

    /// Finds the policies whose head names one of the very resources of `case`.
    pub(crate) fn naming(&self, bench: &Bench, case: &Case<'_>) -> Result<Naming, ViewError> {
        if case.question.request.resources.is_empty() || !bench.index.names_resources() {
            return Ok(Naming::default());
        }
        let naming = |place: &Place| {
            let key = bench.index.key_of(&place.resource.uid);
            key.map_or_else(Vec::new, |it| bench.index.policies_for(&self.keys, Some(&[it])))
        };
        let all: Vec<_> = case.places()?.iter().map(naming).collect();
        Ok(if all.iter().all(Vec::is_empty) { Naming::default() } else { Naming(all) })
    }
}

/// Gives what stands for every resource, where something is done to resources.
fn stand_in(scene: &Scene, question: &Question<'_>) -> Result<Option<Place>, ViewError> {
    let to_resources = !question.request.resources.is_empty();
    to_resources.then(|| scene.place(&Subject::of(question), "")).transpose()
}

/// Says whether a condition is the same for every call, on whatever it is done.
fn stands(seat: &Seat, to_resources: bool) -> bool {
    let same = !to_resources || seat.reads.resource != Looks::Itself;
    same && seat.reads.context.within(&STANDING)
}

/// For each resource, the policies whose head names it; nothing where there are none for any.
#[derive(Debug, Default)]
pub(crate) struct Naming(Vec<Vec<usize>>);

impl Naming {
    /// Says whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the policies that name the resource at `place`.
    pub(crate) fn of(&self, place: usize) -> &[usize] {
        self.0.get(place).map_or(&[], Vec::as_slice)
    }

    /// Adds what these policies read. Their heads look at which resource it is.
    pub(crate) fn reads<'r>(&self, bench: &Bench, others: &'r Reads) -> Cow<'r, Reads> {
        if self.is_empty() {
            return Cow::Borrowed(others);
        }
        let own = self.0.iter().flat_map(|it| bench.seats(it)).map(|it| &it.reads);
        let mut reads = Reads::all(own.chain([others]));
        reads.resource = Looks::Itself;
        Cow::Owned(reads)
    }
}
