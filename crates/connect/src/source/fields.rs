//! An object of somebody's log, read member by member as they are asked for.
//!
//! Some exports write all names in small letters, so the case of a name makes no difference. What is of another kind than
//! was asked for counts as none.

use std::{borrow::Cow, fmt};

use bailiwick_model::{Exercise, Platform, Timestamp};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{NotRead, key, loose::Text, moment::moment};

/// The members of an object, with what is behind each as it was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads a record.
    pub(super) fn of(record: &'a [u8]) -> Result<Self, NotRead> {
        Ok(serde_json::from_slice(record)?)
    }

    /// Says whether it has nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says whether it has a member of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Gives a member's text; numbers and truth values are texts as well.
    pub(super) fn text(&self, name: &str) -> Text<'a> {
        self.raw(name).and_then(|it| serde_json::from_str(it.get()).ok()).unwrap_or_default()
    }

    /// Gives the text of the first of these members that has one.
    pub(super) fn first(&self, names: &[&str]) -> Text<'a> {
        names.iter().map(|it| self.text(it)).find(|it| !it.is_empty()).unwrap_or_default()
    }

    /// Gives a member that is an object.
    pub(super) fn object(&self, name: &str) -> Self {
        let object = |it: &'a RawValue| serde_json::from_str(it.get()).ok();
        self.raw(name).and_then(object).unwrap_or_default()
    }

    /// Gives the objects in a member that is a list of some.
    pub(super) fn objects(&self, name: &str) -> Vec<Self> {
        let object = |it: &'a RawValue| serde_json::from_str(it.get()).ok();
        self.values(name).into_iter().filter_map(object).collect()
    }

    /// Gives the texts of a member: those in a list, or its only one.
    pub(super) fn texts(&self, name: &str) -> Vec<Text<'a>> {
        let text = |it: &'a RawValue| serde_json::from_str(it.get()).ok();
        let mut texts: Vec<Text<'a>> = self.values(name).into_iter().filter_map(text).collect();
        texts.push(self.text(name));
        texts.retain(|it| !it.is_empty());
        texts
    }

    /// Gives the time in the first of these members that has one; a record may have none at all, or dots for what somebody
    /// left out.
    pub(super) fn time(&self, names: &[&str]) -> Result<Option<Timestamp>, NotRead> {
        let mut texts = names.iter().map(|it| self.text(it));
        let Some(text) = texts.find(|it| it.0.contains(char::is_alphanumeric)) else {
            return Ok(None);
        };
        moment(&text.0).map(Some).ok_or_else(|| NotRead::Time(text.0.into_owned()))
    }

    fn values(&self, name: &str) -> Vec<&'a RawValue> {
        self.raw(name).and_then(|it| serde_json::from_str(it.get()).ok()).unwrap_or_default()
    }

    /// Finds a member: the one that is spelt so, else the first by name whose letters are those.
    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let alike = self.0.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
        alike.min_by_key(|(it, _)| (*it != name, it)).map(|(_, value)| *value)
    }
}

/// Gives an exercise its key: all that it says, with the record's own id and which of its exercises it is. Ids come again
/// for different things: some name a request of several steps, some a caller may choose. Without an id the record's bytes
/// are the key.
pub(super) fn keyed<'a>(it: Exercise<'a>, id: &str, record: &[u8], part: usize) -> Exercise<'a> {
    let key = if id.is_empty() {
        key(it.platform, "", &[record, part.to_string().as_bytes()].concat())
    } else {
        key(it.platform, &format!("{:?}", (id, part, &Exercise { key: 0, ..it.clone() })), record)
    };
    Exercise { key, ..it }
}

/// Gives a record's own id, else a digest of its bytes: one of many parts is hashed once.
pub(super) fn id_or_digest(platform: Platform, id: &str, record: &[u8]) -> String {
    if id.is_empty() { format!("{:032x}", key(platform, "", record)) } else { id.to_owned() }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(FieldsVisitor).map(Fields)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            members.push((name, map.next_value()?));
        }
        Ok(members)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::source::{Source, Told};

    /// Gives all that a record tells of; a test may keep what it read for as long as it runs.
    pub(in crate::source) fn told(source: &Source, record: &Value) -> Vec<Exercise<'static>> {
        match (source.read)(record.to_string().leak().as_bytes()).unwrap() {
            Told::Exercise(it) => vec![*it],
            Told::Exercises(all) => all,
            Told::Nothing => Vec::new(),
        }
    }

    /// Gives the only thing that a record tells of.
    #[track_caller]
    pub(in crate::source) fn one(source: &Source, record: &Value) -> Exercise<'static> {
        let mut all = told(source, record);
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    /// Writes a value with the members of all objects in another order, and the letters of their names as `small` says.
    fn turned(value: &Value, by: usize, small: bool, into: &mut String) {
        match value {
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                let by = by.checked_rem(members.len()).unwrap_or(0);
                members.rotate_left(by);
                if by % 2 == 1 {
                    members.reverse();
                }
                into.push('{');
                for (place, (name, value)) in members.into_iter().enumerate() {
                    into.push_str(if place == 0 { "" } else { "," });
                    let name = if small { name.to_lowercase() } else { name.clone() };
                    into.push_str(&Value::String(name).to_string());
                    into.push(':');
                    turned(value, by.saturating_add(1), small, into);
                }
                into.push('}');
            }
            Value::Array(values) => {
                into.push('[');
                for (place, value) in values.iter().enumerate() {
                    into.push_str(if place == 0 { "" } else { "," });
                    turned(value, by, small, into);
                }
                into.push(']');
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                into.push_str(&value.to_string());
            }
        }
    }

    /// The laws of every source that reads by this: no bytes end it, and neither the order of members nor the case of
    /// their names makes a difference. The records have ids: without one, the bytes are the key.
    pub(in crate::source) fn laws(source: &Source, records: &[Value]) {
        let texts: Vec<String> = records.iter().map(ToString::to_string).collect();
        let read = |text: &str| {
            format!("{:?}", (source.read)(text.as_bytes()).map(|it| format!("{it:?}")))
        };
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 256,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let spoilt = (0..records.len(), any::<prop::sample::Index>(), any::<Vec<u8>>());
        let any_bytes = |(which, place, bytes): (usize, prop::sample::Index, Vec<u8>)| {
            let text = texts[which].as_bytes();
            let place = place.index(text.len());
            let mut spoilt = text[..place].to_vec();
            spoilt.extend_from_slice(&bytes);
            spoilt.extend_from_slice(text.get(place.saturating_add(1)..).unwrap_or_default());
            for bytes in [&bytes, &spoilt] {
                let _told_or_not = (source.read)(bytes);
            }
            Ok(())
        };
        runner.run(&spoilt, any_bytes).unwrap();
        let shuffled = |(which, by, small): (usize, usize, bool)| {
            let mut text = String::new();
            turned(&records[which], by, small, &mut text);
            prop_assert_eq!(read(&texts[which]), read(&text));
            Ok(())
        };
        runner.run(&(0..records.len(), 0..40_usize, any::<bool>()), shuffled).unwrap();
    }

    #[test]
    fn names_are_found_whatever_their_case_and_the_exact_one_first() {
        let read =
            |text: &'static str| Fields::of(text.as_bytes()).unwrap().text("operationName").0;
        assert_eq!(read(r#"{"operationname":"a"}"#), "a");
        assert_eq!(read(r#"{"OPERATIONNAME":"b","operationName":"a"}"#), "a");
        assert_eq!(read(r#"{"operationname":"b","OperationName":"a"}"#), "a");
        assert_eq!(read(r#"{"operationName":{"x":1}}"#), "");
        assert_eq!(read(r#"{"operation\u004eame":"a"}"#), "a");
    }

    #[test]
    fn what_is_of_another_kind_counts_as_none() {
        let read =
            Fields::of(br#"{"a":7,"b":["x",1,{"c":"y"}],"d":null,"e":"...","t":"noon"}"#).unwrap();
        assert_eq!(read.text("a").0, "7");
        assert!(read.object("a").is_empty() && read.objects("a").is_empty());
        assert_eq!(read.objects("b").len(), 1);
        assert_eq!(read.texts("b"), ["x", "1"].map(|it| Text(it.into())));
        assert_eq!(read.texts("a"), ["7"].map(|it| Text(it.into())));
        assert!(read.has("d") && !read.has("f"));
        assert_eq!(read.time(&["e", "d"]), Ok(None));
        assert_eq!(read.time(&["e", "t"]), Err(NotRead::Time("noon".to_owned())));
        assert!(
            Fields::of(b"[]").is_err() && Fields::of(b"7").is_err() && Fields::of(b"").is_err()
        );
    }
}
