//! Keys of others: which are taken, and for what.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    },
};
use proptest::prelude::*;

use super::*;

const MESSAGE: &[u8] = b"header.claims";

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read(text: &str) -> Option<ForeignKey> {
    ForeignKey::read(&Json::parse(text.as_bytes(), LIMITS).unwrap())
}

/// Says by which algorithms the key takes this signature.
fn taken(key: &ForeignKey, signature: &[u8]) -> Vec<Algorithm> {
    let all = Algorithm::ALL.iter().copied();
    all.filter(|it| key.verify(*it, MESSAGE, signature)).collect()
}

#[test]
fn a_key_is_good_for_the_algorithms_of_its_own_kind_alone() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let (n, e) = {
        let public = rsa.public_key();
        let n = public.modulus().big_endian_without_leading_zero().to_vec();
        (n, public.exponent().big_endian_without_leading_zero().to_vec())
    };
    let jwk = format!(r#"{{"kty":"RSA","kid":"a","n":"{}","e":"{}"}}"#, encoded(&n), encoded(&e));
    let key = read(&jwk).unwrap();
    let sign = |encoding: &'static dyn RsaEncoding| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(encoding, &SystemRandom::new(), MESSAGE, &mut signature).unwrap();
        signature
    };
    assert_eq!(taken(&key, &sign(&RSA_PKCS1_SHA256)), [Algorithm::Rs256]);
    assert_eq!(taken(&key, &sign(&RSA_PSS_SHA256)), [Algorithm::Ps256]);
    let only = read(&jwk.replacen('{', r#"{"alg":"PS256","#, 1)).unwrap();
    assert!(
        taken(&only, &sign(&RSA_PKCS1_SHA256)).is_empty(),
        "its owner says what it is used with"
    );
    assert_eq!(key.thumbprint(), only.thumbprint());

    let curves: [(&str, &'static EcdsaSigningAlgorithm, Algorithm); 3] = [
        ("P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::Es256),
        ("P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::Es384),
        ("P-521", &signature::ECDSA_P521_SHA512_FIXED_SIGNING, Algorithm::Es512),
    ];
    for (name, algorithm, wanted) in curves {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(point.len() / 2);
        let jwk =
            format!(r#"{{"kty":"EC","crv":"{name}","x":"{}","y":"{}"}}"#, encoded(x), encoded(y));
        let key = read(&jwk).unwrap();
        let signed = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
        assert_eq!(taken(&key, signed.as_ref()), [wanted]);
        assert!(
            read(&jwk.replace(&encoded(y), &encoded(&y[1..]))).is_none(),
            "a shorter coordinate"
        );
    }

    let edwards = Ed25519KeyPair::generate().unwrap();
    let x = encoded(edwards.public_key().as_ref());
    let key = read(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#)).unwrap();
    assert_eq!(taken(&key, edwards.sign(MESSAGE).as_ref()), [Algorithm::EdDsa]);
}

#[test]
fn a_thumbprint_is_the_one_of_rfc_7638() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let key = read(&format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB"}}"#)).unwrap();
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn secrets_private_halves_and_unknown_kinds_are_passed_over() {
    for jwk in [
        r#"{"kty":"oct","k":"AAAA"}"#,
        r#"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#,
        r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#,
        r#"{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"}"#,
        r#"{"kty":"RSA","n":"AAAA","e":"AQAB","d":"AAAA"}"#,
        r#"{"kty":"RSA","n":"AAAA","e":"AQAB","alg":"HS256"}"#,
        r#"{"kty":"RSA","n":"AAAA","e":"AQAB","alg":"none"}"#,
        r#"{"kty":"RSA","n":"AAAA","e":"AQAB","kid":7}"#,
        r#"{"kty":"RSA","n":"not base64!","e":"AQAB"}"#,
        r#"{"kty":"RSA","n":"","e":"AQAB"}"#,
        r#"{"kty":7}"#,
        "{}",
        "7",
    ] {
        assert_eq!(read(jwk), None, "{jwk}");
    }
}

#[test]
fn only_keys_of_the_purpose_count_and_a_set_is_bounded() {
    let key = |purpose: &str| {
        format!(r#"{{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"{purpose}","use":"{purpose}"}}"#)
    };
    let all = ["sig", "enc", "jwt-svid", "x509-svid"].map(key).join(",");
    let bare = r#"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"bare"}"#;
    let set = format!(r#"{{"keys":[{all},{bare}],"spiffe_sequence":7,"spiffe_refresh_hint":60}}"#);
    let names = |purpose| {
        let set = ForeignKeys::read(set.as_bytes(), purpose).unwrap();
        assert_eq!((set.sequence, set.hint), (Some(7), Some(Duration::from_secs(60))));
        set.keys.into_iter().filter_map(|it| it.name).collect::<Vec<_>>()
    };
    assert_eq!(names(Purpose::Signatures), ["sig", "bare"]);
    assert_eq!(names(Purpose::Svid), ["jwt-svid"]);
    let many = format!(r#"{{"keys":[{}]}}"#, vec![bare; KEYS_MAX + 1].join(","));
    for wrong in [&many, "{}", "[]", "", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert!(ForeignKeys::read(wrong.as_bytes(), Purpose::Signatures).is_err(), "{wrong}");
    }
    assert!(check_key_set(br#"{"keys":[]}"#, false).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        foreign(&bytes);
    }
}
