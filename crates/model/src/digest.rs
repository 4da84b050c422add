//! SHA-256 digests, and the one that names a call.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Action, Json};

/// A SHA-256 digest, written `sha256:` and 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Takes the bytes of a digest that was computed before.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Gives the bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Digests `parts`, each with its length before it, so that no two lists of parts collide.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        Self::finish(context)
    }

    /// Digests `bytes` as they are.
    pub fn of(bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(bytes);
        Self::finish(context)
    }

    /// Digests `previous` and then `bytes`: the link of a hash chain.
    pub fn chain(previous: &Self, bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&previous.0);
        context.update(bytes);
        Self::finish(context)
    }

    fn finish(context: Context) -> Self {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or('0');
        // Every record has a few of these: they are written at once.
        let mut text = String::with_capacity(71);
        text.push_str("sha256:");
        text.extend(self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
        out.write_str(&text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// The text is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a digest like `sha256:` and 64 hex digits")]
pub struct DigestError {
    text: String,
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let wrong = || DigestError { text: text.chars().take(80).collect() };
        let hex = text.strip_prefix("sha256:").ok_or_else(wrong)?.as_bytes();
        if hex.len() != 64 {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (to, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let text = std::str::from_utf8(pair).map_err(|_| wrong())?;
            // `from_str_radix` takes a sign, which is no hex digit.
            if !pair.iter().all(u8::is_ascii_hexdigit) {
                return Err(wrong());
            }
            *to = u8::from_str_radix(text, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Names one call as it will be sent: server, kind, name and canonical arguments (RFC 8785).
/// Permits and approvals are made for one of these and for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallDigest(Digest);

impl CallDigest {
    /// Digests a call.
    pub fn of(action: &Action, arguments: &Json) -> Self {
        Self(Digest::of_parts(&[
            b"bailiwick call v1",
            action.server.as_str().as_bytes(),
            action.kind.as_str().as_bytes(),
            action.name.as_bytes(),
            arguments.canonical().as_bytes(),
        ]))
    }

    /// Gives the plain digest.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for CallDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection, prelude::*};

    use super::*;
    use crate::ActionKind;

    fn action(server: &str, kind: ActionKind, name: &str) -> Action {
        Action { server: server.parse().unwrap(), kind, name: name.to_owned() }
    }

    #[test]
    fn it_is_sha_256() {
        let known = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), known);
        assert_eq!(Digest::chain(&Digest::of(b"x"), b"y"), {
            let mut both = Digest::of(b"x").as_bytes().to_vec();
            both.push(b'y');
            Digest::of(&both)
        });
    }

    #[test]
    fn what_is_not_a_digest_is_refused() {
        let (hex, less) = ("0".repeat(64), "0".repeat(63));
        assert!(format!("sha256:{hex}").parse::<Digest>().is_ok());
        for text in [
            String::new(),
            hex.clone(),
            format!("sha512:{hex}"),
            format!("sha256:{hex}0"),
            format!("sha256:{less}"),
            format!("sha256:+{less}"),
            format!("sha256:é{}", "0".repeat(62)),
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_call_is_its_server_kind_name_and_arguments() {
        let none = Json::Object(BTreeMap::new());
        let one = CallDigest::of(&action("s", ActionKind::Tool, "t"), &none);
        let others = [
            (action("s2", ActionKind::Tool, "t"), none.clone()),
            (action("s", ActionKind::Prompt, "t"), none.clone()),
            (action("s", ActionKind::Tool, "t2"), none.clone()),
            (action("s", ActionKind::Tool, "t"), Json::List(Vec::new())),
            (action("s", ActionKind::Tool, "t"), Json::Null),
        ];
        for (action, arguments) in others {
            assert_ne!(CallDigest::of(&action, &arguments), one);
        }
        assert_eq!(CallDigest::of(&action("s", ActionKind::Tool, "t"), &none), one);
    }

    proptest! {
        #[test]
        fn a_digest_reads_back_as_itself(bytes in any::<[u8; 32]>()) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        }

        #[test]
        fn no_two_lists_of_parts_share_a_digest(
            one in collection::vec(collection::vec(0_u8..2, 0..4), 0..4),
            other in collection::vec(collection::vec(0_u8..2, 0..4), 0..4),
        ) {
            let digest = |parts: &[Vec<u8>]| {
                Digest::of_parts(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
            };
            prop_assert_eq!(digest(&one) == digest(&other), one == other);
        }
    }
}
