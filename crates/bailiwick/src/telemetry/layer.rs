//! Takes the spans of `tracing`, and hands them on when they end.

use std::fmt;

use serde_json::Value;
use tokio::sync::mpsc;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{layer::Context, registry::LookupSpan};

use super::{
    export::Lost,
    span::{Begun, Place},
};

/// Makes a trace of every call.
#[derive(Debug)]
pub(crate) struct Traces {
    spans: mpsc::Sender<Value>,
    lost: Lost,
}

impl Traces {
    pub(super) const fn new(spans: mpsc::Sender<Value>, lost: Lost) -> Self {
        Self { spans, lost }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Traces {
    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        context: Context<'_, S>,
    ) {
        let Some(span) = context.span(id) else { return };
        let mut said = Said::default();
        attributes.record(&mut said);
        let above = span.parent().and_then(|it| it.extensions().get::<Begun>().map(|it| it.place));
        let above = above.or_else(|| said.traceparent().and_then(Place::read));
        let place = above.map_or_else(Place::new, Place::below);
        // Without a number it can be found by, a span is none.
        let Some(place) = place else { return };
        let mut begun = Begun::new(attributes.metadata().name(), place, above.map(|it| it.span));
        said.0.into_iter().for_each(|(name, value)| begun.add(name, value));
        span.extensions_mut().insert(begun);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut said = Said::default();
        values.record(&mut said);
        if let Some(begun) = span.extensions_mut().get_mut::<Begun>() {
            said.0.into_iter().for_each(|(name, value)| begun.add(name, value));
        }
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let begun = context.span(&id).and_then(|it| it.extensions_mut().remove::<Begun>());
        let Some(begun) = begun.filter(|it| it.place.sampled) else { return };
        if self.spans.try_send(begun.end()).is_err() {
            self.lost.add(1);
        }
    }
}

/// What a span says.
#[derive(Debug, Default)]
struct Said(Vec<(&'static str, String)>);

impl Said {
    fn traceparent(&self) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == "traceparent").map(|(_, it)| it.as_str())
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}
