//! Reads a signed compact token (JWS) strictly, before any of it is believed.
//!
//! What is refused here, and why: two readers must not see two tokens (duplicate names, padding,
//! lenient base64), a token made for something else must not pass (`typ`), a key must never come
//! from the token itself (`jwk`, `jku` and `x5c` are never looked at), and no algorithm but ours
//! exists (`none`, HMAC with a public key as its secret).

use bailiwick_model::{Json, JsonLimits, Timestamp};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The longest token that is looked at.
pub(crate) const TOKEN_MAX: usize = 8 << 10;
/// How far ahead another machine's clock may run, in milliseconds.
const SKEW_MILLIS: i64 = 30_000;
const LIMITS: JsonLimits = JsonLimits { bytes: TOKEN_MAX, depth: 12, values: 512 };

/// The token is not one we read. No message ever holds a part of the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// Longer than the limit.
    #[error("the token has {len} bytes, {TOKEN_MAX} at most")]
    TooLong {
        /// How long it is.
        len: usize,
    },
    /// Not three parts of strict base64url with JSON that everyone reads the same way.
    #[error("the token is malformed: {why}")]
    Malformed {
        /// What is wrong.
        why: &'static str,
    },
    /// Made for something else.
    #[error("the token's `typ` is not `{wanted}`")]
    WrongType {
        /// What it must be.
        wanted: &'static str,
    },
    /// Signed in a way we do not take.
    #[error("the token's `alg` is not `ES256`")]
    WrongAlgorithm,
    /// Signed in a way that is not taken from whoever is said to have signed.
    #[error("the token's `alg` is not one that is taken from its issuer")]
    OtherAlgorithm,
    /// It demands extensions to be understood; we know none.
    #[error("the token has a `crit` header, and we know no extension")]
    Critical,
    /// It says too little.
    #[error("the token has no `{name}`")]
    Missing {
        /// What is missing.
        name: &'static str,
    },
    /// It says something we cannot take.
    #[error("the token's `{name}` is not {wanted}")]
    Wrong {
        /// Which member.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
}

/// A token taken apart, its signature not yet verified.
pub(crate) struct Jws<'a> {
    /// What was signed: the first two parts with their dot.
    pub(crate) signed: &'a str,
    /// The signature, base64url.
    pub(crate) signature: &'a str,
    /// Which key is said to have signed.
    pub(crate) key_id: Option<String>,
    /// What it says.
    pub(crate) claims: Json,
}

/// The parts of a token, nothing of which is believed yet.
pub(crate) struct Parts<'a> {
    /// What was signed: the first two parts with their dot.
    pub(crate) signed: &'a str,
    /// The signature, base64url.
    pub(crate) signature: &'a str,
    /// The header.
    pub(crate) header: Json,
    /// What it says.
    pub(crate) claims: Json,
}

impl<'a> Parts<'a> {
    /// Takes `token` apart.
    pub(crate) fn take(token: &'a str) -> Result<Self, ShapeError> {
        if TOKEN_MAX < token.len() {
            return Err(ShapeError::TooLong { len: token.len() });
        }
        let malformed = |why| ShapeError::Malformed { why };
        let parts = malformed("it does not have three parts");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| parts.clone())?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| parts.clone())?;
        if payload.contains('.') {
            return Err(parts);
        }
        let header = object(header).ok_or_else(|| malformed("its header is not plain JSON"))?;
        let claims = object(payload).ok_or_else(|| malformed("its claims are not plain JSON"))?;
        Ok(Self { signed, signature, header, claims })
    }
}

impl<'a> Jws<'a> {
    /// Takes `token` apart; its `typ` must be exactly `wanted`.
    pub(crate) fn read(token: &'a str, wanted: &'static str) -> Result<Self, ShapeError> {
        let Parts { signed, signature, header, claims } = Parts::take(token)?;
        let key_id = check_header(&header, wanted)?;
        // 64 bytes, no padding, no stray bits: one signature has one text.
        match URL_SAFE_NO_PAD.decode(signature) {
            Ok(bytes) if bytes.len() == 64 => Ok(Self { signed, signature, key_id, claims }),
            Ok(_) | Err(_) => Err(ShapeError::Malformed { why: "its signature is not 64 bytes" }),
        }
    }

    /// Gives the text `name`, which must be there and not empty.
    pub(crate) fn text(&self, name: &'static str) -> Result<&str, ShapeError> {
        match self.claims.get(name) {
            Some(Json::Text(text)) if !text.is_empty() => Ok(text),
            Some(_) => Err(ShapeError::Wrong { name, wanted: "a text" }),
            None => Err(ShapeError::Missing { name }),
        }
    }

    /// Gives the whole number `name`, which must be there.
    pub(crate) fn number(&self, name: &'static str) -> Result<u64, ShapeError> {
        match self.claims.get(name) {
            Some(Json::Int(number)) => u64::try_from(*number)
                .map_err(|_| ShapeError::Wrong { name, wanted: "a whole number" }),
            Some(_) => Err(ShapeError::Wrong { name, wanted: "a whole number" }),
            None => Err(ShapeError::Missing { name }),
        }
    }

    /// Gives the moment `name` in whole seconds, which must be there.
    pub(crate) fn moment(&self, name: &'static str) -> Result<Timestamp, ShapeError> {
        i64::try_from(self.number(name)?)
            .ok()
            .and_then(|it| it.checked_mul(1000))
            .map(Timestamp::from_millis)
            .filter(|it| *it < Timestamp::MAX)
            .ok_or(ShapeError::Wrong { name, wanted: "a moment" })
    }

    /// Says whether the token begins later than `now`, as far as clocks may differ.
    pub(crate) fn is_early(&self, now: Timestamp) -> Result<bool, ShapeError> {
        self.moment("iat")?;
        self.is_before_its_time(now)
    }

    /// Says the same of a token that need not say when it was made.
    pub(crate) fn is_before_its_time(&self, now: Timestamp) -> Result<bool, ShapeError> {
        let latest = now.millis().saturating_add(SKEW_MILLIS);
        for name in ["iat", "nbf"] {
            let moment = self.claims.get(name).map(|_| self.moment(name)).transpose()?;
            if moment.is_some_and(|it| latest < it.millis()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn object(part: &str) -> Option<Json> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    Json::parse(&bytes, LIMITS).ok().filter(|it| matches!(it, Json::Object(_)))
}

fn check_header(header: &Json, wanted: &'static str) -> Result<Option<String>, ShapeError> {
    if header.get("typ").and_then(Json::as_text) != Some(wanted) {
        return Err(ShapeError::WrongType { wanted });
    }
    if header.get("alg").and_then(Json::as_text) != Some("ES256") {
        return Err(ShapeError::WrongAlgorithm);
    }
    if header.get("crit").is_some() {
        return Err(ShapeError::Critical);
    }
    match header.get("kid") {
        None => Ok(None),
        Some(Json::Text(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(ShapeError::Wrong { name: "kid", wanted: "a text" }),
    }
}

/// Joins header and claims as they are signed.
pub(crate) fn signing_text(header: &Json, claims: &Json) -> String {
    let part = |it: &Json| URL_SAFE_NO_PAD.encode(it.canonical());
    format!("{}.{}", part(header), part(claims))
}

/// Makes an ES256 header.
pub(crate) fn header(kind: &str, key_id: String) -> Json {
    Json::Object(
        [
            ("alg".to_owned(), Json::Text("ES256".to_owned())),
            ("kid".to_owned(), Json::Text(key_id)),
            ("typ".to_owned(), Json::Text(kind.to_owned())),
        ]
        .into(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn token(header: &str, claims: &str) -> String {
        let part = |it: &str| URL_SAFE_NO_PAD.encode(it);
        format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode([7; 64]))
    }

    fn read(header: &str, claims: &str) -> Result<(), ShapeError> {
        Jws::read(&token(header, claims), "t").map(|_| ())
    }

    const HEADER: &str = r#"{"typ":"t","alg":"ES256","kid":"k"}"#;

    #[test]
    fn a_header_must_say_exactly_what_we_expect() {
        for (header, error) in [
            (r#"{"alg":"ES256","kid":"k"}"#, ShapeError::WrongType { wanted: "t" }),
            (r#"{"typ":"T","alg":"ES256"}"#, ShapeError::WrongType { wanted: "t" }),
            (r#"{"typ":["t"],"alg":"ES256"}"#, ShapeError::WrongType { wanted: "t" }),
            (r#"{"typ":"t"}"#, ShapeError::WrongAlgorithm),
            (r#"{"typ":"t","alg":"none"}"#, ShapeError::WrongAlgorithm),
            (r#"{"typ":"t","alg":"HS256"}"#, ShapeError::WrongAlgorithm),
            (r#"{"typ":"t","alg":"es256"}"#, ShapeError::WrongAlgorithm),
            (r#"{"typ":"t","alg":"ES256","crit":[]}"#, ShapeError::Critical),
            (r#"{"typ":"t","alg":"ES256","crit":null}"#, ShapeError::Critical),
            (
                r#"{"typ":"t","alg":"ES256","kid":7}"#,
                ShapeError::Wrong { name: "kid", wanted: "a text" },
            ),
        ] {
            assert_eq!(read(header, "{}").unwrap_err(), error, "{header}");
        }
        read(r#"{"typ":"t","alg":"ES256","x":{"y":[1]}}"#, "{}").unwrap();
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused_everywhere() {
        for (header, claims) in [
            (r#"{"typ":"t","alg":"ES256","alg":"ES256"}"#, "{}"),
            (HEADER, r#"{"sub":"a","sub":"b"}"#),
            (HEADER, r#"{"act":{"sub":"a","\u0073ub":"b"}}"#),
        ] {
            assert!(matches!(read(header, claims), Err(ShapeError::Malformed { .. })), "{claims}");
        }
    }

    #[test]
    fn bombs_are_refused_before_they_go_off() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(60), "]".repeat(60));
        let wide = format!("{{\"a\":[{}0]}}", "0,".repeat(600));
        for bomb in [deep, wide, "[]".to_owned(), "7".to_owned(), String::new()] {
            assert!(matches!(read(HEADER, &bomb), Err(ShapeError::Malformed { .. })));
            assert!(matches!(read(&bomb, "{}"), Err(ShapeError::Malformed { .. })));
        }
        let long = token(HEADER, &format!("{{\"a\":\"{}\"}}", "x".repeat(TOKEN_MAX)));
        assert_eq!(
            Jws::read(&long, "t").map(|_| ()).unwrap_err(),
            ShapeError::TooLong { len: long.len() }
        );
    }

    #[test]
    fn only_three_strict_parts_make_a_token() {
        let good = token(HEADER, "{}");
        assert!(Jws::read(&good, "t").is_ok());
        let short = good.get(..good.len() - 4).unwrap().to_owned();
        for bad in [
            String::new(),
            "..".to_owned(),
            "a.b".to_owned(),
            format!("{good}."),
            format!("{good}.x"),
            format!(".{good}"),
            format!("{good}="),
            format!("{good}\n"),
            format!(" {good}"),
            short,
        ] {
            let read = Jws::read(&bad, "t").map(|_| ());
            assert!(matches!(read, Err(ShapeError::Malformed { .. })), "{bad}");
        }
    }

    #[test]
    fn numbers_are_whole_and_moments_have_a_name() {
        for value in ["1.5", "1e3", "\"7\"", "-1", "null", "[7]", "true"] {
            let text = token(HEADER, &format!("{{\"exp\":{value}}}"));
            let jws = Jws::read(&text, "t").unwrap();
            assert!(matches!(jws.moment("exp"), Err(ShapeError::Wrong { .. })), "{value}");
        }
        for value in ["18446744073709551615", "9223372036854775807", "253402300799"] {
            let text = token(HEADER, &format!("{{\"exp\":{value}}}"));
            assert!(Jws::read(&text, "t").unwrap().moment("exp").is_err(), "{value}");
        }
        let text = token(HEADER, "{\"exp\":1800000000}");
        assert_eq!(Jws::read(&text, "t").unwrap().moment("exp"), Ok(NOW));
        assert_eq!(
            Jws::read(&text, "t").unwrap().moment("iat"),
            Err(ShapeError::Missing { name: "iat" })
        );
    }

    #[test]
    fn thirty_seconds_of_skew_and_no_more() {
        for (claims, early) in [
            (r#"{"iat":1800000030}"#, false),
            (r#"{"iat":1800000031}"#, true),
            (r#"{"iat":1800000000,"nbf":1800000030}"#, false),
            (r#"{"iat":1800000000,"nbf":1800000031}"#, true),
        ] {
            let text = token(HEADER, claims);
            assert_eq!(Jws::read(&text, "t").unwrap().is_early(NOW), Ok(early), "{claims}");
        }
        let text = token(HEADER, r#"{"iat":1800000000,"nbf":"soon"}"#);
        assert!(Jws::read(&text, "t").unwrap().is_early(NOW).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_no_message_repeats_it(text in "\\PC{0,200}") {
            if let Err(error) = Jws::read(&text, "t") {
                prop_assert!(text.len() < 4 || !error.to_string().contains(&text));
            }
        }

        #[test]
        fn no_claims_make_it_panic(claims in "\\PC{0,100}") {
            let _ = read(HEADER, &claims);
        }
    }
}
