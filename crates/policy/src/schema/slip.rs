//! What Cedar's validator finds wrong with a condition, in words of ours.

use std::ops::Range;

use cedar_policy_core::{
    parser::Loc,
    validator::{
        ValidationError,
        types::{EntityKind, Type},
        validation_errors::AttributeAccess,
    },
};

use crate::syntax;

/// One thing that is wrong with a condition for one kind of call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slip {
    /// It reads a field that is not there, or not always.
    Field { holder: String, name: String, missing: bool },
    /// Something is of another type than is wanted there.
    Type { what: String, is: String, wanted: String, help: &'static str },
    /// Two things are compared that are never equal.
    Unlike { one: String, other: String },
    /// Anything else that the validator refuses.
    Other { message: String, help: Option<String> },
}

/// Reads what the validator says; nothing where it could not know.
pub(super) fn of(error: ValidationError, whole: &Range<usize>) -> Option<(Range<usize>, Slip)> {
    match error {
        ValidationError::UnsafeAttributeAccess(it) => {
            let at = it.source_loc;
            (!it.may_exist).then(|| field(at.as_ref(), &it.attribute_access, true, whole))
        }
        ValidationError::UnsafeOptionalAttributeAccess(it) => {
            Some(field(it.source_loc.as_ref(), &it.attribute_access, false, whole))
        }
        ValidationError::UnexpectedType(it) => {
            let at = it.source_loc.as_ref();
            let wanted: Vec<String> = it.expected.iter().map(words).collect();
            let slip = Slip::Type {
                what: snippet(at).unwrap_or_else(|| "this".to_owned()),
                is: words(&it.actual),
                wanted: wanted.join(" or "),
                help: help(&it.actual, &it.expected),
            };
            (!is_open(&it.actual)).then(|| (syntax::range(at, whole), slip))
        }
        ValidationError::IncompatibleTypes(it) => {
            if it.types.iter().any(is_open) {
                return None;
            }
            let mut types = it.types.iter().map(words);
            let (one, other) = (types.next()?, types.next()?);
            Some((syntax::range(it.source_loc.as_ref(), whole), Slip::Unlike { one, other }))
        }
        ValidationError::EmptySetForbidden(it) => {
            let message = "an empty set, whose type cannot be told".to_owned();
            let help = Some("ask `.isEmpty()` of the other set".to_owned());
            Some((syntax::range(it.source_loc.as_ref(), whole), Slip::Other { message, help }))
        }
        ValidationError::NonLitExtConstructor(it) => {
            let what = snippet(it.source_loc.as_ref()).unwrap_or_else(|| "this".to_owned());
            let message = format!("`{what}` reads a text that is not written in the policy");
            let help = Some("whether it can be read would show at the call alone".to_owned());
            Some((syntax::range(it.source_loc.as_ref(), whole), Slip::Other { message, help }))
        }
        other @ (ValidationError::FunctionArgumentValidation(_)
        | ValidationError::UndefinedFunction(_)
        | ValidationError::WrongNumberArguments(_)
        | ValidationError::UnsafeTagAccess(_)
        | ValidationError::NoTagsAllowed(_)
        | ValidationError::InvalidEnumEntity(_)
        | ValidationError::EntityDerefLevelViolation(_)
        | ValidationError::UnrecognizedEntityType(_)) => Some(as_said(&other, whole)),
        // These are not about the policy: a tool that is not accepted yet may well be named.
        ValidationError::UnrecognizedActionId(_)
        | ValidationError::InternalInvariantViolation(_)
        | ValidationError::IncompleteSchema(_) => None,
    }
}

fn field(
    at: Option<&Loc>,
    access: &AttributeAccess,
    missing: bool,
    whole: &Range<usize>,
) -> (Range<usize>, Slip) {
    let (root, names) = match access {
        AttributeAccess::Context(_, names) => (Some("context"), names),
        AttributeAccess::EntityLUB(_, names) | AttributeAccess::Other(names) => (None, names),
    };
    let name = names.first().map(ToString::to_string).unwrap_or_default();
    let above = names.iter().skip(1).rev().map(ToString::to_string);
    let known: Vec<String> = root.map(str::to_owned).into_iter().chain(above).collect();
    // Of what is no context the text says more.
    let written = || {
        let text = snippet(at)?;
        Some(text.strip_suffix(&name)?.strip_suffix('.')?.trim_end().to_owned())
    };
    let holder = match root {
        Some(_) => known.join("."),
        None => written().unwrap_or_else(|| known.join(".")),
    };
    let at = at.map_or_else(|| whole.clone(), |it| last(it, &name));
    (at, Slip::Field { holder, name, missing })
}

/// Gives the place of the field's name at the end of what reads it.
fn last(at: &Loc, name: &str) -> Range<usize> {
    let ends = at.snippet().is_some_and(|it| it.ends_with(name));
    let start = at.end().checked_sub(name.len()).filter(|_| ends);
    start.unwrap_or_else(|| at.start())..at.end()
}

fn as_said(error: &ValidationError, whole: &Range<usize>) -> (Range<usize>, Slip) {
    let label = miette::Diagnostic::labels(error).and_then(|mut it| it.next());
    let at =
        label.map_or_else(|| whole.clone(), |it| it.offset()..it.offset().saturating_add(it.len()));
    let said = error.to_string();
    let message = match said.split_once("`, ") {
        Some((start, rest)) if start.starts_with("for policy `") => rest.to_owned(),
        Some(_) | None => said,
    };
    let help = miette::Diagnostic::help(error).map(|it| it.to_string());
    (at, Slip::Other { message, help })
}

fn snippet(at: Option<&Loc>) -> Option<String> {
    const MOST: usize = 80;
    let text = at?.snippet()?;
    (text.len() <= MOST && !text.contains('\n')).then(|| text.to_owned())
}

/// Says whether nothing is known of a part of it.
fn is_open(of: &Type) -> bool {
    match of {
        Type::Never => true,
        Type::Set { element_type } => element_type.as_ref().is_some_and(|it| is_open(it)),
        Type::Record { attrs, open_attributes } => {
            *open_attributes == cedar_policy_core::validator::types::OpenTag::OpenAttributes
                || attrs.iter().any(|(_, it)| is_open(&it.attr_type))
        }
        Type::Bool(_)
        | Type::Long
        | Type::String
        | Type::Entity(_)
        | Type::ExtensionType { .. } => false,
    }
}

/// Names a type as people do.
fn words(of: &Type) -> String {
    match of {
        Type::Never => "anything".to_owned(),
        Type::Bool(_) => "true or false".to_owned(),
        Type::Long => "a whole number".to_owned(),
        Type::String => "a text".to_owned(),
        Type::Set { element_type: Some(of) } if **of == Type::String => "a set of texts".to_owned(),
        Type::Set { .. } => "a set".to_owned(),
        Type::Record { .. } => "a record".to_owned(),
        Type::Entity(EntityKind::AnyEntity) => "an entity".to_owned(),
        Type::Entity(EntityKind::Entity(of)) => match of.get_single_entity() {
            Some(name) => format!("a `{name}`"),
            None => "an entity".to_owned(),
        },
        Type::ExtensionType { name } => match name.to_string().as_str() {
            "decimal" => "a decimal".to_owned(),
            "datetime" => "a moment".to_owned(),
            "duration" => "a span of time".to_owned(),
            "ipaddr" => "an address".to_owned(),
            other => format!("`{other}`"),
        },
    }
}

fn help(actual: &Type, expected: &[Type]) -> &'static str {
    let wants = |of: &Type| expected.contains(of);
    match actual {
        Type::ExtensionType { name } if name.to_string() == "decimal" && wants(&Type::Long) => {
            "compare decimals with `.lessThan(decimal(\"1.5\"))` and its like"
        }
        Type::Long => "compare whole numbers with `<`, `<=`, `>`, `>=` and `==`",
        Type::Set { .. } if wants(&Type::String) => "ask a set with `.contains(…)`",
        Type::Set { .. } => "ask a set with `.contains(…)`, `.containsAny(…)` or `.containsAll(…)`",
        Type::String => "ask a text with `==` and `like`",
        Type::Never
        | Type::Bool(_)
        | Type::Record { .. }
        | Type::Entity(_)
        | Type::ExtensionType { .. } => "`bailiwick policy schema` shows the type of everything",
    }
}
