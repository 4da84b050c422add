//! Patterns as texts: `*` is any letters, `?` is any one, and case makes a difference only for resources.

/// Whether a letter's case counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Same,
    Any,
}

impl Case {
    fn of(self, text: &str) -> Vec<char> {
        match self {
            Self::Same => text.chars().collect(),
            Self::Any => text.chars().map(|it| it.to_ascii_lowercase()).collect(),
        }
    }
}

/// Says whether a pattern fits a name.
pub(super) fn fits(pattern: &str, name: &str, case: Case) -> bool {
    if !begins_with_head(pattern, name, case) {
        return false;
    }
    let name = case.of(name);
    // After each letter of the name, the places in the pattern where it may stand.
    run(&case.of(pattern), &name, |wanted, letter| wanted == '?' || wanted == letter)
}

/// Says whether all that fits `inner` fits `outer`. A `no` may be wrong, a `yes` is not.
pub(super) fn within(inner: &str, outer: &str, case: Case) -> bool {
    if !begins_with_head(outer, inner, case) {
        return false;
    }
    // The inner one's wildcards are letters of their own, which only as wide a wildcard takes in.
    run(&case.of(outer), &case.of(inner), |wanted, letter| match letter {
        '*' => false,
        '?' => wanted == '?',
        _ => wanted == '?' || wanted == letter,
    })
}

/// Says whether a name begins with what a pattern has before its first wildcard: most names are told apart by that.
fn begins_with_head(pattern: &str, name: &str, case: Case) -> bool {
    let head = pattern.bytes().take_while(|it| !matches!(it, b'*' | b'?'));
    let mut name = name.bytes();
    for wanted in head {
        let Some(letter) = name.next() else { return false };
        let is_same = match case {
            Case::Same => letter == wanted,
            Case::Any => letter.eq_ignore_ascii_case(&wanted),
        };
        if !is_same {
            return false;
        }
    }
    true
}

fn run(pattern: &[char], name: &[char], takes: impl Fn(char, char) -> bool) -> bool {
    let mut at = vec![false; pattern.len().saturating_add(1)];
    at.iter_mut().take(1).for_each(|it| *it = true);
    skip_stars(pattern, &mut at);
    for letter in name {
        let mut next = vec![false; at.len()];
        for (place, wanted) in pattern.iter().enumerate() {
            if !at.get(place).copied().unwrap_or(false) {
                continue;
            }
            let reached = match wanted {
                '*' => place,
                _ if takes(*wanted, *letter) => place.saturating_add(1),
                _ => continue,
            };
            next.get_mut(reached).into_iter().for_each(|it| *it = true);
        }
        skip_stars(pattern, &mut next);
        at = next;
    }
    at.last().copied().unwrap_or(false)
}

fn skip_stars(pattern: &[char], at: &mut [bool]) {
    for (place, wanted) in pattern.iter().enumerate() {
        if *wanted == '*' && at.get(place).copied().unwrap_or(false) {
            at.get_mut(place.saturating_add(1)).into_iter().for_each(|it| *it = true);
        }
    }
}

/// Says whether nothing fits both.
pub(super) fn apart(one: &str, other: &str, case: Case) -> bool {
    let (one, other) = (case.of(one), case.of(other));
    let places = other.len().saturating_add(1);
    let mut table = vec![vec![false; places]; one.len().saturating_add(1)];
    let mut open = vec![(0_usize, 0_usize)];
    while let Some((a, b)) = open.pop() {
        let Some(cell) = table.get_mut(a).and_then(|it| it.get_mut(b)) else { continue };
        if std::mem::replace(cell, true) {
            continue;
        }
        let (left, right) = (one.get(a).copied(), other.get(b).copied());
        let (after_a, after_b) = (a.saturating_add(1), b.saturating_add(1));
        match (left, right) {
            (None, None) => return false,
            (Some('*'), None) => open.push((after_a, b)),
            (None, Some('*')) => open.push((a, after_b)),
            (None, Some(_)) | (Some(_), None) => {}
            (Some(x), Some(y)) => {
                if x == '*' || y == '*' {
                    open.extend([(after_a, b), (a, after_b)]);
                }
                if x == y || matches!(x, '?' | '*') || matches!(y, '?' | '*') {
                    open.push((after_a, after_b));
                }
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_are_compared_as_texts() {
        for (inner, outer, is_within) in [
            ("s3:GetObject", "s3:Get*", true),
            ("s3:getobject", "S3:GET*", true),
            ("s3:Get*", "s3:*", true),
            ("s3:*", "*", true),
            ("*", "*:*", false),
            ("s3:Get*", "s3:GetObject", false),
            ("s3:?et*", "s3:G*", false),
            ("s3:?", "s3:??", false),
            ("", "", true),
        ] {
            assert_eq!(within(inner, outer, Case::Any), is_within, "{inner} in {outer}");
        }
        assert!(apart("s3:*", "ec2:*", Case::Any));
        assert!(!apart("s3:*Acl", "s3:Get*", Case::Any));
        assert!(!fits("arn:Aws", "arn:aws", Case::Same));
    }

    proptest! {
        #[test]
        fn what_fits_the_inner_fits_the_outer(inner in "[ab*?]{0,6}", outer in "[ab*?]{0,6}", name in "[ab]{0,6}") {
            if within(&inner, &outer, Case::Same) && fits(&inner, &name, Case::Same) {
                prop_assert!(fits(&outer, &name, Case::Same));
            }
            if fits(&inner, &name, Case::Same) && fits(&outer, &name, Case::Same) {
                prop_assert!(!apart(&inner, &outer, Case::Same));
            }
        }
    }
}
