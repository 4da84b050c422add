//! People's signatures: asking for the passphrase, opening the key, signing one statement.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use bailiwick_connect::{PersonKey, Secret, Statement, Stretch};
use bailiwick_model::{PersonName, Timestamp};

use crate::{
    admin::wire::SignedWord, cli::ByPerson, command::word, exit::CommandError, place::Place,
};

/// The detail that says which governor a statement is for.
pub(crate) const GOVERNOR: &str = "governor";

/// The moment of a signature: the person's own clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since)
}

/// Where a person's key lies.
pub(crate) fn key_path(keys: &Path, name: &PersonName) -> PathBuf {
    keys.join("people").join(format!("{name}.key"))
}

/// Gets a passphrase from its file, the environment or the terminal.
pub(crate) fn passphrase(prompt: &str, file: Option<&Path>) -> Result<Secret, CommandError> {
    if let Some(file) = file {
        let text = std::fs::read_to_string(file)
            .map_err(|error| CommandError::Words(format!("`{}`: {error}", file.display())))?;
        return Ok(Secret::new(text.trim_end_matches(['\r', '\n'])));
    }
    rpassword::prompt_password(format!("{prompt}: ")).map(Secret::new).map_err(|error| {
        CommandError::Words(format!(
            "no terminal to ask for the passphrase: {error}; use --passphrase-file"
        ))
    })
}

/// Signs one statement as the person that `by` names.
pub(crate) fn sign(
    place: &Place,
    by: &ByPerson,
    (what, subject): (&str, &str),
    mut details: BTreeMap<String, String>,
) -> Result<SignedWord, CommandError> {
    let name: PersonName = word(&by.by)?;
    let path = key_path(&place.keys, &name);
    // A word that was given to one governor is worth nothing to another.
    details.insert(GOVERNOR.to_owned(), place.issuer.clone());
    let file = std::fs::read_to_string(&path).map_err(|error| {
        CommandError::Words(format!(
            "the key of `{name}` cannot be read: `{}`: {error}",
            path.display()
        ))
    })?;
    let secret = passphrase(&format!("passphrase of {name}"), by.passphrase_file.as_deref())?;
    let key = PersonKey::open(&name, &file, &secret, Stretch::STANDARD)
        .map_err(|error| CommandError::No(error.to_string()))?;
    let statement = Statement::new(name.clone(), what, subject, details, now())
        .context("the statement cannot be made")?;
    let signed = key.sign(&statement).context("the statement cannot be signed")?;
    Ok(SignedWord { by: name, signed })
}
