//! Walking along the chain: each record against the one before it.

use bailiwick_model::Digest;
use rusqlite::{
    Row,
    types::{Value, ValueRef},
};

use super::{DurableAt, encode::Outline};

/// What comes before the first record.
pub(crate) const GENESIS: DurableAt = DurableAt { seq: 0, chain: Digest::from_bytes([0; 32]) };

/// The columns in the order that [`Walk::step`] reads them.
pub(crate) const SELECT: &str =
    "SELECT seq, kind, time, task, format, body, chain FROM record ORDER BY seq";

/// Something wrong with the record that comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The number of the first record that is not as it was.
    pub(crate) seq: u64,
    /// What is wrong.
    pub(crate) why: String,
    /// True where the record is there, and is wrong in itself.
    pub(crate) present: bool,
}

/// A place on the chain, up to which everything is right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    /// The place.
    pub(crate) at: DurableAt,
}

impl Walk {
    /// Goes on to the record in `row`, or says why it is not the next one.
    pub(crate) fn step(&mut self, row: &Row<'_>) -> Result<Outline, Flaw> {
        let seq = self.at.seq.saturating_add(1);
        let flaw = |why: &str| Flaw { seq, why: why.to_owned(), present: true };
        let column = |place: usize| row.get_ref(place).unwrap_or(ValueRef::Null);
        let found = column(0).as_i64().ok().and_then(|it| u64::try_from(it).ok());
        if found != Some(seq) {
            let why = format!("it is missing; record {} follows", found.unwrap_or_default());
            return Err(Flaw { seq, why, present: false });
        }
        let body = column(5).as_bytes().map_err(|_| flaw("its body is gone"))?;
        let chain = Digest::chain(&self.at.chain, body);
        if column(6).as_bytes().ok() != Some(chain.as_bytes()) {
            return Err(flaw("the chain breaks: its body or its chain was altered"));
        }
        let format = column(4).as_i64().map_err(|_| flaw("its format is gone"))?;
        let outline = Outline::of(seq, format, body)
            .ok_or_else(|| flaw(&format!("it cannot be read as format {format}")))?;
        let beside = [
            Value::Text(outline.kind.to_owned()),
            Value::Integer(outline.time.millis()),
            outline.task.as_ref().map_or(Value::Null, |it| Value::Text(it.to_string())),
        ];
        if beside.iter().zip(1..).any(|(value, place)| column(place) != ValueRef::from(value)) {
            return Err(flaw("its kind, time or task is not the one in its body"));
        }
        self.at = DurableAt { seq, chain };
        Ok(outline)
    }
}
