//! `bailiwick task …`

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;
use bailiwick_connect::{IdentityKey, Secret};
use bailiwick_insight::AuthorityUse;
use bailiwick_model::{IdentityId, Lease, Task, TaskId, TaskStatus};

use crate::{
    admin::wire::{DayView, MintToken, MintedToken, OpenTask, OpenedTask, Opening, Tasks},
    cli,
    client::Client,
    command::{lease, sign, word},
    exit::{CommandError, Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// `task open`
pub(crate) async fn open(place: &Place, output: Output, words: &cli::OpenTask) -> Outcome {
    let client = Client::need(&place.state).await?;
    let opened = match asked(place, &client, words).await? {
        Opening::Opened(opened) => opened,
        held @ Opening::Held { .. } => {
            output.show(&held, held_in_words)?;
            return Ok(Exit::No);
        }
    };
    output.show(&opened, |it| {
        let lines: Vec<_> = it.grant.allow.iter().map(line).collect();
        format!(
            "task     {}\nends     {}\ngrant    {}\ntoken    {}\nexpires  {}\n",
            it.task,
            it.grant.window.deadline,
            lines.join("\n         "),
            it.token,
            it.expires,
        )
    })?;
    Ok(Exit::Done)
}

/// Says what a break-glass task waits for.
fn held_in_words(opening: &Opening) -> String {
    match opening {
        Opening::Held { held, expires } => format!(
            "held     {held}\nuntil    {expires}\nanother person agrees with `bailiwick hold approve {held} --by PERSON`\n"
        ),
        Opening::Opened(_) => String::new(),
    }
}

/// Opens the task that the words describe.
pub(crate) async fn opened(
    place: &Place,
    client: &Client,
    words: &cli::OpenTask,
) -> Result<OpenedTask, CommandError> {
    match asked(place, client, words).await? {
        Opening::Opened(opened) => Ok(*opened),
        held @ Opening::Held { .. } => Err(CommandError::Words(held_in_words(&held))),
    }
}

/// Asks for the task that the words describe.
async fn asked(
    place: &Place,
    client: &Client,
    words: &cli::OpenTask,
) -> Result<Opening, CommandError> {
    let identity: IdentityId = word(&words.identity)?;
    let parent = words.parent.as_deref().map(word::<TaskId>).transpose()?;
    // Whoever narrows a task proves to be the one who holds it.
    let prover = match &parent {
        Some(parent) => client.get::<Task>(&format!("/api/v1/tasks/{parent}")).await?.identity,
        None => identity.clone(),
    };
    let mut wish = OpenTask {
        template: word(&words.template)?,
        params: params(&words.params)?,
        purpose: words.purpose.clone(),
        assertion: assertion(place, &prover, words.key.as_deref())?,
        signed: None,
        identity,
        parent,
    };
    if let Some(by) = &words.by {
        let by = cli::ByPerson { by: by.clone(), passphrase_file: words.passphrase_file.clone() };
        let about = ("open-task", wish.identity.as_str());
        wish.signed = Some(sign::sign(place, &by, about, wish.details())?.signed);
    }
    client.post("/api/v1/tasks", &wish).await
}

pub(crate) fn line(line: &bailiwick_model::AllowLine) -> String {
    let tools = line.tools.iter().map(ToString::to_string);
    let resources = line.resources.iter().map(|it| format!("resource {it}"));
    let prompts = line.prompts.iter().map(|it| format!("prompt {it}"));
    let leases = line.leases.iter().map(|it| format!("lease {it}"));
    let what: Vec<_> = tools.chain(resources).chain(prompts).chain(leases).collect();
    let when = line.when.as_ref().map(|it| format!(" when {it}")).unwrap_or_default();
    format!("{}: {}{when}", line.server, what.join(", "))
}

fn params(words: &[String]) -> Result<BTreeMap<String, String>, CommandError> {
    let mut params = BTreeMap::new();
    for text in words {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            CommandError::Words(format!("`{text}` is not a parameter like `ticket=T-31`"))
        })?;
        if params.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(CommandError::Words(format!("the parameter `{name}` is given twice")));
        }
    }
    Ok(params)
}

/// Signs with the identity's own key: the one that was named, or the one in its place. Without a
/// key the account that asks must be one of the charter's.
pub(crate) fn assertion(
    place: &Place,
    identity: &IdentityId,
    key: Option<&Path>,
) -> Result<Option<String>, CommandError> {
    let usual = place.keys.join(format!("{identity}.pem"));
    let path = match key {
        Some(path) => path,
        None if usual.exists() => &usual,
        None => return Ok(None),
    };
    let pem = std::fs::read_to_string(path)
        .map_err(|error| CommandError::Words(format!("`{}`: {error}", path.display())))?;
    let key = IdentityKey::from_pem(&Secret::new(pem))
        .map_err(|error| CommandError::Words(format!("`{}`: {error}", path.display())))?;
    let signed =
        key.assertion(identity, &place.issuer, sign::now()).context("the key does not sign")?;
    Ok(Some(signed.expose().to_owned()))
}

/// `task token`
pub(crate) async fn token(
    place: &Place,
    output: Output,
    task: &str,
    key: Option<&Path>,
) -> Outcome {
    let task: TaskId = word(task)?;
    let client = Client::need(&place.state).await?;
    let known: Task = client.get(&format!("/api/v1/tasks/{task}")).await?;
    let wish = MintToken { assertion: assertion(place, &known.identity, key)? };
    let minted: MintedToken = client.post(&format!("/api/v1/tasks/{task}/token"), &wish).await?;
    output.show(&minted, |it| format!("token    {}\nexpires  {}\n", it.token, it.expires))?;
    Ok(Exit::Done)
}

/// `task end`
pub(crate) async fn end(place: &Place, output: Output, task: &str) -> Outcome {
    let task: TaskId = word(task)?;
    let client = Client::need(&place.state).await?;
    let ended: serde_json::Value = client.post(&format!("/api/v1/tasks/{task}/end"), &()).await?;
    let read = || anyhow::anyhow!("the answer cannot be read");
    let leases = ended.get("leases").cloned().unwrap_or_default();
    let leases: Vec<Lease> = serde_json::from_value(leases).ok().with_context(read)?;
    let authority = ended.get("authority").cloned().unwrap_or_default();
    let authority: Vec<AuthorityUse> = serde_json::from_value(authority).ok().with_context(read)?;
    let task: Task = serde_json::from_value(ended.clone()).ok().with_context(read)?;
    output.show(&ended, |_| {
        let said = format!("{} {}\n", task.id, status(&task));
        said + &lease::proofs(&leases) + &used(&authority)
    })?;
    Ok(Exit::Done)
}

/// Shows what a task was given beside what it used.
fn used(authority: &[AuthorityUse]) -> String {
    if authority.is_empty() {
        return String::new();
    }
    let row = |it: &AuthorityUse| vec![it.what.clone(), it.used.to_string(), it.source.clone()];
    table(&["given", "used", "by"], authority.iter().map(row).collect())
}

/// `task show`
pub(crate) async fn show(place: &Place, output: Output, task: &str) -> Outcome {
    let task: TaskId = word(task)?;
    let (found, days): (Task, Vec<DayView>) = match Client::reach(&place.state).await {
        Some(client) => {
            let found = client.get(&format!("/api/v1/tasks/{task}")).await?;
            (found, client.get(&format!("/api/v1/tasks/{task}/days")).await?)
        }
        None => (place.task(&task)?, Vec::new()),
    };
    let used_of = |layer: &bailiwick_model::Layer| {
        let same = |it: &&DayView| it.identity == layer.identity && it.template == layer.template;
        days.iter().find(same).map(|it| it.used)
    };
    output.show(&found, |it| {
        let mut text = format!(
            "task      {}\nidentity  {}\ntemplate  {}\npurpose   {}\nopened    {}\nends      {}\nstatus    {}\n",
            it.id, it.identity, it.template, it.purpose, it.opened, it.deadline, status(it),
        );
        if let Some(person) = &it.on_behalf {
            text.push_str(&format!("for       {person}\n"));
        }
        for (name, param) in &it.params {
            text.push_str(&format!("param     {name} = {} (from {})\n", param.value, param.from.label()));
        }
        for via in &it.via {
            text.push_str(&format!("via       {via}\n"));
        }
        let budget = it.grant.budget;
        if budget != bailiwick_model::Budget::default() {
            text.push_str(&format!("budget    {}\n", amounts(&budget)));
        }
        for layer in &it.grant.layers {
            if let Some(day) = &layer.day {
                let (of, amounts) = (&layer.identity, amounts(&day.limit));
                let all = &layer.template;
                let used = used_of(layer).map(|it| format!(", {} used today", spent(&it)));
                let used = used.unwrap_or_default();
                text.push_str(&format!(
                    "a day     {amounts} for all `{all}` tasks of `{of}`{used}\n"
                ));
            }
            for allowed in &layer.lines {
                text.push_str(&format!("allow     {} [{}]\n", line(allowed), allowed.source));
            }
        }
        text
    })?;
    Ok(Exit::Done)
}

/// Shows how much of what.
fn amounts(budget: &bailiwick_model::Budget) -> String {
    let calls = budget.calls.map(|it| format!("{it} calls"));
    let bytes = budget.bytes_out.map(|it| format!("{it} bytes out"));
    calls.into_iter().chain(bytes).collect::<Vec<_>>().join(", ")
}

/// Shows how much was used.
fn spent(used: &bailiwick_model::Spend) -> String {
    format!("{} calls and {} bytes out", used.calls, used.bytes_out)
}

/// `task list`
pub(crate) async fn list(place: &Place, output: Output, all: bool) -> Outcome {
    let tasks: Tasks = match Client::reach(&place.state).await {
        Some(client) => {
            client.get(if all { "/api/v1/tasks?all=true" } else { "/api/v1/tasks" }).await?
        }
        None => {
            let filter =
                bailiwick_store::TaskFilter { open_only: !all, ..bailiwick_store::TaskFilter::ALL };
            Tasks::of(place.tasks(filter)?)
        }
    };
    output.show(&tasks, |it| {
        let row = |task: &Task| {
            vec![
                task.id.to_string(),
                task.identity.to_string(),
                task.template.to_string(),
                status(task),
                task.purpose.clone(),
            ]
        };
        table(
            &["task", "identity", "template", "status", "purpose"],
            it.tasks.iter().map(row).collect(),
        )
    })?;
    Ok(Exit::Done)
}

fn status(task: &Task) -> String {
    match task.status {
        TaskStatus::Open => format!("open until {}", task.deadline),
        TaskStatus::Ended { at, cause } => format!("ended {at} ({cause})"),
    }
}
