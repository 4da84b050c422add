//! Opening or finding the task, and minting its token.

use bailiwick_connect::{Audience, Binding};
use bailiwick_model::{
    EndCause, IdentityId, OnBehalf, OpenRequest, Opener, Task, TaskId, TemplateName,
};

use super::{
    Client, Oauth,
    details::{Opening, Wish},
    exchange::Above,
    refusal::{Code, TokenRefusal},
};
use crate::{Asked, Minted, mint_on_record};

/// A token, and the task that it is for.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) task: Task,
    pub(super) minted: Minted,
    /// The resource that it is for.
    pub(super) resource: String,
    /// Another token was traded for it.
    pub(super) exchanged: bool,
}

/// What a client wants, and what it showed for it.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) wish: Wish,
    /// The token that is traded in.
    pub(super) above: Option<Above>,
    /// The person who lets it work for them.
    pub(super) on_behalf: Option<OnBehalf>,
}

impl Oauth {
    /// Grants what `client`, who proved itself, wishes.
    pub(super) async fn issue(
        &self,
        client: &Client,
        Wanted { wish, above, on_behalf }: Wanted,
        (audience, bound): (Audience, Option<Binding>),
    ) -> Result<Granted, TokenRefusal> {
        let shown = (above.as_ref(), on_behalf.as_ref());
        let above = shown.0;
        let (task, new) = match wish {
            Wish::Again(task) => (self.own(&client.identity, &task)?, false),
            Wish::Open(opening) => (self.open(client, *opening, shown).await?, true),
            Wish::Usual(template) => match self.usual(&client.identity, &template, shown) {
                Some(task) => (task, false),
                None => {
                    let (params, purpose) = Default::default();
                    let handed = above.map(|it| (it.task().clone(), client.identity.clone()));
                    let opening = Opening { template, params, purpose, handed };
                    (self.open(client, opening, shown).await?, true)
                }
            },
        };
        let resource = self.mint.issuer().resource(&audience);
        let (desk, by) = (self.lane.desk(), label(&client.identity));
        let until = above.map(Above::expires);
        let asked = Asked { audience, key: Some(client.key.clone()), bound, until };
        match mint_on_record(desk, &self.mint, &task, asked, &by).await {
            Ok(minted) => Ok(Granted { task, minted, resource, exchanged: above.is_some() }),
            Err(error) => {
                // Nobody could ever act in a task whose first token was not given.
                if new {
                    desk.end(&task.id, EndCause::Asked, &by).await?;
                }
                Err(error.into())
            }
        }
    }

    /// Opens a task: decided and recorded like every other. What the client says of itself stays
    /// its own word; what it hands on from a task of its own is its word to another.
    async fn open(
        &self,
        client: &Client,
        opening: Opening,
        (above, on_behalf): (Option<&Above>, Option<&OnBehalf>),
    ) -> Result<Task, TokenRefusal> {
        let (client, credential) = (&client.identity, Some(client.key.clone()));
        let Opening { template, params, purpose, handed } = opening;
        let (identity, opener, parent) = match handed {
            None => (client.clone(), Opener::Itself, None),
            // It was handed the token of the task above: what it says of its own stays its own word.
            Some((parent, worker)) if above.is_some() && worker == *client => {
                (worker, Opener::Itself, Some(parent))
            }
            Some((parent, worker)) => {
                self.own(client, &parent)?;
                (worker, Opener::Orchestrator(client.clone()), Some(parent))
            }
        };
        let shown = above.map(Above::shown);
        let on_behalf = on_behalf.cloned();
        // No person speaks here.
        let people = std::collections::BTreeSet::new();
        let request = OpenRequest {
            identity,
            template,
            opener,
            params,
            purpose,
            parent,
            credential,
            on_behalf,
            people,
            shown,
        };
        Ok(self.lane.desk().open(&request, &label(client)).await?)
    }

    /// Finds an open task of the client's own; whether another's exists is not told.
    fn own(&self, client: &IdentityId, task: &TaskId) -> Result<Task, TokenRefusal> {
        let found = self.lane.desk().task(task).filter(|it| it.identity == *client);
        found
            .filter(Task::is_open)
            .ok_or_else(|| Code::InvalidGrant.says(format!("`{client}` has no open task `{task}`")))
    }

    /// Finds the task that a client without words has opened before, and that goes on.
    fn usual(
        &self,
        client: &IdentityId,
        template: &TemplateName,
        (above, on_behalf): (Option<&Above>, Option<&OnBehalf>),
    ) -> Option<Task> {
        let now = self.now();
        let same = |it: &Task| {
            it.template == *template
                && it.params.is_empty()
                && it.parent.as_ref() == above.map(Above::task)
                && it.opener == Opener::Itself
                // What goes on below another goes on for whom that one is.
                && (above.is_some() || it.on_behalf.as_ref() == on_behalf)
                && now < it.deadline
        };
        self.lane.desk().open_tasks(client).into_iter().filter(same).max_by_key(|it| it.opened)
    }
}

/// Names the client for the record.
pub(super) fn label(client: &IdentityId) -> String {
    format!("identity:{client}")
}
