//! What a condition comes to, in three values.
//!
//! Every operator and every key of a condition must hold. Of several values one is enough, or for an operator that says
//! `Not`, none may be met. An operator that is not known here, a variable, or a key that nobody knows anything of make
//! it `Maybe`.

use std::{collections::BTreeMap, net::IpAddr};

use bailiwick_model::{Json, Timestamp};

use super::{
    evaluate::Allowed,
    glob::{Case, fits},
    policy::each,
};

type Context = BTreeMap<String, Vec<String>>;

/// Says whether a condition holds.
pub(super) fn holds(condition: &Json, context: Option<&Context>) -> Allowed {
    let Json::Object(operators) = condition else { return Allowed::Maybe };
    let mut all = Allowed::Yes;
    for (operator, keys) in operators {
        let Json::Object(keys) = keys else { return Allowed::Maybe };
        for (key, values) in keys {
            all = all.min(one(operator, key, values, context));
        }
    }
    all
}

fn one(operator: &str, key: &str, values: &Json, context: Option<&Context>) -> Allowed {
    let Some(context) = context else { return Allowed::Maybe };
    let Some(wanted) = texts(values) else { return Allowed::Maybe };
    if wanted.iter().any(|it| it.contains("${")) {
        return Allowed::Maybe;
    }
    let found = context.get(&key.to_ascii_lowercase());
    let (quantifier, operator) = match operator.split_once(':') {
        Some((quantifier, operator)) => (quantifier, operator),
        None => ("", operator),
    };
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    if operator == "Null" {
        let is_there = if found.is_some() { "false" } else { "true" };
        return yes(wanted.iter().any(|it| it.eq_ignore_ascii_case(is_there)));
    }
    let (operator, is_not) = turned(operator);
    let Some(found) = found.filter(|it| !it.is_empty()) else {
        return match quantifier {
            "ForAnyValue" => yes(if_exists),
            "ForAllValues" => Allowed::Yes,
            _ => yes(if_exists || is_not),
        };
    };
    let each = |value: &String| meets(operator, value, &wanted).map(|it| it != is_not);
    let met: Option<Vec<bool>> = found.iter().map(each).collect();
    match (met, quantifier) {
        (None, _) => Allowed::Maybe,
        (Some(met), "ForAllValues") => yes(met.iter().all(|it| *it)),
        (Some(met), "ForAnyValue") => yes(met.iter().any(|it| *it)),
        // A key that has one value by its nature and came with several is nothing that the rules speak of.
        (Some(met), "") => match met.as_slice() {
            [it] => yes(*it),
            _ => Allowed::Maybe,
        },
        (Some(_), _) => Allowed::Maybe,
    }
}

/// Takes the `Not` off an operator.
fn turned(operator: &str) -> (&str, bool) {
    match operator {
        "StringNotEquals" => ("StringEquals", true),
        "StringNotEqualsIgnoreCase" => ("StringEqualsIgnoreCase", true),
        "StringNotLike" => ("StringLike", true),
        "ArnNotEquals" | "ArnNotLike" => ("ArnLike", true),
        "NumericNotEquals" => ("NumericEquals", true),
        "DateNotEquals" => ("DateEquals", true),
        "NotIpAddress" => ("IpAddress", true),
        other => (other, false),
    }
}

/// Says whether a value meets one of those that are wanted; nothing where the operator or a value makes no sense.
fn meets(operator: &str, value: &str, wanted: &[String]) -> Option<bool> {
    let mut any = false;
    for wanted in wanted {
        any |= match operator {
            "StringEquals" | "BinaryEquals" => value == wanted,
            "StringEqualsIgnoreCase" | "Bool" => value.eq_ignore_ascii_case(wanted),
            "StringLike" => fits(wanted, value, Case::Same),
            "ArnEquals" | "ArnLike" => is_arn_like(wanted, value),
            "IpAddress" => is_address_in(wanted, value)?,
            _ => {
                let (kind, how) = split(operator)?;
                let order = match kind {
                    "Numeric" => number(value)?.partial_cmp(&number(wanted)?)?,
                    _ => moment(value)?.cmp(&moment(wanted)?),
                };
                match how {
                    "Equals" => order.is_eq(),
                    "LessThan" => order.is_lt(),
                    "LessThanEquals" => order.is_le(),
                    "GreaterThan" => order.is_gt(),
                    "GreaterThanEquals" => order.is_ge(),
                    _ => return None,
                }
            }
        };
    }
    Some(any)
}

fn split(operator: &str) -> Option<(&'static str, &str)> {
    let kind = |kind: &'static str| operator.strip_prefix(kind).map(|how| (kind, how));
    kind("Numeric").or_else(|| kind("Date"))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|it: &f64| it.is_finite())
}

fn moment(text: &str) -> Option<i64> {
    let seconds = text.parse::<i64>().ok().and_then(|it| it.checked_mul(1000));
    seconds.or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::millis))
}

/// Each of an ARN's six parts may have wildcards, which stay in it.
fn is_arn_like(pattern: &str, arn: &str) -> bool {
    let (patterns, parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| fits(pattern, part, Case::Same))
}

fn is_address_in(block: &str, address: &str) -> Option<bool> {
    let (base, length) = match block.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<u32>().ok()?)),
        None => (block, None),
    };
    let bits = |it: IpAddr| match it {
        IpAddr::V4(it) => (u128::from(it.to_bits()), 32_u32),
        IpAddr::V6(it) => (it.to_bits(), 128),
    };
    let ((base, size), (address, other)) = (bits(base.parse().ok()?), bits(address.parse().ok()?));
    if size != other {
        return Some(false);
    }
    let free = size.checked_sub(length.unwrap_or(size))?;
    let cut = |it: u128| it.checked_shr(free).unwrap_or(0);
    Some(cut(base) == cut(address))
}

fn texts(values: &Json) -> Option<Vec<String>> {
    let text = |it: &Json| match it {
        Json::Text(text) => Some(text.clone()),
        Json::Bool(_) | Json::Int(_) | Json::Float(_) => Some(it.canonical()),
        Json::Null | Json::List(_) | Json::Object(_) => None,
    };
    each(values).iter().map(text).collect()
}

fn yes(is: bool) -> Allowed {
    if is { Allowed::Yes } else { Allowed::No }
}

#[cfg(test)]
mod tests {
    use bailiwick_model::JsonLimits;

    use super::*;

    fn told(condition: &str, context: &[(&str, &[&str])]) -> Allowed {
        let condition = Json::parse(condition.as_bytes(), JsonLimits::default()).expect("JSON");
        let values = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect();
        let context =
            context.iter().map(|(key, found)| ((*key).to_owned(), values(found))).collect();
        holds(&condition, Some(&context))
    }

    #[test]
    fn conditions_come_to_what_they_come_to_in_iam() {
        use Allowed::{Maybe, No, Yes};
        for (condition, context, answer) in [
            (r#"{"StringEquals":{"aws:A":"x"}}"#, &[("aws:a", &["x"][..])][..], Yes),
            (r#"{"StringEquals":{"aws:A":["y","x"]}}"#, &[("aws:a", &["x"])], Yes),
            (r#"{"StringEquals":{"aws:A":"x"}}"#, &[], No),
            (r#"{"StringEqualsIfExists":{"aws:A":"x"}}"#, &[], Yes),
            (r#"{"StringNotEquals":{"aws:A":["x","y"]}}"#, &[("aws:a", &["y"])], No),
            (r#"{"StringNotEquals":{"aws:A":"x"}}"#, &[], Yes),
            (r#"{"StringLike":{"aws:A":"x*"}}"#, &[("aws:a", &["xyz"])], Yes),
            (r#"{"Bool":{"aws:MFA":true}}"#, &[("aws:mfa", &["true"])], Yes),
            (r#"{"Null":{"aws:MFA":"true"}}"#, &[], Yes),
            (r#"{"Null":{"aws:MFA":"false"}}"#, &[], No),
            (r#"{"ForAllValues:StringEquals":{"k":["a","b"]}}"#, &[("k", &["a", "b"])], Yes),
            (r#"{"ForAllValues:StringEquals":{"k":"a"}}"#, &[("k", &["a", "b"])], No),
            (r#"{"ForAllValues:StringEquals":{"k":"a"}}"#, &[], Yes),
            (r#"{"ForAnyValue:StringEquals":{"k":"a"}}"#, &[("k", &["a", "b"])], Yes),
            (r#"{"ForAnyValue:StringEquals":{"k":"a"}}"#, &[], No),
            (r#"{"StringEquals":{"k":"a"}}"#, &[("k", &["a", "b"])], Maybe),
            (r#"{"NumericLessThan":{"k":"10"}}"#, &[("k", &["9.5"])], Yes),
            (r#"{"NumericLessThan":{"k":"10"}}"#, &[("k", &["ten"])], Maybe),
            (r#"{"DateGreaterThan":{"k":"2026-01-01T00:00:00Z"}}"#, &[("k", &["1800000000"])], Yes),
            (r#"{"IpAddress":{"k":"10.0.0.0/8"}}"#, &[("k", &["10.9.9.9"])], Yes),
            (r#"{"NotIpAddress":{"k":["10.0.0.0/8","::/0"]}}"#, &[("k", &["11.0.0.1"])], Yes),
            (r#"{"IpAddress":{"k":"10.0.0.0/33"}}"#, &[("k", &["10.0.0.0"])], Maybe),
            (
                r#"{"ArnLike":{"k":"arn:aws:iam::*:role/a*"}}"#,
                &[("k", &["arn:aws:iam::1:role/ab:c"])],
                Yes,
            ),
            (r#"{"ArnLike":{"k":"arn:aws:*:role/a"}}"#, &[("k", &["arn:aws:iam::1:role/a"])], No),
            (r#"{"StringEquals":{"k":"${aws:username}"}}"#, &[("k", &["a"])], Maybe),
            (r#"{"WeatherIs":{"k":"rain"}}"#, &[("k", &["rain"])], Maybe),
            (r#"{"StringEquals":{"k":"a","l":"b"}}"#, &[("k", &["a"])], No),
        ] {
            assert_eq!(told(condition, context), answer, "{condition} {context:?}");
        }
        let one = Json::parse(br#"{"Bool":{"a":"true"}}"#, JsonLimits::default()).expect("JSON");
        assert_eq!(holds(&one, None), Maybe);
    }
}
