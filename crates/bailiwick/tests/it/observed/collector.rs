//! A collector of traces that keeps what it is told.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::Value;

use crate::governor::{PATIENCE, until};

pub(super) struct Collector {
    port: u16,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let body = take(stream);
                kept.lock().unwrap().push(body);
            }
        });
        Self { port, bodies }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Gives everything it was told, as it came.
    pub(super) fn told(&self) -> String {
        self.bodies.lock().unwrap().join("\n")
    }

    fn spans(&self) -> Vec<Value> {
        let bodies = self.bodies.lock().unwrap();
        let each = bodies.iter().map(|it| serde_json::from_str::<Value>(it).unwrap());
        each.flat_map(|it| {
            it["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
        })
        .collect()
    }

    /// Waits for so many spans.
    pub(super) fn until(&self, count: usize) -> Vec<Value> {
        until("the spans have come", || count <= self.spans().len());
        self.spans()
    }
}

fn take(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            assert!(head.starts_with("POST /v1/traces "), "{head}");
            let length = head.lines().find_map(|it| {
                it.to_lowercase().strip_prefix("content-length: ").map(str::to_owned)
            });
            if length.unwrap().parse::<usize>().unwrap() <= body.len() {
                stream
                    .write_all(
                        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
                    )
                    .unwrap();
                return body.to_owned();
            }
        }
        let read = stream.read(&mut chunk).unwrap();
        assert_ne!(read, 0, "it hung up");
        bytes.extend_from_slice(&chunk[..read]);
    }
}
