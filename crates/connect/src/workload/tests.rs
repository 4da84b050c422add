//! Both sides against each other, and each against a side that lies.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick_model::{IdentityId, SpiffeId, Timestamp};
use proptest::prelude::*;
use rustls::pki_types::CertificateDer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
};

use super::{streams::Half, *};
use crate::{Secret, certificate::Leaf, http2, tls::Authorities};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn authority(dir: &std::path::Path) -> WorkloadAuthority {
    WorkloadAuthority::open(&dir.join("own"), "laptop.example".parse().unwrap(), NOW).unwrap()
}

fn who() -> (IdentityId, SpiffeId) {
    ("triage".parse().unwrap(), "spiffe://laptop.example/agents/triage".parse().unwrap())
}

#[test]
fn svids_are_what_the_standard_says_and_live_an_hour_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let authority = authority(dir.path());
    let (identity, id) = who();
    let svid = authority.x509(&identity, &id, NOW).unwrap();
    let leaf = Leaf::read(&svid.certificate).unwrap();
    assert_eq!(leaf.uris, [Some(id.to_string())]);
    let usage = leaf.usage.unwrap();
    assert!(!leaf.is_authority && usage.signs && usage.critical && !usage.signs_for_others);
    let hour = Duration::from_secs(3600);
    assert!(
        svid.until <= NOW.after(hour)
            && !leaf.counts_until(NOW.after(hour + Duration::from_secs(1)))
    );
    let believed = Authorities::of([CertificateDer::from(authority.certificate())]).unwrap();
    let certificate = CertificateDer::from(svid.certificate.as_slice());
    believed.vouch_for((&certificate, &[]), NOW).unwrap();
    let other = authority.x509(&identity, &id, NOW).unwrap();
    assert!(other.serial != svid.serial && other.key != svid.key);
    assert!(!format!("{svid:?}").contains("key"));
}

#[test]
fn an_authority_stays_until_its_time_is_nearly_over_or_another_domain_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    let first = authority(dir.path()).certificate().to_vec();
    assert_eq!(authority(dir.path()).certificate(), first);
    let later = NOW.after(Duration::from_secs(340 * 24 * 3600));
    let domain = || "laptop.example".parse().unwrap();
    let renewed = WorkloadAuthority::open(&dir.path().join("own"), domain(), later).unwrap();
    assert_ne!(renewed.certificate(), first);
    let other =
        WorkloadAuthority::open(&dir.path().join("own"), "other.example".parse().unwrap(), NOW)
            .unwrap();
    assert_ne!(other.certificate(), renewed.certificate());
    std::fs::write(dir.path().join("own/authority.pem"), "spoiled").unwrap();
    let told = WorkloadAuthority::open(&dir.path().join("own"), domain(), NOW).unwrap_err();
    assert!(told.contains("holds no authority"), "{told}");
}

#[test]
fn a_jwt_svid_counts_for_its_audience_in_its_time_and_by_its_keys() {
    let dir = tempfile::tempdir().unwrap();
    let authority = authority(dir.path());
    let (identity, id) = who();
    let audiences = ["https://a.example".to_owned(), "b".to_owned()];
    let svid = authority.jwt((&identity, &id), &audiences, NOW).unwrap();
    for audience in &audiences {
        assert_eq!(authority.validate(&svid.token, audience, NOW).unwrap().0, id);
    }
    let refused =
        |token: &Secret, audience: &str, now| authority.validate(token, audience, now).unwrap_err();
    assert!(refused(&svid.token, "c", NOW).contains("others"));
    let late = NOW.after(Duration::from_secs(300));
    assert!(refused(&svid.token, "b", late).contains("now"));
    let elsewhere = tempfile::tempdir().unwrap();
    let foreign = self::authority(elsewhere.path()).jwt((&identity, &id), &audiences, NOW).unwrap();
    assert!(refused(&foreign.token, "b", NOW).contains("not signed"));
    assert!(!refused(&Secret::new("x.y"), "b", NOW).is_empty());
}

/// What a client of ours hears of a server of ours, step by step.
struct Both {
    streams: streams::Streams,
    calls: WorkloadCalls,
}

impl Both {
    fn new() -> Self {
        Self { streams: streams::Streams::new(), calls: WorkloadCalls::default() }
    }

    fn carry(&mut self) -> (Result<Vec<Told>, WorkloadError>, Vec<WorkloadHeard>) {
        let (mut told, mut heard) = (Vec::new(), Vec::new());
        loop {
            let (there, back) = (self.streams.take_out(), self.calls.take_out());
            if there.is_empty() && back.is_empty() {
                return (Ok(told), heard);
            }
            heard.extend(self.calls.receive(&there).unwrap());
            match self.streams.receive(&back) {
                Ok(more) => told.extend(more),
                Err(error) => return (Err(error), heard),
            }
        }
    }

    /// The calls that were asked, certificates first.
    fn asked(&mut self) -> [WorkloadCall; 2] {
        let (_, heard) = self.carry();
        match heard.as_slice() {
            [
                WorkloadHeard::Asked(x509, WorkloadAsk::X509Bundles),
                WorkloadHeard::Asked(jwt, WorkloadAsk::JwtBundles),
            ] => [*x509, *jwt],
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn bundles_are_told_now_and_whenever_they_change() {
    let mut both = Both::new();
    let [x509, jwt] = both.asked();
    let domain = "laptop.example".parse().unwrap();
    let keys = bailiwick_model::Json::Object([].into());
    for bundle in [&b"first"[..], b"second"] {
        both.calls.answer(x509, WorkloadAnswer::X509Bundle(&domain, bundle), true).unwrap();
        let told = both.carry().0.unwrap();
        let all = [("spiffe://laptop.example".to_owned(), bundle.to_vec())].into();
        assert_eq!(told, [Told::Bundles(Half::X509, all)]);
    }
    both.calls.answer(jwt, WorkloadAnswer::JwtBundle(&domain, &keys), true).unwrap();
    let all = [("spiffe://laptop.example".to_owned(), b"{}".to_vec())].into();
    assert_eq!(both.carry().0.unwrap(), [Told::Bundles(Half::Jwt, all)]);
    both.streams.ping();
    assert_eq!(both.carry().0.unwrap(), [Told::Alive]);
}

#[test]
fn a_call_that_is_not_offered_is_done_without_and_any_other_end_is_told() {
    let mut both = Both::new();
    let [x509, jwt] = both.asked();
    both.calls.end(jwt, WorkloadStatus::Unimplemented, "");
    assert_eq!(both.carry().0.unwrap(), []);
    both.calls.end(x509, WorkloadStatus::PermissionDenied, "nobody: 100%");
    let error = both.carry().0.unwrap_err();
    assert_eq!(error.to_string(), "it answered with status 7: nobody: 100%25");
    assert!(error.takes_back());
    let mut both = Both::new();
    let [x509, _] = both.asked();
    both.calls.end(x509, WorkloadStatus::Unavailable, "later");
    assert!(!both.carry().0.unwrap_err().takes_back());
}

/// Asks as others would.
fn asked_with(path: &str, header: Option<&str>, body: &[u8]) -> (Vec<WorkloadHeard>, String) {
    let mut client = http2::Connection::new(http2::Side::Client);
    let mut calls = WorkloadCalls::default();
    let mut head = vec![(":method", "POST"), (":scheme", "http"), (":path", path)];
    head.push(("content-type", "application/grpc"));
    head.extend(header.map(|it| ("workload.spiffe.io", it)));
    let call = client.open(&head).unwrap();
    client.send(call, body.to_vec()).unwrap();
    client.end(call);
    let heard = calls.receive(&client.take_out()).unwrap();
    let events = client.receive(&calls.take_out()).unwrap();
    let status = events.iter().find_map(|it| {
        let http2::Event::Head { fields, .. } = it else { return None };
        let text = http2::one(fields, "grpc-message").unwrap_or_default();
        Some(format!("{} {text}", http2::one(fields, "grpc-status").unwrap_or("-")))
    });
    (heard, status.unwrap_or_default())
}

#[test]
fn what_lacks_the_header_or_makes_no_sense_is_answered_before_anybody_hears_of_it() {
    let path = |it: &str| format!("/SpiffeWorkloadAPI/{it}");
    let empty = &[0; 5][..];
    for header in [None, Some("false"), Some("TRUE"), Some("")] {
        let (heard, status) = asked_with(&path("FetchX509SVID"), header, empty);
        assert!(heard.is_empty() && status.starts_with("3 "), "{header:?}: {status}");
    }
    let wrong = |name: &str, body: &[u8]| {
        let (heard, status) = asked_with(&path(name), Some("true"), body);
        assert!(heard.is_empty(), "{name}");
        status
    };
    assert!(wrong("FetchWITSVID", empty).starts_with("12 "));
    assert!(wrong("FetchX509SVID", b"").starts_with("3 "));
    assert!(wrong("FetchX509SVID", &[0; 10]).starts_with("3 "));
    assert!(wrong("FetchX509SVID", b"\x01\x00\x00\x00\x00").starts_with("3 "));
    assert!(wrong("FetchX509SVID", b"\x00\x00\xff\xff\xff").starts_with("3 "));
    assert!(wrong("FetchX509SVID", b"\x00\x00\x00\x00\x02a").starts_with("3 "));
    assert!(wrong("FetchJWTSVID", empty).starts_with("3 "), "no audience");
    assert!(wrong("FetchJWTSVID", b"\x00\x00\x00\x00\x06\x0a\x01a\x12\x01x").starts_with("3 "));
    assert!(wrong("FetchJWTSVID", b"\x00\x00\x00\x00\x02\x0a\xff").starts_with("3 "));
    assert!(wrong("ValidateJWTSVID", b"\x00\x00\x00\x00\x03\x0a\x01a").starts_with("3 "));
    let (heard, status) =
        asked_with(&path("FetchJWTSVID"), Some("true"), b"\x00\x00\x00\x00\x03\x0a\x01a");
    assert!(status.is_empty(), "{status}");
    match heard.as_slice() {
        [WorkloadHeard::Asked(_, WorkloadAsk::JwtSvids { audiences, only: None })] => {
            assert_eq!(audiences, &["a"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn neither_keys_that_wait_to_be_read_nor_tokens_that_came_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let (authority, (identity, id)) = (authority(dir.path()), who());
    let svid = authority.x509(&identity, &id, NOW).unwrap();
    let mut client = http2::Connection::new(http2::Side::Client);
    let mut calls = WorkloadCalls::default();
    let ask = |client: &mut http2::Connection, path: &str| {
        let head = [
            (":method", "POST"),
            (":path", path),
            ("content-type", "application/grpc"),
            ("workload.spiffe.io", "true"),
        ];
        client.open(&head).unwrap()
    };
    let call = ask(&mut client, "/SpiffeWorkloadAPI/FetchX509SVID");
    client.send(call, vec![0; 5]).unwrap();
    client.end(call);
    let heard = calls.receive(&client.take_out()).unwrap();
    let [WorkloadHeard::Asked(call, WorkloadAsk::X509Svids)] = heard.as_slice() else { panic!() };
    let svids = [svid];
    let answer = || WorkloadAnswer::X509Svids(&svids, authority.certificate());
    // So often that some wait until there is room.
    for _ in 0..100 {
        calls.answer(*call, answer(), true).unwrap();
    }
    let asking = ask(&mut client, "/SpiffeWorkloadAPI/ValidateJWTSVID");
    client.send(asking, b"\0\0\0\0\xffhunter2".to_vec()).unwrap();
    calls.receive(&client.take_out()).unwrap();
    let listed = |bytes: &[u8]| {
        let shown = format!("{bytes:?}");
        shown.trim_matches(['[', ']']).to_owned()
    };
    let shown = format!("{calls:?} {client:?} {:?}", client.receive(&calls.take_out()).unwrap());
    for secret in [listed(&svids[0].key), listed(b"hunter2")] {
        assert!(!shown.contains(&secret) && !shown.contains("hunter2"), "{shown}");
    }
}

/// A frame as somebody else writes it.
fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    [&[0, 0, length, kind, flags][..], &stream.to_be_bytes(), body].concat()
}

/// A head that asks for certificates, with `method`.
fn head(method: &str) -> Vec<u8> {
    let fields = [
        (":method", method),
        (":path", calls::X509_BUNDLES),
        ("content-type", "application/grpc"),
        ("workload.spiffe.io", "true"),
    ];
    let text = |it: &str| [&[u8::try_from(it.len()).unwrap()], it.as_bytes()].concat();
    fields.iter().flat_map(|(name, it)| [vec![0], text(name), text(it)].concat()).collect()
}

#[test]
fn nothing_is_kept_of_calls_that_are_over_before_they_are_heard() {
    let (open, whole, gone) = (4, 5, 3);
    let hello = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat();
    let greeted = || {
        let mut calls = WorkloadCalls::default();
        calls.receive(&hello).unwrap();
        calls
    };
    for last in [frame(1, whole, 1, &head("POST")), frame(gone, 0, 1, &[0; 4])] {
        let mut calls = greeted();
        // The first head is answered at once, which ends its call.
        let came = [frame(1, open, 1, &head("GET")), last].concat();
        assert!(calls.receive(&came).unwrap().is_empty());
        assert_eq!(calls.kept(), 0);
    }
    // A second head that ends nothing is none.
    let came = [frame(1, open, 1, &head("GET")), frame(1, open, 1, &head("POST"))].concat();
    let error = greeted().receive(&came).unwrap_err();
    assert!(error.to_string().contains("two heads"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_more_calls_are_kept_than_can_be_under_way(
        pieces in proptest::collection::vec((0_u8..4, 0_u8..3, 0_u32..40, any::<bool>()), 0..200),
        together in 1_usize..40,
    ) {
        let mut calls = WorkloadCalls::default();
        calls.receive(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").unwrap();
        for pieces in pieces.chunks(together) {
            let came: Vec<u8> = pieces.iter().flat_map(|(kind, ends, number, good)| {
                let stream = number.saturating_mul(2).saturating_add(1);
                match kind {
                    0 => frame(0, (*ends).min(1), stream, &[0; 5]),
                    1 | 2 => frame(1, 4 | (*ends).min(1), stream, &head(if *good { "POST" } else { "GET" })),
                    _ => frame(3, 0, stream, &[0; 4]),
                }
            }).collect();
            let heard = calls.receive(&came);
            prop_assert!(calls.kept() <= STREAMS_MAX);
            if heard.is_err() {
                break;
            }
            calls.take_out();
        }
    }
}

/// Follows a server that says `script` to whoever comes, then stays or hangs up.
async fn followed(script: &[u8], stays: bool) -> (WorkloadError, usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let script = script.to_vec();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&script).await.unwrap();
        let mut heard = [0; 4096];
        let _read = stream.read(&mut heard).await;
        if stays {
            std::future::pending::<()>().await;
        }
    });
    let count = Arc::new(Mutex::new(Vec::new()));
    let place = format!("unix:{}", path.display()).parse().unwrap();
    let error = follow(&place, |_| count.lock().unwrap().push(())).await;
    serving.abort();
    let count = count.lock().unwrap().len();
    (error, count)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lies_stalls_or_dies_is_left_with_a_clear_error() {
    let settings = http2::Connection::new(http2::Side::Server).take_out();
    let (error, _) = followed(b"HTTP/1.1 400 Bad Request\r\n\r\n", false).await;
    assert!(error.to_string().contains("not HTTP/2"), "{error}");
    let (error, _) = followed(&settings, true).await;
    assert!(matches!(error, WorkloadError::Silent), "{error}");
    let (error, _) = followed(&settings, false).await;
    assert!(matches!(error, WorkloadError::Gone(_)), "{error}");
    let nowhere = "unix:/nowhere/agent.sock".parse().unwrap();
    assert!(matches!(follow(&nowhere, drop).await, WorkloadError::Gone(_)));
    let mut calls = WorkloadCalls::default();
    let heard = calls.receive(&streams::Streams::new().take_out()).unwrap();
    let WorkloadHeard::Asked(call, _) = heard.into_iter().next().unwrap() else { panic!() };
    let domain = "laptop.example".parse().unwrap();
    calls.answer(call, WorkloadAnswer::X509Bundle(&domain, b"x"), true).unwrap();
    // It told once, and then nothing: it is asked whether it is there, and is not.
    let (error, count) = followed(&calls.take_out(), true).await;
    assert!(matches!(error, WorkloadError::Silent) && count == 1, "{error}, {count}");
}
