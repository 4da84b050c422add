//! Certificates as a known tool writes them, and bytes that are none.

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

use super::*;

const WORKLOAD: &str = "spiffe://example.org/agents/triage";

fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["triage.example.org".to_owned()]).unwrap();
    params.subject_alt_names.push(SanType::URI(WORKLOAD.try_into().unwrap()));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    (params.not_before, params.not_after) = (date_time_ymd(2027, 1, 1), date_time_ymd(2051, 2, 3));
    change(&mut params);
    params.self_signed(&key).unwrap().der().to_vec()
}

fn leaf(change: impl FnOnce(&mut CertificateParams)) -> Leaf {
    Leaf::read(&made(change)).unwrap()
}

#[test]
fn what_a_certificate_says_is_read() {
    let read = leaf(|_| {});
    assert_eq!(read.uris, [Some(WORKLOAD.to_owned())]);
    assert!(!read.is_authority);
    let usage = Usage { signs: true, signs_for_others: false, critical: true };
    assert_eq!(read.usage, Some(usage));
    // The first of 2027 in one form, the third of February 2051 in the other.
    assert_eq!(read.since.seconds(), 1_798_761_600);
    assert_eq!(read.until.seconds(), 2_558_995_201);

    assert_eq!(leaf(|it| it.subject_alt_names.clear()).uris, []);
    let two = leaf(|it| it.subject_alt_names.push(SanType::URI("urn:x".try_into().unwrap())));
    assert_eq!(two.uris.len(), 2);
    let authority = leaf(|it| {
        it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        it.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    });
    assert!(authority.is_authority);
    let usage = Usage { signs: false, signs_for_others: true, critical: true };
    assert_eq!(authority.usage, Some(usage));
    assert!(
        leaf(|it| it.key_usages = vec![KeyUsagePurpose::CrlSign]).usage.unwrap().signs_for_others
    );
    assert_eq!(leaf(|it| it.key_usages.clear()).usage, None);
}

#[test]
fn a_certificate_counts_from_its_first_second_to_its_last() {
    let certificate = ClientCertificate::of(&[made(|_| {}).into()]).unwrap();
    let at = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
    assert!(!certificate.counts_at(at(1_798_761_599)));
    assert!(certificate.counts_at(at(1_798_761_600)));
    assert!(certificate.counts_at(at(2_558_995_200)));
    assert!(!certificate.counts_at(at(2_558_995_201)));
}

#[test]
fn nothing_shown_is_no_certificate() {
    assert_eq!(ClientCertificate::of(&[]), None);
    assert_eq!(ClientCertificate::of(&[Vec::new().into()]), None);
    let mut longer = made(|_| {});
    longer.push(0);
    assert_eq!(ClientCertificate::of(&[longer.into()]), None);
}

proptest! {
    #[test]
    fn a_certificate_that_was_cut_is_none(keep in 0_usize..300) {
        let whole = made(|_| {});
        prop_assert!(Leaf::read(whole.get(..keep.min(whole.len().saturating_sub(1))).unwrap()).is_none());
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        foreign(&bytes);
    }

    #[test]
    fn a_spoiled_certificate_is_read_or_refused(at in 0_usize..400, to in any::<u8>()) {
        let mut bytes = made(|_| {});
        if let Some(byte) = bytes.get_mut(at) {
            *byte = to;
        }
        foreign(&bytes);
    }
}
