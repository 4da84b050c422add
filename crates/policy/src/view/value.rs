//! Values as Cedar holds them, made without a detour over expressions.
//!
//! Cedar has whole numbers of 64 bits, decimals with four places, and no null. A number that it
//! cannot hold is shown as its digits: comparing it as a number is then an error, and an erroring
//! forbid denies. Left out, it would slip past a forbid that asks `has` first. Null is left out,
//! as an argument that was not given.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use bailiwick_model::{Json, Timestamp};
use cedar_policy_core::{
    ast::{Literal, Name, PartialValue, RestrictedExpr, Value, ValueKind},
    extensions::Extensions,
};

/// Shows the arguments of a call as a record: those of these names, or all.
pub(super) fn of_arguments<'a>(arguments: &'a Json, names: Option<&BTreeSet<String>>) -> Value {
    let shown = |(name, value): (&'a String, &'a Json)| Some((name.as_str(), of(value)?));
    match (arguments, names) {
        (Json::Object(members), Some(names)) => {
            record(names.iter().filter_map(|it| shown(members.get_key_value(it)?)))
        }
        (Json::Object(members), None) => record(members.iter().filter_map(shown)),
        (
            Json::Null
            | Json::Bool(_)
            | Json::Int(_)
            | Json::Float(_)
            | Json::Text(_)
            | Json::List(_),
            _,
        ) => record([]),
    }
}

pub(super) fn of(value: &Json) -> Option<Value> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => Value::from(*value),
        Json::Int(number) => match i64::try_from(*number) {
            Ok(number) => Value::from(number),
            Err(_) => text(&value.canonical()),
        },
        Json::Float(number) => match decimal(*number).and_then(|it| call(&DECIMAL, &it)) {
            Some(number) => number,
            None => text(&value.canonical()),
        },
        Json::Text(value) => text(value),
        Json::List(items) => Value::set(items.iter().filter_map(of), None),
        Json::Object(members) => {
            record(members.iter().filter_map(|(name, value)| Some((name.as_str(), of(value)?))))
        }
    })
}

/// Shows a value of Cedar's as JSON: a thing as its name, and what only Cedar has as it writes it.
/// None where it would have more than about `most` bytes, or nest too deep for anybody to read.
pub(super) fn shown(value: &Value, most: usize) -> Option<Json> {
    const DEPTH: usize = 32;
    let mut left = most;
    shown_within(value, DEPTH, &mut left)
}

/// Says of a value what it is and how long.
pub(super) fn in_short(value: &Value) -> Json {
    Json::Text(match &value.value {
        ValueKind::Lit(Literal::String(it)) => format!("(a text of {} bytes)", it.len()),
        ValueKind::Lit(_) => "(a long name)".to_owned(),
        ValueKind::Set(set) => format!("(a set of {})", set.len()),
        ValueKind::Record(fields) => format!("(a record of {})", fields.len()),
        ValueKind::ExtensionValue(_) => "(a long value)".to_owned(),
    })
}

fn shown_within(value: &Value, depth: usize, left: &mut usize) -> Option<Json> {
    let below = depth.checked_sub(1)?;
    let mut take = |bytes: usize| {
        // What stands around it counts, too.
        *left = left.checked_sub(bytes.saturating_add(2))?;
        Some(())
    };
    Some(match &value.value {
        ValueKind::Lit(Literal::Bool(it)) => {
            take(4)?;
            Json::Bool(*it)
        }
        ValueKind::Lit(Literal::Long(it)) => {
            take(8)?;
            Json::Int(i128::from(*it))
        }
        ValueKind::Lit(Literal::String(it)) => {
            take(it.len())?;
            Json::Text(it.to_string())
        }
        ValueKind::Lit(Literal::EntityUID(it)) => {
            let id: &str = it.eid().as_ref();
            take(id.len())?;
            Json::Text(it.to_string())
        }
        ValueKind::Set(set) => {
            take(0)?;
            Json::List(set.iter().map(|it| shown_within(it, below, left)).collect::<Option<_>>()?)
        }
        ValueKind::Record(fields) => {
            take(0)?;
            let mut members = BTreeMap::new();
            for (name, it) in fields.iter() {
                *left = left.checked_sub(name.len())?;
                members.insert(name.to_string(), shown_within(it, below, left)?);
            }
            Json::Object(members)
        }
        ValueKind::ExtensionValue(it) => {
            let text = RestrictedExpr::from(it.as_ref().clone()).to_string();
            take(text.len())?;
            Json::Text(text)
        }
    })
}

pub(super) fn text(text: &str) -> Value {
    Value::from(text)
}

pub(super) fn texts<'a>(all: impl Iterator<Item = &'a str>) -> Value {
    Value::set(all.map(text), None)
}

/// Makes a record; of two fields of one name the later counts.
pub(super) fn record<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::record(fields, None)
}

/// Shows a moment. None would mean that Cedar does not take it.
pub(super) fn datetime(at: Timestamp) -> Option<Value> {
    call(&DATETIME, &at.to_string())
}

static DECIMAL: LazyLock<Option<Name>> =
    LazyLock::new(|| Name::parse_unqualified_name("decimal").ok());
static DATETIME: LazyLock<Option<Name>> =
    LazyLock::new(|| Name::parse_unqualified_name("datetime").ok());

/// Calls a function of Cedar's that reads a text.
fn call(function: &LazyLock<Option<Name>>, argument: &str) -> Option<Value> {
    let function = Extensions::all_available().func(function.as_ref()?).ok()?;
    match function.call(&[text(argument)]) {
        Ok(PartialValue::Value(value)) => Some(value),
        Ok(PartialValue::Residual(_)) | Err(_) => None,
    }
}

/// Writes a number as Cedar's decimal, where no digit is lost.
fn decimal(number: f64) -> Option<String> {
    let digits = number.to_string();
    let (whole, places) = digits.split_once('.').unwrap_or((&digits, "0"));
    if 4 < places.len() {
        return None;
    }
    // The value in ten-thousandths must fit 64 bits.
    let shifted: i128 = format!("{whole}{places:0<4}").parse().ok()?;
    i64::try_from(shifted).ok()?;
    Some(format!("{whole}.{places}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_keeps_every_digit_or_is_none() {
        for (number, expected) in [
            (0.0, Some("0.0")),
            (-0.5, Some("-0.5")),
            (12.25, Some("12.25")),
            (0.0001, Some("0.0001")),
            (0.00001, None),
            (100.000_01, None),
            (922_337_203_685_477.5, Some("922337203685477.5")),
            (922_337_203_685_478.0, None),
            (1e300, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(decimal(number).as_deref(), expected, "{number}");
            assert_eq!(
                decimal(number).and_then(|it| call(&DECIMAL, &it)).is_some(),
                expected.is_some()
            );
        }
    }

    #[test]
    fn cedar_takes_every_moment_that_has_a_name() {
        for at in [Timestamp::from_millis(i64::MIN), Timestamp::default(), Timestamp::MAX] {
            assert!(datetime(at).is_some(), "{at}");
        }
    }
}
