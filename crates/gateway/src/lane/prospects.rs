//! What a task could do, before it does it.

use std::{collections::BTreeSet, time::Duration};

use bailiwick_kernel::{Can, Snapshot, Sought, TaskState};
use bailiwick_model::{Action, ActionKind, ServerName, TaskId};

use super::Lane;
use crate::{Catalog, classify, known};

/// How long a look waits for a server that is starting.
const WAIT: Duration = Duration::from_secs(5);

impl Lane {
    /// Says what an open task can do at its servers, or at `only` one; none where there is no such
    /// task.
    pub async fn prospects(&self, task: &TaskId, only: Option<&ServerName>) -> Option<Vec<Can>> {
        let slot = self.desk.slot(task)?;
        let state = slot.lock().clone();
        let mut all = Vec::new();
        for server in self.upstreams.all_names() {
            if only.is_some_and(|it| it != server) {
                continue;
            }
            let catalog = self.upstreams.catalog(server, WAIT).await.ok();
            // What is offered for the first time is accepted before it is seen here.
            let snapshot = self.desk.snapshot();
            let actions = actions((&snapshot, &state), server, catalog.as_deref());
            let can = |it: &Action| self.prospect((&snapshot, &state), it, catalog.as_deref());
            all.extend(actions.iter().map(can));
        }
        Some(all)
    }

    fn prospect(
        &self,
        (snapshot, state): (&Snapshot, &TaskState),
        action: &Action,
        catalog: Option<&Catalog>,
    ) -> Can {
        let (spec, liked) = (self.upstreams.spec(&action.server), BTreeSet::new());
        let known = known::known(action, spec, catalog, &liked);
        let facts = classify::action_facts(action, &known);
        // Of a server that is down it is not known what it offers.
        let offered = catalog.map(|it| known::offered(action, Some(it)));
        let sought = Sought { action, facts: &facts, offered, known: true };
        let on = match action.kind {
            ActionKind::Tool => known.spec.and_then(|it| it.resource.clone()),
            ActionKind::Resource => Some(action.name.clone()),
            ActionKind::Prompt | ActionKind::Lease => None,
        };
        Can { on, ..bailiwick_kernel::can(snapshot, state, sought, self.desk.now()) }
    }
}

/// Gives what there is at a server: its tools, what was accepted, and what lines name.
fn actions(
    (snapshot, state): (&Snapshot, &TaskState),
    server: &ServerName,
    catalog: Option<&Catalog>,
) -> BTreeSet<Action> {
    let action = |kind, name: &str| Action { server: server.clone(), kind, name: name.to_owned() };
    let offered = catalog.into_iter().flat_map(|it| &it.tools).map(|it| it.name.as_str());
    let pinned = snapshot.pins.get(server).into_iter().flatten().map(|(name, _)| name.as_str());
    let mut all: BTreeSet<Action> =
        offered.chain(pinned).map(|it| action(ActionKind::Tool, it)).collect();
    let layers = state.task().grant.layers.iter();
    for line in layers.flat_map(|it| &it.lines).filter(|it| it.server == *server) {
        all.extend(line.tools.iter().map(|it| action(ActionKind::Tool, it.as_str())));
        all.extend(line.resources.iter().map(|it| action(ActionKind::Resource, it)));
        all.extend(line.prompts.iter().map(|it| action(ActionKind::Prompt, it)));
    }
    all
}
