//! Looks whether a text is JSON that everyone reads the same way, and keeps nothing of it.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor},
};

use super::{JsonError, JsonLimits, Reader, certain, twice};

pub(super) fn check(bytes: &[u8], limits: JsonLimits) -> Result<(), JsonError> {
    if limits.bytes < bytes.len() {
        return Err(JsonError::TooLong { len: bytes.len(), max: limits.bytes });
    }
    let mut left = limits.values;
    let mut input = serde_json::Deserializer::from_slice(bytes);
    Look(Reader { depth: limits.depth, left: &mut left })
        .deserialize(&mut input)
        .and_then(|()| input.end())
        .map_err(|error| JsonError::Unreadable { reason: error.to_string() })
}

/// Looks at one value, with a reader's count of depth and values.
struct Look<'a>(Reader<'a>);

/// A name, copied only where it is written with escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, input: D) -> Result<(), D::Error> {
        self.0.take()?;
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(out)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        certain(value).map(drop)
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let (depth, left) = (self.0.deeper()?, self.0.left);
        while items.next_element_seed(Look(Reader { depth, left: &mut *left }))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let depth = self.0.deeper()?;
        let mut names = BTreeSet::new();
        while let Some(Name(name)) = members.next_key()? {
            self.0.take()?;
            members.next_value_seed(Look(Reader { depth, left: &mut *self.0.left }))?;
            if names.contains(&name) {
                return Err(twice(&name));
            }
            names.insert(name);
        }
        Ok(())
    }
}
