//! Keys are read again in time, and never in a storm.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::ServerTrust;

const DAY: u64 = 24 * 60 * 60;
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn set(name: &str, more: &str) -> String {
    format!(r#"{{"keys":[{{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"{name}"}}]{more}}}"#)
}

/// Serves a document that can be exchanged, and counts how often it is asked for.
struct Owner {
    body: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
    source: Arc<KeySource>,
}

impl Owner {
    async fn new(body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/keys", listener.local_addr().unwrap());
        let (body, asked) = (Arc::new(Mutex::new(Some(body.to_owned()))), Arc::default());
        let (shown, counted): (_, Arc<AtomicUsize>) = (Arc::clone(&body), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let body = shown.lock().unwrap().clone();
                let mut head = [0; 2048];
                let _read = stream.read(&mut head).await;
                // Gone away: it hangs up.
                let Some(body) = body else { continue };
                let len = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n{body}");
                let _written = stream.write_all(answer.as_bytes()).await;
            }
        });
        let place = FetchPlace::new(&address, ServerTrust::nobody).unwrap();
        let source = Arc::new(KeySource::new(KeyPlace::Address(place), Purpose::Signatures));
        Self { body, asked, source }
    }

    fn says(&self, body: Option<&str>) {
        *self.body.lock().unwrap() = body.map(str::to_owned);
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }

    async fn knows(&self, name: &str, now: Timestamp) -> bool {
        self.source.keys(name, now).await.named(name).next().is_some()
    }
}

#[tokio::test]
async fn however_many_ask_for_unknown_keys_the_owner_is_asked_once_in_a_while() {
    let owner = Owner::new(&set("a", "")).await;
    let storm = |at: Timestamp| {
        let asking: Vec<_> = (0..200)
            .map(|number| {
                let source = Arc::clone(&owner.source);
                tokio::spawn(async move { source.keys(&format!("random-{number}"), at).await })
            })
            .collect();
        async move {
            for it in asking {
                it.await.unwrap();
            }
        }
    };
    storm(NOW).await;
    assert_eq!(owner.asked(), 1);
    storm(later(9)).await;
    assert_eq!(owner.asked(), 0);
    // Those whose keys are known wait for nobody.
    assert!(owner.knows("a", later(9)).await);
    storm(later(10)).await;
    assert_eq!(owner.asked(), 1);
}

#[tokio::test]
async fn keys_are_read_again_as_their_owner_wants_and_older_editions_are_not_taken() {
    let owner = Owner::new(&set("a", r#","spiffe_sequence":7,"spiffe_refresh_hint":60"#)).await;
    assert_eq!(owner.source.tend(NOW).await, None);
    assert_eq!(owner.asked(), 1);
    assert_eq!(owner.source.tend(later(59)).await, None);
    assert_eq!(owner.asked(), 0);
    owner.says(Some(&set("b", r#","spiffe_sequence":6"#)));
    let told = owner.source.tend(later(60)).await.unwrap();
    assert!(told.contains("it is edition 6, and 7 was read before"), "{told}");
    assert!(owner.knows("a", later(61)).await && !owner.knows("b", later(61)).await);
    owner.says(Some(&set("b", r#","spiffe_sequence":8"#)));
    assert_eq!(owner.source.tend(later(80)).await, None);
    assert!(owner.knows("b", later(80)).await && !owner.knows("a", later(80)).await);
}

#[tokio::test]
async fn while_the_owner_is_away_known_keys_count_for_a_day_and_unknown_ones_never() {
    let owner = Owner::new(&set("a", "")).await;
    assert!(owner.knows("a", NOW).await);
    owner.says(None);
    let told = owner.source.tend(later(300)).await.unwrap();
    assert!(told.contains("count until"), "{told}");
    assert_eq!(owner.source.tend(later(400)).await, None, "it is told once");
    assert!(owner.knows("a", later(DAY - 1)).await);
    assert!(!owner.knows("b", later(DAY - 1)).await);
    assert!(!owner.knows("a", later(DAY)).await);
    // What is no key set takes nothing away before that, and the owner coming back ends it.
    for wrong in ["", "{}", r#"{"keys":[]}"#, "<html>"] {
        owner.says(Some(wrong));
        let _told = owner.source.tend(later(DAY + 100)).await;
        assert!(!owner.knows("a", later(DAY + 100)).await);
    }
    owner.says(Some(&set("a", "")));
    assert_eq!(owner.source.tend(later(DAY + 200)).await, None);
    assert!(owner.knows("a", later(DAY + 200)).await);
    owner.says(None);
    assert!(owner.source.tend(later(DAY + 600)).await.is_some(), "a new failure is told anew");
}

#[tokio::test]
async fn an_owner_that_takes_all_its_keys_back_leaves_none_in_force() {
    for none in [r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"a"}]}"#] {
        let owner = Owner::new(&set("a", "")).await;
        assert!(owner.knows("a", NOW).await);
        owner.says(Some(none));
        let told = owner.source.tend(later(300)).await.unwrap();
        assert!(told.contains("none that counts") && told.contains("nobody"), "{told}");
        assert!(!owner.knows("a", later(301)).await);
        assert_eq!(owner.source.tend(later(600)).await, None, "it is told once");
        owner.says(Some(&set("a", "")));
        assert!(owner.knows("a", later(700)).await);
        owner.says(Some(none));
        assert!(owner.source.tend(later(1000)).await.is_some(), "and anew the next time");
    }
}
