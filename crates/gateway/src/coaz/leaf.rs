//! The leaves of a mapping: what stands there as it is, or an expression after a `$`.

use bailiwick_model::Json;

use super::{expression::Expression, values::Values};

/// More leaves than this have no mapping of one call.
const LEAVES_MAX: usize = 256;

/// One leaf.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Leaf {
    /// It stands as it is.
    Literal(String),
    /// It is asked of each call.
    Asked(Expression),
}

impl Leaf {
    /// Reads a leaf that must come to a text. `$$` writes a text that begins with `$`.
    pub(super) fn read(said: &Json) -> Result<Self, String> {
        match said {
            Json::Text(text) => match text.strip_prefix('$') {
                None => Ok(Self::Literal(text.clone())),
                Some(rest) if rest.starts_with('$') => Ok(Self::Literal(rest.to_owned())),
                Some(asked) => Expression::compile(asked).map(Self::Asked),
            },
            Json::Bool(_) | Json::Int(_) | Json::Float(_) => Ok(Self::Literal(said.canonical())),
            Json::Null | Json::List(_) | Json::Object(_) => {
                Err("a type or an id must be a text or an expression".to_owned())
            }
        }
    }

    /// Gives what it comes to.
    pub(super) fn text(&self, values: &Values<'_>) -> Result<String, String> {
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::Asked(expression) => expression.text(values),
        }
    }

    /// Gives the arguments that it reads.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::Literal(_) => None,
            Self::Asked(expression) => Some(expression.arguments()),
        }
        .into_iter()
        .flatten()
    }
}

/// Counts leaves while all of them are checked, those that are not used here, too: a mapping of
/// which a part cannot be read is not believed in the rest.
#[derive(Debug, Default)]
pub(super) struct Leaves(usize);

impl Leaves {
    /// Checks all leaves below `said`.
    pub(super) fn check(&mut self, said: &Json) -> Result<(), String> {
        match said {
            Json::List(items) => items.iter().try_for_each(|it| self.check(it)),
            Json::Object(members) => members.values().try_for_each(|it| self.check(it)),
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) | Json::Text(_) => {
                self.0 = self.0.saturating_add(1);
                if LEAVES_MAX < self.0 {
                    return Err(format!("has more than {LEAVES_MAX} leaves"));
                }
                if matches!(said, Json::Text(_)) { Leaf::read(said).map(drop) } else { Ok(()) }
            }
        }
    }
}
