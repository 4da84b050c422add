//! What a tool takes, in the types that policies know, read from its JSON Schema.
//!
//! A shape says what the view makes of an argument that is as the schema wants it. What a schema
//! leaves open is open here: a condition on it is checked when it is asked, not before.

use std::collections::BTreeMap;

use bailiwick_model::Json;

/// The type of an argument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Shape {
    Text,
    /// A whole number.
    Whole,
    /// A number that is shown as it is written: whole, or as a decimal.
    Number,
    Truth,
    Set(Box<Self>),
    Record(Fields),
    /// Anything: its schema does not say, or says several things.
    Open,
}

/// The members of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fields {
    pub(crate) named: BTreeMap<String, Field>,
    /// Others may be there, too.
    pub(crate) more: bool,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Field {
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

impl Shape {
    /// Reads what a tool takes; without a schema it takes anything.
    pub(crate) fn of_input(schema: Option<&Json>) -> Self {
        let Some(schema) = schema else { return Self::anything() };
        let mut reader = Reader { root: schema, left: Reader::MOST };
        match reader.read(schema, Reader::DEEPEST).into_shape() {
            record @ Self::Record(_) => record,
            // Arguments are an object, whatever else is said of them.
            Self::Open | Self::Text | Self::Whole | Self::Number | Self::Truth | Self::Set(_) => {
                Self::anything()
            }
        }
    }

    /// An object that may hold anything.
    pub(crate) const fn anything() -> Self {
        Self::Record(Fields { named: BTreeMap::new(), more: true })
    }

    /// Says whether a number is somewhere in it that can be whole or not.
    pub(crate) fn has_numbers(&self) -> bool {
        match self {
            Self::Number => true,
            Self::Set(of) => of.has_numbers(),
            Self::Record(fields) => fields.named.values().any(|it| it.shape.has_numbers()),
            Self::Text | Self::Whole | Self::Truth | Self::Open => false,
        }
    }

    /// Gives the members that it is known to have.
    pub(crate) fn fields(&self) -> Option<&Fields> {
        match self {
            Self::Record(fields) => Some(fields),
            Self::Text | Self::Whole | Self::Number | Self::Truth | Self::Set(_) | Self::Open => {
                None
            }
        }
    }

    /// Says whether something can be there under `names`, one below the other.
    pub(crate) fn may_have<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> bool {
        let Some(name) = names.next() else { return true };
        match self {
            Self::Open => true,
            Self::Record(fields) => {
                fields.named.get(name).map_or(fields.more, |it| it.shape.may_have(names))
            }
            Self::Text | Self::Whole | Self::Number | Self::Truth | Self::Set(_) => false,
        }
    }
}

/// What a schema lets through: a shape, null, or both. Null is shown as what was not given.
struct Read {
    shape: Option<Shape>,
    nullable: bool,
}

impl Read {
    const fn plain(shape: Shape) -> Self {
        Self { shape: Some(shape), nullable: false }
    }

    /// Anything: that it may be null, too, is left open with all else.
    const fn open() -> Self {
        Self::plain(Shape::Open)
    }

    const fn null() -> Self {
        Self { shape: None, nullable: true }
    }

    fn into_shape(self) -> Shape {
        self.shape.unwrap_or(Shape::Open)
    }
}

/// Reads a schema, of which the server says what it likes: in depth and in count.
struct Reader<'a> {
    root: &'a Json,
    left: usize,
}

impl<'a> Reader<'a> {
    const DEEPEST: usize = 12;
    const MOST: usize = 4_000;

    fn read(&mut self, schema: &'a Json, depth: usize) -> Read {
        let (Some(left), Some(depth)) = (self.left.checked_sub(1), depth.checked_sub(1)) else {
            return Read::open();
        };
        self.left = left;
        if let Some(target) = schema.get("$ref") {
            return self.target(target).map_or(Read::open(), |it| self.read(it, depth));
        }
        match schema.get("type") {
            Some(Json::Text(word)) => self.typed(word, schema, depth),
            Some(Json::List(words)) => self.one_of_types(words, schema, depth),
            Some(_) => Read::open(),
            None => self.untyped(schema, depth),
        }
    }

    /// Finds what `$ref` names: a place in the same schema.
    fn target(&self, target: &Json) -> Option<&'a Json> {
        let path = target.as_text()?.strip_prefix("#/")?;
        let mut at = self.root;
        for step in path.split('/') {
            at = at.get(&step.replace("~1", "/").replace("~0", "~"))?;
        }
        Some(at)
    }

    fn typed(&mut self, word: &str, schema: &'a Json, depth: usize) -> Read {
        Read::plain(match word {
            "string" => Shape::Text,
            "integer" => Shape::Whole,
            "number" => Shape::Number,
            "boolean" => Shape::Truth,
            "array" => Shape::Set(Box::new(self.items(schema, depth))),
            "object" => self.object(schema, depth),
            "null" => return Read::null(),
            _ => return Read::open(),
        })
    }

    fn one_of_types(&mut self, words: &'a [Json], schema: &'a Json, depth: usize) -> Read {
        let nullable = words.iter().any(|it| it.as_text() == Some("null"));
        let all: Vec<&str> =
            words.iter().filter_map(Json::as_text).filter(|it| *it != "null").collect();
        let shape = match *all.as_slice() {
            [] => None,
            [one] => self.typed(one, schema, depth).shape,
            ["integer", "number"] | ["number", "integer"] => Some(Shape::Number),
            _ => Some(Shape::Open),
        };
        Read { shape, nullable }
    }

    fn untyped(&mut self, schema: &'a Json, depth: usize) -> Read {
        if let Some(value) = schema.get("const") {
            return same([of_value(value)]);
        }
        if let Some(Json::List(values)) = schema.get("enum") {
            return same(values.iter().map(of_value));
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(Json::List(branches)) = schema.get(word) {
                let read: Vec<Read> = branches.iter().map(|it| self.read(it, depth)).collect();
                return same(read);
            }
        }
        if let Some(Json::List(parts)) = schema.get("allOf")
            && let [one] = parts.as_slice()
        {
            return self.read(one, depth);
        }
        let is_object = schema.get("properties").is_some();
        if is_object { Read::plain(self.object(schema, depth)) } else { Read::open() }
    }

    fn items(&mut self, schema: &'a Json, depth: usize) -> Shape {
        match schema.get("items") {
            Some(items @ Json::Object(_)) if schema.get("prefixItems").is_none() => {
                self.read(items, depth).into_shape()
            }
            Some(_) | None => Shape::Open,
        }
    }

    fn object(&mut self, schema: &'a Json, depth: usize) -> Shape {
        let closed = |it: &Json| matches!(it, Json::Bool(false));
        let Some(Json::Object(properties)) = schema.get("properties") else {
            let none = schema.get("additionalProperties").is_some_and(closed);
            return Shape::Record(Fields { named: BTreeMap::new(), more: !none });
        };
        let required: Vec<&str> = match schema.get("required") {
            Some(Json::List(names)) => names.iter().filter_map(Json::as_text).collect(),
            Some(_) | None => Vec::new(),
        };
        let named = properties.iter().map(|(name, schema)| {
            let read = self.read(schema, depth);
            let required = required.contains(&name.as_str()) && !read.nullable;
            (name.clone(), Field { shape: read.into_shape(), required })
        });
        let named = named.collect();
        // What is not named may be there where the schema says so, or has more to say elsewhere.
        let said = schema.get("additionalProperties").is_some_and(|it| !closed(it));
        let elsewhere = ["patternProperties", "allOf", "anyOf", "oneOf", "if", "dependentSchemas"];
        let more = said || elsewhere.iter().any(|it| schema.get(it).is_some());
        Shape::Record(Fields { named, more })
    }
}

/// Gives the shape that all have, null aside.
fn same(all: impl IntoIterator<Item = Read>) -> Read {
    let (mut found, mut nullable): (Option<Shape>, bool) = (None, false);
    for read in all {
        nullable |= read.nullable;
        found = match (found, read.shape) {
            (one, None) | (None, one) => one,
            (Some(one), Some(other)) if one == other => Some(one),
            (Some(Shape::Whole | Shape::Number), Some(Shape::Whole | Shape::Number)) => {
                Some(Shape::Number)
            }
            (Some(_), Some(_)) => Some(Shape::Open),
        };
    }
    Read { shape: found, nullable }
}

fn of_value(value: &Json) -> Read {
    Read::plain(match value {
        Json::Null => return Read::null(),
        Json::Bool(_) => Shape::Truth,
        Json::Int(_) => Shape::Whole,
        Json::Float(_) => Shape::Number,
        Json::Text(_) => Shape::Text,
        Json::List(_) | Json::Object(_) => Shape::Open,
    })
}

#[cfg(test)]
mod tests {
    use bailiwick_model::JsonLimits;

    use super::*;

    /// Writes what a schema was read as: `{path: text, limit?: whole}`.
    fn read(schema: &str) -> String {
        let schema = Json::parse(schema.as_bytes(), JsonLimits::default()).unwrap();
        written(&Shape::of_input(Some(&schema)))
    }

    fn written(shape: &Shape) -> String {
        match shape {
            Shape::Text => "text".to_owned(),
            Shape::Whole => "whole".to_owned(),
            Shape::Number => "number".to_owned(),
            Shape::Truth => "truth".to_owned(),
            Shape::Open => "open".to_owned(),
            Shape::Set(of) => format!("[{}]", written(of)),
            Shape::Record(Fields { named, more }) => {
                let field = |(name, it): (&String, &Field)| {
                    let mark = if it.required { "" } else { "?" };
                    format!("{name}{mark}: {}", written(&it.shape))
                };
                let mut all: Vec<String> = named.iter().map(field).collect();
                all.extend(more.then(|| "..".to_owned()));
                format!("{{{}}}", all.join(", "))
            }
        }
    }

    /// Reads one property that is required.
    fn property(schema: &str) -> String {
        read(&format!(r#"{{"type":"object","properties":{{"a":{schema}}},"required":["a"]}}"#))
    }

    #[test]
    fn plain_types_are_what_they_say() {
        for (schema, shape) in [
            (r#"{"type":"string","format":"date-time"}"#, "{a: text}"),
            (r#"{"type":"integer"}"#, "{a: whole}"),
            (r#"{"type":"number"}"#, "{a: number}"),
            (r#"{"type":"boolean"}"#, "{a: truth}"),
            (r#"{"type":"array","items":{"type":"string"}}"#, "{a: [text]}"),
            (r#"{"type":"array"}"#, "{a: [open]}"),
            (r#"{"type":"array","items":[{"type":"string"}]}"#, "{a: [open]}"),
            (r#"{"enum":["x","y"]}"#, "{a: text}"),
            (r#"{"enum":[1,2.5]}"#, "{a: number}"),
            (r#"{"enum":["x",1]}"#, "{a: open}"),
            (r#"{"const":true}"#, "{a: truth}"),
            (r#"{"type":"object","properties":{"b":{"type":"string"}}}"#, "{a: {b?: text}}"),
            (r#"{"type":"object"}"#, "{a: {..}}"),
            ("{}", "{a: open}"),
            ("true", "{a: open}"),
            (r#"{"type":7}"#, "{a: open}"),
            (r#"{"type":"strnig"}"#, "{a: open}"),
        ] {
            assert_eq!(property(schema), shape, "{schema}");
        }
    }

    #[test]
    fn what_may_be_null_may_be_left_out() {
        for (schema, shape) in [
            (r#"{"type":["string","null"]}"#, "{a?: text}"),
            (r#"{"anyOf":[{"type":"integer"},{"type":"null"}]}"#, "{a?: whole}"),
            (r#"{"anyOf":[{"type":"null"},{"type":"integer"},{"type":"number"}]}"#, "{a?: number}"),
            (r#"{"enum":["x",null]}"#, "{a?: text}"),
            (r#"{"type":"null"}"#, "{a?: open}"),
            (r#"{"oneOf":[{"type":"string"},{"type":"integer"}]}"#, "{a: open}"),
            (r#"{"oneOf":[{"type":"string"},{}]}"#, "{a: open}"),
        ] {
            assert_eq!(property(schema), shape, "{schema}");
        }
    }

    #[test]
    fn objects_are_closed_unless_they_say_otherwise() {
        for (schema, shape) in [
            (r#"{"type":"object","properties":{}}"#, "{}"),
            (
                r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":true}"#,
                "{a?: text, ..}",
            ),
            (
                r#"{"type":"object","properties":{"a":{"type":"string"}},"anyOf":[{}]}"#,
                "{a?: text, ..}",
            ),
            (r#"{"type":"object","additionalProperties":false}"#, "{}"),
            (r#"{"type":"object"}"#, "{..}"),
            (r#"{"type":"string"}"#, "{..}"),
            ("7", "{..}"),
        ] {
            assert_eq!(read(schema), shape, "{schema}");
        }
        assert_eq!(written(&Shape::of_input(None)), "{..}");
    }

    #[test]
    fn references_are_followed_and_end() {
        let schema = r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/n~1m"},"b":{"$ref":"#/$defs/loop"},
            "c":{"$ref":"#/nowhere"},"d":{"$ref":"https://elsewhere/x"}},
            "$defs":{"n/m":{"type":"integer"},"loop":{"$ref":"#/$defs/loop"}}}"##;
        assert_eq!(read(schema), "{a?: whole, b?: open, c?: open, d?: open}");
        let nested = r##"{"type":"object","properties":{"a":{"$ref":"#"},"b":{"$ref":"#"}}}"##;
        assert!(read(nested).len() < 200_000, "a schema that holds itself twice ends");
    }

    #[test]
    fn what_can_be_there_is_known() {
        let Shape::Record(fields) = Shape::anything() else { panic!() };
        assert!(fields.more && Shape::anything().may_have(["a", "b"].into_iter()));
        let schema =
            r#"{"properties":{"a":{"type":"object","properties":{"b":{"type":"string"}}},"o":{}}}"#;
        let schema = Json::parse(schema.as_bytes(), JsonLimits::default()).unwrap();
        let shape = Shape::of_input(Some(&schema));
        for (path, there) in [
            ("a", true),
            ("a.b", true),
            ("a.c", false),
            ("a.b.c", false),
            ("x", false),
            ("o.x.y", true),
        ] {
            assert_eq!(shape.may_have(path.split('.')), there, "{path}");
        }
    }
}
