//! What grants say can be done next: who may become whom, and who may use what.

use bailiwick_model::{Holder, Patterns, Platform, Statement};

/// What stands for the `*` of a pattern where only another `*` has it.
const STRETCH: u8 = 1;

/// Says whether two patterns have a text in common: `*` stands for any letters, `?` for any one.
pub(super) fn overlaps(one: &str, other: &str) -> bool {
    if one == "*" || other == "*" {
        return true;
    }
    let wild = |it: u8| matches!(it, b'*' | b'?');
    let (one, other) = (one.as_bytes(), other.as_bytes());
    for (a, b) in one.iter().zip(other) {
        if wild(*a) || wild(*b) {
            break;
        }
        if a != b {
            return false;
        }
    }
    // Any one letter is no stretch of letters.
    let same = |a: u8, b: u8| a == b || (wild(a) && b != STRETCH) || (wild(b) && a != STRETCH);
    // Which ends of `other` each beginning of `one` can leave over.
    let width = other.len().saturating_add(1);
    let get = |row: &[bool], at: usize| row.get(at).copied().unwrap_or(false);
    let mut row = vec![false; width];
    if let Some(first) = row.first_mut() {
        *first = true;
    }
    spread(&mut row, other);
    for a in one {
        let mut next = vec![false; width];
        for at in 0..width {
            let b = at.checked_sub(1).and_then(|it| other.get(it));
            let before = at.checked_sub(1);
            let fits = match (a, b) {
                // Nothing, or one more letter of the other.
                (b'*', _) => get(&row, at) || before.is_some_and(|it| get(&next, it)),
                (_, None) => false,
                (_, Some(b'*')) => get(&row, at) || before.is_some_and(|it| get(&next, it)),
                (_, Some(b)) => same(*a, *b) && before.is_some_and(|it| get(&row, it)),
            };
            if let Some(slot) = next.get_mut(at) {
                *slot = fits;
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(false)
}

/// A `*` of the other that stands for nothing is stepped over.
fn spread(row: &mut [bool], other: &[u8]) {
    for (at, letter) in (1_usize..).zip(other) {
        let before = at.checked_sub(1).and_then(|it| row.get(it)).copied().unwrap_or(false);
        if let Some(slot) = row.get_mut(at).filter(|_| before && *letter == b'*') {
            *slot = true;
        }
    }
}

/// Says whether `pattern` has every text that `other` has, as far as can be seen of it letter by letter.
pub(super) fn covers(pattern: &str, other: &str) -> bool {
    // A `*` of the other is a letter like each: only a `*` covers it.
    let other: String =
        other.chars().map(|it| if it == '*' { char::from(STRETCH) } else { it }).collect();
    overlaps(pattern, &other) && !other.contains('?')
}

/// Says whether a holder may do `action` to `target`: some statement says so, none that always counts says no, and no
/// bound is in the way.
pub(super) fn may(holder: &Holder, action: &str, target: &str) -> bool {
    let all = || holder.policies.iter().flat_map(|it| &it.statements);
    let bounded =
        holder.bounds.iter().all(|bound| allowed(bound.statements.iter(), action, target));
    allowed(all(), action, target) && bounded
}

/// Says whether a holder may do `action` to anything at all, as far as what it is given says.
pub(super) fn asks(holder: &Holder, action: &str) -> bool {
    let mut all = holder.policies.iter().flat_map(|it| &it.statements);
    all.any(|it| it.allows && names(&it.actions, action))
}

fn allowed<'s>(
    statements: impl Iterator<Item = &'s Statement>,
    action: &str,
    target: &str,
) -> bool {
    let mut says = false;
    for statement in statements {
        if statement.allows {
            says = says
                || (names(&statement.actions, action) && reaches(&statement.resources, target));
        } else if !statement.conditional
            && names_all(&statement.actions, action)
            && has_all(&statement.resources, target)
        {
            return false;
        }
    }
    says
}

/// Says whether an action's name is among some: case makes no difference.
fn names(patterns: &Patterns, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let fits = |it: &String| overlaps(&it.to_ascii_lowercase(), &action);
    match patterns {
        Patterns::Only(names) => names.iter().any(fits),
        Patterns::AllBut(names) => {
            !names.iter().any(|it| covers(&it.to_ascii_lowercase(), &action))
        }
    }
}

/// Says whether every action that a pattern has is among some: what denies one of them denies not all.
fn names_all(patterns: &Patterns, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    match patterns {
        Patterns::Only(names) => names.iter().any(|it| covers(&it.to_ascii_lowercase(), &action)),
        Patterns::AllBut(names) => {
            !names.iter().any(|it| overlaps(&it.to_ascii_lowercase(), &action))
        }
    }
}

/// Says whether a holder is denied `action` on `target` whatever comes.
pub(super) fn is_denied(holder: &Holder, action: &str, target: &str) -> bool {
    let mut all = holder.policies.iter().flat_map(|it| &it.statements);
    all.any(|it| {
        !it.allows
            && !it.conditional
            && names_all(&it.actions, action)
            && has_all(&it.resources, target)
    })
}

fn reaches(patterns: &Patterns, target: &str) -> bool {
    match patterns {
        Patterns::Only(names) => names.iter().any(|it| overlaps(it, target)),
        Patterns::AllBut(names) => !names.iter().any(|it| covers(it, target)),
    }
}

/// Says whether patterns have all that a name, or another pattern, means.
pub(crate) fn has_all(patterns: &Patterns, target: &str) -> bool {
    match patterns {
        Patterns::Only(names) => names.iter().any(|it| covers(it, target)),
        Patterns::AllBut(names) => !names.iter().any(|it| overlaps(it, target)),
    }
}

/// Says what an action on a resource is called: of an ARN, any of its service; of anything else, any at all.
pub(super) fn any_on(resource: &str) -> String {
    match resource.strip_prefix("arn:").and_then(|it| it.split(':').nth(1)) {
        Some(service) if !service.is_empty() => format!("{service}:*"),
        Some(_) | None => "*".to_owned(),
    }
}

/// Gives the system that a name of a resource is of, and the name: `arn:…` is AWS's, `postgres:…` says it.
pub(super) fn placed(pattern: &str) -> (Option<Platform>, &str) {
    if pattern.starts_with("arn:") {
        return (Some(Platform::Aws), pattern);
    }
    match pattern.split_once(':') {
        Some((system, rest)) => match system.parse() {
            Ok(platform) => (Some(platform), rest),
            Err(_) => (None, pattern),
        },
        None => (None, pattern),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every text of up to six letters that a pattern has.
    fn texts(pattern: &str) -> Vec<String> {
        let mut all = vec![String::new()];
        for begin in 0..6 {
            let longest: Vec<_> = all.iter().filter(|it| it.len() == begin).cloned().collect();
            all.extend(
                longest.iter().flat_map(|it| ["a", "b"].map(|letter| format!("{it}{letter}"))),
            );
        }
        all.into_iter().filter(|it| overlaps(pattern, it)).collect()
    }

    proptest! {
        #[test]
        fn patterns_overlap_where_a_text_is_of_both(one in "[ab*?]{0,3}", other in "[ab*?]{0,3}") {
            let (left, right) = (texts(&one), texts(&other));
            let shared = left.iter().any(|it| right.contains(it));
            // Two patterns of three letters share a short text or none.
            prop_assert_eq!(overlaps(&one, &other), shared, "{} {}", one, other);
            prop_assert_eq!(overlaps(&one, &other), overlaps(&other, &one));
        }

        #[test]
        fn what_covers_has_every_text_of_the_other(one in "[ab*?]{0,3}", other in "[ab*?]{0,3}") {
            if covers(&one, &other) {
                let all = texts(&one);
                prop_assert!(texts(&other).iter().all(|it| all.contains(it)), "{} {}", one, other);
            }
        }
    }

    #[test]
    fn what_denies_one_action_denies_not_all_of_a_service() {
        let only = |it: &str| Patterns::Only(vec![it.to_owned()]);
        let statement = |allows, actions| Statement {
            allows,
            actions,
            resources: only("*"),
            conditional: false,
        };
        let says = |denied| {
            let all = [statement(true, only("s3:*")), statement(false, denied)];
            allowed(all.iter(), "s3:*", "arn:aws:s3:::x")
        };
        assert!(says(only("s3:DeleteBucket")));
        assert!(says(Patterns::AllBut(vec!["s3:GetObject".to_owned()])));
        assert!(!says(only("S3:*")));
        assert!(!says(Patterns::AllBut(vec!["ec2:*".to_owned()])));
    }

    #[test]
    fn a_resource_says_whose_it_is() {
        assert_eq!(placed("arn:aws:s3:::x"), (Some(Platform::Aws), "arn:aws:s3:::x"));
        assert_eq!(placed("postgres:public.pay"), (Some(Platform::Postgres), "public.pay"));
        assert_eq!(placed("org/repo"), (None, "org/repo"));
        assert_eq!(any_on("arn:aws:s3:::x/*"), "s3:*");
        assert_eq!(any_on("public.pay"), "*");
    }
}
