//! A span: where it belongs, what it says, and how OTLP writes it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// How long one value may be.
const VALUE_MAX: usize = 512;

/// Where a span belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) trace: u128,
    pub(super) span: u64,
    /// Whether whoever began the trace wants it kept.
    pub(super) sampled: bool,
}

impl Place {
    /// Reads a `traceparent` that was checked before.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-').skip(1);
        let trace = u128::from_str_radix(parts.next()?, 16).ok()?;
        let span = u64::from_str_radix(parts.next()?, 16).ok()?;
        let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
        Some(Self { trace, span, sampled: flags & 1 == 1 })
    }

    /// Begins a trace of its own, which is always kept.
    pub(super) fn new() -> Option<Self> {
        let (trace, span) = (random()?, random()?);
        Some(Self { trace, span: low(span), sampled: true })
    }

    /// Makes a place below this one.
    pub(super) fn below(self) -> Option<Self> {
        Some(Self { span: low(random()?), ..self })
    }
}

fn random() -> Option<u128> {
    bailiwick_connect::random_bytes().ok().map(u128::from_be_bytes).filter(|it| low(*it) != 0)
}

#[expect(clippy::cast_possible_truncation, reason = "half of a random number is one too")]
const fn low(number: u128) -> u64 {
    number as u64
}

/// A span that has not ended yet.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) place: Place,
    parent: Option<u64>,
    name: &'static str,
    at: SystemTime,
    since: Instant,
    fields: Vec<(&'static str, String)>,
}

impl Begun {
    pub(super) fn new(name: &'static str, place: Place, parent: Option<u64>) -> Self {
        let (at, since) = (SystemTime::now(), Instant::now());
        Self { place, parent, name, at, since, fields: Vec::new() }
    }

    /// Adds what the span says.
    pub(super) fn add(&mut self, name: &'static str, mut value: String) {
        if VALUE_MAX < value.len() {
            value = value.chars().take(VALUE_MAX).collect();
        }
        self.fields.push((name, value));
    }

    /// Ends it, and writes it as OTLP does.
    pub(super) fn end(self) -> Value {
        let took = self.since.elapsed();
        let start = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = |it: Duration| it.as_nanos().to_string();
        let field = |name: &str| self.fields.iter().find(|(it, _)| *it == name);
        let failed = field("outcome").is_some_and(|(_, it)| it == "error");
        let name = match field("action") {
            Some((_, action)) => format!("{} {action}", self.name),
            None => self.name.to_owned(),
        };
        let attributes: Vec<Value> = self
            .fields
            .iter()
            .filter(|(name, _)| *name != "traceparent")
            .map(|(name, value)| attribute(&format!("bailiwick.{name}"), value))
            .collect();
        let mut span = json!({
            "traceId": format!("{:032x}", self.place.trace),
            "spanId": format!("{:016x}", self.place.span),
            "name": name,
            "kind": kind(self.name),
            "startTimeUnixNano": nanos(start),
            "endTimeUnixNano": nanos(start.saturating_add(took)),
            "attributes": attributes,
            "status": { "code": if failed { 2 } else { 0 } },
        });
        if let (Some(parent), Some(span)) = (self.parent, span.as_object_mut()) {
            span.insert("parentSpanId".to_owned(), format!("{parent:016x}").into());
        }
        span
    }
}

/// Gives OTLP's number for the kind: a call is served, a sending is a client's, the rest is inside.
fn kind(name: &str) -> u8 {
    match name {
        "call" => 2,
        "send" => 3,
        _ => 1,
    }
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// Writes spans as one request to a collector.
pub(super) fn request(spans: Vec<Value>) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({ "resourceSpans": [{
        "resource": { "attributes": [
            attribute("service.name", "bailiwick"),
            attribute("service.version", version),
        ]},
        "scopeSpans": [{ "scope": { "name": "bailiwick", "version": version }, "spans": spans }],
    }]})
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_span_stands_below_the_callers() {
        let caller = Place::read(PARENT).unwrap();
        let place = caller.below().unwrap();
        let mut begun = Begun::new("call", place, Some(caller.span));
        begun.add("action", "notes__read".to_owned());
        begun.add("outcome", "error".to_owned());
        begun.add("traceparent", PARENT.to_owned());
        let span = begun.end();
        assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span["parentSpanId"], "00f067aa0ba902b7");
        assert_ne!(span["spanId"], "00f067aa0ba902b7");
        assert_eq!(span["name"], "call notes__read");
        assert_eq!(span["status"]["code"], 2);
        assert_eq!(span["attributes"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn who_began_the_trace_says_whether_it_is_kept() {
        assert!(Place::read(PARENT).unwrap().sampled);
        let unsampled = PARENT.replace("-01", "-00");
        assert!(!Place::read(&unsampled).unwrap().below().unwrap().sampled);
        assert!(Place::new().unwrap().sampled);
    }

    #[test]
    fn a_value_has_an_end() {
        let mut begun = Begun::new("call", Place::new().unwrap(), None);
        begun.add("resource", "é".repeat(1000));
        let span = begun.end();
        let value = span["attributes"][0]["value"]["stringValue"].as_str().unwrap().to_owned();
        assert_eq!(value.chars().count(), VALUE_MAX);
        assert_eq!(span.get("parentSpanId"), None);
    }
}
