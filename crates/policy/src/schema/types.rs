//! What conditions read, in Cedar's types.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use bailiwick_model::ParamShape;
use cedar_policy_core::{
    ast::Name,
    validator::types::{AttributeType, OpenTag, Type},
};

use super::shape::{Fields, Shape};

/// How a number that can be whole or not is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    Whole,
    Decimal,
}

/// The parameters of the tasks that a condition meets: whether each is always there, and whether
/// there can be others.
#[derive(Clone, Debug)]
pub(super) struct Params {
    named: BTreeMap<String, bool>,
    more: bool,
}

/// Those of any task: of which template it is, nobody knows.
pub(super) fn params_of(names: Option<&BTreeSet<String>>) -> Params {
    let named = names.into_iter().flatten().map(|it| (it.clone(), false)).collect();
    Params { named, more: names.is_none() }
}

/// Those of the tasks of one template.
pub(super) fn params_of_template(shapes: &BTreeMap<String, ParamShape>) -> Params {
    let named = shapes.iter().map(|(name, it)| (name.clone(), !it.optional)).collect();
    Params { named, more: false }
}

/// Gives the types of `context`: one, or one for each way to read a number. None would mean that
/// Cedar does not take its own words.
pub(super) fn contexts(input: &Shape, params: &Params) -> Option<Vec<Type>> {
    let ways: &[Numbers] =
        if input.has_numbers() { &[Numbers::Whole, Numbers::Decimal] } else { &[Numbers::Whole] };
    ways.iter().map(|it| context(input, *it, params)).collect()
}

fn context(input: &Shape, numbers: Numbers, params: &Params) -> Option<Type> {
    let texts = || Type::set(Arc::new(Type::String));
    let moment = || extension(&DATETIME);
    let task = closed([
        ("id", Type::String, true),
        ("template", Type::String, true),
        ("purpose", Type::String, true),
        ("params", of_params(params), true),
        ("opened", moment()?, true),
        ("opened_by", Type::String, true),
        ("break_glass", Type::primitive_boolean(), true),
        ("on_behalf_of", Type::String, true),
        ("on_behalf_issuer", Type::String, true),
    ]);
    let approval =
        closed([("granted", Type::primitive_boolean(), true), ("by", Type::String, false)]);
    Some(closed([
        ("task", task, true),
        ("input", of(input, numbers)?, true),
        ("destinations", texts(), true),
        ("granted", Type::primitive_boolean(), true),
        ("approval", approval, true),
        ("now", moment()?, true),
        ("chain", texts(), true),
        ("depth", Type::Long, true),
        ("environment", Type::String, true),
        ("facts", texts(), true),
        ("server", Type::String, true),
        ("tool", Type::String, true),
        ("pep", closed([("supports", texts(), true)]), true),
    ]))
}

fn of_params(params: &Params) -> Type {
    let field = |(name, required): (&String, &bool)| {
        (name.as_str().into(), AttributeType::new(Arc::new(Type::String), *required))
    };
    let open = if params.more { OpenTag::OpenAttributes } else { OpenTag::ClosedAttributes };
    Type::record_with_attributes(params.named.iter().map(field), open)
}

fn closed<const N: usize>(fields: [(&'static str, Type, bool); N]) -> Type {
    let field = |(name, of, required): (&'static str, Type, bool)| {
        (name.into(), AttributeType::new(Arc::new(of), required))
    };
    Type::record_with_attributes(fields.map(field), OpenTag::ClosedAttributes)
}

fn of(shape: &Shape, numbers: Numbers) -> Option<Type> {
    Some(match (shape, numbers) {
        (Shape::Text, _) => Type::String,
        (Shape::Whole, _) | (Shape::Number, Numbers::Whole) => Type::Long,
        (Shape::Number, Numbers::Decimal) => extension(&DECIMAL)?,
        (Shape::Truth, _) => Type::primitive_boolean(),
        (Shape::Set(items), _) => Type::set(Arc::new(of(items, numbers)?)),
        (Shape::Record(Fields { named, more }), _) => {
            let field = |(name, field): (&String, &super::Field)| {
                let shown = Arc::new(of(&field.shape, numbers)?);
                Some((name.as_str().into(), AttributeType::new(shown, field.required)))
            };
            let fields = named.iter().map(field).collect::<Option<Vec<_>>>()?;
            let open = if *more { OpenTag::OpenAttributes } else { OpenTag::ClosedAttributes };
            Type::record_with_attributes(fields, open)
        }
        // The type below all others: whatever is asked of it may be right.
        (Shape::Open, _) => Type::Never,
    })
}

static DECIMAL: LazyLock<Option<Name>> =
    LazyLock::new(|| Name::parse_unqualified_name("decimal").ok());
static DATETIME: LazyLock<Option<Name>> =
    LazyLock::new(|| Name::parse_unqualified_name("datetime").ok());

fn extension(name: &LazyLock<Option<Name>>) -> Option<Type> {
    LazyLock::force(name).clone().map(|name| Type::ExtensionType { name })
}
