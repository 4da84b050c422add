//! A service of others, as far as a test says what it answers.

mod authority;
mod cluster;

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

pub use authority::Authority;
pub use cluster::Cluster;

/// One question as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The first line, without the protocol.
    pub line: String,
    /// The other lines of the head, their names small.
    pub head: String,
    /// What follows the head.
    pub body: String,
}

/// It listens until its runtime ends.
#[derive(Debug)]
pub struct Stub {
    /// Where it listens.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// Answers each question with a status and a body.
    pub async fn start(answer: impl Fn(&Asked) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a stub of ours");
        let url = format!("http://{}", listener.local_addr().expect("a stub of ours"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let Some(question) = read(&mut stream).await else { continue };
                let (status, body) = answer(&question);
                seen.lock().expect("a stub of ours").push(question);
                let answer = format!(
                    "HTTP/1.1 {status} it\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                // Who asked may be gone.
                let _unheard = stream.get_mut().write_all(answer.as_bytes()).await;
            }
        });
        Self { url, asked }
    }

    /// All that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("a stub of ours").clone()
    }
}

async fn read(stream: &mut BufReader<tokio::net::TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let (mut head, mut len) = (String::new(), 0);
    loop {
        let mut next = String::new();
        stream.read_line(&mut next).await.ok()?;
        let Some((name, value)) = next.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            len = value.parse().ok()?;
        }
        head += &format!("{}: {value}\n", name.to_ascii_lowercase());
    }
    let mut body = vec![0; len];
    stream.read_exact(&mut body).await.ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Asked { line, head, body: String::from_utf8(body).ok()? })
}
