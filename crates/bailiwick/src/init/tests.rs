//! What a first configuration is.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::{InitError, init, next_steps};
use crate::config::{House, Overrides};

#[test]
fn what_init_writes_passes_check() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path()).unwrap();
    let loaded = House::load(&folder.path().join("bailiwick.toml"), &Overrides::default());
    let (house, warnings) = loaded.unwrap_or_else(|found| panic!("{:#?}", found.errors));
    assert_eq!(house.charters.len(), 1);
    assert_eq!(house.policies.list().iter().filter(|it| it.source.is_some()).count(), 3);
    // Its folder is on one disk, and nothing else deserves a remark.
    let remarks: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(remarks, ["checkpoints lie on the same disk as the state"]);
}

#[test]
fn what_init_leaves_commented_out_passes_check_too() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path()).unwrap();
    let path = folder.path().join("bailiwick.toml");
    let text = fs::read_to_string(&path).unwrap();
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => rest,
            Some(_) | None => line,
        })
        .collect();
    fs::write(&path, uncommented.join("\n")).unwrap();
    let names = vec!["governor.example.org".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    fs::create_dir(folder.path().join("tls")).unwrap();
    for name in ["cert.pem", "clients.pem"] {
        fs::write(folder.path().join("tls").join(name), cert.pem()).unwrap();
    }
    let key = folder.path().join("tls/key.pem");
    bailiwick_connect::create_private(&key, signing_key.serialize_pem().as_bytes()).unwrap();
    let loaded = House::load(&path, &Overrides::default());
    let (house, _) = loaded.unwrap_or_else(|found| panic!("{:#?}", found.errors));
    assert_eq!(house.config.servers.len(), 2);
    assert_eq!(house.config.facts.len(), 1);
    assert_eq!(house.config.listen.scheme(), "https");
}

#[test]
fn nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/guardrails.cedar"), "mine").unwrap();
    let error = init(folder.path()).unwrap_err();
    assert!(matches!(&error, InitError::Exists(paths) if paths.len() == 1));
    let place = folder.path().to_string_lossy().into_owned();
    insta::assert_snapshot!(error.to_string().replace(&place, "PLACE"), @"nothing was written: `PLACE/policies/guardrails.cedar` is there already");
    assert_eq!(fs::read(folder.path().join("policies/guardrails.cedar")).unwrap(), b"mine");
    assert!(!folder.path().join("bailiwick.toml").exists());
}

#[test]
fn a_second_init_names_every_file_and_changes_none() {
    let folder = tempfile::tempdir().unwrap();
    let written = init(folder.path()).unwrap();
    assert!(matches!(init(folder.path()), Err(InitError::Exists(paths)) if paths == written));
}

#[test]
fn keys_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path()).unwrap();
    let mode = fs::metadata(folder.path().join("keys")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = init(&folder.path().join("file/below")).unwrap_err();
    assert!(error.to_string().contains("file/below/charters"), "{error}");
}

#[test]
fn the_next_steps_start_where_the_files_are() {
    assert!(next_steps(Path::new("there")).contains("\n  cd there\n"));
    assert!(!next_steps(Path::new(".")).contains("cd "));
}
