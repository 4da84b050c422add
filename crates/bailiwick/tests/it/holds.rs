//! Held calls on the wire: callers that wait while a person, elsewhere, says yes or no.

mod client;
mod older;
mod rounds;
mod stale;
mod waiting;
