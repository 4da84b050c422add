//! How long a receiver that does not take something is left alone, and when that is set aside.

use std::time::Duration;

use bailiwick_connect::Pushed;

/// How often in a row a receiver says of one telling that it is none, before that is set aside.
const NOES: u32 = 6;
/// The first pause before it is tried again, and the longest, in milliseconds.
const PAUSES: (u64, u64) = (250, 60_000);
/// The longest pause that a receiver may ask for.
const ASKED_FOR: Duration = Duration::from_secs(300);

/// How often the first of what waits was sent in vain.
#[derive(Debug, Default)]
pub(super) struct Tries {
    all: u32,
    /// Its name.
    of: String,
    /// How often in a row, of late, it was refused for what it is.
    noes: u32,
}

/// What is done after it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The receiver has it.
    Taken,
    /// It will never take it.
    SetAside,
    /// It is sent again after this long, as this went wrong.
    Again(String, Duration),
}

impl Tries {
    /// Says whether nothing waits to be sent again.
    pub(super) const fn none(&self) -> bool {
        0 == self.all
    }

    /// Takes in what came of sending the telling of this name. `chance` spreads the pauses of many
    /// governors.
    pub(super) fn after(&mut self, jti: &str, pushed: Pushed, chance: u8) -> Next {
        if self.of != jti {
            (self.of, self.noes) = (jti.to_owned(), 0);
        }
        let (why, asked_for) = match pushed {
            Pushed::Taken => {
                *self = Self::default();
                return Next::Taken;
            }
            Pushed::Refused if NOES <= self.noes.saturating_add(1) => {
                *self = Self::default();
                return Next::SetAside;
            }
            Pushed::Refused => {
                self.noes = self.noes.saturating_add(1);
                ("it says `invalid_request`".to_owned(), None)
            }
            Pushed::Later(why, asked_for) => {
                self.noes = 0;
                (why, asked_for)
            }
        };
        let (first, most) = PAUSES;
        let pause = first.saturating_mul(1 << self.all.min(8)).min(most);
        self.all = self.all.saturating_add(1);
        // Up to a quarter more, so that many governors do not come back at once.
        let pause = pause.saturating_add(pause.saturating_mul(chance.into()) / 1024);
        let asked_for = asked_for.unwrap_or_default().min(ASKED_FOR);
        Next::Again(why, Duration::from_millis(pause).max(asked_for))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later() -> Pushed {
        Pushed::Later("it says `invalid_key`".to_owned(), None)
    }

    fn pause(next: Next) -> Duration {
        let Next::Again(_, pause) = next else { panic!("{next:?}") };
        pause
    }

    #[test]
    fn whatever_else_goes_wrong_however_often_nothing_is_set_aside() {
        let mut tries = Tries::default();
        for _ in 0..1000 {
            pause(tries.after("one", later(), 0));
        }
        // One no among it is one, and not the thousandth.
        pause(tries.after("one", Pushed::Refused, 0));
        for _ in 0..1000 {
            for pushed in [Pushed::Refused, Pushed::Refused, later()] {
                pause(tries.after("one", pushed, 0));
            }
        }
        // What was said of one does not count of another.
        for number in 0..1000 {
            pause(tries.after(&number.to_string(), Pushed::Refused, 0));
        }
        assert_eq!(tries.after("one", Pushed::Taken, 0), Next::Taken);
        assert!(tries.none());
    }

    #[test]
    fn the_sixth_no_in_a_row_sets_it_aside_and_the_next_begins_anew() {
        let mut tries = Tries::default();
        for _ in 0..2 {
            for _ in 0..5 {
                pause(tries.after("one", Pushed::Refused, 0));
                assert!(!tries.none());
            }
            assert_eq!(tries.after("one", Pushed::Refused, 0), Next::SetAside);
            assert!(tries.none());
        }
    }

    #[test]
    fn pauses_grow_to_a_minute_and_last_as_long_as_is_asked_for_but_not_for_ever() {
        let mut tries = Tries::default();
        let mut pauses = (0..10).map(|_| pause(tries.after("one", later(), 0)).as_millis());
        assert_eq!(pauses.by_ref().take(3).collect::<Vec<_>>(), [250, 500, 1000]);
        assert_eq!(pauses.last(), Some(60_000));
        assert!(pause(tries.after("one", later(), 255)) < Duration::from_secs(75));
        for (asked_for, is) in [(200, 200), (100_000, 300)] {
            let asked_for = Duration::from_secs(asked_for);
            let pushed = Pushed::Later(String::new(), Some(asked_for));
            assert_eq!(pause(tries.after("one", pushed, 0)), Duration::from_secs(is));
        }
    }
}
