//! The parsers of foreign bytes in this crate, as the fuzzer and its stable twin call them.

use std::{collections::BTreeSet, io::Read as _, sync::OnceLock};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    AssertionVerifier, SealKey, StateKey, Statement, attest, broker, certificate, check_public_pem,
    create_dir_private, dpop,
    grants::read_grants,
    jwk, person_key, random_text,
    source::{Reader, Record, SOURCES, Told, lines_of, read_from, unpacked},
    token, vault, workload,
};

/// Reads bytes, and panics where something is wrong with how they are read.
pub type Read = fn(&[u8]);

/// Every parser, by the name of its corpus.
pub const PARSERS: &[(&str, Read)] = &[
    ("connect-aws", broker::aws_foreign),
    ("connect-certificate", certificate::foreign),
    ("connect-cloud-logs", cloud_logs),
    ("connect-cloudtrail", logs),
    ("connect-event-subject", attest::event::foreign),
    ("connect-grants", grants),
    ("connect-jwks", jwk::foreign),
    ("connect-otlp", logs),
    ("connect-pem", pem),
    ("connect-pgaudit", logs),
    ("connect-postgres", broker::postgres::foreign),
    ("connect-person-key", person_key::foreign),
    ("connect-program", broker::program_foreign),
    ("connect-pushed", pushed),
    ("connect-saas", saas),
    ("connect-seal", seal),
    ("connect-ssh-key", broker::ssh::foreign),
    ("connect-statement", statement),
    ("connect-token", token),
    ("connect-vault", vault::foreign::foreign),
    ("connect-workload", workload::foreign),
];

/// A file of logs: whatever it is, it is read to its end, and what is no record is told of.
fn logs(bytes: &[u8]) {
    for only in SOURCES.iter().map(Some).chain([None]) {
        let mut told = 0_u64;
        let mut take = |_: Record<'_>| told = told.saturating_add(1);
        let (mut reader, half) = (Reader::new(only), bytes.len() / 2);
        reader.lines(bytes, &mut take);
        assert!(reader.records() <= told, "each record is told of");
        let mut take = |_: Record<'_>| {};
        let packed = read_from(bytes, only, &mut take, &|_| {});
        let halves = bytes.split_at_checked(half).map(|(one, other)| one.chain(other));
        let halves = halves.map(|it| read_from(it, only, &mut take, &|_| {}));
        let count = |it: Result<u64, _>| it.ok();
        assert_eq!(halves.and_then(count), count(packed), "pieces make no difference");
    }
}

/// A log that was sent: it unpacks within bounds, and as lines it stays as it is.
fn pushed(bytes: &[u8]) {
    const MOST: usize = 1 << 20;
    let Ok(body) = unpacked(bytes, MOST) else { return };
    assert!(body.len() <= MOST, "more than was wanted");
    let lines = lines_of(&body);
    assert!(lines.ends_with(b"\n"), "what comes next begins on a line of its own");
    assert_eq!(lines_of(&lines), lines, "lines are lines already");
}

/// A record of a log that is all names and texts: what reads it as its own tells of it with a time, or not at all.
fn saas(bytes: &[u8]) {
    for name in ["anthropic", "github", "okta", "openai", "vault"] {
        let Some(source) = SOURCES.iter().find(|it| it.name == name) else { continue };
        if let Ok(Told::Exercise(told)) = (source.read)(bytes) {
            assert_eq!(told.platform, source.platform, "another system's");
            assert!(!told.operation.is_empty() && !told.actor.id.is_empty(), "nobody did nothing");
        }
    }
    logs(bytes);
}

/// A record of a cloud's log: what it tells is the same each time, and of each thing once.
fn cloud_logs(bytes: &[u8]) {
    for source in SOURCES {
        let told = (source.read)(bytes);
        assert_eq!(told, (source.read)(bytes), "a record says the same each time");
        if let Ok(Told::Exercises(all)) = told {
            let keys: BTreeSet<u128> = all.iter().map(|it| it.key).collect();
            assert_eq!(keys.len(), all.len(), "each exercise has a key of its own");
        }
    }
    logs(bytes);
}

/// What a system grants.
fn grants(bytes: &[u8]) {
    let Ok(holders) = read_grants(bytes) else { return };
    assert!(holders.len() <= bytes.len(), "more holders than bytes");
}

/// A public key.
fn pem(bytes: &[u8]) {
    let _named_or_not = text(bytes).map(check_public_pem);
}

/// What was sealed or closed for its way through foreign hands: nothing opens that no key made.
fn seal(bytes: &[u8]) {
    static KEYS: OnceLock<Option<(SealKey, StateKey)>> = OnceLock::new();
    let (Some(text), Some((seal, state))) = (text(bytes), KEYS.get_or_init(keys)) else { return };
    assert_eq!(seal.open(text), None, "a seal that was never made");
    assert_eq!(state.open(text), None, "a state that was never closed");
    let opened = seal.open(&seal.seal(text));
    assert!(opened.is_none_or(|it| it == text), "another text came back");
    let opened = state.close(text).ok().and_then(|it| state.open(&it));
    assert!(opened.is_none_or(|it| it == text), "another text came back");
}

fn keys() -> Option<(SealKey, StateKey)> {
    let dir = std::env::temp_dir().join(random_text().ok()?);
    create_dir_private(&dir).ok()?;
    let seal = SealKey::load_or_create(&dir.join("seal")).ok();
    let state = StateKey::load_or_create(&dir.join("state")).ok();
    std::fs::remove_dir_all(&dir).ok()?;
    seal.zip(state)
}

/// What a person signed: the two parts as they come, or the text before it was encoded.
fn statement(bytes: &[u8]) {
    let whole = text(bytes).map(str::to_owned);
    let encoded = format!("{}.{}", URL_SAFE_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode([7; 64]));
    for signed in whole.into_iter().chain([encoded]) {
        if let Ok(statement) = Statement::recorded(&signed) {
            let payload = signed.split('.').next().unwrap_or_default();
            let written = URL_SAFE_NO_PAD.encode(statement.canonical());
            assert_eq!(payload, written, "a statement has one text");
        }
    }
}

/// Tokens and assertions: the three parts as they come, or header and claims, a line each, before
/// they were encoded.
fn token(bytes: &[u8]) {
    let mut halves = bytes.splitn(2, |it| *it == b'\n');
    let mut half = || URL_SAFE_NO_PAD.encode(halves.next().unwrap_or_default());
    let encoded = format!("{}.{}.{}", half(), half(), URL_SAFE_NO_PAD.encode([7; 64]));
    for token in text(bytes).map(str::to_owned).into_iter().chain([encoded]) {
        dpop::foreign(&token);
        let _read_or_refused = (AssertionVerifier::claimed(&token), token::foreign(&token));
        let _grant_or_not = crate::is_id_jag(&token);
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[test]
fn any_bytes_are_answered() {
    bailiwick_hostile::check("connect", PARSERS);
}
