//! Workloads proved by certificates, and every way in which a certificate proves nobody.

use std::{fs, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;

use super::*;
use crate::attest::{KeyPlace, TrustedDomain};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const TRIAGE: &str = "spiffe://example.org/agents/triage";

fn moment(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW.seconds().saturating_add(seconds)).unwrap()
}

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Issuer {
    CertifiedIssuer::self_signed(ca(name), KeyPair::generate().unwrap()).unwrap()
}

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (params.not_before, params.not_after) = (moment(-86_400), moment(86_400));
    params
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

/// Makes a certificate of a workload for an hour, after `change`.
fn svid(issuer: &Issuer, change: impl FnOnce(&mut CertificateParams)) -> ClientCertificate {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = vec![uri(TRIAGE)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    (params.not_before, params.not_after) = (moment(-60), moment(3600));
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let made = params.signed_by(&key, issuer).unwrap();
    ClientCertificate::of(&[made.der().clone()]).unwrap()
}

/// Two trust domains, each with an authority of the same name and a key of its own.
struct World {
    dir: tempfile::TempDir,
    own: Issuer,
    other: Issuer,
    attestor: Attestor,
}

fn bundle(authorities: &[&Issuer]) -> String {
    let key = |it: &&Issuer| {
        let certificate = STANDARD.encode(it.der());
        format!(
            r#"{{"kty":"EC","crv":"P-256","x":"AA","y":"AA","use":"x509-svid","x5c":["{certificate}"]}}"#
        )
    };
    let keys: Vec<_> = authorities.iter().map(key).collect();
    format!(r#"{{"keys":[{}],"spiffe_refresh_hint":60}}"#, keys.join(","))
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (own, other) = (authority("root"), authority("root"));
        let domain = |name: &str, file: &str| TrustedDomain {
            domain: name.parse().unwrap(),
            keys: KeyPlace::File(dir.path().join(file)),
            once: false,
        };
        let domains = vec![domain("example.org", "own"), domain("partner.example", "other")];
        let attestor = Attestor::new("https://governor.example", NOW, domains, Vec::new());
        let world = Self { dir, own, other, attestor };
        world.publish("own", &[&world.own]);
        world.publish("other", &[&world.other]);
        world
    }

    fn publish(&self, file: &str, authorities: &[&Issuer]) {
        fs::write(self.dir.path().join(file), bundle(authorities)).unwrap();
    }

    async fn says(
        &self,
        certificate: &ClientCertificate,
        now: Timestamp,
    ) -> Result<String, String> {
        let vouched = self.attestor.x509(certificate, now).await.map_err(|it| it.to_string())?;
        match vouched.who {
            Attested::Spiffe(id) => Ok(id.as_str().to_owned()),
            Attested::Oidc { .. } => panic!("an issuer's subject"),
        }
    }
}

#[tokio::test]
async fn a_workload_is_proved_by_an_authority_of_its_own_trust_domain_alone() {
    let world = World::new();
    assert_eq!(world.says(&svid(&world.own, |_| {}), NOW).await.as_deref(), Ok(TRIAGE));
    let partner = "spiffe://partner.example/agents/triage";
    let theirs = svid(&world.other, |it| it.subject_alt_names = vec![uri(partner)]);
    assert_eq!(world.says(&theirs, NOW).await.as_deref(), Ok(partner));
    // Whoever is believed for one domain is nobody in the other, in a handshake as they may be.
    for (issuer, name) in [(&world.other, TRIAGE), (&world.own, partner)] {
        let crossed = svid(issuer, |it| it.subject_alt_names = vec![uri(name)]);
        assert!(world.attestor.knows_of(crossed.chain().unwrap(), NOW).is_ok());
        let told = world.says(&crossed, NOW).await.unwrap_err();
        assert!(told.contains("no authority of its own trust domain"), "{told}");
    }
    let stranger = svid(&authority("root"), |_| {});
    assert!(world.attestor.knows_of(stranger.chain().unwrap(), NOW).is_err());
    assert!(world.says(&stranger, NOW).await.is_err());
    let nobodys =
        svid(&world.own, |it| it.subject_alt_names = vec![uri("spiffe://nobody.example/x")]);
    assert!(world.says(&nobodys, NOW).await.unwrap_err().contains("[[trust]]"));
}

#[tokio::test]
async fn what_is_no_svid_of_a_workload_proves_nobody() {
    let world = World::new();
    let names = |names: Vec<SanType>| svid(&world.own, |it| it.subject_alt_names = names);
    let usage = |usages: &[KeyUsagePurpose]| svid(&world.own, |it| it.key_usages = usages.to_vec());
    let dns = SanType::DnsName("triage.example.org".try_into().unwrap());
    for (certificate, wanted) in [
        (names(vec![dns.clone()]), "not exactly one name that is a URI"),
        (names(vec![uri(TRIAGE), uri(TRIAGE)]), "not exactly one name that is a URI"),
        (names(vec![uri(TRIAGE), uri("https://example.org")]), "not exactly one name"),
        (names(vec![uri("https://example.org/x")]), "no SPIFFE ID"),
        (names(vec![uri("spiffe://example.org")]), "no SPIFFE ID"),
        (names(vec![uri("spiffe://example.org/../x")]), "no SPIFFE ID"),
        (svid(&world.own, |it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), "authority"),
        (usage(&[]), "does not allow `digitalSignature`"),
        (usage(&[KeyUsagePurpose::KeyEncipherment]), "does not allow `digitalSignature`"),
        (usage(&[KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign]), "may sign"),
        (usage(&[KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign]), "may sign"),
        (
            svid(&world.own, |it| {
                it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
            "not for clients",
        ),
    ] {
        let told = world.says(&certificate, NOW).await.unwrap_err();
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    // Other names beside it do no harm, and no purpose at all is every purpose.
    assert!(world.says(&names(vec![dns, uri(TRIAGE)]), NOW).await.is_ok());
    assert!(world.says(&svid(&world.own, |it| it.extended_key_usages.clear()), NOW).await.is_ok());
}

#[tokio::test]
async fn a_certificate_counts_in_its_time_alone() {
    let world = World::new();
    let certificate = svid(&world.own, |_| {});
    assert!(world.says(&certificate, later(3600)).await.is_ok());
    assert!(world.says(&certificate, later(3601)).await.unwrap_err().contains("expired"));
    let next = svid(&world.own, |it| it.not_before = moment(10));
    assert!(world.says(&next, NOW).await.unwrap_err().contains("future"));
    assert!(world.says(&next, later(10)).await.is_ok());
}

#[tokio::test]
async fn those_between_it_and_the_authority_come_along() {
    let world = World::new();
    let key = KeyPair::generate().unwrap();
    let between = CertifiedIssuer::signed_by(ca("between"), key, &world.own).unwrap();
    let leaf = svid(&between, |_| {});
    assert!(world.says(&leaf, NOW).await.is_err());
    let (first, _) = leaf.chain().unwrap();
    let whole = ClientCertificate::of(&[first.clone(), between.der().clone()]).unwrap();
    assert_eq!(world.says(&whole, NOW).await.as_deref(), Ok(TRIAGE));
    // A workload's own certificate stands between nobody.
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![uri("spiffe://example.org/x")];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    (params.not_before, params.not_after) = (moment(-60), moment(3600));
    let workload = CertifiedIssuer::signed_by(params, key, &world.own).unwrap();
    let below = svid(&workload, |_| {});
    let (first, _) = below.chain().unwrap();
    let whole = ClientCertificate::of(&[first.clone(), workload.der().clone()]).unwrap();
    assert!(world.says(&whole, NOW).await.is_err());
}

#[tokio::test]
async fn a_bundle_that_was_exchanged_is_found_and_the_authority_of_before_counts_no_more() {
    let world = World::new();
    let old = svid(&world.own, |_| {});
    assert!(world.says(&old, NOW).await.is_ok());
    let next = authority("root");
    world.publish("own", &[&next]);
    let fresh = svid(&next, |_| {});
    // Read a moment ago, it is not read again at once.
    assert!(world.says(&fresh, later(1)).await.is_err());
    // A handshake in vain has it read by whoever tends it; a proof reads it.
    assert!(world.attestor.knows_of(fresh.chain().unwrap(), later(11)).is_err());
    let _wrong = world.attestor.tend(later(11)).await;
    assert!(world.attestor.knows_of(fresh.chain().unwrap(), later(12)).is_ok());
    assert_eq!(world.says(&fresh, later(12)).await.as_deref(), Ok(TRIAGE));
    assert!(world.says(&old, later(12)).await.is_err());
    // While it cannot be read, those known count for a day.
    fs::remove_file(world.dir.path().join("own")).unwrap();
    let told = world.attestor.tend(later(100)).await;
    assert!(told.iter().any(|(whose, _)| whose.contains("example.org")), "{told:?}");
    assert!(world.says(&fresh, later(3000)).await.is_ok());
    let long = svid(&next, |it| it.not_after = moment(86_400));
    assert!(world.says(&long, later(86_300)).await.is_ok());
    assert!(world.attestor.knows_of(long.chain().unwrap(), later(86_412)).is_err());
    // A bundle without an authority leaves none.
    world.publish("other", &[]);
    let _wrong = world.attestor.tend(later(200)).await;
    let theirs = svid(&world.other, |it| {
        it.subject_alt_names = vec![uri("spiffe://partner.example/x")];
    });
    assert!(world.says(&theirs, later(201)).await.is_err());
}
