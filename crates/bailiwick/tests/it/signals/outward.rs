//! What happens here is told to others, in order, until they have it, whatever breaks meanwhile.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use bailiwick_connect::{EventVerifier, KeyPlace, Rs256Key, SecurityEvent, TrustedTransmitter};
use bailiwick_model::{SignalEvent, Timestamp};
use serde_json::{Value, json};

use crate::{
    governor::{Answer, Governor, NOTES, until},
    secrets::with_value,
};

const SECRET: &str = "s3cret-of-the-receiver";
const AUDIENCE: &str = "https://siem.example";

/// A receiver that is away until it is told to be there, and writes down what it takes.
struct Siem {
    url: String,
    away: Arc<AtomicBool>,
    took: Arc<Mutex<Vec<String>>>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Siem {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let siem =
            Self { url, away: Arc::default(), took: Arc::default(), refused: Arc::default() };
        let (away, took) = (Arc::clone(&siem.away), Arc::clone(&siem.took));
        let refused = Arc::clone(&siem.refused);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some((head, body)) = request(&mut stream) else { continue };
                assert!(head.starts_with("POST /events HTTP/1.1"), "{head}");
                assert!(head.contains(&format!("Bearer {SECRET}")), "{head}");
                assert!(head.to_lowercase().contains("application/secevent+jwt"), "{head}");
                let status = if away.load(Ordering::SeqCst) {
                    refused.lock().unwrap().push(body);
                    "503 Service Unavailable"
                } else {
                    took.lock().unwrap().push(body);
                    "202 Accepted"
                };
                let answer =
                    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                let _heard_or_not = stream.write_all(answer.as_bytes());
            }
        });
        siem
    }

    fn took(&self) -> Vec<String> {
        self.took.lock().unwrap().clone()
    }
}

fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).ok().filter(|it| 0 < *it)?;
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|it| {
            let (name, value) = it.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        if length.unwrap_or(0) <= body.len() {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}

fn house(receiver: &str) -> Governor {
    let governor = Governor::prepare(NOTES);
    let text = format!(
        "{}[[receiver]]\nname = \"siem\"\naudience = \"{AUDIENCE}\"\n{receiver}\n",
        NOTES[0].1
    );
    governor.write("bailiwick.toml", &text);
    governor
}

fn get(governor: &Governor, path: &str, token: &str) -> Answer {
    let host = governor.url().strip_prefix("http://").unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    governor.raw(head.as_bytes())
}

/// Reads what was told, as its receiver does: by the keys that are published.
fn read(governor: &Governor, sets: &[String]) -> Vec<SecurityEvent> {
    let keys = get(governor, "/ssf/jwks", "").body;
    read_by(governor, (governor.url(), &keys), sets)
}

fn read_by(
    governor: &Governor,
    (issuer, keys): (&str, &str),
    sets: &[String],
) -> Vec<SecurityEvent> {
    std::fs::write(governor.path("ours.json"), keys).unwrap();
    let verifier = EventVerifier::new(TrustedTransmitter {
        issuer: issuer.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys: KeyPlace::File(governor.path("ours.json")),
        max_age: std::time::Duration::from_secs(600),
    });
    let now = Timestamp::from_millis(super::now().saturating_mul(1000).saturating_add(2000));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let read = |set: &String| runtime.block_on(verifier.verify(set, now, now)).unwrap();
    sets.iter().map(read).collect()
}

fn sessions(events: &[SecurityEvent]) -> Vec<String> {
    events.iter().filter_map(|it| it.subject.session.clone()).collect()
}

#[test]
fn the_end_of_a_task_is_pushed_signed_and_in_order_and_a_crash_loses_none_of_it() {
    let siem = Siem::new();
    let mut governor = house(&format!("url = \"{}\"\nsecret = \"siem\"", siem.url));
    // Its name in what is told must outlast the start.
    let fixed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let toml = std::fs::read_to_string(governor.path("bailiwick.toml")).unwrap();
    let named = format!("http = \"127.0.0.1:0\"\npublic_url = \"http://{fixed}\"");
    governor.write("bailiwick.toml", &toml.replace("http = \"127.0.0.1:0\"", &named));
    governor.serve();
    assert_eq!(with_value(&governor, &["secret", "set", "siem"], SECRET).code, 0);
    let first = governor.open("reader", "reading", &[]).0;
    governor.json(&["task", "end", &first]);
    until("the first is there", || siem.took().len() == 1);
    siem.away.store(true, Ordering::SeqCst);
    let (second, third) =
        (governor.open("reader", "reading", &[]).0, governor.open("reader", "reading", &[]).0);
    governor.json(&["task", "end", &second]);
    governor.json(&["task", "end", &third]);
    until("one was sent in vain", || !siem.refused.lock().unwrap().is_empty());
    let stands = governor.json(&["signals"]);
    assert_eq!(stands[0]["waiting"], 2, "{stands}");
    assert!(stands[0]["trouble"].as_str().unwrap().contains("503"), "{stands}");
    governor.kill();
    siem.away.store(false, Ordering::SeqCst);
    governor.serve();
    until("all are there", || 3 <= siem.took().len());
    let key = Rs256Key::load_or_create(&governor.path("state/keys/signals.pem")).unwrap();
    let keys = format!("{{\"keys\":[{}]}}", key.jwk().canonical());
    let issuer = format!("http://{fixed}");
    let told = read_by(&governor, (&issuer, &keys), &siem.took());
    // What was on its way when it crashed may come twice, under the same name.
    let mut seen = Vec::new();
    for event in &told {
        if !seen.contains(&event.jti) {
            seen.push(event.jti.clone());
        }
    }
    let mut unique = sessions(&told);
    unique.dedup();
    assert_eq!(unique, [first, second, third]);
    assert_eq!(seen.len(), 3, "each has one name, however often it is told");
    let refused = siem.refused.lock().unwrap().clone();
    let refused = read_by(&governor, (&issuer, &keys), &refused);
    assert!(refused.iter().all(|it| it.jti == told[1].jti), "the first is told first");
}

#[test]
fn of_a_contained_task_those_below_it_are_told_as_well() {
    let mut governor = house("");
    let of = |name: &str| NOTES.iter().find(|it| it.0 == name).unwrap().1;
    let reader = of("charters/reader.toml");
    governor.write("charters/reader.toml", &format!("{reader}delegates_to = [\"helper\"]\n"));
    governor.write("charters/helper.toml", &reader.replace("\"reader\"", "\"helper\""));
    governor.serve();
    let token = std::fs::read_to_string(governor.path("state/ssf/siem.token")).unwrap();
    let parent = governor.open("reader", "reading", &[]).0;
    let below = ["task", "open", "--as", "helper", "--template", "reading", "--parent", &parent];
    let child = governor.json(&below)["task"].as_str().unwrap().to_owned();
    governor.open("reader", "reading", &[]);
    governor.json(&["contain", &format!("task:{parent}"), "--why", "a test"]);
    let poll = || {
        let wish = json!({"returnImmediately": true}).to_string();
        governor.post("/ssf/poll/siem", &token, &[], &wish).json()["sets"].clone()
    };
    until("both are there", || poll().as_object().unwrap().len() == 2);
    let sets = poll();
    let sets = sets.as_object().unwrap().values().map(|it| it.as_str().unwrap().to_owned());
    let mut told = sessions(&read(&governor, &sets.collect::<Vec<_>>()));
    told.sort();
    let mut both = [parent, child];
    both.sort();
    assert_eq!(told, both);
}

#[test]
fn what_a_receiver_refuses_comes_again_unless_it_says_that_it_is_no_signal() {
    let mut governor = house("");
    governor.serve();
    let token = std::fs::read_to_string(governor.path("state/ssf/siem.token")).unwrap();
    let task = governor.open("reader", "reading", &[]).0;
    governor.json(&["task", "end", &task]);
    let poll = |errors: Value| -> Vec<String> {
        let wish = json!({"returnImmediately": true, "setErrs": errors}).to_string();
        let answer = governor.post("/ssf/poll/siem", &token, &[], &wish).json();
        answer["sets"].as_object().unwrap().keys().cloned().collect()
    };
    until("it is there", || poll(json!({})).len() == 1);
    let jti = poll(json!({})).remove(0);
    for code in ["invalid_key", "invalid_audience", "authentication_failed"] {
        let waiting = poll(json!({&jti: {"err": code, "description": "x"}}));
        assert_eq!(waiting, std::slice::from_ref(&jti));
        assert!(governor.json(&["signals"])[0]["trouble"].as_str().unwrap().contains(code));
    }
    assert_eq!(poll(json!({&jti: {"err": "invalid_request"}})), [""; 0]);
    let records = governor.records();
    assert!(records.iter().any(|it| it["code"] == "signal-refused"), "a person hears of it");
}

#[test]
fn who_comes_for_the_same_again_and_again_is_asked_to_wait_and_loses_nothing() {
    let mut governor = house("");
    governor.serve();
    let token = std::fs::read_to_string(governor.path("state/ssf/siem.token")).unwrap();
    let task = governor.open("reader", "reading", &[]).0;
    governor.json(&["task", "end", &task]);
    let wish = |ack: &[String]| json!({"returnImmediately": true, "ack": ack}).to_string();
    let poll = |ack: &[String]| governor.post("/ssf/poll/siem", &token, &[], &wish(ack));
    let sets = |answer: &Answer| -> Vec<String> {
        answer.json()["sets"].as_object().unwrap().keys().cloned().collect()
    };
    until("it is there", || sets(&poll(&[])).len() == 1);
    let jti = sets(&poll(&[]));
    // Each second one more may come: a machine that takes its time takes more of them.
    let waits = (0..2_000).map(|_| poll(&[])).find(|it| it.status == 429);
    let waits = waits.unwrap();
    assert!(waits.header("retry-after").is_some(), "{waits:?}");
    let taken = poll(&jti);
    assert_eq!((taken.status, sets(&taken)), (200, vec![]));
}

#[test]
fn a_stream_that_is_pushed_says_where_it_is_pushed() {
    let url = "http://127.0.0.1:9/events/";
    let mut governor = house(&format!("url = \"{url}\"\nsecret = \"siem\""));
    governor.serve();
    let token = std::fs::read_to_string(governor.path("state/ssf/siem.token")).unwrap();
    let stream = get(&governor, "/ssf/stream", &token).json();
    let delivery = json!({"method": "urn:ietf:rfc:8935", "endpoint_url": url});
    assert_eq!(stream["delivery"], delivery);
}

#[test]
fn a_receiver_comes_for_what_it_does_not_have_and_says_what_it_has() {
    let mut governor = house("");
    governor.serve();
    let token = std::fs::read_to_string(governor.path("state/ssf/siem.token")).unwrap();
    let poll = |governor: &Governor, token: &str, wish: &Value| {
        governor.post("/ssf/poll/siem", token, &[], &wish.to_string())
    };
    let now = json!({"returnImmediately": true});
    assert_eq!(poll(&governor, &token, &now).json(), json!({"sets": {}, "moreAvailable": false}));
    for wrong in ["", "another"] {
        let answer = poll(&governor, wrong, &now);
        assert_eq!(
            (answer.status, answer.json()["err"].as_str()),
            (400, Some("authentication_failed"))
        );
    }
    let first = governor.open("reader", "reading", &[]).0;
    // Whoever waits hears at once.
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| poll(&governor, &token, &json!({})).json());
        governor.json(&["task", "end", &first]);
        waiting.join().unwrap()
    });
    let sets = |answer: &Value| -> Vec<String> {
        let sets = answer["sets"].as_object().unwrap().values();
        sets.map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(sessions(&read(&governor, &sets(&waiting))), [first]);
    let jti = waiting["sets"].as_object().unwrap().keys().next().unwrap().clone();
    // What is not acknowledged comes again; what is does not.
    assert_eq!(poll(&governor, &token, &now).json()["sets"].as_object().unwrap().len(), 1);
    governor.json(&["contain", "identity:reader", "--why", "a test"]);
    let both = |answer: &Answer| answer.json()["sets"].as_object().unwrap().len() == 2;
    until("both are there", || both(&poll(&governor, &token, &now)));
    let acked = poll(&governor, &token, &json!({"returnImmediately": true, "ack": [jti]})).json();
    let events = read(&governor, &sets(&acked));
    assert_eq!((events.len(), events[0].event), (1, SignalEvent::SessionRevoked));
    assert_eq!(events[0].subject.session, None, "all of the identity is meant");
    // Also after a crash.
    governor.kill();
    governor.serve();
    until("it comes again", || {
        poll(&governor, &token, &now).json()["sets"].as_object().unwrap().len() == 1
    });

    // Whether anything arrives is asked for, and comes on the same way.
    let asked =
        governor.post("/ssf/verify", &token, &[], "{\"stream_id\":\"siem\",\"state\":\"x\"}");
    assert_eq!(asked.status, 204, "{asked:?}");
    let told = read(&governor, &sets(&poll(&governor, &token, &now).json()));
    assert!(told.iter().any(|it| it.event == SignalEvent::Verification), "{told:?}");
    assert_eq!(get(&governor, "/ssf/status", &token).json()["status"], "enabled");
    assert_eq!(get(&governor, "/ssf/stream", &token).json()["aud"], AUDIENCE);
    assert_eq!(get(&governor, "/ssf/stream", "x").status, 400);
    let known = get(&governor, "/.well-known/ssf-configuration", "").json();
    assert_eq!(known["jwks_uri"], format!("{}/ssf/jwks", governor.url()));

    // The key that signs can be withdrawn, and what is told from then on is signed by another.
    let before = get(&governor, "/ssf/jwks", "").json();
    let name = before["keys"][0]["kid"].as_str().unwrap();
    governor.json(&["keys", "withdraw", name]);
    let after = get(&governor, "/ssf/jwks", "").json();
    assert_ne!(before, after);
    until("the withdrawal is told", || {
        let told = read(&governor, &sets(&poll(&governor, &token, &now).json()));
        told.iter().any(|it| it.event == SignalEvent::CredentialChange)
    });
}
