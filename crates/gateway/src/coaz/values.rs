//! What the expressions of a mapping can read of a call: `params` and `token`.

use std::collections::HashMap;

use bailiwick_model::Json;
use cel::{Context, Value, objects::Key};

use super::expression::environment;

/// The variables of one call.
pub(super) struct Values<'a>(Context<'a, 'a>);

impl Values<'_> {
    /// Makes them. The token is shown as the caller that it was verified to be of.
    pub(super) fn new(tool: &str, arguments: &Json, caller: &str) -> Self {
        let text = |it: &str| Value::from(it.to_owned());
        let params = [("name", text(tool)), ("arguments", value(arguments))];
        let token = [("sub", text(caller)), ("client_id", text(caller))];
        let mut context = Context::with_env(environment());
        context.add_variable_from_value("params", map(params));
        context.add_variable_from_value("token", map(token));
        Self(context)
    }

    pub(super) const fn context(&self) -> &Context<'_, '_> {
        &self.0
    }
}

fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members = members.into_iter().map(|(name, value)| (Key::from(name.to_owned()), value));
    Value::Map(members.collect::<HashMap<_, _>>().into())
}

/// Gives a value as CEL has it: whole numbers stay whole.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(it) => Value::Bool(*it),
        Json::Int(it) => match (i64::try_from(*it), u64::try_from(*it)) {
            (Ok(it), _) => Value::Int(it),
            (Err(_), Ok(it)) => Value::UInt(it),
            (Err(_), Err(_)) => Value::Null,
        },
        Json::Float(it) => Value::Float(*it),
        Json::Text(it) => Value::from(it.clone()),
        Json::List(items) => Value::List(items.iter().map(value).collect::<Vec<_>>().into()),
        Json::Object(members) => {
            let members = members.iter().map(|(name, it)| (Key::from(name.clone()), value(it)));
            Value::Map(members.collect::<HashMap<_, _>>().into())
        }
    }
}
