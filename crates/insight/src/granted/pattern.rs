//! Which actions a pattern means: `s3:Get*`, `*`, `ec2:*Tags`, `iam:PassRole`.
//!
//! As IAM reads them: `*` is any letters, `?` is any one, and case makes no difference.

use std::ops::Range;

use crate::names::{Action, Catalogue, compared};

/// Gives the stretches of the catalogue that a pattern means.
pub(super) fn compile(pattern: &str, catalogue: &Catalogue) -> Vec<Range<usize>> {
    let all = catalogue.actions();
    if pattern == "*" || pattern == "*:*" {
        return std::iter::once(0..all.len()).collect();
    }
    let Some((service, name)) = pattern.split_once(':') else {
        return matching(
            0..all.len(),
            |action| fits(pattern, &format!("{}:{}", action.service, action.name)),
            catalogue,
        );
    };
    let service = service.to_ascii_lowercase();
    let within =
        if service.contains(['*', '?']) { 0..all.len() } else { catalogue.numbers(&service) };
    let named = if within.len() == all.len() {
        matching(within, |it| fits(&service, &it.service) && fits(name, &it.name), catalogue)
    } else if let Some(stretch) = stretch(name, within.clone(), catalogue) {
        std::iter::once(stretch).collect()
    } else {
        matching(within, |it| fits(name, &it.name), catalogue)
    };
    named.into_iter().filter(|it| !it.is_empty()).collect()
}

/// Gives the actions of one service that a pattern means, where it has no `*` but at its end: they are in order, and stand
/// together.
fn stretch(name: &str, within: Range<usize>, catalogue: &Catalogue) -> Option<Range<usize>> {
    let (begin, is_open) = name.strip_suffix('*').map_or((name, false), |begin| (begin, true));
    if begin.contains(['*', '?']) {
        return None;
    }
    // Where a letter goes on beyond the end, the whole name differs before that as well.
    let order = |it: &Action| match it.name.get(..begin.len()).filter(|_| is_open) {
        Some(cut) => compared(cut, begin),
        None => compared(&it.name, begin),
    };
    let actions = catalogue.actions().get(within.clone())?;
    let first = actions.partition_point(|it| order(it).is_lt());
    let end = actions.partition_point(|it| order(it).is_le());
    Some(within.start.checked_add(first)?..within.start.checked_add(end)?)
}

/// Joins the actions that fit to stretches.
fn matching(
    within: Range<usize>,
    fits: impl Fn(&Action) -> bool,
    catalogue: &Catalogue,
) -> Vec<Range<usize>> {
    let mut stretches: Vec<Range<usize>> = Vec::new();
    let actions = catalogue.actions().get(within.clone()).unwrap_or_default();
    for (number, action) in within.zip(actions) {
        if !fits(action) {
            continue;
        }
        let next = number.saturating_add(1);
        match stretches.last_mut() {
            Some(last) if last.end == number => last.end = next,
            Some(_) | None => stretches.push(number..next),
        }
    }
    stretches
}

/// Says whether a pattern fits a name: in one pass, going back to the last `*` only.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut in_name) = (0_usize, 0_usize);
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = name.get(in_name) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_name));
                at = at.saturating_add(1);
            }
            Some(b'?') => (at, in_name) = (at.saturating_add(1), in_name.saturating_add(1)),
            Some(wanted) if wanted.eq_ignore_ascii_case(letter) => {
                (at, in_name) = (at.saturating_add(1), in_name.saturating_add(1));
            }
            Some(_) | None => match star {
                Some((back, taken)) => {
                    let taken = taken.saturating_add(1);
                    star = Some((back, taken));
                    (at, in_name) = (back.saturating_add(1), taken);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).is_none_or(|rest| rest.iter().all(|it| *it == b'*'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn catalogue() -> Catalogue {
        let text = "# a test's own\nec2\n T CreateTags\n L DescribeTags\n W RunInstances\ns3\n R GetObject\n P PutBucketPolicy\n W PutObject\n";
        Catalogue::parse(text).expect("a catalogue")
    }

    fn said(pattern: &str) -> Vec<String> {
        let catalogue = catalogue();
        let names = |it: usize| {
            let action = &catalogue.actions()[it];
            format!("{}:{}", action.service, action.name)
        };
        compile(pattern, &catalogue).into_iter().flatten().map(names).collect()
    }

    #[test]
    fn patterns_mean_what_they_mean_in_iam() {
        for (pattern, means) in [
            ("*", 6),
            ("*:*", 6),
            ("s3:*", 3),
            ("S3:getobject", 1),
            ("s3:Put*", 2),
            ("ec2:*Tags", 2),
            ("s3:Put?bject", 1),
            ("*:Put*", 2),
            ("s?:*", 3),
            ("*Object", 2),
            ("s3:", 0),
            ("", 0),
            ("lambda:*", 0),
        ] {
            assert_eq!(said(pattern).len(), means, "{pattern}: {:?}", said(pattern));
        }
    }

    /// The plainest way to say what a wildcard is.
    fn by_the_book(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                by_the_book(rest, name) || (!name.is_empty() && by_the_book(pattern, &name[1..]))
            }
            (['?', pattern @ ..], [_, name @ ..]) => by_the_book(pattern, name),
            ([one, pattern @ ..], [other, name @ ..]) => one == other && by_the_book(pattern, name),
            _ => false,
        }
    }

    proptest! {
        /// What is looked up in order is what fits one by one.
        #[test]
        fn a_pattern_means_all_that_fits_it(
            service in "(s3|S3|ec2|lambda)",
            name in "((Put|put|Get|Describe|CREATE|R)?[Objectgs*?]{0,6}|[a-zA-Z]{0,3}\\*?)",
        ) {
            let catalogue = catalogue();
            let fits = |it: &Action| {
                it.service.eq_ignore_ascii_case(&service) && fits(&name, &it.name)
            };
            let numbers = catalogue.actions().iter().enumerate().filter(|(_, it)| fits(it));
            let one_by_one: Vec<usize> = numbers.map(|(number, _)| number).collect();
            let pattern = format!("{service}:{name}");
            let compiled: Vec<usize> = compile(&pattern, &catalogue).into_iter().flatten().collect();
            prop_assert_eq!(compiled, one_by_one, "{}", pattern);
        }

        #[test]
        fn one_pass_says_what_the_book_says(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            let letters = |it: &str| it.chars().collect::<Vec<_>>();
            prop_assert_eq!(fits(&pattern, &name), by_the_book(&letters(&pattern), &letters(&name)));
        }
    }
}
