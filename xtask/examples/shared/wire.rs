//! HTTP/1.1 messages on one connection that stays open: just what two ends of ours need.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, bail};

/// How long one end waits for the other before the measurement fails.
const PATIENCE: Duration = Duration::from_secs(30);
const MESSAGE_MAX: usize = 1 << 20;

/// One connection, and what has arrived on it unread.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    arrived: Vec<u8>,
}

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its first line.
    pub(crate) first: String,
    headers: String,
    /// What it carries.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Gives a header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

impl Wire {
    /// Takes a connection over.
    pub(crate) fn new(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, arrived: Vec::new() })
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(bytes).context("the other end went away")
    }

    /// Reads the next message; none where the other end closed after the last one.
    pub(crate) fn receive(&mut self) -> anyhow::Result<Option<Message>> {
        loop {
            if let Some((message, len)) = first_message(&self.arrived)? {
                self.arrived.drain(..len);
                return Ok(Some(message));
            }
            let mut chunk = [0; 16 << 10];
            let read = match self.stream.read(&mut chunk) {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(error).context("no message arrived in time"),
            };
            self.arrived.extend(chunk.iter().take(read));
            if read == 0 && !self.arrived.is_empty() {
                bail!("the other end closed in the middle of a message");
            }
            if read == 0 {
                return Ok(None);
            }
        }
    }
}

/// Finds the first whole message in `bytes`, and how many of them it takes.
fn first_message(bytes: &[u8]) -> anyhow::Result<Option<(Message, usize)>> {
    if MESSAGE_MAX < bytes.len() {
        bail!("a message has more than {MESSAGE_MAX} bytes");
    }
    let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else { return Ok(None) };
    let (head, rest) = bytes.split_at(end);
    let body = rest.get(4..).unwrap_or_default();
    let head = std::str::from_utf8(head).context("a head is no text")?;
    let (first, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let found = match header(headers, "transfer-encoding") {
        Some("chunked") => joined(body)?,
        Some(other) => bail!("a body comes as `{other}`, which nothing here reads"),
        None => measured(body, header(headers, "content-length").unwrap_or("0"))?,
    };
    let Some((body, len)) = found else { return Ok(None) };
    let message = Message { first: first.to_owned(), headers: headers.to_owned(), body };
    Ok(Some((message, end.saturating_add(4).saturating_add(len))))
}

/// A body, and how many bytes it takes; none while some of it is missing.
type Body = Option<(Vec<u8>, usize)>;

/// Takes the body whose length was told.
fn measured(bytes: &[u8], len: &str) -> anyhow::Result<Body> {
    let len: usize = len.parse().with_context(|| format!("`{len}` is no length"))?;
    Ok(bytes.get(..len).map(|body| (body.to_vec(), len)))
}

/// Joins the body that comes in chunks, as some peers send theirs.
fn joined(bytes: &[u8]) -> anyhow::Result<Body> {
    let (mut rest, mut body) = (bytes, Vec::new());
    loop {
        let Some(end) = rest.windows(2).position(|it| it == b"\r\n") else { return Ok(None) };
        let (size, after) = rest.split_at(end);
        let size = std::str::from_utf8(size).ok().and_then(|it| usize::from_str_radix(it, 16).ok());
        let size = size.context("a chunk has no size")?;
        // Behind the size and behind the chunk stands the end of a line.
        let Some((chunk, next)) = after.split_at_checked(size.saturating_add(4)) else {
            return Ok(None);
        };
        if !chunk.ends_with(b"\r\n") {
            bail!("a chunk is longer than it says, or something follows the last one");
        }
        body.extend(chunk.iter().skip(2).take(size));
        rest = next;
        if size == 0 {
            return Ok(Some((body, bytes.len().saturating_sub(rest.len()))));
        }
    }
}

fn header<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = headers.lines().filter_map(|it| it.split_once(':'));
    pairs.find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] =
        b"POST /mcp HTTP/1.1\r\nContent-Length: 3\r\nA: b\r\n\r\nabcHTTP/1.1 202 Accepted\r\n\r\n";

    #[test]
    fn messages_are_told_apart() {
        let (one, len) = first_message(TWO).unwrap().unwrap();
        assert_eq!((one.first.as_str(), one.body.as_slice()), ("POST /mcp HTTP/1.1", &b"abc"[..]));
        assert_eq!((one.header("a"), one.header("b")), (Some("b"), None));
        let (two, rest) = first_message(&TWO[len..]).unwrap().unwrap();
        assert_eq!((two.first.as_str(), two.body.len()), ("HTTP/1.1 202 Accepted", 0));
        assert_eq!(len + rest, TWO.len());
    }

    #[test]
    fn a_message_that_is_not_whole_is_waited_for() {
        let (_, len) = first_message(TWO).unwrap().unwrap();
        assert!((0..len).all(|it| first_message(&TWO[..it]).unwrap().is_none()));
    }

    #[test]
    fn chunks_are_joined_and_waited_for() {
        let text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123\r\n6789\r\n0\r\n\r\nHTTP";
        let (message, len) = first_message(text).unwrap().unwrap();
        assert_eq!((message.body.as_slice(), len), (&b"abc0123\r\n6789"[..], text.len() - 4));
        assert!((0..len).all(|it| first_message(&text[..it]).unwrap().is_none()));
    }

    #[test]
    fn chunks_that_lie_are_an_error() {
        for body in ["x\r\n", "2\r\nabc\r\n", "0\r\nTrailer: a\r\n\r\n", "-1\r\n"] {
            assert!(joined(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn what_cannot_be_measured_is_an_error() {
        assert!(first_message(b"A\r\nContent-Length: x\r\n\r\n").is_err());
        assert!(first_message(b"A\r\nTransfer-Encoding: gzip\r\n\r\n").is_err());
    }
}
