//! Lines from someone who may never end one.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// Reads lines of at most so many bytes.
#[derive(Debug)]
pub struct Lines<R> {
    input: BufReader<R>,
    max: usize,
}

/// How far one look at the input came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    NotYet,
    ToItsEnd,
    ToTheEndOfAll,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Reads from `input`; a line has `max` bytes at most.
    pub fn new(input: R, max: usize) -> Self {
        Self { input: BufReader::with_capacity(32 << 10, input), max }
    }

    /// Gives the next line without its end, none at the end of all. A line beyond the limit is an
    /// error at once: what follows could be anything.
    pub async fn strict(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let came = self.look(&mut line).await?;
            if self.max < line.len() {
                let why = format!("a line of more than {} bytes", self.max);
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            if came != Came::NotYet {
                return Ok(whole(line, came));
            }
        }
    }

    /// Gives the next line without its end, cut at the limit; none at the end of all.
    pub(super) async fn cut(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let came = self.look(&mut line).await?;
            line.truncate(self.max);
            if came != Came::NotYet {
                return Ok(whole(line, came));
            }
        }
    }

    async fn look(&mut self, line: &mut Vec<u8>) -> io::Result<Came> {
        let bytes = self.input.fill_buf().await?;
        if bytes.is_empty() {
            return Ok(Came::ToTheEndOfAll);
        }
        let end = bytes.iter().position(|it| *it == b'\n');
        let used = end.map_or(bytes.len(), |at| at.saturating_add(1));
        line.extend(bytes.iter().take(end.unwrap_or(used)));
        self.input.consume(used);
        Ok(if end.is_some() { Came::ToItsEnd } else { Came::NotYet })
    }
}

fn whole(mut line: Vec<u8>, came: Came) -> Option<Vec<u8>> {
    if came == Came::ToTheEndOfAll && line.is_empty() {
        return None;
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_end_at_line_feeds_and_at_the_end_of_all() {
        let mut lines = Lines::new(&b"one\r\n\ntwo\nrest"[..], 10);
        for line in ["one", "", "two", "rest"] {
            assert_eq!(lines.strict().await.unwrap().unwrap(), line.as_bytes());
        }
        assert_eq!(lines.strict().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_line_that_never_ends_is_an_error_before_it_fills_the_memory() {
        let mut lines = Lines::new(tokio::io::repeat(b'x'), 1 << 20);
        let error = lines.strict().await.unwrap_err();
        assert_eq!(error.to_string(), "a line of more than 1048576 bytes");
    }

    #[tokio::test]
    async fn a_line_at_the_limit_passes_and_one_byte_more_does_not() {
        assert!(Lines::new(&b"12345\n"[..], 5).strict().await.is_ok());
        assert!(Lines::new(&b"123456\n"[..], 5).strict().await.is_err());
    }

    #[tokio::test]
    async fn what_is_only_shown_is_cut_and_the_next_line_comes_whole() {
        let text = [vec![b'x'; 100_000], b"\nnext\n".to_vec()].concat();
        let mut lines = Lines::new(&text[..], 8);
        assert_eq!(lines.cut().await.unwrap().unwrap(), b"xxxxxxxx");
        assert_eq!(lines.cut().await.unwrap().unwrap(), b"next");
        assert_eq!(lines.cut().await.unwrap(), None);
    }
}
