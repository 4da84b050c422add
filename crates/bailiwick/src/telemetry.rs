//! Traces: what a call took, told to a collector in OTLP over HTTP.
//!
//! Spans are made by `tracing` and hold what logs hold. Here they are put together and sent; a
//! collector that is slow or away costs spans, and never a call.

mod export;
mod layer;
mod span;

use http::Uri;

use self::export::Lost;
pub(crate) use self::{export::Export, layer::Traces};

/// Begins to trace; the layer makes spans, and what it makes is sent until the end.
pub(crate) fn start(collector: &Uri) -> (Traces, Export) {
    let lost = Lost::default();
    let (spans, export) = Export::start(collector, lost.clone());
    (Traces::new(spans, lost), export)
}
