//! Names and ids: text that was checked once and cannot be mixed up.

use std::{borrow::Borrow, fmt, str, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

/// The text cannot be this kind of name or id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Nothing was given.
    #[error("{kind} is empty")]
    Empty {
        /// What the text should have been.
        kind: &'static str,
    },
    /// More than the limit.
    #[error("{kind} has {len} characters, {max} at most")]
    TooLong {
        /// What the text should have been.
        kind: &'static str,
        /// How long it is.
        len: usize,
        /// How long it may be.
        max: usize,
    },
    /// A character, or a run of them, that this kind may not hold.
    #[error("{kind} `{text}` may not hold `{found}`: {allowed}")]
    BadText {
        /// What the text should have been.
        kind: &'static str,
        /// The text.
        text: String,
        /// What it may not hold.
        found: String,
        /// What it may hold.
        allowed: &'static str,
    },
    /// An id without its prefix or its 26 letters.
    #[error("`{text}` is not {kind} like `{prefix}01JD8X…`")]
    NotAnId {
        /// What the text should have been.
        kind: &'static str,
        /// The text.
        text: String,
        /// What such an id starts with.
        prefix: &'static str,
    },
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Gives the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> Result<(), IdError> = $check;
                check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}({})", stringify!($name), self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        text_type!($(#[$doc])* $name, |text| check_id(text, $kind, $prefix));

        impl $name {
            /// Makes the id from its moment and its randomness.
            pub fn new(ulid: Ulid) -> Self {
                let letters = ulid.letters();
                let letters = str::from_utf8(&letters).unwrap_or_default();
                Self([$prefix, letters].concat().into())
            }
        }
    };
}

text_type!(
    /// Names one registered non-human identity.
    IdentityId,
    |text| check_name(text, "an identity")
);
text_type!(
    /// Names a person who answers for something.
    PersonName,
    |text| check_name(text, "a person's name")
);
text_type!(
    /// Names the workload class of an identity, as thresholds use it.
    Class,
    |text| check_name(text, "a class")
);
text_type!(
    /// Names one task template.
    TemplateName,
    |text| check_name(text, "a template's name")
);
text_type!(
    /// Names one server behind the gateway. Never holds `__`, which joins server and tool, nor
    /// ends in `_`, where nobody could tell where the joint begins.
    ServerName,
    |text| {
        check_name(text, "a server's name")?;
        if text.contains("__") {
            return Err(IdError::BadText {
                kind: "a server's name",
                text: text.to_owned(),
                found: "__".to_owned(),
                allowed: "`__` joins a server's name and a tool's",
            });
        }
        if text.ends_with('_') {
            return Err(IdError::BadText {
                kind: "a server's name",
                text: text.to_owned(),
                found: "_".to_owned(),
                allowed: "at its end `_` would run into the `__` before a tool's name",
            });
        }
        Ok(())
    }
);
text_type!(
    /// Names one target: a system that credentials are made at.
    TargetName,
    |text| check_name(text, "a target's name")
);
text_type!(
    /// Names one secret that is kept sealed.
    SecretName,
    |text| check_name(text, "a secret's name")
);
text_type!(
    /// Names a tool, as its server spells it (MCP: 1 to 128 of `A-Za-z0-9_.-`).
    ToolName,
    |text| check_text(text, "a tool's name", 128, "letters, digits, `_`, `.`, `-`", |it| {
        it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | '-')
    })
);
text_type!(
    /// Names one credential: a token's own id (`jti`), or a key's thumbprint (RFC 7638). Neither is
    /// a secret.
    CredentialId,
    |text| check_text(text, "a credential", 128, "letters, digits, `_`, `-`", |it| {
        it.is_ascii_alphanumeric() || matches!(it, '_' | '-')
    })
);
id_type!(
    /// Names one task. Grants, leases, decisions and exercises all hang off a task.
    TaskId, "a task", "task_"
);
id_type!(
    /// Names one decision and its evidence.
    DecisionId, "a decision", "dec_"
);
id_type!(
    /// Names one hold: the ticket that a person answers.
    HoldId, "a hold", "hold_"
);
id_type!(
    /// Names one exception.
    ExceptionId, "an exception", "exc_"
);
id_type!(
    /// Names one lease. What its target calls the credential is made of this, so that a credential
    /// can be found there by whoever knows the lease, and a lease by whoever finds a credential.
    LeaseId, "a lease", "lease_"
);

impl HoldId {
    /// Names the hold that a decision opens: one decision opens one at most.
    pub fn of(decision: &DecisionId) -> Self {
        let letters = decision.as_str().split_once('_').map_or("", |(_, letters)| letters);
        Self(["hold_", letters].concat().into())
    }
}

fn check_name(text: &str, kind: &'static str) -> Result<(), IdError> {
    check_text(
        text,
        kind,
        64,
        "small letters, digits, `-`, `_`, `.`",
        |it| matches!(it, 'a'..='z' | '0'..='9' | '-' | '_' | '.'),
    )
}

fn check_text(
    text: &str,
    kind: &'static str,
    max: usize,
    allowed: &'static str,
    fits: fn(char) -> bool,
) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { kind });
    }
    if max < text.len() {
        return Err(IdError::TooLong { kind, len: text.chars().count(), max });
    }
    match text.chars().find(|it| !fits(*it)) {
        Some(found) => {
            Err(IdError::BadText { kind, text: text.to_owned(), found: found.to_string(), allowed })
        }
        // Only dots would name a folder, and names become file names.
        None if text.chars().all(|it| it == '.') => {
            Err(IdError::BadText { kind, text: text.to_owned(), found: text.to_owned(), allowed })
        }
        None => Ok(()),
    }
}

fn check_id(text: &str, kind: &'static str, prefix: &'static str) -> Result<(), IdError> {
    let body = text.strip_prefix(prefix).unwrap_or("");
    let fits = |it| matches!(it, b'0'..=b'9' | b'A'..=b'H' | b'J' | b'K' | b'M' | b'N' | b'P'..=b'T' | b'V'..=b'Z');
    if body.len() == 26 && body.bytes().all(fits) {
        Ok(())
    } else {
        Err(IdError::NotAnId { kind, text: text.chars().take(80).collect(), prefix })
    }
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The part of an id that sorts by time and is never repeated: 48 bits of milliseconds and 80
/// random ones, in Crockford's base 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ulid(u128);

impl Ulid {
    /// Joins a moment and ten random bytes.
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = u128::try_from(now.millis()).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
        let random = random.into_iter().fold(0_u128, |all, byte| all << 8 | u128::from(byte));
        Self(millis << 80 | random)
    }

    fn letters(self) -> [u8; 26] {
        let (mut letters, mut rest) = ([b'0'; 26], self.0);
        for letter in letters.iter_mut().rev() {
            let digit = usize::try_from(rest & 31).ok();
            *letter = digit.and_then(|it| CROCKFORD.get(it)).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        letters
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(str::from_utf8(&self.letters()).unwrap_or_default())
    }
}

/// What the leases that prove a target are of. No charter may have this name.
const CANARY: &str = "bailiwick.canary";

impl IdentityId {
    /// Names whoever sends canaries: the lease engine, and nobody who could call.
    pub fn canary() -> Self {
        Self(CANARY.into())
    }

    /// Says whether it is that name.
    pub fn is_canary(&self) -> bool {
        self.as_str() == CANARY
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn why<T: FromStr<Err = IdError> + fmt::Debug>(text: &str) -> String {
        text.parse::<T>().unwrap_err().to_string()
    }

    #[test]
    fn a_name_holds_small_letters_digits_and_three_marks() {
        for text in ["a", "triage-agent", "a.b_c-9", "..a", &"x".repeat(64)] {
            assert_eq!(text.parse::<IdentityId>().unwrap().as_str(), text);
        }
        assert_eq!(why::<IdentityId>(""), "an identity is empty");
        assert_eq!(why::<IdentityId>(&"x".repeat(65)), "an identity has 65 characters, 64 at most");
        for text in ["Triage", "a b", "a/b", "a\n", "a\0", "é", ".", "..", "...", "a\u{202e}"] {
            assert!(text.parse::<IdentityId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn who_sends_canaries_has_a_name_like_others() {
        let canary = IdentityId::canary();
        assert_eq!(canary.as_str().parse::<IdentityId>().unwrap(), canary);
        assert!(canary.is_canary() && !"canary".parse::<IdentityId>().unwrap().is_canary());
    }

    #[test]
    fn a_servers_name_never_holds_what_joins_it_to_a_tools() {
        assert!("a_b".parse::<ServerName>().is_ok());
        assert!(why::<ServerName>("a__b").contains("`__` joins"));
        assert!("a__b".parse::<ToolName>().is_ok());
    }

    #[test]
    fn a_tools_name_is_what_its_protocol_allows() {
        assert!("Read.File_v2-x".parse::<ToolName>().is_ok());
        assert!("x".repeat(128).parse::<ToolName>().is_ok());
        for text in ["", "a b", "a/b", "..", &"x".repeat(129)] {
            assert!(text.parse::<ToolName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_id_has_its_own_prefix_and_26_letters() {
        assert!("task_01JD8X00000000000000000000".parse::<TaskId>().is_ok());
        for text in [
            "",
            "task_",
            "hold_01JD8X00000000000000000000",
            "task_01jd8x00000000000000000000",
            "task_01JD8X0000000000000000000",
            "task_01JD8X000000000000000000000",
            "task_01JD8X0000000000000000000U",
            "task_task_01JD8X0000000000000000",
        ] {
            assert!(why::<TaskId>(text).contains("is not a task like"), "{text}");
        }
    }

    #[test]
    fn what_an_error_quotes_is_bounded() {
        assert!(why::<TaskId>(&"€".repeat(100_000)).len() < 500);
        assert!(why::<IdentityId>(&"€".repeat(100_000)).len() < 500);
    }

    #[test]
    fn an_id_holds_the_letters_of_base_32_and_no_others() {
        for letter in (0_u8..128).map(char::from) {
            let text = format!("task_01JD8X0000000000000000000{letter}");
            let fits = CROCKFORD.contains(&u8::try_from(letter).unwrap());
            assert_eq!(text.parse::<TaskId>().is_ok(), fits, "{letter:?}");
        }
    }

    proptest! {
        #[test]
        fn an_id_that_was_made_reads_back_as_itself(millis in any::<i64>(), random in any::<[u8; 10]>()) {
            let id = TaskId::new(Ulid::new(Timestamp::from_millis(millis), random));
            prop_assert_eq!(id.as_str().parse::<TaskId>(), Ok(id.clone()));
            let written = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<TaskId>(&written).unwrap(), id);
            let ulid = Ulid::new(Timestamp::from_millis(millis), random);
            prop_assert_eq!(HoldId::of(&DecisionId::new(ulid)), HoldId::new(ulid));
        }

        #[test]
        fn ids_sort_by_their_moment_and_differ_by_their_randomness(
            one in 0_i64..253_402_207_200_000,
            other in 0_i64..253_402_207_200_000,
            (random, others) in any::<([u8; 10], [u8; 10])>(),
        ) {
            let id = |millis, random| {
                DecisionId::new(Ulid::new(Timestamp::from_millis(millis), random))
            };
            if one != other {
                prop_assert_eq!(id(one, random) < id(other, others), one < other);
            }
            prop_assert_eq!(id(one, random) == id(one, others), random == others);
        }

        #[test]
        fn no_text_makes_it_panic_or_passes_with_a_mark_it_may_not_hold(text in any::<String>()) {
            if let Ok(name) = text.parse::<ServerName>() {
                prop_assert!(name.as_str().bytes().all(|it| it.is_ascii_graphic() && it != b'/'));
            }
            let _ = (text.parse::<TaskId>(), text.parse::<ToolName>());
            let written = serde_json::to_string(&text).unwrap();
            let read = serde_json::from_str::<ServerName>(&written);
            prop_assert_eq!(read.is_ok(), text.parse::<ServerName>().is_ok());
        }
    }
}
