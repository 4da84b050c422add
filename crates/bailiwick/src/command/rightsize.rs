//! `rightsize`: smaller policies for one identity, from files alone. Nothing is changed anywhere: documents are written.

mod exclude;
mod house;
mod input;
mod show;
mod verify;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use bailiwick_insight::{
    Certificate, Conninfo, Document, DocumentRef, Margin, Plan, Rightsizer, Wishes,
    rightsize_house, rightsize_kubernetes, rightsize_postgres,
};
use bailiwick_model::{Digest, Json, JsonLimits, Platform};
use serde::Serialize;
use serde_json::Value;

use self::input::{Read, read};
use crate::{
    cli::{MarginWish, Rightsize, RightsizeCommand},
    config::read_exclusions,
    exit::{CommandError, Exit, Outcome},
    output::Output,
    run::wrong_in,
};

/// Where the certificate lies in the folder that is written.
const CERTIFICATE_FILE: &str = "certificate.json";
const PLAN_FILE: &str = "plan.json";
/// Where what a database answered lies, for it to be read again.
const GRANTS_FILE: &str = "grants.json";

/// What programs get.
#[derive(Debug, Serialize)]
struct Told {
    certificate: Certificate,
    plan: Plan,
    /// Every document, by its file.
    documents: BTreeMap<String, Value>,
    /// The folder that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<PathBuf>,
}

/// Makes the policies of one identity smaller, or checks that it was done well.
pub(crate) fn run(words: &Rightsize, output: Output) -> Outcome {
    match &words.then {
        Some(RightsizeCommand::Verify(about)) => verify::verify(about, output),
        Some(RightsizeCommand::Shadow(about)) => verify::shadow(about, output),
        None => make(words, output),
    }
}

fn make(words: &Rightsize, output: Output) -> Outcome {
    if let Some(folder) = &words.out {
        room(folder)?;
    }
    let wishes = Wishes {
        margin: match words.margin {
            MarginWish::None => Margin::None,
            MarginWish::Siblings => Margin::Siblings,
        },
        keep: words.keep.clone(),
        grace_days: words.grace,
        window_days: words.window,
        trial_days: words.trial,
    };
    let exclusions =
        read_exclusions(&words.exclude).map_err(|found| wrong_in("the exclusions", &found))?;
    let said = words.psql.as_deref().map(Conninfo::parse).transpose();
    let said = said.map_err(|it| CommandError::Words(format!("`--psql`: {it}")))?;
    let read = read(&words.logs, &words.ledger, &words.grants)?;
    if said.is_some() && read.platform != Platform::Postgres {
        let why = format!("`--psql` is for PostgreSQL, and these grants are of {}", read.platform);
        return Err(CommandError::Words(why));
    }
    let place = said.or_else(|| read.place.clone()).unwrap_or_default();
    let wanted = words.identity.as_deref().unwrap_or_default();
    let mut told = tell(&read, wanted, &wishes, &place)?;
    // Only now it is known who is meant.
    if let Some((wishes, notes)) = exclude::excluded(&exclusions, &told.certificate, &wishes) {
        told = tell(&read, wanted, &wishes, &place)?;
        told.certificate.notes.extend(notes);
    }
    let told = certified(told, &read, words.out.clone())?;
    let checks = &told.certificate.checks;
    if !checks.gives_no_more || !checks.gives_all_used {
        let why = "what was made does not pass its own check, and nothing was written";
        return Err(CommandError::Fault(anyhow::anyhow!(why)));
    }
    if let Some(folder) = &words.out {
        write(folder, &told)?;
    }
    output.show(&told, show::table)?;
    Ok(Exit::Done)
}

fn tell(
    read: &Read,
    wanted: &str,
    wishes: &Wishes,
    place: &Conninfo,
) -> Result<Told, CommandError> {
    let (grants, now) = (read.grants_of(wanted)?, super::sign::now());
    let known = (&read.exercised, wishes);
    let made = if read.platform == Platform::Kubernetes {
        rightsize_kubernetes(known, &grants, wanted, now)
    } else if read.platform == Platform::Postgres {
        rightsize_postgres(known, (&grants, place), wanted, now)
    } else if read.platform == Platform::Mcp {
        rightsize_house(known, &grants, wanted, now)
    } else {
        Rightsizer::new(known.0, wishes).of(&grants, wanted, now)
    };
    let mut made = made.map_err(|it| CommandError::Words(it.to_string()))?;
    let mut documents = BTreeMap::new();
    if let Some(listed) = &read.listed {
        let sha256 = Digest::of(grants.canonical().as_bytes());
        made.certificate.files.push(DocumentRef { file: GRANTS_FILE.to_owned(), sha256 });
        documents.insert(GRANTS_FILE.to_owned(), Value::String(listed.clone()));
    }
    for Document { file, json } in made.documents {
        documents.insert(file, plain(&json)?);
    }
    Ok(Told { certificate: made.certificate, plan: made.plan, documents, written: None })
}

/// Adds what only whoever read the files knows.
fn certified(mut told: Told, read: &Read, written: Option<PathBuf>) -> Result<Told, CommandError> {
    told.certificate.inputs.clone_from(&read.inputs);
    told.certificate.events.records = read.records;
    told.certificate.events.errors = read.errors;
    let plan = serde_json::to_vec(&told.plan).map_err(anyhow::Error::from)?;
    let plan = Json::parse(&plan, JsonLimits::default()).map_err(anyhow::Error::from)?;
    let sha256 = Digest::of(plan.canonical().as_bytes());
    told.certificate.files.push(DocumentRef { file: PLAN_FILE.to_owned(), sha256 });
    told.written = written;
    Ok(told)
}

/// Gives a document as it is written for people.
fn plain(json: &Json) -> Result<Value, CommandError> {
    Ok(serde_json::from_str(&json.canonical()).map_err(anyhow::Error::from)?)
}

/// Sees to it that nothing is written over.
fn room(folder: &Path) -> Result<(), CommandError> {
    let is_free = match fs::read_dir(folder) {
        Ok(mut inside) => inside.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if is_free {
        return Ok(());
    }
    let text = format!("`{}` is no empty folder: name another for `--out`", folder.display());
    Err(CommandError::Words(text))
}

/// Writes everything; the certificate last, so that a folder with one is whole.
fn write(folder: &Path, told: &Told) -> Result<(), CommandError> {
    for (file, document) in &told.documents {
        if let Some(text) = document.as_str() {
            write_text(&folder.join(file), text)?;
        } else {
            write_one(&folder.join(file), document)?;
        }
    }
    write_one(&folder.join(PLAN_FILE), &told.plan)?;
    write_one(&folder.join(CERTIFICATE_FILE), &told.certificate)
}

fn write_one(path: &Path, what: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(what).map_err(anyhow::Error::from)?;
    write_text(path, &format!("{text}\n"))
}

fn write_text(path: &Path, text: &str) -> Result<(), CommandError> {
    let written =
        path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.map_err(|it| CommandError::Words(format!("`{}`: {it}", path.display())))
}
