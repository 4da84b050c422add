//! Signs of life for a caller whose clock runs on while a person is asked, or a server works for long.
//!
//! A person may take longer to answer than a client waits for the answer to a call. News of progress have
//! clients begin their count anew, where they asked for any: so they are told some, under their token.

use std::{
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::value::RawValue;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    Listener,
    jsonrpc::RawObject,
    mcp::waiting::{self, progress_token},
};

/// What a caller is told who was asked something.
pub(crate) const ASKED: &str = "waiting for an answer to what the server asks";
/// What a caller is told whose call became a task of its server's.
pub(crate) const GOES_ON: &str = "the server works on it as a task";
/// How often a caller is told so.
const EVERY: Duration = Duration::from_secs(15);
/// What is told first: more than was told while the call was held, and less than a server begins with.
const FIRST: f64 = -1e-9;

/// How far a call is, as its caller was told: what is told next must be more.
#[derive(Clone, Debug)]
pub(crate) struct Signs {
    token: Box<RawValue>,
    last: Arc<Mutex<Option<f64>>>,
}

impl Signs {
    /// Reads whether the caller of a call with `params` wants to hear how it fares.
    pub(crate) fn of(params: &RawValue) -> Option<Self> {
        let token = progress_token(params)?;
        Some(Self { token, last: Arc::default() })
    }

    /// Takes note of what a server tells of its progress.
    pub(crate) fn told(&self, params: &RawObject<'_>) {
        let progress = params.get("progress").and_then(|it| it.get().parse().ok());
        if let Some(progress) = progress.filter(|it: &f64| it.is_finite()) {
            self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(progress);
        }
    }

    /// Gives how far the call is by now: hardly further, and further.
    fn next(&self) -> f64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let next = last.map_or(FIRST, |it| it.next_up().min(f64::MAX));
        *last.insert(next)
    }
}

/// Tells a caller `why` its call takes time, at once and again and again. A caller that does not read misses
/// some; one that wants to hear nothing hears nothing.
pub(crate) async fn show(listener: &Listener, why: &str) -> Infallible {
    let Some(signs) = listener.signs() else { return pending().await };
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let _missed = listener.try_pass(waiting::goes_on(&signs.token, signs.next(), why));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    const MARKED: &str = r#"{"_meta":{"progressToken":"mine"}}"#;

    #[tokio::test]
    async fn whoever_is_asked_hears_at_once_that_it_is_waited_for_if_it_wants_to() {
        let (listener, mut notes) = Listener::new();
        let listener = listener.with_signs(Signs::of(&raw(MARKED)));
        let note = tokio::select! {
            note = notes.next() => note,
            never = show(&listener, ASKED) => match never {},
        };
        assert_eq!(
            note.message(),
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"mine","progress":-1e-9,"message":"waiting for an answer to what the server asks"}}"#
        );
        for unmarked in ["{}", r#"{"_meta":{"progressToken":{"a":1}}}"#] {
            assert!(Signs::of(&raw(unmarked)).is_none(), "{unmarked}");
        }
    }

    proptest! {
        #[test]
        fn a_sign_is_always_more_than_what_was_told_before(told in proptest::collection::vec(-1e300..1e300_f64, 0..8)) {
            let signs = Signs::of(&raw(MARKED)).unwrap();
            let mut before = signs.next();
            prop_assert!(before < 0.0 && before < signs.next() && signs.next() < 0.0);
            for progress in told {
                let params = format!(r#"{{"progress":{progress:?}}}"#);
                signs.told(&RawObject::read(&params).unwrap());
                before = progress;
                for _ in 0..3 {
                    let next = signs.next();
                    prop_assert!(before < next, "{before} {next}");
                    before = next;
                }
            }
        }
    }
}
