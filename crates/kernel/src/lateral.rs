//! A fresh task that at once tries one server after the other that it was given nothing of.
//!
//! Whoever works within a grant is not shown such servers, so an agent that was sent astray, or somebody
//! who found a token, looks like this; an agent that mistook one name does not. Every one of these
//! calls is denied anyway: what is withdrawn is the chance to find a door that is open.

use std::{collections::BTreeSet, time::Duration};

use bailiwick_model::{AccessRequest, Finding, ServerName, Timestamp};

use crate::{Effect, TaskState};

/// How many servers it takes.
const SERVERS: usize = 3;
/// How soon after it opened a task is no longer fresh.
const FRESH: Duration = Duration::from_secs(2 * 60);

/// The servers beyond its grant that a fresh task tried.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lateral(BTreeSet<ServerName>);

/// Takes note of a call that was denied; says what follows when it was one too many.
pub(crate) fn denied(
    state: &mut TaskState,
    request: &AccessRequest,
    now: Timestamp,
) -> Option<[Effect; 2]> {
    let server = &request.action.server;
    let tried = &state.lateral.0;
    let beyond = !given(state, server);
    let fresh = now.since(state.task.opened) < FRESH;
    if !beyond || !fresh || SERVERS <= tried.len() || tried.contains(server) {
        return None;
    }
    state.lateral.0.insert(server.clone());
    if state.lateral.0.len() < SERVERS {
        return None;
    }
    let (task, identity) = (&state.task.id, &state.task.identity);
    let named: Vec<_> = state.lateral.0.iter().map(|it| format!("`{it}`")).collect();
    let text = format!(
        "`{identity}` tried {} within {} s of opening `{task}`, and was given nothing of them: the task is over",
        named.join(", "),
        now.since(state.task.opened).as_secs(),
    );
    let finding = Finding {
        code: "lateral-access".to_owned(),
        text,
        at: now,
        task: Some(task.clone()),
        identity: Some(identity.clone()),
        subject: task.to_string(),
    };
    Some([Effect::Noticed(Box::new(finding)), Effect::MustEnd])
}

/// Says whether anything of a server was given to the task: by its grant, or by a person since.
fn given(state: &TaskState, server: &ServerName) -> bool {
    let granted = state.task.grant.layers.first();
    granted.is_some_and(|it| it.lines.iter().any(|line| line.server == *server))
        || state.lines.iter().any(|it| it.action.server == *server)
}
