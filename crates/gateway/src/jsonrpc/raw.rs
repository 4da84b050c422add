//! An object that stays the bytes it came in: one member can be read, put or taken out, and
//! nothing else moves.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The text is not an object that everyone reads the same way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RawError {
    /// Not an object, or not JSON.
    #[error("not a JSON object: {reason}")]
    NotAnObject {
        /// Why, and where.
        reason: String,
    },
    /// The same name twice.
    #[error("the name `{name}` occurs twice")]
    Twice {
        /// The name.
        name: String,
    },
}

/// A JSON object with its members in order, each still the text it was.
#[derive(Clone, Debug)]
pub(crate) struct RawObject<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
}

#[derive(Clone, Debug)]
struct Member<'a> {
    name: Cow<'a, str>,
    value: &'a RawValue,
    /// Where the name's opening quote stands.
    name_at: usize,
    /// Where the value begins and ends.
    value_at: usize,
    value_end: usize,
}

impl<'a> RawObject<'a> {
    /// Reads the members of the object that `text` is.
    pub(crate) fn read(text: &'a str) -> Result<Self, RawError> {
        let unreadable = |reason: String| RawError::NotAnObject { reason };
        let pairs: Pairs<'a> =
            serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        if let Some(name) = twice(&pairs.0) {
            return Err(RawError::Twice { name: name.to_owned() });
        }
        let mut members = Vec::with_capacity(pairs.0.len());
        let mut end = 0;
        for (name, value) in pairs.0 {
            let member = place(text, end, name, value)
                .ok_or_else(|| unreadable("a member is not part of the text".to_owned()))?;
            end = member.value_end;
            members.push(member);
        }
        Ok(Self { text, members })
    }

    /// Lists the members in the order they are written.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|member| (&*member.name, member.value))
    }

    /// Gives the member `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.members().find(|(it, _)| *it == name).map(|(_, value)| value)
    }

    /// Gives the member `name` if it is a text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|value| serde_json::from_str(value.get()).ok())
    }

    /// Writes it with the member `name` replaced, or added after the others.
    pub(crate) fn with(&self, name: &str, value: &RawValue) -> Result<Box<RawValue>, RawError> {
        if let Some(member) = self.members.iter().find(|member| member.name == name) {
            return self.splice(member.value_at, member.value_end, value.get());
        }
        let name = serde_json::Value::from(name);
        if let Some(last) = self.members.last() {
            return self.splice(last.value_end, last.value_end, &format!(",{name}:{value}"));
        }
        let close = self.text.rfind('}').unwrap_or(self.text.len());
        self.splice(close, close, &format!("{name}:{value}"))
    }

    /// Writes it without the member `name`.
    pub(crate) fn without(&self, name: &str) -> Result<Box<RawValue>, RawError> {
        let Some(place) = self.members.iter().position(|member| member.name == name) else {
            return self.splice(0, 0, "");
        };
        let (earlier, rest) = self.members.split_at(place);
        match (earlier.last(), rest) {
            (_, [gone, next, ..]) => self.splice(gone.name_at, next.name_at, ""),
            (Some(last), [gone]) => self.splice(last.value_end, gone.value_end, ""),
            (None, [gone]) => self.splice(gone.name_at, gone.value_end, ""),
            (_, []) => self.splice(0, 0, ""),
        }
    }

    /// Writes the text with the bytes from `from` to `to` replaced.
    fn splice(&self, from: usize, to: usize, new: &str) -> Result<Box<RawValue>, RawError> {
        let before = self.text.get(..from).unwrap_or_default();
        let after = self.text.get(to..).unwrap_or_default();
        RawValue::from_string([before, new, after].concat())
            .map_err(|error| RawError::NotAnObject { reason: error.to_string() })
    }
}

/// Finds a name that occurs twice.
fn twice<'p>(pairs: &'p [(Cow<'_, str>, &RawValue)]) -> Option<&'p str> {
    /// Up to here looking at all that came before is cheaper than sorting.
    const FEW: usize = 12;
    let names = pairs.iter().map(|(name, _)| &**name);
    if pairs.len() <= FEW {
        let before = |place: usize, name| pairs.iter().take(place).any(|(it, _)| it == name);
        return names.enumerate().find(|(place, name)| before(*place, *name)).map(|(_, it)| it);
    }
    let mut seen = BTreeSet::new();
    names.into_iter().find(|it| !seen.insert(*it))
}

/// Finds where a member stands. Between the end of the value before it and its own value there are
/// only white space, one comma or brace, its name and a colon.
fn place<'a>(
    text: &str,
    end: usize,
    name: Cow<'a, str>,
    value: &'a RawValue,
) -> Option<Member<'a>> {
    let value_at = value.get().as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let value_end = value_at.checked_add(value.get().len())?;
    let before = text.get(end..value_at)?.bytes();
    let name_at = { before }.position(|it| it == b'"')?.checked_add(end)?;
    (text.get(value_at..value_end)? == value.get()).then_some(Member {
        name,
        value,
        name_at,
        value_at,
        value_end,
    })
}

/// The members of an object, still borrowed from the text.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A name, copied only where it is written with escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some((Name(name), value)) = members.next_entry::<Name<'de>, &'de RawValue>()? {
            pairs.push((name, value));
        }
        Ok(Pairs(pairs))
    }
}
