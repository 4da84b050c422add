//! Texts at places in a record, whatever the case of its names: some exports write all of them in small letters.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{NotRead, loose::Text};

/// What was found at each place. A place is the names on the way to it with `/` between them, at most 64 places in all.
/// A list on the way stands for each thing in it: the first that has a text there gives it, or all of them where the
/// place ends in `[]`, with `, ` between them.
#[derive(Debug)]
pub(super) struct Picked<'p, 'a> {
    places: &'p [&'p str],
    texts: Vec<Cow<'a, str>>,
}

impl<'p, 'a> Picked<'p, 'a> {
    /// Reads a record, which is one object.
    pub(super) fn read(record: &'a [u8], places: &'p [&'p str]) -> Result<Self, NotRead> {
        let mut picked = Self { places, texts: vec![Cow::Borrowed(""); places.len()] };
        let mut input = serde_json::Deserializer::from_slice(record);
        let walk = Walk { picked: &mut picked, here: u64::MAX, depth: 0 };
        input.deserialize_map(walk)?;
        input.end()?;
        Ok(picked)
    }

    /// Takes the text at a place; it is empty where there is none.
    pub(super) fn take(&mut self, place: &str) -> Cow<'a, str> {
        let number = self.places.iter().position(|it| *it == place);
        number.and_then(|it| self.texts.get_mut(it)).map(std::mem::take).unwrap_or_default()
    }

    /// Takes the text at the first of some places that has one.
    pub(super) fn first(&mut self, places: &[&str]) -> Cow<'a, str> {
        let mut texts = places.iter().map(|it| self.take(it));
        texts.find(|it| !it.is_empty()).unwrap_or_default()
    }

    /// Gives those of the places `here` whose next name is `name`.
    fn within(&self, here: u64, depth: usize, name: &str) -> u64 {
        let is_next = |place: &str| {
            let next = place.split('/').nth(depth);
            next.is_some_and(|it| it.trim_end_matches("[]").eq_ignore_ascii_case(name))
        };
        let of = |(number, place): (usize, &&str)| {
            let bit = bit(number);
            if here & bit != 0 && is_next(place) { bit } else { 0 }
        };
        self.places.iter().enumerate().map(of).fold(0, |all, it| all | it)
    }

    fn put(&mut self, here: u64, depth: usize, text: Cow<'a, str>) {
        for (number, (place, known)) in self.places.iter().zip(&mut self.texts).enumerate() {
            if here & bit(number) == 0 || place.split('/').count() != depth || text.is_empty() {
                continue;
            }
            if known.is_empty() {
                known.clone_from(&text);
            } else if place.ends_with("[]") {
                let known = known.to_mut();
                known.push_str(", ");
                known.push_str(&text);
            }
        }
    }
}

fn bit(number: usize) -> u64 {
    u32::try_from(number).ok().and_then(|it| 1_u64.checked_shl(it)).unwrap_or(0)
}

/// One value on the way to some places.
struct Walk<'w, 'p, 'a> {
    picked: &'w mut Picked<'p, 'a>,
    here: u64,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'a> Walk<'_, '_, 'a> {
    fn put(self, text: impl Into<Cow<'a, str>>) {
        self.picked.put(self.here, self.depth, text.into());
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.put(text);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.put(text.to_owned());
        Ok(())
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<(), E> {
        self.put(if is { "true" } else { "false" });
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.put(number.to_string());
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.put(number.to_string());
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.put(number.to_string());
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.depth.saturating_add(1);
        while let Some(Text(name)) = map.next_key()? {
            let here = self.picked.within(self.here, self.depth, &name);
            if here == 0 {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Walk { picked: self.picked, here, depth })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (here, depth) = (self.here, self.depth);
        while list.next_element_seed(Walk { picked: self.picked, here, depth })?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(record: &str, place: &str) -> String {
        let places = [place];
        let mut picked = Picked::read(record.as_bytes(), &places).unwrap();
        picked.take(place).into_owned()
    }

    #[test]
    fn a_text_is_found_at_its_place_whatever_the_case_of_the_names() {
        for (record, place, text) in [
            (r#"{"actor":{"id":"ann"}}"#, "actor/id", "ann"),
            (r#"{"ACTOR":{"Id":"ann"}}"#, "actor/id", "ann"),
            (r#"{"actor":{"id":7}}"#, "actor/id", "7"),
            (r#"{"actor":{"is":true}}"#, "actor/is", "true"),
            (r#"{"actor":"ann"}"#, "actor/id", ""),
            (r#"{"actor":{"id":{"x":1}}}"#, "actor/id", ""),
            (r#"{"actor":{"id":null}}"#, "actor/id", ""),
            (r#"{"id":"ann"}"#, "actor/id", ""),
            (r#"{"to":[{"id":""},{"no":1},{"id":"a"},{"id":"b"}]}"#, "to/id", "a"),
            (r#"{"to":[{"id":""},{"no":1},{"id":"a"},{"id":"b"}]}"#, "to/id[]", "a, b"),
            (r#"{"to":["a","b"]}"#, "to[]", "a, b"),
            (r#"{"a\u0063tor":{"id":"a\u006en"}}"#, "actor/id", "ann"),
            (r#"{"api_key.created":{"id":"k"}}"#, "api_key.created/id", "k"),
        ] {
            assert_eq!(at(record, place), text, "{record} {place}");
        }
    }

    #[test]
    fn what_is_no_object_is_no_record() {
        for record in ["[]", "7", "\"x\"", "null"] {
            let read = Picked::read(record.as_bytes(), &["id"]).map(drop);
            assert!(matches!(read, Err(NotRead::Shape(_))), "{record}: {read:?}");
        }
        for record in ["", "{", "{}{}", "{\"a\":"] {
            let read = Picked::read(record.as_bytes(), &["id"]).map(drop);
            assert!(matches!(read, Err(NotRead::Json(_))), "{record}: {read:?}");
        }
    }
}
