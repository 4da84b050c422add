//! What is sealed comes back, and nothing else does.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const EARLY: Timestamp = Timestamp::from_millis(1_000);
const LATE: Timestamp = Timestamp::from_millis(2_000);

fn source(root: &TempDir) -> KekSource {
    KekSource::File(root.path().join("secrets.key"))
}

fn dir(root: &TempDir) -> PathBuf {
    root.path().join("secrets")
}

fn vault(root: &TempDir) -> Vault {
    Vault::open(&dir(root), source(root)).unwrap()
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn file(root: &TempDir, name: &str) -> PathBuf {
    dir(root).join(format!("{name}.secret"))
}

#[test]
fn a_secret_outlasts_a_start_and_counts_its_values() {
    let root = tempfile::tempdir().unwrap();
    let crm = name("crm-key");
    let made = vault(&root).set(&crm, &Secret::new("one"), EARLY).unwrap();
    assert_eq!((made.version, made.created, made.rotated), (1, EARLY, EARLY));
    let rotated = vault(&root).rotate(&crm, &Secret::new("two"), LATE).unwrap();
    assert_eq!((rotated.version, rotated.created, rotated.rotated), (2, EARLY, LATE));
    let again = vault(&root);
    let open = again.get(&crm).unwrap();
    assert_eq!((open.value.expose(), open.version), ("two", 2));
    assert_eq!(again.list().len(), 1);
    again.remove(&crm).unwrap();
    assert!(matches!(again.get(&crm), Err(VaultError::Unknown { .. })));
    assert!(vault(&root).list().is_empty());
}

#[test]
fn wrong_words_change_nothing() {
    let root = tempfile::tempdir().unwrap();
    let vault = vault(&root);
    let (crm, other) = (name("crm-key"), name("other"));
    vault.set(&crm, &Secret::new("one"), EARLY).unwrap();
    let refused = [
        vault.set(&crm, &Secret::new("two"), LATE).unwrap_err(),
        vault.rotate(&crm, &Secret::new("one"), LATE).unwrap_err(),
        vault.rotate(&other, &Secret::new("one"), LATE).unwrap_err(),
        vault.set(&other, &Secret::new(""), LATE).unwrap_err(),
        vault.set(&other, &Secret::new("x".repeat(VALUE_MAX + 1)), LATE).unwrap_err(),
        vault.remove(&other).unwrap_err(),
    ];
    let texts: Vec<String> = refused.iter().map(ToString::to_string).collect();
    assert!(texts.iter().all(|it| !it.contains("two")), "{texts:?}");
    assert_eq!(vault.get(&crm).unwrap().value.expose(), "one");
    assert_eq!(vault.list().len(), 1);
}

#[test]
fn nothing_of_a_value_is_in_a_file_or_in_what_is_printed() {
    let root = tempfile::tempdir().unwrap();
    let vault = vault(&root);
    let crm = name("crm-key");
    vault.set(&crm, &Secret::new("hunter2-hunter2"), EARLY).unwrap();
    let printed = format!("{vault:?} {:?} {:?}", vault.get(&crm), vault.list());
    let sealed = vault.seal("lease", b"hunter2-hunter2").unwrap();
    let written = fs::read_to_string(file(&root, "crm-key")).unwrap();
    for text in [printed, written, sealed.as_str().to_owned(), format!("{sealed:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_record_that_was_tampered_with_cut_or_swapped_is_named_and_the_others_open() {
    let root = tempfile::tempdir().unwrap();
    let ours = vault(&root);
    ours.set(&name("a"), &Secret::new("one"), EARLY).unwrap();
    ours.set(&name("b"), &Secret::new("two"), EARLY).unwrap();
    let (a, b) = (file(&root, "a"), file(&root, "b"));
    let (of_a, of_b) = (fs::read_to_string(&a).unwrap(), fs::read_to_string(&b).unwrap());
    let older = of_a.replace(
        "\"rotated\": \"1970-01-01T00:00:01.000Z\"",
        "\"rotated\": \"1970-01-01T00:00:09.000Z\"",
    );
    assert_ne!(older, of_a, "its age is written there");
    let renamed = of_b.replace("\"name\": \"b\"", "\"name\": \"a\"");
    let newer = of_a.replace("\"version\": 1", "\"version\": 2");
    for bad in [&*of_b, &*renamed, &*older, &*newer, of_a.get(..of_a.len() / 2).unwrap(), "", "{}"]
    {
        fs::write(&a, bad).unwrap();
        let opened = vault(&root);
        let error = opened.get(&name("a")).unwrap_err().to_string();
        assert!(error.contains("`a`") && error.contains("cannot be opened"), "{error}");
        assert_eq!(opened.get(&name("b")).unwrap().value.expose(), "two");
        assert!(
            opened.rotate(&name("a"), &Secret::new("x"), LATE).is_err(),
            "it is not papered over"
        );
        assert!(opened.rekey().is_err());
    }
    fs::write(&a, &of_a).unwrap();
    assert_eq!(vault(&root).get(&name("a")).unwrap().value.expose(), "one");
}

#[test]
fn a_key_that_is_gone_is_not_made_anew_over_what_it_sealed() {
    let root = tempfile::tempdir().unwrap();
    vault(&root).set(&name("a"), &Secret::new("one"), EARLY).unwrap();
    let key = root.path().join("secrets.key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let error = Vault::open(&dir(&root), source(&root)).unwrap_err().to_string();
    assert!(error.contains("is missing"), "{error}");
    assert!(!key.exists());
    write_private(&key, &kept).unwrap();
    assert_eq!(vault(&root).get(&name("a")).unwrap().value.expose(), "one");
}

#[test]
fn wrapping_anew_leaves_what_is_sealed_and_the_old_key_opens_nothing() {
    let root = tempfile::tempdir().unwrap();
    let ours = vault(&root);
    ours.set(&name("a"), &Secret::new("one"), EARLY).unwrap();
    let keepsake = ours.seal("lease", b"three").unwrap();
    let (key, before) =
        (root.path().join("secrets.key"), fs::read_to_string(file(&root, "a")).unwrap());
    let old = fs::read(&key).unwrap();
    let done = ours.rekey().unwrap();
    assert_eq!(done.records, 2);
    let after = fs::read_to_string(file(&root, "a")).unwrap();
    let sealed = |it: &str| it.lines().find(|it| it.contains("\"sealed\"")).unwrap().to_owned();
    assert!(before != after && sealed(&before) == sealed(&after));
    assert_eq!(ours.unseal("lease", &keepsake).unwrap().expose(), "three");
    let again = vault(&root);
    assert_eq!(again.get(&name("a")).unwrap().value.expose(), "one");
    assert_eq!(again.unseal("lease", &keepsake).unwrap().expose(), "three");
    assert!(again.unseal("other", &keepsake).is_err());
    write_private(&key, &old).unwrap();
    assert!(Vault::open(&dir(&root), source(&root)).is_err());
}

#[test]
fn wrapping_anew_that_broke_off_goes_on_where_it_was() {
    let root = tempfile::tempdir().unwrap();
    let ours = vault(&root);
    ours.set(&name("a"), &Secret::new("one"), EARLY).unwrap();
    ours.set(&name("b"), &Secret::new("two"), EARLY).unwrap();
    let (key, of_b) = (root.path().join("secrets.key"), fs::read(file(&root, "b")).unwrap());
    let old = fs::read_to_string(&key).unwrap();
    ours.rekey().unwrap();
    // As a crash would have left it: both keys, and one record still wrapped by the old one.
    let new = fs::read_to_string(&key).unwrap();
    write_private(&key, format!("{new}{old}").as_bytes()).unwrap();
    write_private(&file(&root, "b"), &of_b).unwrap();
    let again = vault(&root);
    assert_eq!(again.get(&name("b")).unwrap().value.expose(), "two");
    again.rekey().unwrap();
    assert_eq!(fs::read_to_string(&key).unwrap(), new, "the key of the first try is taken up");
    assert_eq!(vault(&root).get(&name("b")).unwrap().value.expose(), "two");
}

#[test]
fn a_command_gives_the_key_and_its_next_one() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = ("A".repeat(43), "B".repeat(42) + "A");
    let keys = root.path().join("keys.txt");
    fs::write(&keys, format!("{one}\n")).unwrap();
    let source = KekSource::Command(vec!["cat".to_owned(), keys.display().to_string()]);
    let ours = Vault::open(&dir(&root), source.clone()).unwrap();
    ours.set(&name("a"), &Secret::new("one"), EARLY).unwrap();
    fs::write(&keys, format!("{two}\n{one}\n")).unwrap();
    ours.rekey().unwrap();
    fs::write(&keys, format!("{two}\n")).unwrap();
    assert_eq!(
        Vault::open(&dir(&root), source.clone()).unwrap().get(&name("a")).unwrap().version,
        1
    );
    fs::write(&keys, format!("{one}\n")).unwrap();
    assert!(Vault::open(&dir(&root), source).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sealed_opens_and_no_other_text_does(
        value in "\\PC{1,60}",
        place in any::<prop::sample::Index>(),
        letter in "[A-Za-z0-9_-]",
    ) {
        let root = tempfile::tempdir().unwrap();
        let ours = vault(&root);
        let sealed = ours.seal("lease", value.as_bytes()).unwrap();
        let opened = ours.unseal("lease", &sealed).unwrap();
        prop_assert_eq!(opened.expose(), value.as_str());
        prop_assert!(ours.unseal("lease2", &sealed).is_err());
        let at = place.index(sealed.as_str().len());
        let mut other = sealed.as_str().to_owned();
        other.replace_range(at..=at, &letter);
        let opened = other.parse::<Sealed>().and_then(|it| ours.unseal("lease", &it));
        prop_assert!(other == sealed.as_str() || opened.is_err());
    }

    #[test]
    fn whatever_is_done_the_vault_is_as_a_plain_map_would_be(
        done in proptest::collection::vec((0_u8..5, 0_u8..3, "[a-z]{1,3}"), 0..20)
    ) {
        let root = tempfile::tempdir().unwrap();
        let mut ours = vault(&root);
        let mut plain: BTreeMap<SecretName, (u32, String)> = BTreeMap::new();
        for (what, which, value) in done {
            let name = name(&format!("s{which}"));
            let secret = Secret::new(value.as_str());
            match what {
                0 => {
                    let fits = !plain.contains_key(&name);
                    prop_assert_eq!(ours.set(&name, &secret, EARLY).is_ok(), fits);
                    if fits { plain.insert(name, (1, value)); }
                }
                1 => {
                    let next = plain.get(&name).filter(|it| it.1 != value).map(|it| (it.0.saturating_add(1), value));
                    prop_assert_eq!(ours.rotate(&name, &secret, LATE).is_ok(), next.is_some());
                    if let Some(next) = next { plain.insert(name, next); }
                }
                2 => prop_assert_eq!(ours.remove(&name).is_ok(), plain.remove(&name).is_some()),
                3 => prop_assert_eq!(ours.rekey().unwrap().records, plain.len().saturating_add(1)),
                _ => ours = vault(&root),
            }
        }
        for (name, (version, value)) in &plain {
            let open = ours.get(name).unwrap();
            prop_assert_eq!((open.version, open.value.expose()), (*version, value.as_str()));
        }
        prop_assert_eq!(ours.list().len(), plain.len());
    }
}
