//! Codes count once and for minutes, and the keys that came by them stay until they are withdrawn.

use super::*;
use crate::IdentityKey;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn laptop() -> IdentityId {
    "laptop".parse().unwrap()
}

fn pem() -> String {
    IdentityKey::generate().unwrap().public_pem()
}

struct World {
    _dir: tempfile::TempDir,
    path: PathBuf,
    enrolments: Enrolments,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("enrolled.json");
        let enrolments = Enrolments::open(&path).unwrap();
        Self { _dir: dir, path, enrolments }
    }

    fn code(&self) -> String {
        self.code_of(&laptop(), NOW)
    }

    fn code_of(&self, identity: &IdentityId, now: Timestamp) -> String {
        let life = Duration::from_secs(3600);
        self.enrolments.offer(identity, life, "uid:0", now).unwrap().0.expose().to_owned()
    }
}

#[test]
fn a_code_brings_in_one_key_once() {
    let world = World::new();
    let (code, key) = (world.code(), pem());
    assert!(code.starts_with("laptop."), "{code}");
    let enrolled = world.enrolments.redeem(&code, &key, NOW).unwrap();
    assert_eq!((enrolled.identity, enrolled.by.as_str()), (laptop(), "uid:0"));
    assert_eq!(world.enrolments.keys_of(&laptop()), [key.trim().to_owned()]);
    assert_eq!(world.enrolments.keys_of(&"other".parse().unwrap()), Vec::<String>::new());
    assert!(matches!(world.enrolments.redeem(&code, &pem(), NOW), Err(EnrolError::NoCode)));
    // The same key again, by another code: the code stays as it was.
    let next = world.code();
    assert!(matches!(world.enrolments.redeem(&next, &key, NOW), Err(EnrolError::Known)));
    assert!(world.enrolments.waiting(&next, NOW).is_some());
}

#[test]
fn a_code_counts_for_ten_minutes_at_the_most() {
    let world = World::new();
    let code = world.code();
    assert!(world.enrolments.waiting(&code, later(599)).is_some());
    assert!(world.enrolments.waiting(&code, later(600)).is_none());
    let late = world.enrolments.redeem(&code, &pem(), later(600));
    assert!(matches!(late, Err(EnrolError::NoCode)));
    let cut: String = code.chars().take(code.len().saturating_sub(1)).collect();
    let wrong = ["", "laptop.", "laptop", &cut, &"x".repeat(10_000)];
    for wrong in wrong {
        let tried = world.enrolments.redeem(wrong, &pem(), NOW);
        assert!(matches!(tried, Err(EnrolError::NoCode)), "{wrong}");
    }
    let none = world.enrolments.redeem(&code, "no key", NOW);
    assert!(matches!(none, Err(EnrolError::Key(_))));
    assert!(world.enrolments.redeem(&code, &pem(), later(599)).is_ok());
}

#[test]
fn what_was_brought_in_survives_a_restart_and_no_code_lies_in_the_file() {
    let world = World::new();
    let (used, waiting) = (world.code(), world.code());
    let enrolled = world.enrolments.redeem(&used, &pem(), NOW).unwrap();
    let text = std::fs::read_to_string(&world.path).unwrap();
    assert!(!text.contains(&used) && !text.contains(&waiting), "{text}");
    assert!(!text.contains(waiting.split('.').next_back().unwrap()), "{text}");
    let again = Enrolments::open(&world.path).unwrap();
    assert_eq!(again.list(NOW).0, std::slice::from_ref(&enrolled));
    assert!(again.waiting(&used, NOW).is_none() && again.waiting(&waiting, NOW).is_some());
    again.withdraw(&enrolled.key, NOW).unwrap();
    assert!(matches!(again.withdraw(&enrolled.key, NOW), Err(EnrolError::Unknown { .. })));
    let back = again.redeem(&waiting, &enrolled.pem, NOW);
    assert!(matches!(back, Err(EnrolError::Known)), "{back:?}");
    let after = Enrolments::open(&world.path).unwrap();
    assert!(after.keys_of(&laptop()).is_empty());
    assert_eq!(after.gone(later(599)), std::slice::from_ref(&enrolled.key));
    assert!(after.gone(later(600)).is_empty());
    // Long after its tokens it is known still: whoever took it may have it yet.
    let year = later(365 * 24 * 3600);
    let code = after.offer(&laptop(), CODE_LIFE_MAX, "uid:0", year).unwrap().0;
    let back = after.redeem(code.expose(), &enrolled.pem, year);
    assert!(matches!(back, Err(EnrolError::Known)), "{back:?}");
    let again = Enrolments::open(&world.path).unwrap();
    let fits = again.fits(&enrolled.pem, &laptop());
    assert!(matches!(fits, Err(EnrolError::Known)), "{fits:?}");
    assert!(again.redeem(code.expose(), &pem(), year).is_ok(), "its code brings in another key");
    std::fs::write(&world.path, "{").unwrap();
    assert!(matches!(Enrolments::open(&world.path), Err(EnrolError::Damaged { .. })));
}

#[test]
fn there_are_only_so_many_of_each() {
    let world = World::new();
    for _ in 0..KEYS_OF_ONE {
        let code = world.code();
        world.enrolments.redeem(&code, &pem(), NOW).unwrap();
    }
    let code = world.code();
    let full = world.enrolments.redeem(&code, &pem(), NOW);
    assert!(matches!(full, Err(EnrolError::TooMany { .. })), "{full:?}");
    for _ in 1..CODES_OF_ONE {
        world.code();
    }
    let life = Duration::from_secs(1);
    let full = world.enrolments.offer(&laptop(), life, "uid:0", NOW);
    assert!(matches!(full, Err(EnrolError::TooMany { .. })));
    // Those whose time is over make room.
    assert!(world.enrolments.offer(&laptop(), life, "uid:0", later(600)).is_ok());
    assert!(world.enrolments.offer(&"other".parse().unwrap(), life, "uid:0", NOW).is_ok());
}

#[test]
fn a_code_is_never_printed() {
    let world = World::new();
    let code = world.code();
    let shown = format!("{:?} {:?}", world.enrolments, world.enrolments.list(NOW));
    assert!(!shown.contains(&code), "{shown}");
}

#[test]
fn of_very_many_withdrawn_keys_the_oldest_are_forgotten_and_none_whose_tokens_may_be_about() {
    let name = |number: usize| format!("key-{number}").parse::<CredentialId>().unwrap();
    let mut known = Known::default();
    let seconds = |it: usize| later(u64::try_from(it).unwrap());
    known.gone.extend((0..GONE_MAX + 3).map(|it| (name(it), seconds(it))));
    let mut fresh = known.clone();
    fresh.forget(NOW);
    assert_eq!(fresh.gone.len(), GONE_MAX + 2, "one was over by then");
    known.forget(seconds(GONE_MAX));
    assert_eq!(known.gone.len(), GONE_MAX);
    assert!(!known.gone.contains_key(&name(2)) && known.gone.contains_key(&name(3)));
}
