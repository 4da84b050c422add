//! `[secrets]`: the outermost keys, from a file, from a command, or in a token.

use std::path::{Path, PathBuf};

use bailiwick_connect::{KekSource, KekSources, PinSource, TokenPlace, TokenSource, pin_refused};
use toml::Spanned;

use super::{
    Code,
    origin::Settings,
    read::{Field, Table, filled},
};

/// The keys of `[secrets]`, and which of them `kek` means.
const WORDS: [(&str, Kind); 3] =
    [("file", Kind::File), ("command", Kind::Command), ("pkcs11", Kind::Token)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Command,
    Token,
}

/// Where the outermost keys come from. The marks of a token lie in the state, which is known later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    wraps: KekSource,
    opens: Vec<KekSource>,
}

impl Given {
    /// Gives them with the folder of the secrets, in which a token's refusals are marked.
    pub(super) fn sources(&self, secrets: &Path) -> KekSources {
        let whole = |it: &KekSource| match it {
            KekSource::Token(token) => {
                let refused = pin_refused(secrets);
                KekSource::Token(TokenSource { refused, ..token.clone() })
            }
            KekSource::File(_) | KekSource::Command(_) => it.clone(),
        };
        KekSources { wraps: whole(&self.wraps), opens: self.opens.iter().map(whole).collect() }
    }
}

/// Reads them. Where more than one is given, `kek` says which of them wraps.
pub(super) fn read(table: &Table<'_>, home: &Path, settings: &mut Settings<'_>) -> Option<Given> {
    let (file, command, token) =
        (table.get("kek_file"), table.get("kek_command"), table.get("kek_pkcs11"));
    let mut sources = Vec::new();
    if let Some(path) = file.made(filled) {
        let path = home.join(path.into_inner());
        settings.add("secrets.kek_file", &path.display(), file.at());
        sources.push((Kind::File, KekSource::File(path)));
    }
    if let Some(words) = command.command(home)
        && let Some(program) = words.first()
    {
        settings.add("secrets.kek_command", program, command.at());
        sources.push((Kind::Command, KekSource::Command(words)));
    }
    if let Some(source) = token.table(|table| read_token(table, home)).flatten() {
        let told = format!("{} of {}", source.key, source.module.display());
        settings.add("secrets.kek_pkcs11", &told, token.at());
        sources.push((Kind::Token, KekSource::Token(source)));
    }
    let first = first(&table.get("kek"), [&file, &command, &token], &sources)?;
    let place = sources.iter().position(|(kind, _)| *kind == first)?;
    let (_, wraps) = sources.remove(place);
    let opens = sources.into_iter().map(|(_, it)| it).collect();
    Some(Given { wraps, opens })
}

/// Says which of them wraps.
fn first(kek: &Field<'_>, given: [&Field<'_>; 3], sources: &[(Kind, KekSource)]) -> Option<Kind> {
    let there = given.iter().filter(|it| it.is_given()).count();
    let names: Vec<&str> = WORDS.iter().map(|(name, _)| *name).collect();
    let word = kek.word(&names, |it| it);
    let wanted = WORDS.iter().find(|(name, _)| Some(*name) == word).map(|(_, kind)| *kind);
    if !kek.is_given() && 1 < there {
        let message = "the key comes from more than one place: say with `kek` which of them wraps, \
                       and the others will only open";
        let last = given.into_iter().rfind(|it| it.is_given())?;
        let help = "`kek` is `file`, `command` or `pkcs11`";
        last.fault(Code::WrongValue, message, "one more", Some(help));
        return None;
    }
    let all = WORDS.iter().map(|(_, kind)| *kind).zip(given);
    if let Some(wanted) = wanted
        && !all.clone().any(|(kind, field)| kind == wanted && field.is_given())
    {
        kek.wrong(format!("`kek` is `{}`, and there is no `kek_{0}`", word.unwrap_or_default()));
        return None;
    }
    wanted.or_else(|| sources.first().map(|(kind, _)| *kind))
}

fn read_token(table: &Table<'_>, home: &Path) -> Option<TokenSource> {
    let module = table.get("module").required().made(filled);
    let key = table.get("key").required().made(filled);
    let old_keys = table.get("old_keys").items();
    let old_keys = old_keys.iter().filter_map(|it| it.made(filled)).map(Spanned::into_inner);
    let old_keys: Vec<String> = old_keys.collect();
    let place = place(table);
    let pin = pin(table, home);
    Some(TokenSource {
        module: home.join(module?.into_inner()),
        place: place?,
        key: key?.into_inner(),
        old_keys,
        pin,
        refused: PathBuf::new(),
    })
}

fn place(table: &Table<'_>) -> Option<TokenPlace> {
    let (label, slot) = (table.get("token"), table.get("slot"));
    match (label.is_given(), slot.is_given()) {
        (true, true) => slot.wrong("the token is named by `token` already: leave one out"),
        (false, false) => label.wrong("say which token: `token`, its label, or `slot`, a number"),
        (true, false) | (false, true) => {}
    }
    let label = label.made(filled).map(|it| TokenPlace::Label(it.into_inner()));
    label.or_else(|| slot.whole().map(|it| TokenPlace::Slot(it.into_inner())))
}

fn pin(table: &Table<'_>, home: &Path) -> Option<PinSource> {
    let (file, command, variable) =
        (table.get("pin_file"), table.get("pin_command"), table.get("pin_env"));
    let given = [&file, &command, &variable].into_iter().filter(|it| it.is_given());
    if let Some(second) = given.skip(1).last() {
        second.wrong("the PIN comes from one place: `pin_file`, `pin_command` or `pin_env`");
    }
    let pin = table.get("pin");
    if pin.is_given() {
        pin.wrong("a PIN is not written here: name `pin_file`, `pin_command` or `pin_env`");
    }
    let file = file.made(filled).map(|it| PinSource::File(home.join(it.into_inner())));
    let command = command.command(home).map(PinSource::Command);
    let variable = variable.made(filled).map(|it| PinSource::Variable(it.into_inner()));
    file.or(command).or(variable)
}
