//! A value as obligations want it: without the fields that nobody is shown, its lists cut.

use super::{Obligation as _, Obligations, redact::Trail};
use crate::{Json, JsonLimits};

/// What stands where a text was.
const REDACTED: &str = "[redacted]";
/// How often a text inside a text is read as JSON.
const INSIDE_MAX: usize = 4;

/// A value, and what was done to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shaped {
    /// As it may be shown.
    pub value: Json,
    /// How many fields were taken out of it.
    pub redacted: usize,
    /// How many rows were cut off its lists.
    pub cut: usize,
}

/// A text is not JSON that could be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unshaped {
    /// It is no object and no list.
    #[error("no JSON that could be looked into")]
    NotJson,
    /// It has more bytes, levels or values than are looked into.
    #[error("larger than what is looked into")]
    TooLarge,
}

impl Obligations {
    /// Reads a text that must be JSON, an object or a list, and shapes it.
    pub fn shape_text(&self, text: &str, limits: JsonLimits) -> Result<Shaped, Unshaped> {
        match Json::parse(text.as_bytes(), limits) {
            Ok(value @ (Json::Object(_) | Json::List(_))) => Ok(self.shape(value, limits)),
            Err(why) if why.is_too_large() => Err(Unshaped::TooLarge),
            Ok(Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) | Json::Text(_))
            | Err(_) => Err(Unshaped::NotJson),
        }
    }

    /// Takes out of `value` what nobody is shown, and cuts its lists.
    pub fn shape(&self, value: Json, limits: JsonLimits) -> Shaped {
        let mut work = Work { asks: self, limits, redacted: 0, cut: 0 };
        let value = work.value(value, &self.redact.top(), INSIDE_MAX);
        Shaped { value, redacted: work.redacted, cut: work.cut }
    }
}

struct Work<'o> {
    asks: &'o Obligations,
    limits: JsonLimits,
    redacted: usize,
    cut: usize,
}

impl Work<'_> {
    fn value(&mut self, value: Json, trail: &Trail<'_>, inside: usize) -> Json {
        match value {
            Json::Object(members) => {
                let shaped = members.into_iter().map(|(name, value)| {
                    let value = match trail.below(&name) {
                        Some(trail) => self.value(value, &trail, inside),
                        None => self.redacted(&value),
                    };
                    (name, value)
                });
                Json::Object(shaped.collect())
            }
            Json::List(mut items) => {
                if let Some(most) = self.asks.rows.limit() {
                    let most = usize::try_from(most).unwrap_or(usize::MAX);
                    self.cut = self.cut.saturating_add(items.len().saturating_sub(most));
                    items.truncate(most);
                }
                Json::List(items.into_iter().map(|it| self.value(it, trail, inside)).collect())
            }
            Json::Text(text) => self.text(text, trail, inside),
            plain @ (Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_)) => plain,
        }
    }

    /// A text that is JSON again is looked into, and so is JSON that was written as a text of JSON;
    /// one that looks so and is not could hide anything.
    fn text(&mut self, text: String, trail: &Trail<'_>, inside: usize) -> Json {
        let nothing_below = trail.is_cold() && self.asks.rows.is_nothing();
        if nothing_below || !text.trim_start().starts_with(['{', '[', '"']) {
            return Json::Text(text);
        }
        let read = Json::parse(text.as_bytes(), self.limits).ok();
        match (read, inside.checked_sub(1)) {
            (Some(value), Some(inside)) => {
                let quoted = matches!(value, Json::Text(_)).then(|| value.clone());
                let shaped = self.value(value, trail, inside);
                // Words in quotes stay as they were written.
                if quoted.as_ref() == Some(&shaped) {
                    return Json::Text(text);
                }
                Json::Text(shaped.canonical())
            }
            (None, _) if !seems_json(&text) => Json::Text(text),
            (_, _) => self.redacted(&Json::Text(text)),
        }
    }

    /// Keeps no more of a value than whether it was a text.
    fn redacted(&mut self, value: &Json) -> Json {
        self.redacted = self.redacted.saturating_add(1);
        match value {
            Json::Text(_) => Json::Text(REDACTED.to_owned()),
            Json::Null
            | Json::Bool(_)
            | Json::Int(_)
            | Json::Float(_)
            | Json::List(_)
            | Json::Object(_) => Json::Null,
        }
    }
}

/// Says whether a text begins like an object or a list, however often it is written as a text: a
/// sentence that begins with a quotation does not.
fn seems_json(text: &str) -> bool {
    let quoted = |it: char| it.is_whitespace() || matches!(it, '"' | '\\');
    let begins = text.trim_start_matches(quoted);
    begins.starts_with(['{', '[']) || begins.starts_with("u00")
}
