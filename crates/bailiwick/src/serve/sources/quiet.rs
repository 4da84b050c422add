//! How long nothing has come of a source: a log that falls silent says nothing about those whom it is to tell of.

use std::time::Duration;

use bailiwick_connect::source::Turn;

/// How long nothing has come, and from when on that is worth a word.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    limit: Option<Duration>,
    /// When something came last, or when it was first looked at, and how long nothing had come then.
    last: Option<(Duration, Duration)>,
    is_silent: bool,
}

/// What came of a source in a round.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Came {
    /// Whether a file of it came or changed.
    pub(super) stirred: bool,
    /// Whether one of its folders could not be looked at.
    pub(super) unseen: bool,
    /// When the latest of its files changed, in seconds since 1970.
    pub(super) changed: Option<i64>,
}

impl Came {
    /// Adds what came of one of its folders.
    pub(super) fn add(&mut self, turn: &Turn) {
        self.stirred |= turn.stirred;
        self.unseen |= turn.unseen;
        self.changed = turn.changed.max(self.changed);
    }

    /// Says whether anything came; nothing, where it could not be looked.
    pub(super) fn anything(self) -> Option<bool> {
        (self.stirred || !self.unseen).then_some(self.stirred)
    }
}

/// What is new about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    Nothing,
    /// Nothing has come for too long.
    Silent,
    /// Something came again.
    Heard,
}

impl Quiet {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Hears whether something came by `now`; `age` is how old the latest of it is, by a clock that may have been set.
    pub(super) fn hear(&mut self, now: Duration, came: bool, age: Option<Duration>) -> Turned {
        match self.last {
            Some(_) if !came => {}
            Some(_) => self.last = Some((now, Duration::ZERO)),
            None => self.last = Some((now, age.unwrap_or_default())),
        }
        let is_silent = self.limit.is_some_and(|it| it <= self.lasts(now));
        let was_silent = std::mem::replace(&mut self.is_silent, is_silent);
        match (was_silent, is_silent) {
            (false, true) => Turned::Silent,
            (true, false) => Turned::Heard,
            (true, true) | (false, false) => Turned::Nothing,
        }
    }

    /// Gives for how long nothing has come.
    pub(super) fn lasts(&self, now: Duration) -> Duration {
        self.last
            .map_or(Duration::ZERO, |(at, before)| now.saturating_sub(at).saturating_add(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn silence_is_told_once_until_something_comes() {
        let mut quiet = Quiet::new(Some(second(60)));
        let mut told = Vec::new();
        for now in 0..400 {
            let came = now == 10 || now == 200;
            let turned = quiet.hear(second(now), came, None);
            if turned != Turned::Nothing {
                told.push((now, turned));
            }
        }
        assert_eq!(told, [(70, Turned::Silent), (200, Turned::Heard), (260, Turned::Silent)]);
        assert_eq!(quiet.lasts(second(400)), second(200));
    }

    #[test]
    fn what_can_be_looked_at_in_part_is_heard_and_what_cannot_says_nothing() {
        let turn = |stirred, unseen, lost: bool| Turn {
            stirred,
            unseen,
            lost: lost.then(String::new),
            ..Turn::default()
        };
        for (turns, is) in [
            (vec![turn(true, false, true)], Some(true)),
            (vec![turn(false, false, true)], Some(false)),
            (vec![turn(false, true, true)], None),
            (vec![turn(false, true, true), turn(false, false, false)], None),
            (vec![turn(true, false, false), turn(false, true, true)], Some(true)),
        ] {
            let mut came = Came::default();
            for it in &turns {
                came.add(it);
            }
            assert_eq!(came.anything(), is, "{turns:?}");
        }
    }

    #[test]
    fn what_was_silent_before_the_start_is_silent_at_once_and_one_without_a_limit_never() {
        let mut quiet = Quiet::new(Some(second(60)));
        assert_eq!(quiet.hear(second(5), false, Some(second(3600))), Turned::Silent);
        assert_eq!(quiet.hear(second(6), false, Some(second(3601))), Turned::Nothing);
        let mut quiet = Quiet::new(None);
        assert_eq!(quiet.hear(second(5), false, Some(second(3600))), Turned::Nothing);
        assert_eq!(quiet.lasts(second(6)), second(3601));
        // A clock that jumps later on makes nothing silent.
        let mut quiet = Quiet::new(Some(second(60)));
        assert_eq!(quiet.hear(second(5), false, Some(second(1))), Turned::Nothing);
        assert_eq!(quiet.hear(second(6), false, Some(second(99_999))), Turned::Nothing);
    }
}
