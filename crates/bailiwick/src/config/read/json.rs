//! A value of a file as JSON: what a call's arguments are.

use serde_json::{Number, Value};
use toml::{
    Spanned,
    de::{DeInteger, DeValue},
};

use super::Field;

impl Field<'_> {
    /// Reads any value. JSON has no moments: one is written as text.
    pub(crate) fn json(&self) -> Option<Value> {
        match json(self.value?) {
            Ok(value) => Some(value),
            Err(written) => {
                self.wrong(format!("`{}` holds `{written}`, which JSON cannot say", self.name));
                None
            }
        }
    }

    /// Says whether it is text.
    pub(crate) fn is_text(&self) -> bool {
        self.value.is_some_and(|it| it.get_ref().is_str())
    }
}

fn json(value: &Spanned<DeValue<'_>>) -> Result<Value, String> {
    Ok(match value.get_ref() {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => whole(number)?,
        DeValue::Float(number) => {
            let written = number.as_str();
            let parsed = written.parse().ok().and_then(Number::from_f64);
            Value::Number(parsed.ok_or_else(|| written.to_owned())?)
        }
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Datetime(moment) => Value::from(moment.to_string()),
        DeValue::Array(items) => items.iter().map(json).collect::<Result<_, _>>()?,
        DeValue::Table(members) => {
            let member = |(name, value): (&Spanned<_>, &_)| {
                let name: &std::borrow::Cow<'_, str> = name.get_ref();
                Ok((name.to_string(), json(value)?))
            };
            Value::Object(members.iter().map(member).collect::<Result<_, String>>()?)
        }
    })
}

fn whole(number: &DeInteger<'_>) -> Result<Value, String> {
    let digits = number.as_str().trim_start_matches('+');
    let signed = i64::from_str_radix(digits, number.radix()).map(Value::from);
    signed
        .or_else(|_| u64::from_str_radix(digits, number.radix()).map(Value::from))
        .map_err(|_| number.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::{Reader, Source};

    /// Reads `v` of a file, and counts what is wrong with it.
    fn read(text: &str) -> (Option<serde_json::Value>, usize) {
        let reader = Reader::new(&Source::new("any.toml", text));
        let value = reader.read(|root| root.get("v").json());
        (value.flatten(), reader.found().len())
    }

    #[test]
    fn every_value_of_toml_is_one_of_json() {
        let text = "v = { a = [1, -2, +3, 0x10, 18446744073709551615], b = 1.5, c = true, \
                    d = 2026-11-26, e = { f = \"g\" } }";
        let wanted = json!({
            "a": [1, -2, 3, 16, u64::MAX], "b": 1.5, "c": true, "d": "2026-11-26", "e": {"f": "g"},
        });
        assert_eq!(read(text), (Some(wanted), 0));
    }

    #[test]
    fn what_json_cannot_say_is_refused() {
        for text in ["v = nan", "v = [-inf]", "v = 99999999999999999999"] {
            assert_eq!(read(text), (None, 1), "{text}");
        }
    }
}
