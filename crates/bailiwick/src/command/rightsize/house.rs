//! Charters and templates as they lie in files, and a ledger as a log.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use bailiwick_connect::source::Hashed;
use bailiwick_insight::{HOUSE_GRANTS, Input};
use bailiwick_model::{Digest, Json};

use super::input::wrong;
use crate::{
    command::audit::ledger,
    exit::{CommandError, CommandError::Words},
};

/// Reads the charters and templates of a configuration that is without mistakes: what they say, and of which bytes that is.
pub(super) fn read(config: &Path) -> Result<(Json, Vec<Input>), CommandError> {
    // What a governor would not read is nobody's grant.
    ledger::holders(config)?;
    let home = config.parent().unwrap_or(Path::new(""));
    let (mut files, mut inputs) = (Vec::new(), Vec::new());
    for folder in ["charters", "templates"] {
        for path in toml_files(&home.join(folder))? {
            let text = fs::read_to_string(&path).map_err(|it| wrong(&path, it))?;
            let value: toml::Table = toml::from_str(&text).map_err(|it| wrong(&path, it))?;
            let base = path.file_name().map(|it| it.to_string_lossy().into_owned());
            let name = format!("{folder}/{}", base.unwrap_or_default());
            inputs.push(Input {
                name: path.display().to_string(),
                what: "grants".to_owned(),
                sha256: Digest::of(text.as_bytes()),
                bytes: u64::try_from(text.len()).unwrap_or(u64::MAX),
            });
            files.push(object([
                ("name", Json::Text(name)),
                ("text", Json::Text(text)),
                ("value", json(&toml::Value::Table(value))),
            ]));
        }
    }
    let shape = Json::Text(HOUSE_GRANTS.to_owned());
    Ok((object([("shape", shape), ("files", Json::List(files))]), inputs))
}

fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|it| wrong(folder, it))? {
        let path = entry.map_err(|it| wrong(folder, it))?.path();
        found.extend(path.extension().is_some_and(|it| it == "toml").then_some(path));
    }
    found.sort();
    Ok(found)
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(name, it)| (name.to_owned(), it)).collect())
}

fn json(value: &toml::Value) -> Json {
    match value {
        toml::Value::String(text) => Json::Text(text.clone()),
        toml::Value::Integer(number) => Json::Int((*number).into()),
        toml::Value::Float(number) => Json::Float(*number),
        toml::Value::Boolean(is) => Json::Bool(*is),
        // Moments may be quoted as well.
        toml::Value::Datetime(moment) => Json::Text(moment.to_string()),
        toml::Value::Array(all) => Json::List(all.iter().map(json).collect()),
        toml::Value::Table(all) => {
            Json::Object(all.iter().map(|(name, it)| (name.clone(), json(it))).collect())
        }
    }
}

/// Gives the files of a ledger with their digests.
pub(super) fn ledger_inputs(dir: &Path) -> Result<Vec<Input>, CommandError> {
    let inside = dir.join("ledger");
    let dir = if inside.is_dir() { inside } else { dir.to_owned() };
    let files = bailiwick_connect::source::find_files(&[dir]);
    let mut inputs = Vec::new();
    for path in files.map_err(|it| Words(it.to_string()))? {
        let file = Hashed::new(File::open(&path).map_err(|it| wrong(&path, it))?);
        let (sha256, bytes) = file.finish().map_err(|it: io::Error| wrong(&path, it))?;
        inputs.push(Input {
            name: path.display().to_string(),
            what: "log".to_owned(),
            sha256,
            bytes,
        });
    }
    Ok(inputs)
}
