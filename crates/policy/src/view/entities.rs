//! The entities of one request: who, what, on what, and the groups these belong to.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entities, Entity, EntityUid, RestrictedExpression};

use super::{Subject, ViewError};
use crate::vocabulary::Types;

type Attributes = HashMap<String, RestrictedExpression>;

/// Gives the entities and, among them, the resource: `server:value`, or the tool.
pub(super) fn with_resource(
    subject: &Subject<'_>,
    types: &Types,
    resource: Option<&str>,
) -> Result<(EntityUid, Entities), ViewError> {
    let mut entities = common(subject, types)?;
    let tool = types.tool(&subject.action.policy_name());
    let Some(value) = resource else { return Ok((tool, gather(entities)?)) };
    let server = subject.action.server.as_str();
    let uid = types.resource(&format!("{server}:{value}"));
    entities.push(entity(uid.clone(), traits(subject), [tool, types.server(server)])?);
    Ok((uid, gather(entities)?))
}

/// Gives the entities of an action whose resource is not known.
pub(super) fn without_resource(
    subject: &Subject<'_>,
    types: &Types,
) -> Result<Entities, ViewError> {
    gather(common(subject, types)?)
}

fn common(subject: &Subject<'_>, types: &Types) -> Result<Vec<Entity>, ViewError> {
    let name = subject.action.policy_name();
    let server = subject.action.server.as_str();
    let groups = subject
        .facts
        .effects
        .iter()
        .map(|it| types.action(it.as_str()))
        .chain([types.action(&format!("server:{server}"))]);
    let charter = subject.charter;
    let who = HashMap::from([
        attribute("owner", &charter.owner),
        attribute("kind", charter.kind.as_str()),
        attribute("class", charter.class.as_str()),
    ]);
    Ok(vec![
        entity(
            types.identity(subject.task.identity.as_str()),
            who,
            [types.class(charter.class.as_str())],
        )?,
        entity(types.action(&name), HashMap::new(), groups)?,
        entity(types.tool(&name), traits(subject), [types.server(server)])?,
    ])
}

/// Gives what is known of the tool and of whatever it is used on. Nobody knows a resource's owner
/// yet, so it has none rather than an empty one.
fn traits(subject: &Subject<'_>) -> Attributes {
    let sensitivity = subject.facts.sensitivity;
    let rank = RestrictedExpression::new_long(i64::from(sensitivity.rank()));
    HashMap::from([
        attribute("sensitivity", sensitivity.as_str()),
        ("sensitivity_rank".to_owned(), rank),
        attribute("environment", subject.facts.environment.as_str()),
    ])
}

fn attribute(name: &str, text: &str) -> (String, RestrictedExpression) {
    (name.to_owned(), RestrictedExpression::new_string(text.to_owned()))
}

fn entity(
    uid: EntityUid,
    attributes: Attributes,
    parents: impl IntoIterator<Item = EntityUid>,
) -> Result<Entity, ViewError> {
    let parents: HashSet<EntityUid> = parents.into_iter().collect();
    Entity::new(uid, attributes, parents).map_err(|_| ViewError::Entity)
}

fn gather(entities: Vec<Entity>) -> Result<Entities, ViewError> {
    Entities::from_entities(entities, None).map_err(|_| ViewError::Entity)
}
