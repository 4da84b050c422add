//! What is the same of an action of AWS for everybody who holds it, worked out once: there are many who do.

use std::cell::OnceCell;

use crate::{
    granted::ActionSet,
    names::{Action, Catalogue, Sort},
};

/// The actions of a catalogue, by their numbers.
pub(super) struct Actions<'a> {
    catalogue: &'a Catalogue,
    sorts: Vec<OnceCell<Option<Sort<'a>>>>,
    places: OnceCell<Vec<usize>>,
}

impl<'a> Actions<'a> {
    pub(super) fn new(catalogue: &'a Catalogue) -> Self {
        let sorts = vec![OnceCell::new(); catalogue.actions().len()];
        Self { catalogue, sorts, places: OnceCell::new() }
    }

    pub(super) fn get(&self, number: usize) -> Option<&'a Action> {
        self.catalogue.actions().get(number)
    }

    /// Says what a log must be of for the use of an action to be seen in it.
    pub(super) fn sort(&self, number: usize) -> Option<&Sort<'a>> {
        let action = self.get(number)?;
        self.sorts.get(number)?.get_or_init(|| Sort::of(action)).as_ref()
    }

    /// Gives the actions of a set in the order of their whole names.
    pub(super) fn in_order(&self, set: &ActionSet) -> Vec<usize> {
        let places = self.places.get_or_init(|| self.places());
        let mut all: Vec<usize> = set.iter().collect();
        all.sort_unstable_by_key(|it| places.get(*it));
        all
    }

    /// Gives the place of each action in the order of whole names. A service's actions stand together already.
    fn places(&self) -> Vec<usize> {
        let mut all: Vec<(usize, &Action)> = self.catalogue.actions().iter().enumerate().collect();
        let mut services: Vec<_> =
            all.chunk_by_mut(|one, next| one.1.service == next.1.service).collect();
        for actions in &mut services {
            actions.sort_by(|one, next| one.1.name.cmp(&next.1.name));
        }
        // One service's name may be the beginning of another's.
        services.sort_by_cached_key(|it| it.first().map(|it| format!("{}:", it.1.service)));
        let mut places = vec![0; self.sorts.len()];
        for (place, (number, _)) in services.into_iter().flatten().enumerate() {
            if let Some(to) = places.get_mut(*number) {
                *to = place;
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_in_the_order_of_their_whole_names() {
        let catalogue = Catalogue::carried();
        let actions = Actions::new(&catalogue);
        let all = ActionSet::none(catalogue.actions().len()).turned();
        let names: Vec<String> = actions
            .in_order(&all)
            .into_iter()
            .filter_map(|it| actions.get(it))
            .map(|it| format!("{}:{}", it.service, it.name))
            .collect();
        assert_eq!(names.len(), catalogue.actions().len());
        assert!(names.is_sorted(), "as texts are");
    }
}
