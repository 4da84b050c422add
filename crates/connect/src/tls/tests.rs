//! Certificates and keys that can be used, and those that cannot.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use bailiwick_model::Timestamp;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

/// A folder with a certificate of 2027 and its key.
struct Folder(tempfile::TempDir);

/// Midnight of a day, counted from the first of 2027, which is day 0.
fn day(day: i32) -> Timestamp {
    const FIRST: i64 = 1_798_761_600;
    let seconds = i64::from(day).saturating_mul(86_400).saturating_add(FIRST);
    Timestamp::from_millis(seconds.saturating_mul(1000))
}

fn made() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["gov.example.org".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2027, 1, 1);
    params.not_after = date_time_ymd(2027, 12, 31);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let (certificate, key) = made();
        folder.write("tls.pem", &certificate, 0o644);
        folder.write("tls.key", &key, 0o600);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        self.mode(name, mode);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn files(&self) -> TlsFiles {
        TlsFiles { certificate: self.path("tls.pem"), key: self.path("tls.key"), client_ca: None }
    }

    fn load(&self) -> Result<ListenerTls, TlsError> {
        ListenerTls::load(self.files(), day(150))
    }
}

#[test]
fn a_certificate_counts_in_its_time_only() {
    let folder = Folder::new();
    let load = |now| ListenerTls::load(folder.files(), now);
    assert!(matches!(load(day(-1)), Err(TlsError::NotYet { .. })));
    assert!(!load(day(150)).unwrap().ends_soon());
    assert!(load(day(355)).unwrap().ends_soon());
    assert!(matches!(load(day(366)), Err(TlsError::Expired { .. })));
}

#[test]
fn a_certificate_is_for_the_names_it_says() {
    let folder = Folder::new();
    let tls = folder.load().unwrap();
    assert!(tls.names("gov.example.org"));
    for other in ["example.org", "127.0.0.1", "[::1]", "", "gov.example.org.evil"] {
        assert!(!tls.names(other), "{other}");
    }
}

#[test]
fn what_is_no_pair_of_certificate_and_key_is_refused() {
    let folder = Folder::new();
    let (other, _) = made();
    let (own, key) =
        ["tls.pem", "tls.key"].map(|it| fs::read_to_string(folder.path(it)).unwrap()).into();
    folder.write("tls.pem", &other, 0o644);
    assert!(matches!(folder.load(), Err(TlsError::OtherKey { .. })));
    for text in ["", "garbage", &key] {
        folder.write("tls.pem", text, 0o644);
        assert!(matches!(folder.load(), Err(TlsError::NoCertificate { .. })), "{text}");
    }
    let cut = own.replace("-----END", "----END");
    folder.write("tls.pem", &cut, 0o644);
    assert!(matches!(
        folder.load(),
        Err(TlsError::Unusable { .. } | TlsError::NoCertificate { .. })
    ));
    folder.write("tls.pem", &own.repeat(17), 0o644);
    assert!(matches!(folder.load(), Err(TlsError::Unusable { .. })));
    folder.write("tls.pem", &own, 0o644);
    for text in ["", "garbage", &own] {
        folder.write("tls.key", text, 0o600);
        assert!(matches!(folder.load(), Err(TlsError::NoKey { .. })), "{text}");
    }
    fs::remove_file(folder.path("tls.key")).unwrap();
    assert!(matches!(folder.load(), Err(TlsError::Private(_))));
    fs::remove_file(folder.path("tls.pem")).unwrap();
    assert!(matches!(folder.load(), Err(TlsError::Unreadable { .. })));
    fs::create_dir(folder.path("tls.pem")).unwrap();
    assert!(matches!(folder.load(), Err(TlsError::Unreadable { .. })));
}

#[test]
fn a_key_that_others_may_read_is_refused_also_behind_a_link() {
    let folder = Folder::new();
    folder.mode("tls.key", 0o640);
    assert!(matches!(folder.load(), Err(TlsError::Private(PrivateError::Open { .. }))));
    fs::rename(folder.path("tls.key"), folder.path("real.key")).unwrap();
    symlink(folder.path("real.key"), folder.path("tls.key")).unwrap();
    assert!(matches!(folder.load(), Err(TlsError::Private(PrivateError::Open { .. }))));
    folder.mode("real.key", 0o600);
    folder.load().unwrap();
}

#[test]
fn a_reload_takes_all_or_nothing() {
    let folder = Folder::new();
    let tls = folder.load().unwrap();
    let shown = || Arc::as_ptr(&tls.config());
    let first = shown();
    assert_eq!(tls.changed(), None);
    // Half of a new pair: what is in force stays, and is not tried again until it changes.
    let (certificate, key) = made();
    folder.write("tls.pem", &certificate, 0o644);
    assert!(tls.changed().is_some());
    assert!(matches!(tls.reload(day(150)), Err(TlsError::OtherKey { .. })));
    assert_eq!((shown(), tls.changed(), tls.are_refused()), (first, None, true));
    folder.write("tls.key", &key, 0o600);
    assert!(tls.changed().is_some());
    assert!(matches!(tls.reload(day(-1)), Err(TlsError::NotYet { .. })), "its time may come");
    assert!(tls.are_refused());
    assert!(tls.reload(day(150)).unwrap());
    assert!(!tls.are_refused());
    assert_ne!(shown(), first);
    assert!(!tls.reload(day(150)).unwrap(), "the same certificate again");
}

#[test]
fn files_that_are_exchanged_while_they_are_read_are_read_again() {
    let folder = Folder::new();
    let (certificate, key) = made();
    // A pair that is written file by file, each in two halves, while somebody reads: one step at each look.
    let (half, _) = key.split_at(key.len() / 2);
    let steps = [("tls.pem", &*certificate), ("tls.key", half), ("tls.key", &*key)];
    let next = std::cell::Cell::new(0);
    let looked = std::cell::RefCell::new(Vec::new());
    let (looks, came) = listener::quietly(&folder.files(), || {
        let read = folder.load().map(|_| ());
        looked.borrow_mut().push(read.is_ok());
        if let Some((name, text)) = steps.get(next.get()) {
            let mode = if *name == "tls.key" { 0o600 } else { 0o644 };
            folder.write(&format!("{name}.new"), text, mode);
            fs::rename(folder.path(&format!("{name}.new")), folder.path(name)).unwrap();
            next.set(next.get() + 1);
        }
        read
    });
    assert_eq!(looked.into_inner(), [true, false, false], "so often, and then the watch goes on");
    assert!(came.is_err());
    // What was written last is seen as a change, and is whole.
    let tls = folder.load().unwrap();
    assert_eq!(tls.changed(), None);
    assert_ne!(Some(looks), Some(listener::looks(&folder.files())));
    folder.mode("tls.key", 0o640);
    assert!(tls.changed().is_some(), "whom a file is for is a part of how it looks");
}

#[test]
fn no_part_of_a_key_is_ever_said() {
    let folder = Folder::new();
    let key = fs::read_to_string(folder.path("tls.key")).unwrap();
    let part = key.lines().nth(1).unwrap().to_owned();
    let tls = folder.load().unwrap();
    assert!(!format!("{tls:?}").contains(&part));
    folder.write("tls.pem", &key, 0o644);
    let error = folder.load().unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&part));
}

#[test]
fn trust_is_what_a_file_holds_or_the_system_has() {
    let folder = Folder::new();
    ServerTrust::of_file(&folder.path("tls.pem")).unwrap();
    assert!(ServerTrust::of_file(&folder.path("tls.key")).is_err());
    assert!(ServerTrust::of_file(Path::new("/nowhere/at/all")).is_err());
    assert_eq!(
        format!("{:?}", ServerTrust::of_file(&folder.path("tls.pem")).unwrap()),
        "ServerTrust"
    );
}
