//! What Cedar is shown of an evaluation, whose asker names things as it likes.
//!
//! An entity is its type and its id; what is said of it are its attributes, along with `id`, so
//! that a policy can compare it. What the context says of us is ours to say.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_model::{Entity, Evaluation, Fact, Json, Timestamp};
use cedar_policy_core::ast::{Context, Value};

use super::{
    Part, Scene, View, ViewError,
    context::pep,
    entities::together,
    value::{datetime, of, record, text, texts},
};
use crate::{
    inventory::Inventory,
    vocabulary::{Types, type_of_others, uid},
};

/// An evaluation made ready for conditions.
#[derive(Debug)]
pub(crate) struct Stranger {
    scene: Scene,
    context: Context,
}

impl Stranger {
    /// Looks at `evaluation`, where `inventory` is known beside what it says.
    pub(crate) fn of(
        evaluation: &Evaluation,
        inventory: &Inventory,
        (facts, now): (&[Fact], Timestamp),
    ) -> Result<Self, ViewError> {
        let scene = scene(evaluation, inventory)?;
        Ok(Self { scene, context: context(evaluation, facts, now)? })
    }

    pub(crate) const fn scene(&self) -> &Scene {
        &self.scene
    }

    pub(crate) fn view(&self) -> View<'_> {
        let scene = &self.scene;
        View::new(scene, Some(&scene.tool), &scene.entities, self.context.clone())
    }
}

/// Shows who does what to what. What it is done to stands where a call has its tool.
fn scene(evaluation: &Evaluation, inventory: &Inventory) -> Result<Scene, ViewError> {
    let Evaluation { subject, action, resource, .. } = evaluation;
    let types = Types::get().ok_or(ViewError::Types)?;
    let named = attributes(&action.properties);
    let action = Part::new(types.action(&action.name), named, []);
    if (&subject.kind, &subject.id) == (&resource.kind, &resource.id) {
        let both = shown("subject", &one_of(subject, resource)?, inventory)?;
        let entities = together(&[&both, &action])?;
        return Ok(Scene { principal: both.clone(), action, tool: both, entities });
    }
    let principal = shown("subject", subject, inventory)?;
    let tool = shown("resource", resource, inventory)?;
    let entities = together(&[&principal, &action, &tool])?;
    Ok(Scene { principal, action, tool, entities })
}

/// Makes one of what is named twice. There is one answer to what it is, or none.
fn one_of(subject: &Entity, resource: &Entity) -> Result<Entity, ViewError> {
    let mut one = subject.clone();
    for (name, value) in &resource.properties {
        let before = one.properties.insert(name.clone(), value.clone());
        if before.is_some_and(|it| it != *value) {
            return Err(ViewError::Torn);
        }
    }
    Ok(one)
}

/// Shows what stands as `what`: what is known of it, and what the asker says of it.
pub(crate) fn shown(
    what: &'static str,
    entity: &Entity,
    inventory: &Inventory,
) -> Result<Part, ViewError> {
    let kind = type_of_others(&entity.kind).ok_or(ViewError::Kind(what))?;
    let uid = uid(&kind, &entity.id);
    if let Some(known) = inventory.get(&uid) {
        return Ok(known.with(entity));
    }
    // Of two attributes of one name the later counts: an id is what the asker names it by.
    let id = ("id", text(&entity.id));
    let said = attributes(&entity.properties).chain([id]);
    Ok(Part::new(uid, said, []))
}

pub(super) fn attributes(
    properties: &BTreeMap<String, Json>,
) -> impl Iterator<Item = (&str, Value)> {
    properties.iter().filter_map(|(name, value)| Some((name.as_str(), of(value)?)))
}

/// Shows what the asker says, and over it what only we can say: an approval is never the asker's.
fn context(evaluation: &Evaluation, facts: &[Fact], now: Timestamp) -> Result<Context, ViewError> {
    let holding = facts.iter().filter(|it| now < it.until).map(|it| it.name.as_str());
    // Only the asker knows what it can do: what it does not say, it cannot.
    let supports = match evaluation.context.get("supported_obligations") {
        Some(Json::List(items)) => items.iter().filter_map(Json::as_text).collect(),
        Some(_) | None => Vec::new(),
    };
    let ours = [
        ("pep", pep(supports.into_iter())),
        ("approval", record([("granted", Value::from(false))])),
        ("facts", texts(holding)),
        ("now", datetime(now).ok_or(ViewError::Context)?),
    ];
    let all = attributes(&evaluation.context).chain(ours);
    Ok(Context::Value(Arc::new(all.map(|(name, value)| (name.into(), value)).collect())))
}
