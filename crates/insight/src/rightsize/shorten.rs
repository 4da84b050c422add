//! Few patterns for many actions, none of which fits an action besides.

use std::ops::Range;

use crate::{
    granted::ActionSet,
    names::{Action, Catalogue},
};

/// Gives patterns for all of `gone` and nothing else that is listed; none of them meets a pattern of `stay`.
pub(super) fn shorten(catalogue: &Catalogue, gone: &ActionSet, stay: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    while let Some(action) = catalogue.actions().get(at) {
        let range = catalogue.numbers(&action.service);
        at = range.end.max(at.saturating_add(1));
        walk(&Walk { catalogue, gone, stay }, range, 0, &mut found);
    }
    found
}

struct Walk<'a> {
    catalogue: &'a Catalogue,
    gone: &'a ActionSet,
    stay: &'a [&'a str],
}

/// Takes actions whose names begin alike in `depth` letters: all at once, or by their next letter.
fn walk(look: &Walk<'_>, range: Range<usize>, depth: usize, found: &mut Vec<String>) {
    let actions = look.catalogue.actions().get(range.clone()).unwrap_or_default();
    let Some(first) = actions.first() else { return };
    let gone = range.clone().filter(|it| look.gone.has(*it)).count();
    if gone == 0 {
        return;
    }
    if actions.len() == 1 {
        found.push(format!("{}:{}", first.service, first.name));
        return;
    }
    if gone == actions.len()
        && let Some(begin) = first.name.get(..depth)
    {
        let pattern = format!("{}:{begin}*", first.service);
        if !look.stay.iter().any(|it| overlaps(pattern.as_bytes(), it.as_bytes())) {
            found.push(pattern);
            return;
        }
    }
    let letter = |it: &Action| it.name.as_bytes().get(depth).map(u8::to_ascii_lowercase);
    let mut at = range.start;
    for group in actions.chunk_by(|one, next| letter(one) == letter(next)) {
        let end = at.saturating_add(group.len());
        match group.first().and_then(letter) {
            Some(_) => walk(look, at..end, depth.saturating_add(1), found),
            // The name ends here, and others go on.
            None => group
                .iter()
                .zip(at..end)
                .filter(|(_, number)| look.gone.has(*number))
                .for_each(|(it, _)| found.push(format!("{}:{}", it.service, it.name))),
        }
        at = end;
    }
}

/// Says whether some name may fit both: walks through the two side by side, a row for each letter of the one.
fn overlaps(one: &[u8], other: &[u8]) -> bool {
    let is_letter = |it: u8| !matches!(it, b'*' | b'?');
    let heads = one.iter().zip(other).take_while(|(a, b)| is_letter(**a) && is_letter(**b));
    if heads.into_iter().any(|(a, b)| !a.eq_ignore_ascii_case(b)) {
        return false;
    }
    let places = other.len().saturating_add(1);
    let mut row = vec![false; places];
    row.iter_mut().take(1).for_each(|it| *it = true);
    for place in 0..=one.len() {
        let letter = one.get(place).copied();
        let mut below = vec![false; places];
        for at in 0..places {
            if !row.get(at).copied().unwrap_or(false) {
                continue;
            }
            let opposite = other.get(at).copied();
            let beside = at.saturating_add(1);
            let reach = |row: &mut Vec<bool>, at: usize| {
                row.get_mut(at).into_iter().for_each(|it| *it = true);
            };
            if opposite == Some(b'*') || (letter == Some(b'*') && opposite.is_some()) {
                reach(&mut row, beside);
            }
            if letter == Some(b'*') || (opposite == Some(b'*') && letter.is_some()) {
                reach(&mut below, at);
            }
            if let (Some(a), Some(b)) = (letter, opposite)
                && (a.eq_ignore_ascii_case(&b) || a == b'?' || b == b'?')
            {
                reach(&mut below, beside);
            }
        }
        if place == one.len() {
            return row.last().copied().unwrap_or(false);
        }
        row = below;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::granted::Grants;

    fn catalogue() -> Catalogue {
        let text = "# a test's own\nec2\n L DescribeImages\n L DescribeInstances\n W Run\n W RunInstances\ns3\n R GetObject\n R GetObjectAcl\n W PutObject\n";
        Catalogue::parse(text).expect("a catalogue")
    }

    fn set(catalogue: &Catalogue, numbers: impl IntoIterator<Item = usize>) -> ActionSet {
        let mut set = ActionSet::none(catalogue.actions().len());
        numbers.into_iter().for_each(|it| set.put(it));
        set
    }

    #[test]
    fn a_beginning_stands_for_all_that_begins_so() {
        let catalogue = catalogue();
        let said = |numbers: &[usize], stay: &[&str]| {
            shorten(&catalogue, &set(&catalogue, numbers.iter().copied()), stay).join(" ")
        };
        assert_eq!(said(&[0, 1, 2, 3, 6], &[]), "ec2:* s3:PutObject");
        assert_eq!(said(&[0, 1], &[]), "ec2:D*");
        assert_eq!(said(&[2], &[]), "ec2:Run");
        assert_eq!(said(&[3], &[]), "ec2:RunInstances");
        // What stays by a name that nobody knows stays.
        assert_eq!(said(&[4, 5, 6], &["s3:GetNews"]), "s3:GetO* s3:PutObject");
        assert_eq!(said(&[4, 5, 6], &["s3:*ect"]), "s3:GetObject s3:GetObjectAcl s3:PutObject");
    }

    proptest! {
        #[test]
        fn patterns_fit_what_they_are_for_and_nothing_else(
            numbers in proptest::collection::btree_set(0_usize..7, 0..7),
        ) {
            let catalogue = catalogue();
            let wanted = set(&catalogue, numbers);
            let mut got = ActionSet::none(7);
            let mut grants = Grants::new(&catalogue);
            for pattern in shorten(&catalogue, &wanted, &[]) {
                grants.compiled(&pattern).iter().for_each(|it| got.add_range(it.clone()));
            }
            prop_assert_eq!(got, wanted);
        }
    }
}
