//! `bailiwick can`: what an identity can do, before it does it.

use std::collections::BTreeSet;

use bailiwick_gateway::{Call, rehearsed};
use bailiwick_kernel::{Because, Can, Prospect, Rewritable as _, Snapshot, Sought, TaskState};
use bailiwick_model::{
    Action, ActionKind, Caller, Charter, IdentityId, JsonLimits, Offered, ServerName, TaskId,
    Template, TemplateName, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};

use crate::{
    cli::{CanDo, Common},
    client::Client,
    command::{sign::now, word},
    config::{House, Overrides, Server, suggestion},
    exit::{CommandError, Exit, Outcome},
    place::Place,
    run::wrong,
    serve::{snapshot, tool},
};

/// What an identity can do, task by task.
#[derive(Debug, Serialize)]
struct Access {
    identity: IdentityId,
    tasks: Vec<CanInTask>,
}

/// What it can do in one task, or in any of one template.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CanInTask {
    pub(crate) template: TemplateName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<TaskId>,
    pub(crate) identity: IdentityId,
    pub(crate) actions: Vec<Can>,
}

/// Shows what `words.identity` can do.
pub(crate) async fn can(common: &Common, overrides: &Overrides, words: &CanDo) -> Outcome {
    let (house, _) = House::load(&common.config, overrides).map_err(|found| wrong(&found))?;
    let identity: IdentityId = word(&words.identity)?;
    let only = words.server.as_deref().map(|it| server(&house, it)).transpose()?;
    let tasks = match &words.task {
        Some(task) => vec![live(&house, &identity, task, only.as_ref()).await?],
        None => in_files(&house, &identity, words.template.as_deref(), only.as_ref())?,
    };
    common.output.show(&Access { identity, tasks }, Access::text)?;
    Ok(Exit::Done)
}

/// Asks the running governor, which knows the task, what was contained and what servers offer.
async fn live(
    house: &House,
    identity: &IdentityId,
    task: &str,
    only: Option<&ServerName>,
) -> Result<CanInTask, CommandError> {
    let task: TaskId = word(task)?;
    let client = Client::need(&Place::of(&house.config).state).await?;
    let query = only.map(|it| format!("?server={it}")).unwrap_or_default();
    let can: CanInTask = client.get(&format!("/api/v1/tasks/{task}/can{query}")).await?;
    if can.identity != *identity {
        let text = format!("`{task}` is a task of `{}`", can.identity);
        return Err(CommandError::Words(text));
    }
    Ok(can)
}

/// Reads what the files say, whether or not a governor runs.
fn in_files(
    house: &House,
    identity: &IdentityId,
    template: Option<&str>,
    only: Option<&ServerName>,
) -> Result<Vec<CanInTask>, CommandError> {
    let Some(charter) = house.charters.get(identity) else {
        let known: Vec<String> = house.charters.keys().map(ToString::to_string).collect();
        return Err(unknown("charter of", identity.as_str(), &known));
    };
    let wanted = template.map(word::<TemplateName>).transpose()?;
    if let Some(wanted) = wanted.as_ref().filter(|it| !house.templates.contains_key(*it)) {
        let known: Vec<String> = house.templates.keys().map(ToString::to_string).collect();
        return Err(unknown("template", wanted.as_str(), &known));
    }
    if let Some(wanted) = wanted.as_ref().filter(|it| !charter.templates.contains(*it)) {
        let text = format!("the charter of `{identity}` does not name template `{wanted}`");
        return Err(CommandError::No(text));
    }
    let (snapshot, at) = (snapshot(house), now());
    let named = charter.templates.iter().filter(|it| wanted.as_ref().is_none_or(|one| one == *it));
    let templates = named.filter_map(|it| house.templates.get(it));
    templates.map(|it| in_template((house, &snapshot), (charter, it), only, at)).collect()
}

fn in_template(
    (house, snapshot): (&House, &Snapshot),
    (charter, template): (&Charter, &Template),
    only: Option<&ServerName>,
    at: Timestamp,
) -> Result<CanInTask, CommandError> {
    let state = bailiwick_kernel::prospective(charter, template, at).map_err(|errors| {
        let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
        CommandError::Words(all.join("; "))
    })?;
    let servers = house.config.servers.iter();
    let servers = servers.filter(|it| only.is_none_or(|only| it.name == *only));
    let mut actions = Vec::new();
    for server in servers {
        let all = offered(house, server, template);
        actions.extend(all.iter().filter_map(|it| one((snapshot, &state), server, it, at)));
    }
    let (identity, template) = (charter.identity.clone(), template.name.clone());
    Ok(CanInTask { template, task: None, identity, actions })
}

/// Gives what the files know that there is at a server: the tools that some file names, and what
/// this template's lines name.
fn offered(house: &House, server: &Server, template: &Template) -> BTreeSet<Action> {
    let action =
        |kind, name: &str| Action { server: server.name.clone(), kind, name: name.to_owned() };
    let lines =
        |it: &'_ Template| it.allow.clone().into_iter().filter(|it| it.server == server.name);
    let mut all: BTreeSet<Action> =
        server.tools.keys().map(|it| action(ActionKind::Tool, it.as_str())).collect();
    for line in house.templates.values().flat_map(|it| lines(it)) {
        all.extend(line.tools.iter().map(|it| action(ActionKind::Tool, it.as_str())));
    }
    for line in lines(template) {
        all.extend(line.resources.iter().map(|it| action(ActionKind::Resource, it)));
        all.extend(line.prompts.iter().map(|it| action(ActionKind::Prompt, it)));
    }
    all
}

/// Looks at one action; none where no client could ask for it.
fn one(
    (snapshot, state): (&Snapshot, &TaskState),
    server: &Server,
    action: &Action,
    at: Timestamp,
) -> Option<Can> {
    let (method, params) = match action.kind {
        ActionKind::Tool => ("tools/call", json!({ "name": action.name, "arguments": {} })),
        ActionKind::Prompt => ("prompts/get", json!({ "name": action.name, "arguments": {} })),
        ActionKind::Resource => ("resources/read", json!({ "uri": action.name })),
        ActionKind::Lease => return None,
    };
    let raw = RawValue::from_string(params.to_string()).ok()?;
    let call = Call::read(server.name.clone(), method, raw, JsonLimits::default()).ok()?;
    let word = server.tools.iter().find(|(name, _)| name.as_str() == action.name);
    let word = word.filter(|_| action.kind == ActionKind::Tool).map(|(_, it)| tool(it));
    let (task, liked) = (state.task(), BTreeSet::new());
    let caller = Caller {
        identity: task.identity.clone(),
        via: Vec::new(),
        task: task.id.clone(),
        generation: task.generation,
        credentials: BTreeSet::new(),
        exposed: false,
    };
    let known = (word.as_ref(), server.environment);
    let read = rehearsed(&call, caller, known, &liked, Offered::NotPinned);
    let facts = &read.request().facts;
    let sought = Sought { action, facts, offered: None, known: false };
    let on = match action.kind {
        ActionKind::Tool => word.as_ref().and_then(|it| it.resource.clone()),
        ActionKind::Resource => Some(action.name.clone()),
        ActionKind::Prompt | ActionKind::Lease => None,
    };
    Some(Can { on, ..bailiwick_kernel::can(snapshot, state, sought, at) })
}

fn server(house: &House, name: &str) -> Result<ServerName, CommandError> {
    let wanted: ServerName = word(name)?;
    if house.config.servers.iter().any(|it| it.name == wanted) {
        return Ok(wanted);
    }
    let known: Vec<String> = house.config.servers.iter().map(|it| it.name.to_string()).collect();
    Err(unknown("server", name, &known))
}

fn unknown(what: &str, name: &str, known: &[String]) -> CommandError {
    let meant = suggestion(name, known.iter().map(String::as_str));
    let meant = meant.map(|it| format!("; {it}")).unwrap_or_default();
    CommandError::Words(format!("there is no {what} `{name}`{meant}"))
}

impl Access {
    fn text(&self) -> String {
        if self.tasks.is_empty() {
            return format!("`{}` can open no task, so it can do nothing\n", self.identity);
        }
        self.tasks.iter().map(CanInTask::text).collect::<Vec<_>>().join("\n")
    }
}

impl CanInTask {
    fn text(&self) -> String {
        let of = match &self.task {
            Some(task) => format!("in {task}, a task of `{}`", self.template),
            None => format!("in a task of `{}`", self.template),
        };
        let mut text = format!("{} {of}\n", self.identity);
        for can in &self.actions {
            let on = can.on.as_ref().map(|it| format!(" on {it}")).unwrap_or_default();
            text.push_str(&format!("  {:<8} {}{on}\n", can.prospect.as_str(), can.action));
            // Where no call goes out, nothing else matters.
            let counts = |it: &&Because| match can.prospect {
                Prospect::Always | Prospect::Never => it.prospect == can.prospect,
                Prospect::Depends | Prospect::Held => it.prospect != Prospect::Always,
            };
            for because in can.because.iter().filter(counts) {
                text.push_str(&format!("           {}: {}\n", because.source, because.text));
                for when in &because.when {
                    text.push_str(&format!("             {when}\n"));
                }
            }
        }
        text
    }
}
