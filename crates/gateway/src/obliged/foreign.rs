//! Results as foreign bytes, as the fuzzer and its stable twin read them.

use bailiwick_model::{DecisionId, Json, Most, Obligations, Redact, Timestamp, Ulid};

use super::{About, Obliged, raw};
use crate::{
    foreign::{halves, text},
    limits::MESSAGE,
    upstream::Reply,
};

const HIDDEN: &str = "hidden";
const ROWS: usize = 3;

/// A result behind the method that it answers: what nobody is shown is not in what goes on, and no
/// list there is longer than it may be.
pub(crate) fn foreign(bytes: &[u8]) {
    let (method, result) = halves(bytes, b"\n");
    let (Some(method), Some(result)) = (text(method), text(result)) else { return };
    let (Ok(result), Ok(hidden)) = (raw(result.to_owned()), HIDDEN.parse()) else { return };
    let asks = Obligations {
        redact: Redact::of([hidden]),
        rows: u64::try_from(ROWS).map_or(Most::NONE, Most::of),
        ..Obligations::NONE
    };
    let decision = DecisionId::new(Ulid::new(Timestamp::default(), [1; 10]));
    let about = About { decision: &decision, method, asks: &asks, changes: &[] };
    let Obliged { reply: Reply::Result(shown) | Reply::Error(shown), .. } =
        about.oblige(Reply::Result(result));
    let read = Json::parse(shown.get().as_bytes(), MESSAGE);
    assert!(read.is_ok(), "what goes on is no JSON: {shown}");
    if let Ok(read) = read {
        looked_into(&read);
    }
}

fn looked_into(value: &Json) {
    match value {
        Json::Object(members) => {
            for (name, value) in members {
                let nothing = matches!(value, Json::Null | Json::Text(_));
                assert!(name != HIDDEN || nothing, "`{HIDDEN}` goes on: {value}");
                looked_into(value);
            }
        }
        Json::List(items) => {
            assert!(items.len() <= ROWS, "{} rows go on", items.len());
            items.iter().for_each(looked_into);
        }
        Json::Text(text) => {
            // Each reading takes a pair of quotes away, so it ends.
            if let Ok(value @ (Json::Object(_) | Json::List(_) | Json::Text(_))) =
                Json::parse(text.as_bytes(), MESSAGE)
            {
                looked_into(&value);
            }
        }
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) => {}
    }
}
