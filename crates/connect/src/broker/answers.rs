//! What services answer that give tokens, read in one way.

use std::fmt::Display;

use bailiwick_model::TargetName;
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::{BrokerError, call::Answered};
use crate::Secret;

/// The longest token that is taken.
const TOKEN_MAX: usize = 16 * 1024;

/// The answers of one target.
#[derive(Clone, Copy)]
pub(super) struct Answers<'a>(pub(super) &'a TargetName);

impl Answers<'_> {
    /// Reads what came with the status that is wanted, as `form` has it. What else came is shown nowhere.
    pub(super) fn read<T: DeserializeOwned>(
        self,
        answer: &Answered,
        (wanted, form): (StatusCode, &str),
        denied: impl FnOnce(&Answered) -> BrokerError,
    ) -> Result<T, BrokerError> {
        if answer.status != wanted {
            return Err(denied(answer));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| self.away(format!("its answer is none of {form}")))
    }

    /// Says no in the words that a status has there. Where patience is asked for, it is had; what is no
    /// answer to the question may pass.
    pub(super) fn denied(
        self,
        answer: &Answered,
        (is_no, words): (impl Fn(StatusCode) -> bool, &str),
    ) -> BrokerError {
        let why = format!("it answers {}{words}", answer.status.as_u16());
        let (status, after) = (answer.status, answer.after);
        let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        if busy.contains(&status) || (status == StatusCode::FORBIDDEN && after.is_some()) {
            return BrokerError::Busy { target: self.0.clone(), why, after };
        }
        if is_no(status) { self.refused(why) } else { self.away(why) }
    }

    /// Says why nobody may have what was given: it was given all the same, and is given back until that
    /// is heard.
    pub(super) fn unfit(self, fit: Result<(), impl Display>) -> Option<String> {
        fit.err().map(|why| format!("target `{}` refuses: {why}", self.0))
    }

    pub(super) fn refused(self, why: String) -> BrokerError {
        BrokerError::Refused { target: self.0.clone(), why }
    }

    pub(super) fn away(self, why: String) -> BrokerError {
        BrokerError::Away { target: self.0.clone(), why }
    }
}

/// Sees that a header can bear a token.
pub(super) fn bearable(token: &Secret) -> Result<(), &'static str> {
    let text = token.expose();
    let good =
        (1..=TOKEN_MAX).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic());
    if good { Ok(()) } else { Err("its token is none that a header can bear") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    fn answer(status: u16, after: Option<u64>, body: &'static str) -> Answered {
        let (status, after) =
            (StatusCode::from_u16(status).unwrap(), after.map(Duration::from_secs));
        Answered { status, after, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn patience_is_had_where_it_is_asked_for_and_a_no_is_told_from_no_answer() {
        let name = "orders".parse().unwrap();
        let denied = |status, after| {
            let no = (|it: StatusCode| it.is_client_error(), ": not so");
            Answers(&name).denied(&answer(status, after, "hunter2"), no)
        };
        for (status, after) in [(429, None), (503, Some(7)), (403, Some(7))] {
            let BrokerError::Busy { after: told, .. } = denied(status, after) else { panic!() };
            assert_eq!(told, after.map(Duration::from_secs));
        }
        let no = denied(403, None);
        assert!(matches!(&no, BrokerError::Refused { .. }), "{no}");
        assert!(no.to_string().ends_with("it answers 403: not so"), "{no}");
        for status in [302, 500, 502] {
            assert!(matches!(denied(status, None), BrokerError::Away { .. }), "{status}");
        }
    }

    #[test]
    fn nothing_of_what_is_no_such_answer_is_shown() {
        let name = "orders".parse().unwrap();
        let read = |status, body| {
            let wanted = (StatusCode::OK, "RFC 6749");
            let denied = |it: &Answered| Answers(&name).denied(it, (|_| true, ""));
            Answers(&name).read::<u8>(&answer(status, None, body), wanted, denied)
        };
        assert_eq!(read(200, "7"), Ok(7));
        for (status, body) in [(200, "hunter2"), (201, "7"), (400, "hunter2")] {
            let told = read(status, body).unwrap_err().to_string();
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn a_token_is_what_a_header_can_bear() {
        for (text, good) in [("a.b-c_d", true), ("", false), ("a b", false), ("a\nb", false)] {
            assert_eq!(bearable(&Secret::new(text)).is_ok(), good, "{text:?}");
        }
        assert!(bearable(&Secret::new("x".repeat(TOKEN_MAX + 1))).is_err());
    }
}
