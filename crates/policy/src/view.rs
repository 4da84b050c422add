//! What Cedar is shown of a request: small entities made for it alone, and a typed context.

mod context;
mod entities;
mod value;

use bailiwick_model::{Action, ActionFacts, Charter, Task};
use cedar_policy::{Context, Entities, Request};

use crate::{ListQuestion, Question, vocabulary::Types};
use context::Moment;
pub(crate) use context::Origin;

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

/// One request with its entities, as Cedar takes them.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) request: Request,
    pub(crate) entities: Entities,
}

/// Makes the views of one question: one for each resource, and one of the tool itself where the
/// request names none.
#[derive(Debug)]
pub(crate) struct Views<'a> {
    subject: Subject<'a>,
    resources: Vec<Option<&'a str>>,
    types: &'static Types,
}

impl<'a> Views<'a> {
    /// Looks at `question`.
    pub(crate) fn of(question: &Question<'a>) -> Result<Self, ViewError> {
        let request = question.request;
        let mut resources: Vec<_> = request.resources.iter().map(|it| Some(it.as_str())).collect();
        if resources.is_empty() {
            resources.push(None);
        }
        let subject = Subject {
            task: question.task,
            charter: question.charter,
            action: &request.action,
            facts: &request.facts,
        };
        Ok(Self { subject, resources, types: Types::get().ok_or(ViewError::Types)? })
    }

    /// Makes the context of the question, which is the same for every resource.
    pub(crate) fn context(
        &self,
        question: &Question<'_>,
        origin: Origin<'_>,
    ) -> Result<Context, ViewError> {
        let facts = question.facts.iter().filter(|it| question.now < it.until);
        context::build(&self.subject, facts, origin, Moment::Of(question))
    }

    /// Makes one view a resource.
    pub(crate) fn each(
        &self,
        context: &Context,
    ) -> impl Iterator<Item = Result<View, ViewError>> + use<'_> {
        let context = context.clone();
        self.resources.iter().map(move |resource| {
            let (resource, entities) =
                entities::with_resource(&self.subject, self.types, *resource)?;
            let request = Request::builder()
                .principal(self.types.identity(self.subject.task.identity.as_str()))
                .action(self.types.action(&self.subject.action.policy_name()))
                .resource(resource)
                .context(context.clone())
                .build();
            Ok(View { request, entities })
        })
    }
}

/// Makes the view of an action whose arguments, resource and moment are not known.
pub(crate) fn unknown(question: &ListQuestion<'_>) -> Result<View, ViewError> {
    let types = Types::get().ok_or(ViewError::Types)?;
    let subject = Subject {
        task: question.task,
        charter: question.charter,
        action: question.action,
        facts: question.facts_of_action,
    };
    let context = context::build(&subject, question.facts.iter(), Origin::Task, Moment::Unknown)?;
    let request = Request::builder()
        .principal(types.identity(subject.task.identity.as_str()))
        .action(types.action(&subject.action.policy_name()))
        .context(context)
        .build();
    // What is not among these entities may be among those of a call.
    let entities = entities::without_resource(&subject, types)?.partial();
    Ok(View { request, entities })
}
