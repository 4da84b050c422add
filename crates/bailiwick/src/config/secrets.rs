//! `[secrets]` and `[[secret]]`: what the key comes from that wraps all others, and how old a secret
//! may become.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_connect::KekSource;
use bailiwick_model::{SecretName, format_span};
use toml::Spanned;

use super::{
    Code,
    origin::Settings,
    read::{Field, Table, filled},
};

/// How secrets are kept, and how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Secrets {
    /// Where the outermost key comes from, where not from a file of the state's.
    kek: Option<KekSource>,
    /// How old a secret's value may become.
    pub(crate) rotate_every: BTreeMap<SecretName, Duration>,
}

impl Secrets {
    /// Gives where the outermost key comes from.
    pub(crate) fn kek(&self, state: &Path) -> KekSource {
        let file = || KekSource::File(state.join("keys").join("secrets.key"));
        self.kek.clone().unwrap_or_else(file)
    }

    /// Gives the file of the outermost key, where it lies outside the state.
    pub(crate) fn kek_file(&self) -> Option<&PathBuf> {
        match &self.kek {
            Some(KekSource::File(path)) => Some(path),
            Some(KekSource::Command(_)) | None => None,
        }
    }
}

/// Reads both.
pub(super) fn read(root: &Table<'_>, home: &Path, settings: &mut Settings<'_>) -> Secrets {
    let kek = root.get("secrets").table(|table| kek(table, home, settings)).flatten();
    let mut rotate_every = BTreeMap::new();
    for field in root.get("secret").items() {
        let read = field.table(|table| {
            let name = table.get("name").required().parsed::<SecretName>()?;
            let every = every(&table.get("rotate_every").required())?;
            settings.add(
                format!("secret.{}.rotate_every", name.get_ref()),
                &format_span(*every.get_ref()),
                Some(every.span()),
            );
            Some((name, every.into_inner()))
        });
        let Some((name, every)) = read.flatten() else { continue };
        let (at, reader) = (name.span(), root.reader());
        if rotate_every.insert(name.get_ref().clone(), every).is_some() {
            let message = format!("secret `{}` is given twice", name.get_ref());
            reader.push(reader.error(Code::Twice, at, message).label("once more here"));
        }
    }
    Secrets { kek, rotate_every }
}

fn kek(table: &Table<'_>, home: &Path, settings: &mut Settings<'_>) -> Option<KekSource> {
    let (file, command) = (table.get("kek_file"), table.get("kek_command"));
    if file.is_given() && command.is_given() {
        let message = "the key comes from `kek_file` or from `kek_command`, not from both";
        command.fault(Code::WrongValue, message, "one too many", None);
        return None;
    }
    if let Some(path) = file.made(filled) {
        let path = home.join(path.into_inner());
        settings.add("secrets.kek_file", &path.display(), file.at());
        return Some(KekSource::File(path));
    }
    let words = command.command(home)?;
    let program = words.first().cloned()?;
    settings.add("secrets.kek_command", &program, command.at());
    Some(KekSource::Command(words))
}

fn every(field: &Field<'_>) -> Option<Spanned<Duration>> {
    const LEAST: Duration = Duration::from_secs(3600);
    let every = field.length()?;
    if *every.get_ref() < LEAST {
        field.wrong(format!("`{}` is `1h` at least", field.name()));
        return None;
    }
    Some(every)
}
