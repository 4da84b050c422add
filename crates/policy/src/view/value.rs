//! Arguments as Cedar values.
//!
//! Cedar has whole numbers of 64 bits, decimals with four places, and no null. A number that it
//! cannot hold is shown as its digits: comparing it as a number is then an error, and an erroring
//! forbid denies. Left out, it would slip past a forbid that asks `has` first. Null is left out,
//! as an argument that was not given.

use bailiwick_model::Json;
use cedar_policy::RestrictedExpression;

use super::context::record;

/// Shows the arguments of a call as a record.
pub(super) fn of_arguments(arguments: &Json) -> RestrictedExpression {
    match arguments {
        Json::Object(_) => of(arguments).unwrap_or_else(|| record([])),
        Json::Null
        | Json::Bool(_)
        | Json::Int(_)
        | Json::Float(_)
        | Json::Text(_)
        | Json::List(_) => record([]),
    }
}

fn of(value: &Json) -> Option<RestrictedExpression> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => RestrictedExpression::new_bool(*value),
        Json::Int(number) => match i64::try_from(*number) {
            Ok(number) => RestrictedExpression::new_long(number),
            Err(_) => RestrictedExpression::new_string(value.canonical()),
        },
        Json::Float(number) => match decimal(*number) {
            Some(number) => RestrictedExpression::new_decimal(number),
            None => RestrictedExpression::new_string(value.canonical()),
        },
        Json::Text(text) => RestrictedExpression::new_string(text.clone()),
        Json::List(items) => RestrictedExpression::new_set(items.iter().filter_map(of)),
        Json::Object(members) => {
            record(members.iter().filter_map(|(name, value)| Some((name.clone(), of(value)?))))
        }
    })
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
        }
    }
}
