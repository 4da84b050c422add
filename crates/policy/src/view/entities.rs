//! The entities of one request: who, what, on what, and the groups these belong to.

use std::collections::{BTreeSet, HashSet};

use cedar_policy_core::{
    ast::{Entity, EntityUID, EntityUIDEntry, Value},
    entities::{Entities, NoEntitiesSchema, TCComputation},
    extensions::Extensions,
};

use super::{Subject, ViewError, value::text};
use crate::vocabulary::Types;

type Attributes<const N: usize> = [(&'static str, Value); N];

/// A resource among the entities that its request knows.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) resource: EntityUIDEntry,
    pub(super) entities: Entities,
}

/// Gives a place for each resource, which is `server:value`; with none, the tool is the resource.
pub(super) fn places(
    subject: &Subject<'_>,
    types: &Types,
    resources: &BTreeSet<String>,
) -> Result<Vec<Place>, ViewError> {
    let common = common(subject, types);
    let tool = types.tool(&subject.action.policy_name());
    if resources.is_empty() {
        return Ok(vec![Place { resource: tool.into(), entities: gather(common)? }]);
    }
    let server = subject.action.server.as_str();
    let place = |value: &String| {
        let uid = types.resource(&format!("{server}:{value}"));
        let parents = [tool.clone(), types.server(server)];
        let resource = entity(uid.clone(), traits(subject), parents);
        let entities = gather(common.iter().cloned().chain([resource]))?;
        Ok(Place { resource: uid.into(), entities })
    };
    resources.iter().map(place).collect()
}

/// Gives the place of an action whose resource is not known: what is not among these entities may
/// be among those of a call.
pub(super) fn unknown_place(subject: &Subject<'_>, types: &Types) -> Result<Place, ViewError> {
    let entities = gather(common(subject, types))?.partial();
    Ok(Place { resource: EntityUIDEntry::unknown(), entities })
}

fn common(subject: &Subject<'_>, types: &Types) -> [Entity; 3] {
    let name = subject.action.policy_name();
    let server = subject.action.server.as_str();
    let groups = subject
        .facts
        .effects
        .iter()
        .map(|it| types.action(it.as_str()))
        .chain([types.action(&format!("server:{server}"))]);
    let charter = subject.charter;
    let who = [
        ("owner", text(&charter.owner)),
        ("kind", text(charter.kind.as_str())),
        ("class", text(charter.class.as_str())),
    ];
    let class = types.class(charter.class.as_str());
    [
        entity(types.identity(subject.task.identity.as_str()), who, [class]),
        entity(types.action(&name), [], groups),
        entity(types.tool(&name), traits(subject), [types.server(server)]),
    ]
}

/// Gives what is known of the tool and of whatever it is used on. Nobody knows a resource's owner
/// yet, so it has none rather than an empty one.
fn traits(subject: &Subject<'_>) -> Attributes<3> {
    let sensitivity = subject.facts.sensitivity;
    [
        ("sensitivity", text(sensitivity.as_str())),
        ("sensitivity_rank", Value::from(i64::from(sensitivity.rank()))),
        ("environment", text(subject.facts.environment.as_str())),
    ]
}

fn entity<const N: usize>(
    uid: EntityUID,
    attributes: Attributes<N>,
    parents: impl IntoIterator<Item = EntityUID>,
) -> Entity {
    let attributes = attributes.map(|(name, value)| (name.into(), value.into()));
    let parents: HashSet<EntityUID> = parents.into_iter().collect();
    Entity::new_with_attr_partial_value(uid, attributes, HashSet::new(), parents, [])
}

/// Puts the entities together. Their parents are all that is above them: of the four only the tool
/// is somebody's parent, and what it belongs to is the resource's parent, too.
fn gather(entities: impl IntoIterator<Item = Entity>) -> Result<Entities, ViewError> {
    let above = TCComputation::AssumeAlreadyComputed;
    let schema: Option<&NoEntitiesSchema> = None;
    Entities::from_entities(entities, schema, above, Extensions::all_available())
        .map_err(|_| ViewError::Entity)
}
