//! What Cedar is shown of a request: small entities made for it alone, and a typed context.
//!
//! Values are made as Cedar holds them, so that showing a call parses and evaluates nothing; and
//! only those that some condition reads.

mod context;
mod entities;
mod known;
mod stranger;
mod value;

use std::sync::{Arc, OnceLock};

use bailiwick_model::{Action, ActionFacts, ApprovedCall, Charter, Json, Task};
use cedar_policy_core::{
    ast::{
        Context, EntityUIDEntry, Expr, Literal, PartialValue, Request, SlotEnv, Value, ValueKind,
    },
    entities::Entities,
    evaluator::{EvaluationError, Evaluator},
    extensions::Extensions,
};

use crate::{
    ListQuestion, Question,
    reads::{Looks, Reads},
    slice::Slice,
};
pub(crate) use context::{Foreseen, Origin, STANDING};
pub(crate) use entities::{Part, Place, Scene};
pub(crate) use known::Known;
pub(crate) use stranger::{Stranger, shown};

/// The request could not be put into Cedar's words.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum ViewError {
    #[error("the types of policies are not there")]
    Types,
    #[error("its attributes could not be built")]
    Entity,
    #[error("the {0} has a type that policies cannot name")]
    Kind(&'static str),
    #[error("subject and resource are one and the same, and their properties differ")]
    Torn,
    #[error("its context could not be built")]
    Context,
    #[error("the head of a policy could not be evaluated")]
    Head,
}

/// Who does what, apart from any one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) task: &'a Task,
    pub(crate) charter: &'a Charter,
    pub(crate) action: &'a Action,
    pub(crate) facts: &'a ActionFacts,
}

/// A question made ready for conditions, once for the grant and the policies.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    pub(crate) question: Question<'a>,
    scene: Result<Arc<Scene>, ViewError>,
    /// What policies say of all such cases, where that is known.
    slice: Option<Arc<Slice>>,
    /// One for each resource, once a condition looks at them.
    places: OnceLock<Result<Vec<Place>, ViewError>>,
}

/// An action of a listing, as conditions see it while its arguments, resource and moment are not
/// known.
#[derive(Debug)]
pub(crate) struct Unknown {
    scene: Scene,
    entities: Entities,
    context: Context,
}

impl<'a> Case<'a> {
    /// Makes `question` ready. What goes wrong here is said by whoever judges the case.
    pub fn of(question: Question<'a>) -> Self {
        let scene = Scene::of(&Subject::of(&question)).map(Arc::new);
        Self { question, scene, slice: None, places: OnceLock::new() }
    }

    /// Makes `question` ready by what is known of such questions.
    pub(crate) fn briefed(question: Question<'a>, scene: &Arc<Scene>, slice: &Arc<Slice>) -> Self {
        let (scene, slice) = (Ok(Arc::clone(scene)), Some(Arc::clone(slice)));
        Self { question, scene, slice, places: OnceLock::new() }
    }

    pub(crate) fn scene(&self) -> Result<&Scene, ViewError> {
        self.scene.as_deref().map_err(|it| *it)
    }

    pub(crate) fn slice(&self) -> Option<&Slice> {
        self.slice.as_deref()
    }

    /// Gives the same case with a person's yes to exactly this call.
    #[must_use]
    pub fn approved_by(&self, approval: &'a ApprovedCall) -> Self {
        let question = Question { approval: Some(approval), ..self.question };
        Self { question, ..self.clone() }
    }

    /// Gives what conditions see that read no more than `reads` of what is shown to `origin`: one
    /// view for each resource where they look at it, and else one that is the same for all.
    pub(crate) fn views(
        &self,
        origin: Origin<'_>,
        reads: &Reads,
    ) -> Result<impl Iterator<Item = View<'_>>, ViewError> {
        let scene = self.scene()?;
        let context = context::of(&self.question, (origin, reads)).ok_or(ViewError::Context)?;
        let places = match reads.resource {
            Looks::Away => &[],
            Looks::Traits | Looks::Itself => self.places()?,
        };
        // With no resource the tool itself is the resource.
        let tool = places.is_empty().then_some((&scene.tool, &scene.entities));
        let places = places.iter().map(|it| (&it.resource, &it.entities));
        Ok(tool.into_iter().chain(places).map(move |(resource, entities)| {
            View::new(scene, Some(resource), entities, context.clone())
        }))
    }

    /// Gives every resource among the entities that the request knows.
    pub(crate) fn places(&self) -> Result<&[Place], ViewError> {
        let made = || {
            let (scene, subject) = (self.scene()?, Subject::of(&self.question));
            let resources = self.question.request.resources.iter();
            resources.map(|it| scene.place(&subject, it)).collect()
        };
        self.places.get_or_init(made).as_deref().map_err(|it| *it)
    }
}

#[cfg(test)]
impl Case<'_> {
    /// Gives everything that conditions can be shown: entities, what it is done to, and the context.
    pub(crate) fn all(&self) -> (Vec<Place>, &Scene, Context) {
        let reads = Reads::of(&"context == {}".parse().unwrap());
        let context = context::of(&self.question, (Origin::Task, &reads)).unwrap();
        (self.places().unwrap().to_vec(), self.scene().unwrap(), context)
    }
}

impl Unknown {
    /// Looks at `question`.
    pub(crate) fn of(question: &ListQuestion<'_>) -> Result<Self, ViewError> {
        Self::foreseen(question, Foreseen::TASK)
    }

    /// Looks at `question` as far as it is `foreseen`.
    pub(crate) fn foreseen(
        question: &ListQuestion<'_>,
        foreseen: Foreseen<'_>,
    ) -> Result<Self, ViewError> {
        let subject = Subject {
            task: question.task,
            charter: question.charter,
            action: question.action,
            facts: question.facts_of_action,
        };
        let scene = Scene::of(&subject)?;
        let context = context::unknown(&subject, question.facts, foreseen);
        let context = context.ok_or(ViewError::Context)?;
        // What is not among these entities may be among those of a call.
        let entities = scene.entities.clone().partial();
        Ok(Self { scene, entities, context })
    }

    pub(crate) const fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Gives the one view of it.
    pub(crate) fn view(&self) -> View<'_> {
        View::new(&self.scene, None, &self.entities, self.context.clone())
    }
}

/// A request of which nothing is known: whatever is settled here is settled for all.
#[derive(Debug)]
pub(crate) struct Anything(Entities);

impl Default for Anything {
    fn default() -> Self {
        Self(Entities::new().partial())
    }
}

impl Anything {
    /// Gives the one view of it.
    pub(crate) fn view(&self) -> View<'_> {
        let unknown = EntityUIDEntry::unknown;
        let request = Request::new_unchecked(unknown(), unknown(), unknown(), None);
        View(Evaluator::new(request, &self.0, Extensions::all_available()))
    }
}

impl<'a> Subject<'a> {
    pub(crate) fn of(question: &Question<'a>) -> Self {
        let Question { task, charter, request, .. } = *question;
        Self { task, charter, action: &request.action, facts: &request.facts }
    }
}

/// One request with its entities, as conditions are asked about it.
#[derive(Debug)]
pub(crate) struct View<'s>(Evaluator<'s>);

/// What a condition says while part of the request is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It holds, whatever the rest is.
    True,
    /// It does not hold, whatever the rest is.
    False,
    /// The rest decides, or it cannot be evaluated.
    Open,
}

impl<'s> View<'s> {
    /// Shows a request; its resource may be unknown.
    pub(crate) fn new(
        scene: &Scene,
        resource: Option<&Part>,
        entities: &'s Entities,
        context: Context,
    ) -> Self {
        let known = |it: &Part| EntityUIDEntry::Known { euid: Arc::clone(&it.uid), loc: None };
        let resource = resource.map_or_else(EntityUIDEntry::unknown, known);
        let (by, does) = (known(&scene.principal), known(&scene.action));
        let request = Request::new_unchecked(by, does, resource, Some(context));
        Self(Evaluator::new(request, entities, Extensions::all_available()))
    }

    /// Shows what all calls like `question` share, as far as `reads` says that it is looked at.
    pub(crate) fn standing(
        (scene, resource, entities): (&Scene, &Part, &'s Entities),
        question: &Question<'_>,
        reads: &Reads,
    ) -> Result<Self, ViewError> {
        let context = context::of(question, (Origin::Task, reads)).ok_or(ViewError::Context)?;
        Ok(Self::new(scene, Some(resource), entities, context))
    }

    /// Asks a condition; if it cannot be evaluated, says why.
    pub(crate) fn ask(&self, condition: &Expr) -> Result<bool, String> {
        let said = self.0.interpret(condition, &SlotEnv::new());
        let said = said.map_err(|error| without_values(&error))?;
        truth(&said).ok_or_else(|| "it is neither true nor false".to_owned())
    }

    /// Gives a value as the request has it; none where there is none, or none that is short.
    pub(crate) fn look(&self, at: &Expr) -> Option<Json> {
        const MOST: usize = 4 << 10;
        value::shown(&self.0.interpret(at, &SlotEnv::new()).ok()?, MOST)
    }

    /// Gives a value of at most so many bytes, or says how long it is, and whether it did that;
    /// none where there is none. What is long is never copied.
    pub(crate) fn glance(&self, at: &Expr, most: usize) -> Option<(Json, bool)> {
        let value = self.0.interpret(at, &SlotEnv::new()).ok()?;
        let whole = value::shown(&value, most).map(|it| (it, false));
        Some(whole.unwrap_or_else(|| (value::in_short(&value), true)))
    }

    /// Asks a condition as far as the request is known; none where it cannot be evaluated, whatever
    /// the rest is.
    pub(crate) fn settled(&self, condition: &Expr) -> Option<Settled> {
        self.0.partial_interpret(condition, &SlotEnv::new()).ok().map(|_| self.settle(condition))
    }

    /// Asks a condition as far as the request is known.
    pub(crate) fn settle(&self, condition: &Expr) -> Settled {
        match self.0.partial_interpret(condition, &SlotEnv::new()) {
            Ok(PartialValue::Value(said)) => match truth(&said) {
                Some(true) => Settled::True,
                Some(false) => Settled::False,
                None => Settled::Open,
            },
            Ok(PartialValue::Residual(_)) | Err(_) => Settled::Open,
        }
    }
}

fn truth(said: &Value) -> Option<bool> {
    if let ValueKind::Lit(Literal::Bool(said)) = said.value { Some(said) } else { None }
}

/// Says what went wrong without showing a value: arguments may be secrets, and this text is kept.
fn without_values(error: &EvaluationError) -> String {
    if let EvaluationError::IntegerOverflow(_) = error {
        "a whole number grew too large".to_owned()
    } else if let EvaluationError::FailedExtensionFunctionExecution(_) = error {
        "a value is not what a function reads".to_owned()
    } else if let EvaluationError::NonValue(_) = error {
        "it holds something unknown".to_owned()
    } else {
        error.to_string()
    }
}
