//! A person's key opens for its passphrase only, and its statements count once.

use std::time::Duration;

use bailiwick_model::{Person, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::proof::ProofError;

const FAST: Stretch = Stretch::new(2);
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_123);

fn alice() -> PersonName {
    "alice".parse().unwrap()
}

fn passphrase() -> Secret {
    Secret::new("correct horse battery")
}

fn sealed() -> SealedPersonKey {
    PersonKey::generate(&alice(), &passphrase(), FAST).unwrap()
}

fn open(file: &str) -> Result<PersonKey, PersonKeyError> {
    PersonKey::open(&alice(), file, &passphrase(), FAST)
}

fn person(name: &str, sealed: &SealedPersonKey) -> Person {
    Person { name: name.parse().unwrap(), key: sealed.public_key.clone(), added: NOW, by: None }
}

fn statement(at: Timestamp) -> Statement {
    let details = [("digest".to_owned(), "sha256:…".to_owned())].into();
    Statement::new(alice(), "approve-hold", "hold_1", details, at).unwrap()
}

fn not_opened() -> PersonKeyError {
    PersonKeyError::NotOpened { name: alice() }
}

#[test]
fn the_right_passphrase_opens_the_key() {
    let sealed = sealed();
    let key = open(&sealed.file).unwrap();
    assert_eq!(key.public_key(), sealed.public_key);
    assert_eq!(key.name(), &alice());
}

#[test]
fn the_standard_stretch_is_what_a_file_needs_outside_tests() {
    assert_eq!(Stretch::default().get(), 600_000);
    let error = PersonKey::open(&alice(), &sealed().file, &passphrase(), Stretch::STANDARD);
    assert_eq!(
        error.unwrap_err().to_string(),
        "`alice.key` has 2 iterations, 600000 to 10000000 are taken"
    );
    let endless = sealed().file.replace("\"iterations\": 2,", "\"iterations\": 4000000000,");
    assert!(matches!(open(&endless), Err(PersonKeyError::Iterations { .. })));
}

#[test]
fn a_wrong_passphrase_says_so_and_so_does_a_changed_file() {
    let sealed = sealed();
    let wrong = Secret::new("correct horse batterz");
    let error = PersonKey::open(&alice(), &sealed.file, &wrong, FAST).unwrap_err();
    assert_eq!(error, not_opened());
    assert_eq!(error.to_string(), "the passphrase does not open `alice.key`");
    let more = sealed.file.replace("\"iterations\": 2,", "\"iterations\": 3,");
    assert_eq!(open(&more).unwrap_err(), not_opened());
    let other = PersonKey::generate(&alice(), &passphrase(), FAST).unwrap();
    let swapped = sealed.file.replace(&sealed.public_key, &other.public_key);
    assert_eq!(open(&swapped).unwrap_err(), not_opened());
}

#[test]
fn one_persons_file_is_not_anothers() {
    let bob: PersonName = "bob".parse().unwrap();
    let sealed = sealed();
    for file in [sealed.file.clone(), sealed.file.replace("alice", "bob")] {
        let error = PersonKey::open(&bob, &file, &passphrase(), FAST).unwrap_err();
        assert_eq!(error, PersonKeyError::NotOpened { name: bob.clone() });
    }
}

#[test]
fn short_passphrases_and_foreign_files_are_refused() {
    let error = PersonKey::generate(&alice(), &Secret::new("elevenchars"), FAST).unwrap_err();
    assert_eq!(error, PersonKeyError::ShortPassphrase { len: 11 });
    let error = PersonKey::generate(&alice(), &Secret::new("ÄÄÄÄÄÄ"), FAST).unwrap_err();
    assert_eq!(error, PersonKeyError::ShortPassphrase { len: 6 });
    let file = sealed().file;
    for text in [
        String::new(),
        "{}".to_owned(),
        file.replace("\"version\": 1", "\"version\": 2"),
        file.replace("aes-256-gcm", "none"),
        file.replace("pbkdf2", "pbkdf1"),
        file.replace('{', "{\"more\": 1,"),
        format!("{file}{}", " ".repeat(5000)),
    ] {
        assert_eq!(open(&text).unwrap_err(), PersonKeyError::NotAKeyFile { name: alice() });
    }
}

#[test]
fn secrets_never_appear_in_debug_or_in_the_file() {
    let sealed = sealed();
    let key = open(&sealed.file).unwrap();
    let printed = format!("{key:?} {sealed:?} {:?} {:?}", passphrase(), not_opened());
    assert!(printed.starts_with("PersonKey(alice, ***)"));
    assert!(!printed.contains(passphrase().expose()));
    assert!(!sealed.file.contains(passphrase().expose()));
}

#[test]
fn a_statement_counts_once() {
    let sealed = sealed();
    let (key, person) = (open(&sealed.file).unwrap(), person("alice", &sealed));
    let statement = statement(NOW);
    let signed = key.sign(&statement).unwrap();
    let verifier = StatementVerifier::new(NOW);
    assert_eq!(StatementVerifier::claimed(&signed), Ok(alice()));
    assert_eq!(verifier.verify(&person, &signed, NOW), Ok(statement));
    assert_eq!(verifier.verify(&person, &signed, NOW), Err(ProofError::Replayed));
}

#[test]
fn a_statement_counts_only_near_its_moment_and_after_the_start() {
    let sealed = sealed();
    let (key, person) = (open(&sealed.file).unwrap(), person("alice", &sealed));
    let second = Duration::from_millis(1);
    let minutes = Duration::from_secs(5 * 60);
    for (at, now, started, expected) in [
        (NOW, NOW.after(minutes), NOW, Err(ProofError::Expired)),
        (NOW.after(second), NOW.after(minutes), NOW, Ok(())),
        (NOW.after(minutes), NOW, NOW, Ok(())),
        (NOW.after(minutes).after(second), NOW, NOW, Err(ProofError::NotYet)),
        (NOW, NOW.after(second), NOW.after(second), Err(ProofError::BeforeStart)),
    ] {
        let signed = key.sign(&statement(at)).unwrap();
        let verifier = StatementVerifier::new(started);
        assert_eq!(verifier.verify(&person, &signed, now).map(|_| ()), expected);
    }
}

#[test]
fn only_the_registered_key_of_the_named_person_counts() {
    let (ours, theirs) = (sealed(), sealed());
    let signed = open(&theirs.file).unwrap().sign(&statement(NOW)).unwrap();
    let verifier = StatementVerifier::new(NOW);
    assert_eq!(
        verifier.verify(&person("alice", &ours), &signed, NOW),
        Err(ProofError::BadSignature { signer: "alice".to_owned() })
    );
    assert_eq!(
        verifier.verify(&person("bob", &theirs), &signed, NOW),
        Err(ProofError::OtherSigner { wanted: "bob".to_owned() })
    );
    let mut keyless = person("alice", &ours);
    keyless.key = "?".to_owned();
    assert_eq!(
        verifier.verify(&keyless, &signed, NOW),
        Err(ProofError::NoKey { signer: "alice".to_owned() })
    );
    keyless.key = String::new();
    assert!(verifier.verify(&keyless, &signed, NOW).is_err());
}

#[test]
fn only_the_canonical_text_is_a_statement() {
    let sealed = sealed();
    let (key, person) = (open(&sealed.file).unwrap(), person("alice", &sealed));
    let canonical = statement(NOW).canonical();
    for text in [
        canonical.replace(",\"by\"", ", \"by\""),
        canonical.replace("\"by\"", "\"also\":\"x\",\"by\""),
        canonical.replace("{\"at\"", "{\"at\":\"x\",\"at\""),
        canonical.replace(".123Z", ".1230Z"),
        canonical.replace("\"digest\":\"sha256:…\"", "\"digest\":7"),
        canonical.replace("\"digest\":\"sha256:…\"", "\"digest\":{\"a\":[[[[]]]]}"),
        canonical.replace("\"by\":\"alice\"", "\"by\":\"Alice\""),
    ] {
        assert_ne!(text, canonical);
        let bytes = [b"bailiwick statement v1\0", text.as_bytes()].concat();
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(&text),
            URL_SAFE_NO_PAD.encode(key.pair.sign(&bytes))
        );
        let error = StatementVerifier::new(NOW).verify(&person, &signed, NOW).unwrap_err();
        assert!(matches!(error, ProofError::Malformed { .. }), "{text}");
    }
}

#[test]
fn a_signature_over_the_bare_text_is_no_statement() {
    let sealed = sealed();
    let (key, person) = (open(&sealed.file).unwrap(), person("alice", &sealed));
    let text = statement(NOW).canonical();
    let signature = key.pair.sign(text.as_bytes());
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(signature));
    let error = StatementVerifier::new(NOW).verify(&person, &signed, NOW);
    assert_eq!(error, Err(ProofError::BadSignature { signer: "alice".to_owned() }));
}

#[test]
fn a_long_statement_is_not_read() {
    let long = "x".repeat(40_000);
    let error = StatementVerifier::claimed(&long).unwrap_err();
    assert_eq!(error.to_string(), "the signed statement is malformed: it is too long");
}

proptest! {
    #[test]
    fn any_change_to_the_file_keeps_it_shut(place in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_\"]") {
        let file = sealed().file;
        let at = place.index(file.len());
        let mut other = file.clone();
        other.replace_range(at..=at, &letter);
        prop_assert!(other == file || open(&other).is_err());
    }

    #[test]
    fn any_flipped_byte_of_a_statement_is_refused(place in any::<prop::sample::Index>(), flip in 1_u8..128) {
        let sealed = sealed();
        let (key, person) = (open(&sealed.file).unwrap(), person("alice", &sealed));
        let mut bytes = key.sign(&statement(NOW)).unwrap().into_bytes();
        let at = place.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            prop_assert!(StatementVerifier::new(NOW).verify(&person, text, NOW).is_err());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,100}") {
        let _ = StatementVerifier::claimed(&text);
        let _ = open(&text);
    }
}
