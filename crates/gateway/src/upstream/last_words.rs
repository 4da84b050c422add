//! What a child said last on its standard error, for whoever asks why it ended.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::why::Why;

const LINES: usize = 5;
const CHARACTERS: usize = 300;

/// The last few lines.
#[derive(Debug, Default)]
pub(super) struct LastWords(Mutex<VecDeque<String>>);

impl LastWords {
    /// Adds a line; gives it back as it may be shown.
    pub(super) fn hear(&self, line: &[u8]) -> String {
        let shown: String = String::from_utf8_lossy(line)
            .chars()
            .map(|it| if it.is_control() { ' ' } else { it })
            .take(CHARACTERS)
            .collect();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !shown.trim().is_empty() {
            if lines.len() == LINES {
                lines.pop_front();
            }
            lines.push_back(shown.clone());
        }
        shown
    }

    /// Adds them to a reason, for those whom they are for.
    pub(super) fn after(&self, why: &str) -> Why {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() {
            return Why::from(why.to_owned());
        }
        let words: Vec<_> = lines.iter().map(String::as_str).collect();
        Why::new(why, format!("{why}; it said: {}", words.join(" / ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept_and_none_can_paint_the_screen() {
        let words = LastWords::default();
        assert_eq!(words.after("it ended"), Why::from("it ended".to_owned()));
        for line in 0..10 {
            words.hear(format!("line {line}\u{1b}[31m").as_bytes());
        }
        words.hear(b"   ");
        words.hear(&[b'x'; 10_000]);
        let why = words.after("it ended");
        assert_eq!(why.short(), "it ended");
        let why = why.whole();
        assert!(why.starts_with("it ended; it said: line 6 [31m / line 7"), "{why}");
        assert!(why.len() < 400, "{}", why.len());
    }
}
