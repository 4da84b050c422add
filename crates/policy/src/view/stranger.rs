//! What Cedar is shown of an evaluation, whose asker names things as it likes.
//!
//! An entity is its type and its id; what is said of it are its attributes, along with `id`, so
//! that a policy can compare it. What the context says of us is ours to say.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_model::{Entity, Evaluation, Fact, Json, PersonName, Timestamp};
use cedar_policy_core::ast::{Context, Value};

use super::{
    Part, Scene, View, ViewError,
    context::pep,
    entities::together,
    value::{datetime, of, record, text, texts},
};
use crate::{
    inventory::Inventory,
    reads::Reads,
    vocabulary::{Types, type_of_others, uid},
};

/// An evaluation made ready for conditions.
#[derive(Debug)]
pub(crate) struct Stranger {
    scene: Scene,
    context: Context,
}

impl Stranger {
    /// Looks at `evaluation` as far as it is read, where `inventory` is known beside what it says.
    pub(crate) fn of(
        evaluation: &Evaluation,
        (inventory, reads): (&Inventory, &Reads),
        world: (Option<&PersonName>, &[Fact], Timestamp),
    ) -> Result<Self, ViewError> {
        let context = context(evaluation, world, reads).ok_or(ViewError::Context)?;
        Ok(Self { scene: scene(evaluation, inventory)?, context })
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
/// What no policy reads is not shown.
fn context(
    evaluation: &Evaluation,
    (by, facts, now): (Option<&PersonName>, &[Fact], Timestamp),
    reads: &Reads,
) -> Option<Context> {
    let said = attributes(&evaluation.context).filter(|(name, _)| reads.context.has(name));
    let mut shown: BTreeMap<_, _> = said.map(|(name, value)| (name.into(), value)).collect();
    for name in OURS.into_iter().filter(|it| reads.context.has(it)) {
        shown.insert(name.into(), of_ours(name, evaluation, (by, facts, now))?);
    }
    Some(Context::Value(Arc::new(shown)))
}

/// What is ours to say.
const OURS: [&str; 4] = ["pep", "approval", "facts", "now"];

fn of_ours(
    name: &str,
    evaluation: &Evaluation,
    (by, facts, now): (Option<&PersonName>, &[Fact], Timestamp),
) -> Option<Value> {
    Some(match name {
        // Only the asker knows what it can do: what it does not say, it cannot.
        "pep" => match evaluation.context.get("supported_obligations") {
            Some(Json::List(items)) => pep(items.iter().filter_map(Json::as_text)),
            Some(_) | None => pep(std::iter::empty()),
        },
        "approval" => approval(by),
        "facts" => texts(facts.iter().filter(|it| now < it.until).map(|it| it.name.as_str())),
        "now" => datetime(now)?,
        _ => return None,
    })
}

fn approval(by: Option<&PersonName>) -> Value {
    let granted = ("granted", Value::from(by.is_some()));
    record([granted].into_iter().chain(by.map(|it| ("by", text(it.as_str())))))
}
