//! JSON that everyone reads the same way: bounded, without duplicate names, with one canonical
//! text (RFC 8785) to digest.
//!
//! The gateway decides on one reading of a call and a server acts on another; where the two could
//! differ the text is refused here instead (RFC 7493, I-JSON).

mod check;

use std::{collections::BTreeMap, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number, kept exactly: -2^63 to 2^64 - 1.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object; no name occurs twice.
    Object(BTreeMap<String, Json>),
}

/// How much a text may ask of its reader.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// The most bytes.
    pub bytes: usize,
    /// The deepest nesting; `serde_json` itself stops at 128.
    pub depth: usize,
    /// The most values, names included.
    pub values: usize,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { bytes: 4 << 20, depth: 64, values: 200_000 }
    }
}

/// The text is not JSON that everyone reads the same way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Longer than the limit.
    #[error("{len} bytes of JSON, {max} at most")]
    TooLong {
        /// How long it is.
        len: usize,
        /// How long it may be.
        max: usize,
    },
    /// Not JSON, or not within the limits; the reason says where.
    #[error("{reason}")]
    Unreadable {
        /// Why, and at which line and column.
        reason: String,
    },
}

/// What a reader says of more values, or levels, than it takes.
const MANY: &str = "too many values";
const DEEP: &str = "nested too deeply";

impl JsonError {
    /// Says whether it may be JSON, and is only more than what is read.
    pub fn is_too_large(&self) -> bool {
        match self {
            Self::TooLong { .. } => true,
            Self::Unreadable { reason } => reason.starts_with(MANY) || reason.starts_with(DEEP),
        }
    }
}

impl Json {
    /// Reads `bytes`, refusing what two readers could read differently.
    pub fn parse(bytes: &[u8], limits: JsonLimits) -> Result<Self, JsonError> {
        if limits.bytes < bytes.len() {
            return Err(JsonError::TooLong { len: bytes.len(), max: limits.bytes });
        }
        let unreadable =
            |error: serde_json::Error| JsonError::Unreadable { reason: error.to_string() };
        let mut left = limits.values;
        let mut input = serde_json::Deserializer::from_slice(bytes);
        let value = Reader { depth: limits.depth, left: &mut left }
            .deserialize(&mut input)
            .map_err(unreadable)?;
        input.end().map_err(unreadable)?;
        Ok(value)
    }

    /// Says why [`Json::parse`] would not read `bytes`, keeping nothing of them.
    pub fn check(bytes: &[u8], limits: JsonLimits) -> Result<(), JsonError> {
        check::check(bytes, limits)
    }

    /// Gives the member `name` of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::List(_) => None,
        }
    }

    /// Gives the text of a text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::List(_)
            | Self::Object(_) => None,
        }
    }

    /// Writes the one canonical text: names sorted by UTF-16 units, numbers as ECMAScript prints
    /// them (RFC 8785). Whole numbers beyond 2^53 keep every digit, where the RFC would round
    /// them: two calls that differ must not share a digest.
    pub fn canonical(&self) -> String {
        let mut out = String::with_capacity(128);
        self.write_canonical(&mut out);
        out
    }

    fn write_canonical(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Int(number) => out.push_str(&number.to_string()),
            Self::Float(number) => out.push_str(ryu_js::Buffer::new().format(*number)),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place != 0 {
                        out.push(',');
                    }
                    item.write_canonical(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
                out.push('{');
                for (place, (name, value)) in sorted.into_iter().enumerate() {
                    if place != 0 {
                        out.push(',');
                    }
                    write_text(name, out);
                    out.push(':');
                    value.write_canonical(out);
                }
                out.push('}');
            }
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.canonical())
    }
}

fn write_text(text: &str, out: &mut String) {
    // RFC 8785 asks for exactly what serde_json escapes: `"`, `\` and the control characters. Most
    // texts hold none of them.
    if text.bytes().all(|it| b' ' <= it && !matches!(it, b'"' | b'\\')) {
        out.extend(["\"", text, "\""]);
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Refuses a number that readers round in ways of their own: beyond 2^53 a double no longer tells
/// neighbours apart.
fn certain<E: serde::de::Error>(value: f64) -> Result<f64, E> {
    if value.abs() < 9_007_199_254_740_992.0 {
        Ok(value)
    } else {
        Err(E::custom("a number too large to be read the same way everywhere"))
    }
}

fn twice<E: serde::de::Error>(name: &str) -> E {
    E::custom(format!("the name `{name}` occurs twice"))
}

/// Reads one value, counting down depth and values.
struct Reader<'a> {
    depth: usize,
    left: &'a mut usize,
}

impl Reader<'_> {
    fn take<E: serde::de::Error>(&mut self) -> Result<(), E> {
        *self.left = self.left.checked_sub(1).ok_or_else(|| E::custom(MANY))?;
        Ok(())
    }

    fn deeper<E: serde::de::Error>(&self) -> Result<usize, E> {
        self.depth.checked_sub(1).ok_or_else(|| E::custom(DEEP))
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(mut self, input: D) -> Result<Json, D::Error> {
        self.take()?;
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Int(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        certain(value).map(Json::Float)
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let depth = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Reader { depth, left: &mut *self.left })? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Json, A::Error> {
        let depth = self.deeper()?;
        let mut object = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            self.take()?;
            let value = members.next_value_seed(Reader { depth, left: &mut *self.left })?;
            if object.contains_key(&name) {
                return Err(twice(&name));
            }
            object.insert(name, value);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests;
