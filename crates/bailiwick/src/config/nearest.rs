//! What someone probably meant: the known word nearest to the one they wrote.

/// Finds the word that `written` is a slip of, if one is near enough.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Longer texts are no slips of the finger, and comparing them costs their square.
    const LEN_MAX: usize = 64;
    if LEN_MAX < written.len() {
        return None;
    }
    let reach = written.chars().count().div_ceil(3).min(3);
    known
        .into_iter()
        .filter(|word| word.len() <= LEN_MAX)
        .map(|word| (distance(&written.to_lowercase(), &word.to_lowercase()), word))
        .filter(|(distance, _)| *distance <= reach)
        .min()
        .map(|(_, word)| word)
}

/// Says what was meant, or else what there is.
pub(crate) fn suggestion<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(word) = nearest(written, known.clone()) {
        return Some(format!("did you mean `{word}`?"));
    }
    let all: Vec<String> = known.into_iter().map(|word| format!("`{word}`")).collect();
    match all.as_slice() {
        [] => None,
        [only] => Some(format!("only {only} is known")),
        [.., _] => Some(format!("known are {}", all.join(", "))),
    }
}

/// Counts the letters to change, add, drop or swap with their neighbour on the way from one word
/// to the other (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut last_letter = None;
    for (row, letter) in one.chars().enumerate() {
        let mut current = vec![row.saturating_add(1)];
        for (column, there) in other.iter().enumerate() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX);
            let next = column.saturating_add(1);
            let change = at(&last, column).saturating_add(usize::from(letter != *there));
            let edit = at(&last, next).min(at(&current, column)).saturating_add(1);
            let swapped = column
                .checked_sub(1)
                .filter(|place| other.get(*place) == Some(&letter) && last_letter == Some(*there));
            let swap =
                swapped.map_or(usize::MAX, |place| at(&before_last, place).saturating_add(1));
            current.push(change.min(edit).min(swap));
        }
        before_last = std::mem::replace(&mut last, current);
        last_letter = Some(letter);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{distance, nearest, suggestion};

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let known = ["http", "public_url", "insecure"];
        assert_eq!(nearest("htpp", known), Some("http"));
        assert_eq!(nearest("publicurl", known), Some("public_url"));
        assert_eq!(nearest("Insecure", known), Some("insecure"));
        assert_eq!(nearest("port", known), None);
    }

    #[test]
    fn without_a_near_word_all_are_named() {
        assert_eq!(
            suggestion("x", ["allow", "deny"]),
            Some("known are `allow`, `deny`".to_owned())
        );
        assert_eq!(suggestion("x", ["allow"]), Some("only `allow` is known".to_owned()));
        assert_eq!(suggestion("x", []), None);
    }

    proptest! {
        #[test]
        fn distance_is_symmetric_and_nothing_only_between_equals(one in ".{0,12}", other in ".{0,12}") {
            prop_assert_eq!(distance(&one, &other), distance(&other, &one));
            prop_assert_eq!(distance(&one, &other) == 0, one == other);
        }
    }
}
