//! `bailiwick person …`

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;
use bailiwick_connect::{PersonKey, Stretch, create_dir_private, create_private};
use bailiwick_model::{Person, PersonName};

use crate::{
    admin::wire::AddPerson,
    cli::ByPerson,
    client::Client,
    command::{sign, word},
    exit::{CommandError, Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// `person list`
pub(crate) async fn list(place: &Place, output: Output) -> Outcome {
    let persons: Vec<Person> = match Client::reach(&place.state).await {
        Some(client) => client.get("/api/v1/persons").await?,
        None => place.registry()?.persons().context("the registry cannot be read")?,
    };
    output.show(&persons, |it| {
        let row = |person: &Person| {
            let by = person.by.as_ref().map_or("the first".to_owned(), ToString::to_string);
            vec![person.name.to_string(), person.added.to_string(), by]
        };
        table(&["person", "added", "vouched for by"], it.iter().map(row).collect())
    })?;
    Ok(Exit::Done)
}

/// `person add`: the key is made here, sealed under the person's passphrase, and only its public
/// half leaves.
pub(crate) async fn add(
    place: &Place,
    output: Output,
    name: &str,
    voucher: Option<&ByPerson>,
    passphrase_file: Option<&Path>,
) -> Outcome {
    let name: PersonName = word(name)?;
    let client = Client::need(&place.state).await?;
    let path = sign::key_path(&place.keys, &name);
    if path.exists() {
        return Err(CommandError::Words(format!("`{}` exists already", path.display())));
    }
    let secret = sign::passphrase(&format!("new passphrase of {name}"), passphrase_file)?;
    if passphrase_file.is_none() {
        let again = sign::passphrase("once more", None)?;
        if !again.matches(secret.expose()) {
            return Err(CommandError::Words("the two passphrases differ".to_owned()));
        }
    }
    let sealed = PersonKey::generate(&name, &secret, Stretch::STANDARD)
        .map_err(|error| CommandError::Words(error.to_string()))?;
    let voucher = voucher.map(|by| {
        let details = BTreeMap::from([("key".to_owned(), sealed.public_key.clone())]);
        sign::sign(place, by, ("add-person", name.as_str()), details)
    });
    let wish =
        AddPerson { name: name.clone(), key: sealed.public_key, voucher: voucher.transpose()? };
    let added: Person = client.post("/api/v1/persons", &wish).await?;
    create_dir_private(&place.keys.join("people")).context("the folder of keys cannot be made")?;
    create_private(&path, sealed.file.as_bytes()).context("the key cannot be written")?;
    output.show(&added, |it| {
        format!("added {}; the sealed key is in {}\n", it.name, path.display())
    })?;
    Ok(Exit::Done)
}
