//! What Cedar is shown of a request: small entities made for it alone, and a typed context.
//!
//! Values are made as Cedar holds them, so that showing a call parses and evaluates nothing; and
//! only those that some condition reads.

mod context;
mod entities;
mod value;

use std::sync::{Arc, OnceLock};

use bailiwick_model::{Action, ActionFacts, ApprovedCall, Charter, Task};
use cedar_policy_core::{
    ast::{
        Context, Entity, EntityUID, EntityUIDEntry, Expr, Literal, PartialValue, Request, SlotEnv,
        Value, ValueKind,
    },
    entities::{Dereference, Entities},
    evaluator::{EvaluationError, Evaluator},
    extensions::Extensions,
};

use crate::{ListQuestion, Question, reads::Reads, vocabulary::Types};
pub(crate) use context::Origin;
use entities::Place;

/// The request could not be put into Cedar's words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ViewError {
    #[error("the types of policies are not there")]
    Types,
    #[error("its attributes could not be built")]
    Entity,
    #[error("its context could not be built")]
    Context,
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
    shown: Arc<Result<Shown, ViewError>>,
}

/// What is shown of one request, whoever looks.
#[derive(Debug)]
struct Shown {
    principal: Arc<EntityUID>,
    action: Arc<EntityUID>,
    /// One for each resource, and one of the tool itself where the request names none.
    places: Vec<Place>,
    /// The arguments, once a condition reads them.
    input: OnceLock<Value>,
}

/// An action of a listing, as conditions see it while its arguments, resource and moment are not
/// known.
#[derive(Debug)]
pub(crate) struct Unknown {
    principal: Arc<EntityUID>,
    action: Arc<EntityUID>,
    place: Place,
    context: Context,
}

impl<'a> Case<'a> {
    /// Makes `question` ready. What goes wrong here is said by whoever judges the case.
    pub fn of(question: Question<'a>) -> Self {
        Self { question, shown: Arc::new(Shown::of(&question)) }
    }

    /// Gives the same case with a person's yes to exactly this call.
    #[must_use]
    pub fn approved_by(&self, approval: &'a ApprovedCall) -> Self {
        let question = Question { approval: Some(approval), ..self.question };
        Self { question, shown: Arc::clone(&self.shown) }
    }

    /// Gives one view a resource, with what `reads` says is looked at of the context that is shown
    /// to `origin`.
    pub(crate) fn views(
        &self,
        origin: Origin<'_>,
        reads: &Reads,
    ) -> Result<impl Iterator<Item = View<'_>>, &ViewError> {
        let shown = self.shown.as_ref().as_ref()?;
        let input = || {
            let made = || value::of_arguments(&self.question.request.arguments);
            shown.input.get_or_init(made).clone()
        };
        let of = (&Subject::of(&self.question), &self.question);
        let context = context::of(of, input, (origin, reads)).ok_or(&ViewError::Context)?;
        Ok(shown
            .places
            .iter()
            .map(move |place| View::new([&shown.principal, &shown.action], &context, place)))
    }
}

impl Shown {
    fn of(question: &Question<'_>) -> Result<Self, ViewError> {
        let types = Types::get().ok_or(ViewError::Types)?;
        let subject = Subject::of(question);
        let [principal, action] = subject.names(types);
        let places = entities::places(&subject, types, &question.request.resources)?;
        Ok(Self { principal, action, places, input: OnceLock::new() })
    }
}

impl Unknown {
    /// Looks at `question`.
    pub(crate) fn of(question: &ListQuestion<'_>) -> Result<Self, ViewError> {
        let types = Types::get().ok_or(ViewError::Types)?;
        let subject = Subject {
            task: question.task,
            charter: question.charter,
            action: question.action,
            facts: question.facts_of_action,
        };
        let [principal, action] = subject.names(types);
        let context = context::unknown(&subject, question.facts).ok_or(ViewError::Context)?;
        let place = entities::unknown_place(&subject, types)?;
        Ok(Self { principal, action, place, context })
    }

    /// Gives the one view of it.
    pub(crate) fn view(&self) -> View<'_> {
        View::new([&self.principal, &self.action], &self.context, &self.place)
    }
}

impl<'a> Subject<'a> {
    fn of(question: &Question<'a>) -> Self {
        let Question { task, charter, request, .. } = *question;
        Self { task, charter, action: &request.action, facts: &request.facts }
    }

    /// Gives who asks, and to do what.
    fn names(&self, types: &Types) -> [Arc<EntityUID>; 2] {
        let principal = types.identity(self.task.identity.as_str());
        [principal, types.action(&self.action.policy_name())].map(Arc::new)
    }
}

/// One request with its entities, as conditions are asked about it.
#[derive(Debug)]
pub(crate) struct View<'s> {
    pub(crate) principal: &'s EntityUID,
    pub(crate) action: &'s EntityUID,
    /// None of a listing, where it is not known.
    pub(crate) resource: Option<&'s EntityUID>,
    entities: &'s Entities,
    evaluator: Evaluator<'s>,
}

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
    fn new(known: [&'s Arc<EntityUID>; 2], context: &Context, place: &'s Place) -> Self {
        let [principal, action] = known;
        let entry = |euid: &Arc<_>| EntityUIDEntry::Known { euid: Arc::clone(euid), loc: None };
        let (resource, entities) = (&place.resource, &place.entities);
        let (by, does, context) = (entry(principal), entry(action), Some(context.clone()));
        let request = Request::new_unchecked(by, does, resource.clone(), context);
        let evaluator = Evaluator::new(request, entities, Extensions::all_available());
        Self { principal, action, resource: resource.uid(), entities, evaluator }
    }

    /// Gives what `uid` belongs to, as conditions see it.
    pub(crate) fn ancestors(&self, uid: &EntityUID) -> impl Iterator<Item = &'s EntityUID> {
        let entity = match self.entities.entity(uid) {
            Dereference::Data(entity) => Some(entity),
            Dereference::NoSuchEntity | Dereference::Residual(_) => None,
        };
        entity.into_iter().flat_map(Entity::ancestors)
    }

    /// Asks a condition; if it cannot be evaluated, says why.
    pub(crate) fn ask(&self, condition: &Expr) -> Result<bool, String> {
        let said = self.evaluator.interpret(condition, &SlotEnv::new());
        let said = said.map_err(|error| without_values(&error))?;
        truth(&said).ok_or_else(|| "it is neither true nor false".to_owned())
    }

    /// Asks a condition as far as the request is known.
    pub(crate) fn settle(&self, condition: &Expr) -> Settled {
        match self.evaluator.partial_interpret(condition, &SlotEnv::new()) {
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
