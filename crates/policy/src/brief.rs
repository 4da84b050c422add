//! What stays the same from call to call while a task does one thing.
//!
//! Showing Cedar who does what, finding the policies that can apply, and asking those of them that
//! look at nothing but that: it is the same work each time, so it is done once. A brief serves
//! those questions alone that agree with the first in everything it was made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_model::{
    Action, Class, Effect, Environment, IdentityId, IdentityKind, Opener, Param, Sensitivity,
    TaskId, TemplateName, Timestamp,
};

use crate::{
    Case, PolicySet, Question,
    slice::Slice,
    view::{Scene, Subject, ViewError},
};

/// The briefs of one task, for its next calls.
#[derive(Clone, Debug, Default)]
pub struct Briefs(Vec<Brief>);

/// What is known of every call in which a task does one thing, under one set of policies.
#[derive(Clone, Debug)]
struct Brief {
    about: Arc<About>,
    scene: Arc<Scene>,
    slice: Arc<Slice>,
}

impl Briefs {
    /// How many things a task does in turn without a brief being made anew.
    pub const MOST: usize = 16;

    /// Makes `question` ready for `policies` by the brief for it, which is made where there is
    /// none.
    pub fn case<'a>(&mut self, policies: &PolicySet, question: Question<'a>) -> Case<'a> {
        if let Some(found) = self.0.iter().find(|it| it.serves(policies, &question)) {
            return Case::briefed(question, &found.scene, &found.slice);
        }
        // What goes wrong is not kept, and is said by whoever judges the case.
        let Ok(made) = Brief::of(policies, &question) else { return Case::of(question) };
        let case = Case::briefed(question, &made.scene, &made.slice);
        // Nobody asks under other policies again.
        self.0.retain(|it| policies.has_cut(&it.slice));
        if Self::MOST <= self.0.len() {
            self.0.remove(0);
        }
        self.0.push(made);
        case
    }

    /// Says how many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets them all: a task that rests keeps none.
    pub fn forget(&mut self) {
        self.0 = Vec::new();
    }
}

impl Brief {
    fn of(policies: &PolicySet, question: &Question<'_>) -> Result<Self, ViewError> {
        let scene = Scene::of(&Subject::of(question))?;
        let slice = policies.slice(&scene, question)?;
        let about = Arc::new(About::of(question));
        Ok(Self { about, scene: Arc::new(scene), slice: Arc::new(slice) })
    }

    fn serves(&self, policies: &PolicySet, question: &Question<'_>) -> bool {
        self.about.is_of(question) && policies.has_cut(&self.slice)
    }
}

/// Everything that a brief was made of.
#[derive(Debug)]
struct About {
    action: Action,
    effects: BTreeSet<Effect>,
    sensitivity: Sensitivity,
    environment: Environment,
    /// Whether it is done to resources, or to the tool itself.
    to_resources: bool,
    granted: bool,
    owner: String,
    kind: IdentityKind,
    class: Class,
    task: TaskId,
    identity: IdentityId,
    via: Vec<IdentityId>,
    template: TemplateName,
    purpose: String,
    params: BTreeMap<String, Param>,
    opened: Timestamp,
    opener: Opener,
}

impl About {
    fn of(question: &Question<'_>) -> Self {
        let Question { request, task, charter, granted, .. } = *question;
        Self {
            action: request.action.clone(),
            effects: request.facts.effects.clone(),
            sensitivity: request.facts.sensitivity,
            environment: request.facts.environment,
            to_resources: !request.resources.is_empty(),
            granted,
            owner: charter.owner.clone(),
            kind: charter.kind,
            class: charter.class.clone(),
            task: task.id.clone(),
            identity: task.identity.clone(),
            via: task.via.clone(),
            template: task.template.clone(),
            purpose: task.purpose.clone(),
            params: task.params.clone(),
            opened: task.opened,
            opener: task.opener.clone(),
        }
    }

    /// What differs most often is asked first.
    fn is_of(&self, question: &Question<'_>) -> bool {
        let Question { request, task, charter, .. } = *question;
        self.action == request.action
            && self.to_resources != request.resources.is_empty()
            && self.granted == question.granted
            && self.effects == request.facts.effects
            && self.sensitivity == request.facts.sensitivity
            && self.environment == request.facts.environment
            && self.owner == charter.owner
            && self.kind == charter.kind
            && self.class == charter.class
            && self.task == task.id
            && self.identity == task.identity
            && self.via == task.via
            && self.template == task.template
            && self.purpose == task.purpose
            && self.params == task.params
            && self.opened == task.opened
            && self.opener == task.opener
    }
}
