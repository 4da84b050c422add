//! The entities of requests: who, what, on what, and the groups these belong to.

use std::{collections::HashSet, sync::Arc};

use cedar_policy_core::{
    ast::{Entity, EntityUID, Value},
    entities::{Entities, NoEntitiesSchema, TCComputation},
    extensions::Extensions,
};

use super::{Subject, ViewError, value::text};
use crate::vocabulary::Types;

type Attributes<const N: usize> = [(&'static str, Value); N];

/// Who does what with which tool, whatever it is done to.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) principal: Part,
    pub(crate) action: Part,
    pub(crate) tool: Part,
    pub(crate) entities: Entities,
}

/// One thing that a request names, with what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) uid: Arc<EntityUID>,
    pub(crate) entity: Arc<Entity>,
}

/// A resource among the entities that its request knows.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) resource: Part,
    pub(crate) entities: Entities,
}

impl Scene {
    pub(crate) fn of(subject: &Subject<'_>) -> Result<Self, ViewError> {
        let types = Types::get().ok_or(ViewError::Types)?;
        let name = subject.action.policy_name();
        let server = subject.action.server.as_str();
        let effects = subject.facts.effects.iter().map(|it| types.action(it.as_str()));
        let groups = effects.chain([types.action(&format!("server:{server}"))]);
        let charter = subject.charter;
        let who = [
            ("owner", text(&charter.owner)),
            ("kind", text(charter.kind.as_str())),
            ("class", text(charter.class.as_str())),
        ];
        let class = types.class(charter.class.as_str());
        let identity = types.identity(subject.task.identity.as_str());
        let principal = Part::new(identity, who, [class]);
        let action = Part::new(types.action(&name), [], groups);
        let tool = Part::new(types.tool(&name), traits(subject), [types.server(server)]);
        let all = [&principal, &action, &tool].map(|it| Arc::clone(&it.entity));
        let entities = gather(Entities::new(), all)?;
        Ok(Self { principal, action, tool, entities })
    }

    /// Adds what the tool is used on, which is `server:value`.
    pub(crate) fn place(&self, subject: &Subject<'_>, value: &str) -> Result<Place, ViewError> {
        let types = Types::get().ok_or(ViewError::Types)?;
        let server = subject.action.server.as_str();
        let parents = [(*self.tool.uid).clone(), types.server(server)];
        let uid = types.resource(&format!("{server}:{value}"));
        let resource = Part::new(uid, traits(subject), parents);
        let entities = gather(self.entities.clone(), [Arc::clone(&resource.entity)])?;
        Ok(Place { resource, entities })
    }
}

impl Part {
    pub(crate) fn new<'a>(
        uid: EntityUID,
        attributes: impl IntoIterator<Item = (&'a str, Value)>,
        parents: impl IntoIterator<Item = EntityUID>,
    ) -> Self {
        let attributes = attributes.into_iter().map(|(name, value)| (name.into(), value.into()));
        let parents: HashSet<EntityUID> = parents.into_iter().collect();
        let (own, none) = (uid.clone(), HashSet::new());
        let entity = Entity::new_with_attr_partial_value(own, attributes, none, parents, []);
        Self { uid: Arc::new(uid), entity: Arc::new(entity) }
    }
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

pub(super) fn together(parts: &[&Part]) -> Result<Entities, ViewError> {
    gather(Entities::new(), parts.iter().map(|it| Arc::clone(&it.entity)))
}

/// Puts entities together. Their parents are all that is above them: of the four only the tool is
/// somebody's parent, and what it belongs to is the resource's parent, too.
fn gather(
    entities: Entities,
    more: impl IntoIterator<Item = Arc<Entity>>,
) -> Result<Entities, ViewError> {
    let above = TCComputation::AssumeAlreadyComputed;
    let schema: Option<&NoEntitiesSchema> = None;
    let added = entities.add_entities(more, schema, above, Extensions::all_available());
    added.map_err(|_| ViewError::Entity)
}
