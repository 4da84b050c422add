//! SCRAM-SHA-256 (RFC 5802, RFC 7677): how we sign in, and what a server keeps of a new password.
//!
//! The password itself is never sent, neither to sign in nor to set it, so that no log of the
//! server's can have it.

use std::num::NonZeroU32;

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
    hmac, pbkdf2,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::{RandomError, Secret, random_bytes, random_text};

/// The only way in that we take.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";
/// How often a password is hashed: what RFC 7677 wants at least, and what PostgreSQL does. A password
/// of ours has 192 random bits, which no number of rounds makes stronger.
const ROUNDS: u32 = 4096;
/// As often as we hash for a server that asks for more, which costs us time.
const ROUNDS_MAX: u32 = 200_000;

/// The two keys that a password comes to.
struct Keys {
    stored: [u8; 32],
    client: Zeroizing<[u8; 32]>,
    server: [u8; 32],
}

impl Keys {
    fn of(password: &Secret, salt: &[u8], rounds: NonZeroU32) -> Self {
        let mut salted = Zeroizing::new([0; 32]);
        let bytes = password.expose().as_bytes();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, bytes, salted.as_mut());
        let client = Zeroizing::new(mac(salted.as_ref(), b"Client Key"));
        Self { stored: hash(client.as_ref()), client, server: mac(salted.as_ref(), b"Server Key") }
    }
}

/// Gives what the server shall keep of `password`, in PostgreSQL's spelling.
pub(super) fn verifier(password: &Secret) -> Result<String, RandomError> {
    let salt = random_bytes::<16>()?;
    let keys = Keys::of(password, &salt, NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN));
    let [salt, stored, server] =
        [salt.as_slice(), &keys.stored, &keys.server].map(|it| STANDARD.encode(it));
    Ok(format!("{MECHANISM}${ROUNDS}:{salt}${stored}:{server}"))
}

/// Somebody who is signing in.
pub(super) struct Login<'p> {
    bare: String,
    nonce: String,
    password: &'p Secret,
}

/// What the server must say at the end, if it knows the password as well.
pub(super) struct Expected([u8; 32]);

impl<'p> Login<'p> {
    /// Begins. PostgreSQL knows already who it is, and reads no name here.
    pub(super) fn new(password: &'p Secret) -> Result<Self, RandomError> {
        Ok(Self::with("", random_text()?, password))
    }

    fn with(name: &str, nonce: String, password: &'p Secret) -> Self {
        Self { bare: format!("n={name},r={nonce}"), nonce, password }
    }

    /// Gives the first line. We could not bind it to a channel, and say so.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// Answers the server's first line; nothing where it is not one.
    pub(super) fn answer(&self, theirs: &str) -> Option<(String, Expected)> {
        let mut parts = theirs.split(',');
        let nonce = parts.next()?.strip_prefix("r=")?;
        let salt = STANDARD.decode(parts.next()?.strip_prefix("s=")?).ok()?;
        let rounds: u32 = parts.next()?.strip_prefix("i=")?.parse().ok()?;
        // Fewer rounds would let whoever listens try passwords cheaply.
        if !(ROUNDS..=ROUNDS_MAX).contains(&rounds)
            || parts.next().is_some()
            || nonce.len() <= self.nonce.len()
            || !nonce.starts_with(&self.nonce)
        {
            return None;
        }
        let keys = Keys::of(self.password, &salt, NonZeroU32::new(rounds)?);
        let unproven = format!("c=biws,r={nonce}");
        let spoken = format!("{},{theirs},{unproven}", self.bare);
        let signature = mac(&keys.stored, spoken.as_bytes());
        let proof: Vec<u8> =
            keys.client.iter().zip(signature).map(|(one, two)| one ^ two).collect();
        let line = format!("{unproven},p={}", STANDARD.encode(proof));
        Some((line, Expected(mac(&keys.server, spoken.as_bytes()))))
    }
}

impl Expected {
    /// Says whether the server's last line proves that it knows the password.
    pub(super) fn is(&self, theirs: &str) -> bool {
        let shown = theirs.strip_prefix("v=").and_then(|it| STANDARD.decode(it).ok());
        shown.is_some_and(|it| verify_slices_are_equal(&it, &self.0).is_ok())
    }
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    taken(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref())
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    taken(digest(&SHA256, bytes).as_ref())
}

fn taken(bytes: &[u8]) -> [u8; 32] {
    bytes.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn the_example_of_rfc_7677_comes_out() {
        let password = Secret::new("pencil");
        let login = Login::with("user", "rOprNGfwEbeRWgbNEkqO".into(), &password);
        assert_eq!(login.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (line, expected) = login.answer(FIRST).unwrap();
        assert_eq!(
            line,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(expected.is("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        for wrong in ["v=", "", "e=invalid-proof", "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="]
        {
            assert!(!expected.is(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_server_that_makes_it_cheap_or_endless_gets_no_answer() {
        let password = Secret::new("pencil");
        let login = Login::with("user", "rOprNGfwEbeRWgbNEkqO".into(), &password);
        for (from, to) in [
            ("i=4096", "i=1"),
            ("i=4096", "i=4000000000"),
            ("i=4096", "i=4096,m=x"),
            ("r=rOpr", "r=sOpr"),
            ("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", ""),
            ("s=W22", "s=!22"),
        ] {
            assert!(login.answer(&FIRST.replace(from, to)).is_none(), "{to}");
        }
    }

    #[test]
    fn what_the_server_keeps_does_not_hold_the_password_and_opens_with_it() {
        let password = Secret::new("correct-horse");
        let kept = verifier(&password).unwrap();
        assert!(!kept.contains("correct-horse"));
        let parts: Vec<&str> = kept.split(['$', ':']).collect();
        let [MECHANISM, "4096", salt, stored, server] = parts.as_slice() else { panic!("{kept}") };
        let rounds = NonZeroU32::new(ROUNDS).unwrap();
        let keys = Keys::of(&password, &STANDARD.decode(salt).unwrap(), rounds);
        assert_eq!(
            [*stored, *server],
            [STANDARD.encode(keys.stored), STANDARD.encode(keys.server)]
        );
        assert_ne!(verifier(&password).unwrap(), kept, "the same salt twice");
    }
}
