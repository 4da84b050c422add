//! An API that answers byte by byte as a test says, and keeps what it was asked.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    /// The headers, a line each.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A running API.
pub(crate) struct Api {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Request {
    /// Gives a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|it| it.split_once(':'));
        lines.into_iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, it)| it.trim())
    }
}

impl Api {
    /// Starts one. What `reply` returns from is closed.
    pub(crate) fn start(reply: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, reply) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::new(reply));
        let keeps = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (keeps, reply) = (Arc::clone(&keeps), Arc::clone(&reply));
                std::thread::spawn(move || {
                    let Ok(mut stream) = stream else { return };
                    let Some(request) = read(&stream) else { return };
                    keeps.lock().unwrap().push(request.clone());
                    reply(&request, &mut stream);
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Counts the requests that arrived.
    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Gives the last request.
    pub(crate) fn last(&self) -> Request {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut head) = (String::new(), String::new());
    reader.read_line(&mut line).ok()?;
    loop {
        let mut one = String::new();
        reader.read_line(&mut one).ok()?;
        if one.trim().is_empty() {
            break;
        }
        head.push_str(&one);
    }
    let mut request = Request { line: line.trim().to_owned(), head, body: String::new() };
    let length = request.header("content-length").map_or(0, |it| it.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}

/// Writes a whole answer; nobody need be there to read it.
pub(crate) fn answer(stream: &mut TcpStream, status: &str, headers: &[(&str, &str)], body: &str) {
    let more: String = headers.iter().map(|(name, it)| format!("{name}: {it}\r\n")).collect();
    let text = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{more}\r\n{body}",
        body.len()
    );
    let _read = stream.write_all(text.as_bytes());
}

/// Writes bytes as they are.
pub(crate) fn write(stream: &mut TcpStream, bytes: &[u8]) {
    let _read = stream.write_all(bytes).and_then(|()| stream.flush());
}
