//! The words of a name: `repo_path`, `repoPath`, `repo-path` and `RepoPath` are `repo`, `path`.

/// Parts a name into its words, in small letters.
pub(super) fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (place, letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|it| letters.get(it));
        let after = place.checked_add(1).and_then(|it| letters.get(it));
        if !letter.is_alphanumeric() || begins_a_word(before, *letter, after) {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

fn begins_a_word(before: Option<&char>, letter: char, after: Option<&char>) -> bool {
    let after_capital = before.is_some_and(|it| it.is_uppercase());
    letter.is_uppercase() && (!after_capital || after.is_some_and(|it| it.is_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_parted_however_it_is_joined() {
        for name in [
            "repo_path",
            "repoPath",
            "repo-path",
            "RepoPath",
            "repo.path",
            "REPO_PATH",
            "__repo__path",
        ] {
            assert_eq!(words(name), ["repo", "path"], "{name}");
        }
        assert_eq!(words("baseURLPath2"), ["base", "url", "path2"]);
        assert_eq!(words(""), Vec::<String>::new());
        assert_eq!(words("…"), Vec::<String>::new());
    }
}
