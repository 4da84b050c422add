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
