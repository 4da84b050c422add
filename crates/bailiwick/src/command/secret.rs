//! `bailiwick secret …`: a value comes from standard input or a prompt, and never from the command
//! line, which others of this machine can read.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{IsTerminal as _, Read as _},
    ops::ControlFlow,
    time::Duration,
};

use anyhow::Context;
use bailiwick_connect::{Secret, SecretAbout, secrets_kept};
use bailiwick_model::{Record, SecretName, ServerName, Timestamp, format_span};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    admin::wire::{SecretChanged, SecretValue, SecretsRekeyed},
    cli::SecretCommand,
    client::Client,
    command::{sign, word},
    exit::{CommandError, Exit, Outcome},
    output::{Output, rough, table},
    place::Place,
};

/// The longest value that is read.
const VALUE_MAX: u64 = 16 << 10;

/// Does what the words say.
pub(crate) async fn run(place: &Place, output: Output, words: SecretCommand) -> Outcome {
    match words {
        SecretCommand::List => list(place, output),
        SecretCommand::Set { name } => put(place, output, &name, "set").await,
        SecretCommand::Rotate { name } => put(place, output, &name, "rotate").await,
        SecretCommand::Remove { name } => remove(place, output, &name).await,
        SecretCommand::Rekey => rekey(place, output).await,
    }
}

async fn put(place: &Place, output: Output, name: &str, verb: &str) -> Outcome {
    let name: SecretName = word(name)?;
    let client = Client::need(&place.state).await?;
    let value = value(&name)?;
    let wish = SecretValue { value: value.expose().to_owned() };
    let done: SecretChanged = client.post(&format!("/api/v1/secrets/{name}/{verb}"), &wish).await?;
    output.show(&done, |it| format!("`{}` has its value {}\n", it.name, it.version))?;
    Ok(Exit::Done)
}

async fn remove(place: &Place, output: Output, name: &str) -> Outcome {
    let name: SecretName = word(name)?;
    let client = Client::need(&place.state).await?;
    let path = format!("/api/v1/secrets/{name}/remove");
    let done: SecretChanged = client.post(&path, &serde_json::json!({})).await?;
    output.show(&done, |it| format!("`{}` is removed: whatever needs it is refused\n", it.name))?;
    Ok(Exit::Done)
}

async fn rekey(place: &Place, output: Output) -> Outcome {
    let client = Client::need(&place.state).await?;
    let done: SecretsRekeyed = client.post("/api/v1/secrets/rekey", &serde_json::json!({})).await?;
    output.show(&done, |it| {
        format!("{} records are wrapped by the key `{}` now\n", it.records, it.wrapped_by)
    })?;
    Ok(Exit::Done)
}

/// A secret as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotated: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotate_every: Option<String>,
    overdue: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<Timestamp>,
    used_by: BTreeSet<ServerName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<String>,
}

/// When a secret was used last, and by which servers and routes it ever was.
#[derive(Debug, Default)]
struct Uses {
    last: Option<Timestamp>,
    by: BTreeSet<ServerName>,
}

/// Lists from the files and the ledger, whether or not anybody serves: no value is opened.
fn list(place: &Place, output: Output) -> Outcome {
    let kept = secrets_kept(&place.state.join("secrets")).context("secrets cannot be listed")?;
    let (uses, now) = (uses(place), sign::now());
    let all: Vec<Listed> = kept
        .into_iter()
        .map(|(name, about)| {
            let every = place.rotate_every.get(&name).copied();
            listed(name.clone(), about.map_err(|it| it.to_string()), every, now)
                .used(uses.get(&name))
        })
        .collect();
    output.show(&all, |it| {
        let row = |it: &Listed| {
            let age = it.age_seconds.map(|it| rough(Duration::from_secs(it)));
            let state = match (&it.broken, it.overdue, &it.rotate_every) {
                (Some(why), ..) => why.clone(),
                (None, true, Some(every)) => format!("overdue: every {every}"),
                (None, _, every) => {
                    every.clone().map_or("-".to_owned(), |it| format!("every {it}"))
                }
            };
            let by: Vec<_> = it.used_by.iter().map(ServerName::as_str).collect();
            vec![
                it.name.clone(),
                it.version.map_or("-".to_owned(), |it| it.to_string()),
                it.created.map_or("-".to_owned(), |it| it.to_string()),
                it.rotated.map_or("-".to_owned(), |it| it.to_string()),
                age.unwrap_or_else(|| "-".to_owned()),
                state,
                it.used.map_or("never".to_owned(), |it| it.to_string()),
                by.join(" "),
            ]
        };
        let head =
            ["secret", "version", "created", "rotated", "age", "rotation", "used last", "used by"];
        table(&head, it.iter().map(row).collect())
    })?;
    Ok(Exit::Done)
}

fn listed(
    name: SecretName,
    about: Result<SecretAbout, String>,
    every: Option<Duration>,
    now: Timestamp,
) -> Listed {
    let (about, broken) = match about {
        Ok(about) => (Some(about), None),
        Err(why) => (None, Some(why)),
    };
    let age = about.as_ref().map(|it| now.since(it.rotated));
    Listed {
        name: name.to_string(),
        version: about.as_ref().map(|it| it.version),
        created: about.as_ref().map(|it| it.created),
        rotated: about.as_ref().map(|it| it.rotated),
        age_seconds: age.map(|it| it.as_secs()),
        rotate_every: every.map(format_span),
        overdue: age.zip(every).is_some_and(|(age, every)| every < age),
        used: None,
        used_by: BTreeSet::new(),
        broken,
    }
}

impl Listed {
    fn used(self, uses: Option<&Uses>) -> Self {
        let Some(uses) = uses else { return self };
        Self { used: uses.last, used_by: uses.by.clone(), ..self }
    }
}

/// Reads from the ledger what was used by whom; nothing where there is none yet.
fn uses(place: &Place) -> BTreeMap<SecretName, Uses> {
    let mut uses: BTreeMap<SecretName, Uses> = BTreeMap::new();
    let Ok(ledger) = place.ledger() else { return uses };
    // A ledger that cannot be read to its end is for `ledger verify` to tell of.
    let _read = ledger.scan(0, &mut |it| {
        if let Record::Outcome(outcome) = it.record
            && let Some(used) = outcome.secret
        {
            let seen = uses.entry(used.secret).or_default();
            seen.last = seen.last.max(Some(outcome.time));
            seen.by.insert(used.at);
        }
        ControlFlow::Continue(())
    });
    uses
}

/// Takes the value from a prompt that shows nothing, or from standard input.
fn value(name: &SecretName) -> Result<Secret, CommandError> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let typed = rpassword::prompt_password(format!("value of {name}: "))
            .context("the value cannot be read")?;
        return Ok(Secret::from(Zeroizing::new(typed)));
    }
    let room = usize::try_from(VALUE_MAX).unwrap_or_default().saturating_add(8);
    let mut text = Zeroizing::new(String::with_capacity(room));
    stdin
        .take(VALUE_MAX.saturating_add(2))
        .read_to_string(&mut text)
        .map_err(|_| CommandError::Words("the value on standard input is no text".to_owned()))?;
    if let Some(line) = text.strip_suffix('\n') {
        let length = line.strip_suffix('\r').unwrap_or(line).len();
        text.truncate(length);
    }
    if u64::try_from(text.len()).is_ok_and(|it| VALUE_MAX < it) {
        return Err(CommandError::Words(format!("a secret has {VALUE_MAX} bytes at most")));
    }
    Ok(Secret::from(text))
}
