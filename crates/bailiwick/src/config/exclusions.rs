//! `[[exclude]]`: what is not called dormant for a while, in files of their own.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use bailiwick_insight::Exclusion;

use super::{
    Code, ConfigError, Found,
    file::Source,
    read::{Field, Reader, Table, filled},
};

/// How many there may be.
const MOST: usize = 1000;

/// Reads the exclusions of all these files.
pub(crate) fn read_exclusions(paths: &[PathBuf]) -> Result<Vec<Exclusion>, Found> {
    let (mut found, mut all) = (Found::default(), Vec::new());
    for path in paths {
        match source(path) {
            Ok(source) => {
                let reader = Reader::new(&source);
                all.extend(reader.read(file).unwrap_or_default());
                found.extend(reader.found());
            }
            Err(error) => found.push(error),
        }
    }
    if found.is_good() { Ok(all) } else { Err(found.sorted()) }
}

fn source(path: &Path) -> Result<Source, ConfigError> {
    let name = path.file_name().map(|it| it.to_string_lossy().into_owned());
    Source::read(path.parent().unwrap_or(path), &name.unwrap_or_default())
}

fn file(root: &Table<'_>) -> Vec<Exclusion> {
    let field = root.get("exclude").required();
    let items = field.items();
    if MOST < items.len() {
        field.wrong(format!("`{}` is there {MOST} times at most", field.name()));
    }
    items.iter().filter_map(|it| it.table(exclusion).flatten()).collect()
}

fn exclusion(table: &Table<'_>) -> Option<Exclusion> {
    let (system, who, what) =
        (table.get("platform"), table.get("identity"), table.get("permission"));
    let months = months(&table.get("months"));
    let platform = system.parsed().map(toml::Spanned::into_inner);
    let identity = who.made(filled).map(toml::Spanned::into_inner);
    let permission = what.parsed::<bailiwick_insight::EntitlementPattern>();
    let permission = permission.map(toml::Spanned::into_inner);
    let reason = table.get("reason").required().made(filled);
    let owner = table.get("owner").required().made(filled);
    let until = table.get("until").required().moment_or_day();
    if ![&system, &who, &what].into_iter().any(Field::is_given) {
        let help =
            "give it an `identity`, a `permission` or a `platform`; all that are given must fit";
        let message = "nothing says what is excluded";
        system.fault(Code::MissingKey, message, "this would be everything", Some(help));
        return None;
    }
    let other = permission.as_ref().zip(platform).filter(|(it, of)| it.platform != *of);
    if let Some((permission, _)) = other {
        system.wrong(format!("`{permission}` is of another system: this would exclude nothing"));
    }
    // What does not fit would exclude more if it were left out.
    let is_whole = system.is_given() == platform.is_some()
        && who.is_given() == identity.is_some()
        && what.is_given() == permission.is_some();
    is_whole.then_some(())?;
    Some(Exclusion {
        platform,
        identity,
        permission,
        months: months?,
        reason: reason?.into_inner(),
        owner: owner?.into_inner(),
        until: until?.into_inner(),
    })
}

/// Reads the numbers of months; none where one is no month.
fn months(field: &Field<'_>) -> Option<BTreeSet<i8>> {
    if field.is_empty_list() {
        field.wrong(format!("`{}` names no month: leave it out to mean all of them", field.name()));
        return None;
    }
    let month = |it: &Field<'_>| {
        let number = it.whole()?.into_inner();
        let month = i8::try_from(number).ok().filter(|it| (1..=12).contains(it));
        if month.is_none() {
            it.wrong(format!("`{}` may not be `{number}`: months are 1 to 12", it.name()));
        }
        month
    };
    // Each is read, so that all mistakes are told.
    let all: Vec<_> = field.items().iter().map(month).collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Gives what is read, and what is wrong with it.
    fn read(text: &str) -> (Vec<Exclusion>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("excluded.toml");
        fs::write(&path, text).unwrap();
        match read_exclusions(&[path]) {
            Ok(all) => (all, Vec::new()),
            Err(found) => (Vec::new(), found.errors.iter().map(ToString::to_string).collect()),
        }
    }

    const REST: &str = "reason = \"r\"\nowner = \"o\"\nuntil = 2027-03-01\n";

    #[test]
    fn exclusions_are_read_with_all_that_they_say() {
        let text = format!(
            "[[exclude]]\nidentity = \"*role/break-glass\"\npermission = \"aws:kms:*\"\nmonths = [1, 12]\n{REST}\n[[exclude]]\nplatform = \"github\"\nreason = \"r\"\nowner = \"o\"\nuntil = 2027-03-01T08:00:00Z\n"
        );
        let (all, wrong) = read(&text);
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].permission.as_ref().unwrap().to_string(), "aws:kms:*");
        assert_eq!(all[0].identity.as_deref(), Some("*role/break-glass"));
        assert_eq!(all[0].months, [1, 12].into());
        assert_eq!(all[0].until.to_string(), "2027-03-01T00:00:00.000Z");
        assert_eq!(all[1].until.to_string(), "2027-03-01T08:00:00.000Z");
        assert!(all[1].months.is_empty() && all[1].identity.is_none());
    }

    #[test]
    fn what_is_wrong_with_an_exclusion_is_told_and_none_is_used() {
        for (text, says) in [
            (
                "identity = \"a\"\n",
                vec![
                    "`exclude[0].owner` is missing",
                    "`exclude[0].reason` is missing",
                    "`exclude[0].until` is missing",
                ],
            ),
            ("", vec!["nothing says what is excluded"]),
            (
                "permission = \"kms:*\"\n",
                vec!["`kms` is no system that is read: write the system, a colon, and the name"],
            ),
            (
                "platform = \"github\"\npermission = \"aws:kms:*\"\n",
                vec!["`aws:kms:*` is of another system: this would exclude nothing"],
            ),
            ("identity = \"a\"\nmonths = []\n", vec!["`exclude[0].months` names no month"]),
            (
                "identity = \"a\"\nmonths = [0, 13]\n",
                vec![
                    "`exclude[0].months[0]` may not be `0`",
                    "`exclude[0].months[1]` may not be `13`",
                ],
            ),
            ("identity = \"a\"\nidentiy = \"b\"\n", vec!["unknown key `exclude[0].identiy`"]),
            ("identity = \" \"\n", vec!["this may not be empty"]),
        ] {
            let rest = if says[0].ends_with("missing") { "" } else { REST };
            let (all, told) = read(&format!("[[exclude]]\n{text}{rest}"));
            assert_eq!(all, []);
            assert_eq!(told.len(), says.len(), "{told:?}");
            assert!(told.iter().zip(&says).all(|(it, says)| it.starts_with(says)), "{told:?}");
        }
        assert_eq!(read("").1, ["`exclude` is missing"]);
        let until =
            format!("[[exclude]]\nidentity = \"a\"\n{}", REST.replace("2027-03-01", "\"soon\""));
        assert!(read(&until).1[0].starts_with("`soon` is not a moment"));
        let gone = read_exclusions(&["/nowhere/excluded.toml".into()]).unwrap_err();
        assert!(gone.errors[0].to_string().starts_with("`excluded.toml` cannot be read"));
    }
}
