//! What a token does wrong, by a module that does what its plan says. That keys of a real one do what
//! they should is tried where the whole program is.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use bailiwick_model::{SecretName, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::{
    KekSource, KekSources, Secret, Vault,
    private::{create_dir_private, write_private},
};

const PLAN: &str = "pin 1234\nserial A1\nkeys kek old\n";
const NOW: Timestamp = Timestamp::from_millis(1_000);

struct Stub {
    root: TempDir,
}

impl Stub {
    fn new(plan: &str) -> Self {
        let it = Self { root: tempfile::tempdir().unwrap() };
        let plan_file = it.path("plan").display().to_string();
        fs::write(it.path("stub.c"), include_str!("stub.c")).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
            .arg(it.path("stub.so"))
            .arg(format!("-DPLAN=\"{plan_file}\""))
            .arg(it.path("stub.c"))
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        mode(&it.path("stub.so"), 0o755);
        write_private(&it.path("pin"), b"1234\n").unwrap();
        it.plan(plan);
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Has the token do this on top of what it should.
    fn also(&self, more: &str) {
        self.plan(&format!("{PLAN}{more}\n"));
    }

    fn plan(&self, plan: &str) {
        fs::write(self.path("plan"), plan).unwrap();
    }

    fn source(&self) -> TokenSource {
        TokenSource {
            module: self.path("stub.so"),
            place: TokenPlace::Label("stub".to_owned()),
            key: "kek".to_owned(),
            old_keys: Vec::new(),
            pin: Some(PinSource::File(self.path("pin"))),
            refused: self.path("pin.refused"),
        }
    }

    fn load(&self) -> Result<TokenKey, String> {
        let loaded = self.source().load().map_err(|it| it.to_string())?;
        Ok(loaded.into_iter().next().unwrap())
    }

    fn refused(&self) -> String {
        self.load().map(|it| it.name()).unwrap_err()
    }

    /// How many PINs were tried.
    fn tries(&self) -> usize {
        fs::read(self.path("plan.log")).map_or(0, |it| it.len())
    }
}

fn mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_opens_what_it_sealed_and_only_as_it_was_bound() {
    for own in ["", "own nonce", "knows why"] {
        let stub = Stub::new(PLAN);
        stub.also(own);
        let key = stub.load().unwrap();
        let sealed = key.seal(b"a", &[7; 32]).unwrap();
        assert_eq!(key.open(b"a", &sealed).unwrap().unwrap().as_slice(), [7; 32]);
        assert!(key.open(b"b", &sealed).unwrap().is_none(), "bound to something else");
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert!(key.open(b"a", &other).unwrap().is_none(), "{own}: byte {at}");
        }
        for len in 0..sealed.len() {
            assert!(key.open(b"a", &sealed[..len]).unwrap().is_none(), "{own}: {len} bytes");
        }
        assert_eq!(stub.tries(), 1);
    }
}

#[test]
fn a_pin_that_was_refused_is_not_tried_again_however_often_one_starts() {
    let stub = Stub::new(PLAN);
    write_private(&stub.path("pin"), b"4321").unwrap();
    for _ in 0..5 {
        let why = stub.refused();
        assert!(why.contains("refuse") && why.contains("pin.refused"), "{why}");
        assert!(!why.contains("4321"), "{why}");
    }
    assert_eq!(stub.tries(), 1);
    // Mended, it waits for the mark to be taken away: that nobody knows which PIN was meant is the point.
    write_private(&stub.path("pin"), b"1234").unwrap();
    assert!(stub.load().is_err());
    fs::remove_file(stub.path("pin.refused")).unwrap();
    stub.load().unwrap();
    assert_eq!(stub.tries(), 2);
}

#[test]
fn a_pin_that_another_token_refused_may_be_tried_at_this_one() {
    let stub = Stub::new("pin 4321\nserial B2\nkeys kek\n");
    assert!(stub.load().is_err());
    stub.plan(PLAN);
    stub.load().unwrap();
}

#[test]
fn where_a_try_cannot_be_marked_no_pin_is_tried_however_often_one_starts() {
    let stub = Stub::new(PLAN);
    let source = || TokenSource { refused: stub.path("no/such/folder"), ..stub.source() };
    for pin in ["4321", "1234", "4321"] {
        write_private(&stub.path("pin"), pin.as_bytes()).unwrap();
        let mut connection = Connection::new(source());
        let why = connection.answer("kek", b"a", &Work::Open(vec![0; 60])).unwrap_err().why;
        assert!(why.contains("cannot be marked") && why.contains("no/such"), "{why}");
    }
    assert_eq!(stub.tries(), 0);
}

#[test]
fn a_try_that_nobody_waits_for_to_its_end_is_not_made_again() {
    let stub = Stub::new(PLAN);
    stub.also("login waits");
    for why in ["has not answered for", "cut short", "cut short"] {
        let said = stub.source().load_within(Duration::from_secs(3)).err().unwrap().to_string();
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(stub.tries(), 1);
}

#[test]
fn a_try_that_was_none_and_one_that_was_right_leave_no_mark() {
    let stub = Stub::new("pin 4321\nserial B2\nkeys kek\n");
    assert!(stub.load().is_err());
    let marked = || fs::read_to_string(stub.path("pin.refused")).unwrap();
    stub.also("login fails");
    assert!(stub.refused().contains("lets nobody in"), "{}", stub.refused());
    stub.also("");
    stub.load().unwrap();
    // That of another token stays.
    assert_eq!(marked(), "B2\n");
    fs::remove_file(stub.path("pin.refused")).unwrap();
    stub.load().unwrap();
    assert!(!stub.path("pin.refused").exists());
}

#[test]
fn the_last_try_is_not_ours_and_a_locked_token_is_not_tried() {
    let stub = Stub::new(PLAN);
    for (plan, why) in [("last try", "one more wrong PIN locks"), ("locked", "the token is locked")]
    {
        stub.also(plan);
        let said = stub.refused();
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(stub.tries(), 0);
    stub.also("locks now");
    assert!(stub.refused().contains("PinLocked: its security officer"), "{}", stub.refused());
}

#[test]
fn a_session_that_is_lost_is_opened_anew_and_nothing_is_lost() {
    let stub = Stub::new(PLAN);
    let key = stub.load().unwrap();
    let sealed = key.seal(b"a", &[7; 32]).unwrap();
    stub.also("generation 1");
    assert_eq!(key.open(b"a", &sealed).unwrap().unwrap().as_slice(), [7; 32]);
    assert_eq!(stub.tries(), 2);
    // A token that was taken out and came back.
    stub.also("away");
    let why = key.open(b"a", &sealed).unwrap_err().to_string();
    assert!(why.contains("there is no token `stub`") && why.contains("put it in"), "{why}");
    stub.also("generation 2");
    assert_eq!(key.open(b"a", &sealed).unwrap().unwrap().as_slice(), [7; 32]);
    // The PIN was changed meanwhile: one try, and no more.
    stub.plan("pin 9999\nserial A1\nkeys kek\ngeneration 3\n");
    for _ in 0..3 {
        assert!(key.open(b"a", &sealed).is_err());
    }
    assert_eq!(stub.tries(), 4);
}

#[test]
fn a_token_in_trouble_is_not_taken_for_a_record_that_is_broken() {
    let stub = Stub::new(PLAN);
    let key = stub.load().unwrap();
    let sealed = key.seal(b"a", &[7; 32]).unwrap();
    stub.also("in trouble");
    let why = key.open(b"a", &sealed).unwrap_err().to_string();
    assert!(why.contains("GeneralError"), "{why}");
    stub.also("");
    assert!(key.open(b"a", &sealed).unwrap().is_some());
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_sealed() {
    for (plan, wanted) in [
        ("pin 1234\nserial A1\nkeys\n", "no secret key `kek`"),
        ("pin 1234\nserial A1\nkeys kek kek\n", "more than one secret key `kek`"),
        ("pin 1234\nserial A1\nkeys kek\nloose\n", "can be taken out"),
        ("pin 1234\nserial A1\nkeys kek\nno gcm\n", "cannot do AES-GCM"),
        ("pin 1234\nserial A1\nkeys kek\ndeceives\n", "does not open what it sealed itself"),
        ("away\n", "there is no token `stub`"),
    ] {
        let stub = Stub::new(plan);
        let why = stub.refused();
        assert!(why.contains(wanted), "{why}");
    }
    let stub = Stub::new(PLAN);
    let sealed = |change: fn(&mut TokenSource)| {
        let mut source = stub.source();
        change(&mut source);
        source.load().map(|it| it.len()).map_err(|it| it.to_string())
    };
    assert_eq!(sealed(|it| it.place = TokenPlace::Slot(7)), Ok(1));
    assert_eq!(sealed(|it| it.old_keys.push("old".to_owned())), Ok(2));
    assert_eq!(
        sealed(|it| it.pin = Some(PinSource::Command(vec!["echo".to_owned(), "1234".to_owned()]))),
        Ok(1)
    );
    let slot = sealed(|it| it.place = TokenPlace::Slot(8)).unwrap_err();
    assert!(slot.contains("slot 8") && slot.contains("`stub`"), "{slot}");
    let pin = sealed(|it| it.pin = None).unwrap_err();
    assert!(pin.contains("`pin_file`"), "{pin}");
    let unset = sealed(|it| it.pin = Some(PinSource::Variable("NO_SUCH".to_owned()))).unwrap_err();
    assert!(unset.contains("`NO_SUCH`"), "{unset}");
    let old = sealed(|it| it.old_keys.push("gone".to_owned())).unwrap_err();
    assert!(old.contains("`gone`"), "{old}");
}

#[test]
fn a_pin_may_come_from_the_environment() {
    let stub = Stub::new(&format!("pin {}\nserial A1\nkeys kek\n", env!("CARGO_PKG_NAME")));
    let mut source = stub.source();
    source.pin = Some(PinSource::Variable("CARGO_PKG_NAME".to_owned()));
    assert_eq!(source.load().unwrap().len(), 1);
}

#[test]
fn a_module_that_others_could_change_or_that_is_none_is_not_used() {
    let stub = Stub::new(PLAN);
    mode(&stub.path("stub.so"), 0o775);
    assert!(stub.refused().contains("is not loaded"), "{}", stub.refused());
    fs::write(stub.path("stub.so"), "no library").unwrap();
    mode(&stub.path("stub.so"), 0o700);
    assert!(stub.refused().contains("cannot be loaded"), "{}", stub.refused());
    fs::remove_file(stub.path("stub.so")).unwrap();
    assert!(stub.refused().contains("cannot be looked at"), "{}", stub.refused());
    assert_eq!(stub.tries(), 0);
}

#[test]
fn a_token_that_never_answers_is_not_waited_for() {
    let stub = Stub::new(PLAN);
    let keys = stub.source().load_within(Duration::from_millis(200));
    let key = keys.unwrap().into_iter().next().unwrap();
    stub.also("hangs");
    for why in ["has not answered for", "has not answered for", "what it was asked before"] {
        let said = key.seal(b"a", &[7; 32]).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}

fn vault(stub: &Stub, sources: impl Into<KekSources>) -> Result<Vault, VaultError> {
    Vault::open(&stub.path("secrets"), sources)
}

#[test]
fn secrets_move_from_a_file_to_a_token_to_another_of_its_keys_and_back() {
    let stub = Stub::new(PLAN);
    let name: SecretName = "crm-key".parse().unwrap();
    let file = KekSource::File(stub.path("kek"));
    let of_key = |key: &str, old: &[&str]| {
        let old_keys = old.iter().map(|it| (*it).to_owned()).collect();
        KekSource::Token(TokenSource { key: key.to_owned(), old_keys, ..stub.source() })
    };
    let both = |wraps: &KekSource, opens: &KekSource| KekSources {
        wraps: wraps.clone(),
        opens: vec![opens.clone()],
    };
    let (token, other) = (of_key("kek", &[]), of_key("old", &["kek"]));
    let first = vault(&stub, file.clone()).unwrap();
    first.set(&name, &Secret::new("one"), NOW).unwrap();
    let keepsake = first.seal("lease", b"three").unwrap();
    let steps = [
        (both(&token, &file), token.clone(), "pkcs11:kek"),
        (other.clone().into(), of_key("old", &[]), "pkcs11:old"),
        (both(&file, &of_key("old", &[])), file.clone(), ""),
    ];
    for (moving, alone, wrapped_by) in steps {
        assert!(vault(&stub, alone.clone()).is_err(), "not by what did not seal it");
        if wrapped_by.is_empty() {
            // The old file is thrown away once the token wraps: a new one is made, as the token opens.
            fs::remove_file(stub.path("kek")).unwrap();
        }
        let moved = vault(&stub, moving).unwrap().rekey().unwrap();
        assert_eq!(moved.records, 2);
        assert!(wrapped_by.is_empty() || moved.wrapped_by == wrapped_by, "{moved:?}");
        let again = vault(&stub, alone).unwrap();
        assert_eq!(again.get(&name).unwrap().value.expose(), "one");
        assert_eq!(again.unseal("lease", &keepsake).unwrap().expose(), "three");
        assert_eq!(again.list()[0].as_ref().unwrap().wrapped_by, moved.wrapped_by);
    }
}

#[test]
fn a_file_is_not_made_where_only_it_would_open() {
    let stub = Stub::new(PLAN);
    create_dir_private(&stub.path("keys")).unwrap();
    let file = KekSource::File(stub.path("keys/kek"));
    vault(&stub, file.clone()).unwrap();
    fs::remove_file(stub.path("keys/kek")).unwrap();
    let opens = vec![KekSource::Token(stub.source())];
    let error = vault(&stub, KekSources { wraps: file, opens }).unwrap_err().to_string();
    assert!(error.contains("is missing"), "{error}");
    assert!(!stub.path("keys/kek").exists());
}

#[test]
fn a_token_that_is_away_stops_what_would_change_and_nothing_else() {
    let stub = Stub::new(PLAN);
    let (name, next): (SecretName, SecretName) = ("a".parse().unwrap(), "b".parse().unwrap());
    let ours = vault(&stub, KekSource::Token(stub.source())).unwrap();
    ours.set(&name, &Secret::new("one"), NOW).unwrap();
    stub.also("away");
    assert_eq!(ours.get(&name).unwrap().value.expose(), "one");
    let keepsake = ours.seal("lease", b"three").unwrap();
    assert_eq!(ours.unseal("lease", &keepsake).unwrap().expose(), "three");
    for refused in [
        ours.set(&next, &Secret::new("two"), NOW).map(drop),
        ours.rotate(&name, &Secret::new("two"), NOW).map(drop),
        ours.rekey().map(drop),
    ] {
        assert!(matches!(refused, Err(VaultError::Key { .. })), "{refused:?}");
    }
    assert_eq!(ours.get(&name).unwrap().value.expose(), "one");
    stub.also("");
    ours.rotate(&name, &Secret::new("two"), NOW).unwrap();
    assert_eq!(vault(&stub, KekSource::Token(stub.source())).unwrap().list().len(), 1);
}
