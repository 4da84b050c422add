//! JSON as `serde_json` writes it, to the byte, for records: they come by the thousand, and hold
//! little that has to be escaped.
//!
//! `serde_json` looks at each byte of each text, names of fields as well. Here names are taken as they
//! are, and texts are looked at many bytes at once; whatever is not plain is left to `serde_json`.

use serde::{
    Serialize, Serializer,
    ser::{
        Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
        SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
    },
};
use serde_json::Error;

/// Writes `value` behind what is in `out`.
pub(super) fn write(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), Error> {
    value.serialize(Plain(out))
}

/// Writes one value.
struct Plain<'o>(&'o mut Vec<u8>);

/// Writes what is between two brackets, and then the second of them.
struct Inside<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
    close: &'static str,
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Writes a name that stands in our own code: there is nothing to escape in it.
fn put_name(out: &mut Vec<u8>, name: &'static str) {
    debug_assert!(is_plain(name), "`{name}` would have to be escaped");
    out.push(b'"');
    put(out, name);
    out.push(b'"');
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    if !is_plain(text) {
        return serde_json::to_writer(out, text);
    }
    out.push(b'"');
    put(out, text);
    out.push(b'"');
    Ok(())
}

/// Says whether there is nothing to escape in a text: sixteen letters at once, and then the rest.
fn is_plain(text: &str) -> bool {
    let special = |it: &u8| matches!(it, 0..b' ' | b'"' | b'\\');
    let (sixteens, rest) = text.as_bytes().as_chunks::<16>();
    let any = |it: &[u8; 16]| it.iter().fold(false, |any, it| any | special(it));
    !sixteens.iter().any(any) && !rest.iter().any(special)
}

impl<'o> Plain<'o> {
    fn inside(self, open: &str, close: &'static str) -> Inside<'o> {
        put(self.0, open);
        Inside { out: self.0, first: true, close }
    }

    /// Writes the name of a variant, and opens what it holds.
    fn variant(self, name: &'static str, open: &str, close: &'static str) -> Inside<'o> {
        self.0.push(b'{');
        put_name(self.0, name);
        self.0.push(b':');
        Plain(self.0).inside(open, close)
    }
}

impl Inside<'_> {
    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.comma();
        value.serialize(Plain(self.out))
    }

    fn member(
        &mut self,
        name: &'static str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), Error> {
        self.comma();
        put_name(self.out, name);
        self.out.push(b':');
        value.serialize(Plain(self.out))
    }

    fn close(self) {
        put(self.out, self.close);
    }
}

/// What is rare in records is written by `serde_json`.
macro_rules! left_to_serde_json {
    ($($name:ident: $type:ty,)+) => {
        $(fn $name(self, value: $type) -> Result<(), Error> {
            serde_json::to_writer(self.0, &value)
        })+
    };
}

impl<'o> Serializer for Plain<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Inside<'o>;
    type SerializeTuple = Inside<'o>;
    type SerializeTupleStruct = Inside<'o>;
    type SerializeTupleVariant = Inside<'o>;
    type SerializeMap = Inside<'o>;
    type SerializeStruct = Inside<'o>;
    type SerializeStructVariant = Inside<'o>;

    left_to_serde_json! {
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_char: char,
        serialize_bytes: &[u8],
    }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        put(self.0, if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        put_text(self.0, text)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        put(self.0, "null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
    ) -> Result<(), Error> {
        put_name(self.0, name);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut inside = self.inside("{", "}");
        inside.member(name, value)?;
        inside.close();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'o>, Error> {
        Ok(self.inside("[", "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Inside<'o>, Error> {
        Ok(self.inside("[", "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Inside<'o>, Error> {
        Ok(self.inside("[", "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Inside<'o>, Error> {
        Ok(self.variant(name, "[", "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'o>, Error> {
        Ok(self.inside("{", "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'o>, Error> {
        Ok(self.inside("{", "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Inside<'o>, Error> {
        Ok(self.variant(name, "{", "}}"))
    }
}

macro_rules! items {
    ($($shape:ident: $each:ident,)+) => {
        $(impl $shape for Inside<'_> {
            type Ok = ();
            type Error = Error;

            fn $each<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        })+
    };
}

items! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

macro_rules! members {
    ($($shape:ident,)+) => {
        $(impl $shape for Inside<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.member(name, value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        })+
    };
}

members! {
    SerializeStruct,
    SerializeStructVariant,
}

impl SerializeMap for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Error> {
        self.comma();
        let at = self.out.len();
        name.serialize(Plain(self.out))?;
        if self.out.get(at) == Some(&b'"') {
            Ok(())
        } else {
            Err(Error::custom("a name in a record must be a text"))
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b':');
        value.serialize(Plain(self.out))
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn written(value: &impl Serialize) -> String {
        let mut out = Vec::new();
        write(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Every shape that a derived writer knows.
    #[derive(Clone, Debug, Serialize)]
    enum Shape {
        Unit,
        #[serde(rename = "new type")]
        Newtype(Box<Shape>),
        Tuple(i64, f64),
        Struct {
            text: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            more: Option<u64>,
        },
        Rest(Rest),
    }

    #[derive(Clone, Debug, Serialize)]
    struct Rest {
        unit: (),
        pair: (bool, char),
        one: One,
        list: Vec<Option<u8>>,
        map: BTreeMap<String, i128>,
        tagged: Tagged,
    }

    #[derive(Clone, Debug, Serialize)]
    struct One(String);

    #[derive(Clone, Debug, Serialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Tagged {
        First(Inner),
        Second { n: u32 },
    }

    #[derive(Clone, Debug, Serialize)]
    struct Inner {
        text: String,
    }

    fn shape() -> impl Strategy<Value = Shape> {
        let tagged = prop_oneof![
            any::<String>().prop_map(|text| Tagged::First(Inner { text })),
            any::<u32>().prop_map(|n| Tagged::Second { n }),
        ];
        let rest = (
            any::<(bool, char)>(),
            any::<String>(),
            any::<Vec<Option<u8>>>(),
            prop::collection::btree_map(any::<String>(), any::<i64>().prop_map(i128::from), 0..4),
            tagged,
        );
        let rest = rest.prop_map(|(pair, one, list, map, tagged)| {
            Shape::Rest(Rest { unit: (), pair, one: One(one), list, map, tagged })
        });
        let leaf = prop_oneof![
            Just(Shape::Unit),
            any::<(i64, f64)>().prop_map(|(one, two)| Shape::Tuple(one, two)),
            any::<(String, Option<u64>)>().prop_map(|(text, more)| Shape::Struct { text, more }),
            rest,
        ];
        leaf.prop_recursive(3, 6, 1, |inner| inner.prop_map(|it| Shape::Newtype(Box::new(it))))
    }

    proptest! {
        #[test]
        fn every_shape_is_written_as_serde_json_writes_it(shape in shape()) {
            prop_assert_eq!(written(&shape), serde_json::to_string(&shape).unwrap());
        }

        #[test]
        fn every_text_is_written_as_serde_json_writes_it(
            text in any::<String>(),
            plain in "[a-z]{0,40}",
            letter in any::<char>(),
        ) {
            for text in [format!("{plain}{letter}{plain}"), text, plain] {
                prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }

    #[test]
    fn a_value_of_json_is_written_as_it_is() {
        let text = r#"{"a":[1,-2,3.5,"b\n",null,true,{}],"c":{"d":[]}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(written(&value), text);
    }

    #[test]
    fn a_name_that_is_no_text_is_refused() {
        let numbered = BTreeMap::from([(1, 2)]);
        assert!(write(&numbered, &mut Vec::new()).is_err());
    }
}
