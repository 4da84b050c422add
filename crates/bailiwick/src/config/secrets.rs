//! `[secrets]` and `[[secret]]`: what the key comes from that wraps all others, and how old a secret
//! may become.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_connect::{KekSource, KekSources, PinSource};
use bailiwick_model::{SecretName, format_span};
use toml::Spanned;

use super::{
    Code,
    kek::{self, Given},
    origin::Settings,
    read::{Field, Table},
};

/// How secrets are kept, and how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Secrets {
    /// Where the outermost keys come from, where not from a file of the state's.
    kek: Option<Given>,
    /// How old a secret's value may become.
    pub(crate) rotate_every: BTreeMap<SecretName, Duration>,
}

impl Secrets {
    /// Gives where the outermost keys come from.
    pub(crate) fn kek(&self, state: &Path) -> KekSources {
        let file = || KekSource::File(state.join("keys").join("secrets.key")).into();
        self.kek.as_ref().map_or_else(file, |it| it.sources(&state.join("secrets")))
    }

    /// Gives the files that open what is sealed, where they lie outside the state.
    pub(crate) fn kek_files(&self) -> Vec<PathBuf> {
        let file = |it: &KekSource| match it {
            KekSource::File(path) => Some(path.clone()),
            KekSource::Token(token) => match &token.pin {
                Some(PinSource::File(path)) => Some(path.clone()),
                Some(PinSource::Command(_) | PinSource::Variable(_)) | None => None,
            },
            KekSource::Command(_) => None,
        };
        let sources = self.kek.as_ref().map(|it| it.sources(Path::new("")));
        sources.iter().flat_map(|it| it.opens.iter().chain([&it.wraps])).filter_map(file).collect()
    }
}

/// Reads both.
pub(super) fn read(root: &Table<'_>, home: &Path, settings: &mut Settings<'_>) -> Secrets {
    let kek = root.get("secrets").table(|table| kek::read(table, home, settings)).flatten();
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

fn every(field: &Field<'_>) -> Option<Spanned<Duration>> {
    const LEAST: Duration = Duration::from_secs(3600);
    let every = field.length()?;
    if *every.get_ref() < LEAST {
        field.wrong(format!("`{}` is `1h` at least", field.name()));
        return None;
    }
    Some(every)
}
