//! Charters alone, for commands that need no house: what they say of systems elsewhere.

use std::path::{Path, PathBuf};

use bailiwick_insight::Intent;

use super::{
    Code, ConfigError, Found, charter,
    file::{Folder, Source},
    read::Reader,
};

/// Reads the charters that `paths` name, files or folders of them. Whether a key that proves an identity can be read is no
/// matter here.
pub(crate) fn read_intents(paths: &[PathBuf]) -> Result<Vec<Intent>, Found> {
    let mut found = Found::default();
    let mut intents = Vec::new();
    for path in paths {
        let Some((home, folder)) = folder(path, &mut found) else { continue };
        found.extend(folder.found);
        for source in &folder.sources {
            let reader = Reader::new(source);
            intents.extend(charter::read(source, &home, &reader).map(|it| it.intent));
            found.extend(reader.found().into_iter().filter(|it| !is_of_keys(it)).collect());
        }
    }
    if found.is_good() { Ok(intents) } else { Err(found.sorted()) }
}

/// Gives the files that a path stands for, and the folder of the configuration that they would lie in.
fn folder(path: &Path, found: &mut Found) -> Option<(PathBuf, Folder)> {
    let full = match path.canonicalize() {
        Ok(full) => full,
        Err(error) => {
            let message = format!("`{}` cannot be read: {error}", path.display());
            found.push(ConfigError::new(Code::Unreadable, message));
            return None;
        }
    };
    let name = |it: &Path| it.file_name().map(|it| it.to_string_lossy().into_owned());
    let above = full.parent()?.to_path_buf();
    if full.is_dir() {
        let folder = Folder::read(&above, &name(&full)?, &["toml"]);
        return Some((above, folder));
    }
    // A charter lies in the folder of charters, which lies in that of the configuration.
    let home = above.parent().unwrap_or(&above).to_path_buf();
    let mut folder = Folder::default();
    match Source::read(&above, &name(&full)?) {
        Ok(source) => folder.sources.push(source),
        Err(error) => folder.found.push(error),
    }
    Some((home, folder))
}

fn is_of_keys(error: &ConfigError) -> bool {
    let code = miette::Diagnostic::code(error).map(|it| it.to_string());
    code.is_some_and(|it| it == Code::KeyFile.as_str() || it == Code::NotPublicKey.as_str())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::tests::KEY;

    const HEAD: &str = "kind = \"agent\"\nclass = \"c\"\nowner = \"team\"\npurpose = \"p\"\nproof = [{ key = \"keys/a.pub.pem\" }]\n";

    #[test]
    fn charters_are_read_alone_whether_their_keys_are_there_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("charters");
        fs::create_dir(&path).unwrap();
        let bot = format!(
            "identity = \"bot\"\n{HEAD}systems = [\"aws:1\", \"github\"]\nknown_as = [\"aws:arn:aws:iam::1:role/bot\"]\nservers = [\"files\"]\n"
        );
        fs::write(path.join("bot.toml"), bot).unwrap();
        fs::write(path.join("cat.toml"), format!("identity = \"cat\"\n{HEAD}")).unwrap();
        let all = read_intents(std::slice::from_ref(&path)).unwrap();
        let names: Vec<_> = all.iter().map(|it| it.identity.as_str()).collect();
        assert_eq!(names, ["bot", "cat"]);
        assert_eq!(all[0].systems.len(), 2);
        assert_eq!(all[0].servers.len(), 1);
        assert!(all[1].systems.is_empty());
        let one = read_intents(&[path.join("cat.toml")]).unwrap();
        assert_eq!(one, all[1..]);
        fs::create_dir(folder.path().join("keys")).unwrap();
        fs::write(folder.path().join("keys/a.pub.pem"), KEY).unwrap();
        assert_eq!(read_intents(std::slice::from_ref(&path)).unwrap(), all);
    }

    #[test]
    fn what_is_wrong_with_a_charter_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bot.toml");
        let bot = format!(
            "identity = \"bot\"\n{HEAD}systems = [\"amazon:1\"]\nknown_as = [\"arn:aws:iam::1:role/bot\"]\n"
        );
        fs::write(&path, bot).unwrap();
        let found = read_intents(&[path, folder.path().join("none")]).unwrap_err();
        let told: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().any(|it| it.starts_with("`amazon` is no system that is read")));
        assert!(told.iter().any(|it| it.starts_with("`arn` is no system that is read")));
        assert!(told.iter().any(|it| it.contains("none` cannot be read")));
    }
}
