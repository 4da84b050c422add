//! Answers that find no room when they are made: told so, and what was done is said to be done.

use axum::{body::HttpBody as _, response::Response};
use http::StatusCode;

use super::{ask::Asked, refusal, stream::DECISION};
use crate::{
    jsonrpc::{Refused, code},
    room::Full,
};

impl Asked<'_> {
    /// Gives the answer where there is room for it.
    pub(super) fn fitting(&self, response: Response) -> Response {
        let size = response.body().size_hint().exact().and_then(|it| usize::try_from(it).ok());
        let room = self.listener.share().zip(size).map_or(Ok(()), |(share, it)| share.reach(it));
        match room {
            Ok(()) => response,
            Err(full) => self.no_room(full, &response),
        }
    }

    fn no_room(&self, full: Full, response: &Response) -> Response {
        let decision = response.headers().get(&DECISION);
        let refused = match decision.and_then(|it| it.to_str().ok()) {
            // It is on record, and to ask again is to call again.
            Some(decision) => {
                let text =
                    format!("what came of it is on record ({decision}), and {}", full.no_answer());
                Refused::new(StatusCode::OK, code::INTERNAL_ERROR, text)
            }
            None => Refused::new(full.status(), code::INTERNAL_ERROR, full.to_string()),
        };
        let mut told = refusal(&refused.with_id(self.answer_id()));
        if let Some(decision) = decision {
            told.headers_mut().insert(&DECISION, decision.clone());
        }
        told
    }
}
