//! What the expressions of a mapping can read of a call: `params` and `token`.

use std::collections::{BTreeSet, HashMap};

use bailiwick_model::Json;
use cel::{Context, Value, objects::Key};

use super::expression::environment;
use crate::classify::mapping::NAME_MAX;

/// More values than this are not shown: what names a resource is no document.
const VALUES_MAX: usize = 256;

/// The variables of one call.
pub(super) struct Values<'a>(Context<'a, 'a>);

impl Values<'_> {
    /// Makes them: of the arguments those in `read`, where they are short. The token is shown as the
    /// caller that it was verified to be of.
    pub(super) fn new(
        (tool, arguments): (&str, &Json),
        read: &BTreeSet<&str>,
        caller: &str,
    ) -> Result<Self, String> {
        let mut room = Room { bytes: NAME_MAX, values: VALUES_MAX };
        let text = |it: &str| Value::from(it.to_owned());
        let shown = read.iter().filter_map(|name| Some((*name, arguments.get(name)?)));
        let shown = map(shown, &mut room)?;
        let params = HashMap::from([(key("name"), text(tool)), (key("arguments"), shown)]);
        let token = HashMap::from([(key("sub"), text(caller)), (key("client_id"), text(caller))]);
        let mut context = Context::with_env(environment());
        context.add_variable_from_value("params", Value::Map(params.into()));
        context.add_variable_from_value("token", Value::Map(token.into()));
        Ok(Self(context))
    }

    pub(super) const fn context(&self) -> &Context<'_, '_> {
        &self.0
    }
}

/// What may still be shown.
struct Room {
    bytes: usize,
    values: usize,
}

impl Room {
    /// Takes room for one value with a text of so many bytes.
    fn take(&mut self, bytes: usize) -> Result<(), String> {
        match (self.bytes.checked_sub(bytes), self.values.checked_sub(1)) {
            (Some(bytes), Some(values)) => {
                *self = Self { bytes, values };
                Ok(())
            }
            (None, _) | (_, None) => Err(format!(
                "its mapping reads arguments of more than {NAME_MAX} bytes or {VALUES_MAX} values"
            )),
        }
    }
}

fn key(name: &str) -> Key {
    Key::from(name.to_owned())
}

fn map<'j>(
    members: impl Iterator<Item = (&'j str, &'j Json)>,
    room: &mut Room,
) -> Result<Value, String> {
    let member = |(name, it): (&str, &Json)| {
        room.take(name.len())?;
        Ok((key(name), value(it, room)?))
    };
    let members: HashMap<_, _> = members.map(member).collect::<Result<_, String>>()?;
    Ok(Value::Map(members.into()))
}

/// Gives a value as CEL has it: whole numbers stay whole.
fn value(json: &Json, room: &mut Room) -> Result<Value, String> {
    room.take(json.as_text().map_or(0, str::len))?;
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(it) => Value::Bool(*it),
        Json::Int(it) => match (i64::try_from(*it), u64::try_from(*it)) {
            (Ok(it), _) => Value::Int(it),
            (Err(_), Ok(it)) => Value::UInt(it),
            (Err(_), Err(_)) => Value::Null,
        },
        Json::Float(it) => Value::Float(*it),
        Json::Text(it) => Value::from(it.clone()),
        Json::List(items) => {
            let items = items.iter().map(|it| value(it, room));
            Value::List(items.collect::<Result<Vec<_>, _>>()?.into())
        }
        Json::Object(members) => map(members.iter().map(|(name, it)| (name.as_str(), it)), room)?,
    })
}
