//! What is to be put on record of a source: a ledger that does not take it is asked again, less and less often, until it does or
//! there is nothing to be said any more.

use std::time::Duration;

/// How long a ledger that refused is left alone, at first and at the most.
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// Something that is to be on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Debt {
    pub(super) code: &'static str,
    /// Of which way, or which source.
    pub(super) whose: String,
    /// What it is about, on record.
    pub(super) subject: String,
    pub(super) text: String,
}

/// All that is still to be put on record.
#[derive(Debug, Default)]
pub(super) struct Owed {
    all: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    debt: Debt,
    /// When the ledger may be asked again.
    next: Duration,
    wait: Duration,
}

impl Owed {
    /// Adds one, where it is not there already.
    pub(super) fn add(&mut self, debt: Debt) {
        if !self.all.iter().any(|it| it.debt == debt) {
            self.all.push(Open { debt, next: Duration::ZERO, wait: WAIT.0 });
        }
    }

    /// Takes away what is no longer to be said.
    pub(super) fn forget(&mut self, code: &str, whose: &str) {
        self.all.retain(|it| it.debt.code != code || it.debt.whose != whose);
    }

    /// Gives those that the ledger is to be asked for now.
    pub(super) fn due(&self, now: Duration) -> Vec<Debt> {
        self.all.iter().filter(|it| it.next <= now).map(|it| it.debt.clone()).collect()
    }

    /// Takes away one that is on record.
    pub(super) fn paid(&mut self, debt: &Debt) {
        self.all.retain(|it| it.debt != *debt);
    }

    /// Has all that are due now wait: a ledger that refused one refuses the next.
    pub(super) fn refused(&mut self, now: Duration) {
        for it in self.all.iter_mut().filter(|it| it.next <= now) {
            it.next = now.saturating_add(it.wait);
            it.wait = it.wait.saturating_mul(2).min(WAIT.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debt(whose: &str) -> Debt {
        let (subject, text) = (format!("source:{whose}"), "it went".to_owned());
        Debt { code: "source-lost", whose: whose.to_owned(), subject, text }
    }

    #[test]
    fn what_a_ledger_refuses_is_asked_for_again_and_less_and_less_often() {
        let mut owed = Owed::default();
        owed.add(debt("a"));
        owed.add(debt("a"));
        let mut asked = Vec::new();
        for second in 0..2000 {
            let now = Duration::from_secs(second);
            if !owed.due(now).is_empty() {
                assert_eq!(owed.due(now), [debt("a")]);
                owed.refused(now);
                asked.push(second);
            }
        }
        assert_eq!(asked, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111, 1411, 1711]);
        owed.paid(&debt("a"));
        assert_eq!(owed.due(Duration::MAX), []);
    }

    #[test]
    fn what_is_back_before_the_ledger_takes_it_is_not_told() {
        let mut owed = Owed::default();
        owed.add(debt("a"));
        owed.add(debt("b"));
        owed.refused(Duration::ZERO);
        owed.forget("source-lost", "a");
        owed.forget("source-silent", "b");
        assert_eq!(owed.due(Duration::from_secs(1)), [debt("b")]);
        // One that goes again is told at once.
        owed.add(debt("a"));
        assert_eq!(owed.due(Duration::ZERO), [debt("a")]);
    }
}
