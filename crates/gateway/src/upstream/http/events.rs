//! The events of a `text/event-stream`, as far as JSON-RPC needs them: their data.

/// Takes a stream apart, piece by piece as it comes.
#[derive(Debug)]
pub struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_return: bool,
    max: usize,
}

/// One event is larger than the limit.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge;

impl Events {
    /// Starts a stream whose events have `max` bytes at most.
    pub const fn new(max: usize) -> Self {
        Self { line: Vec::new(), data: Vec::new(), has_data: false, after_return: false, max }
    }

    /// Takes the next piece; gives the data of every event that ends in it.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Vec<Vec<u8>>, TooLarge> {
        let mut ended = Vec::new();
        for &byte in piece {
            let second_half = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            if second_half {
                continue;
            }
            if matches!(byte, b'\n' | b'\r') {
                ended.extend(self.end_of_line());
            } else {
                self.line.push(byte);
            }
            if self.max < self.line.len().saturating_add(self.data.len()) {
                return Err(TooLarge);
            }
        }
        Ok(ended)
    }

    fn end_of_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let had = std::mem::take(&mut self.has_data);
            let data = std::mem::take(&mut self.data);
            return had.then_some(data);
        }
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line);
        let value = match line.strip_prefix(b"data") {
            Some([]) => &[],
            Some([b':', b' ', value @ ..] | [b':', value @ ..]) => value,
            // A comment or another field.
            Some(_) | None => return None,
        };
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(text: &[u8], step: usize) -> Vec<String> {
        let mut events = Events::new(1000);
        text.chunks(step)
            .flat_map(|it| events.feed(it).unwrap())
            .map(|it| String::from_utf8(it).unwrap())
            .collect()
    }

    #[test]
    fn events_come_out_however_they_are_cut_into_pieces() {
        let text = b": hello\nid: 1\ndata: one\n\nevent: message\r\ndata:two\r\ndata: lines\r\n\r\ndata\r\rid: 2\n\nrest";
        for step in 1..text.len() {
            assert_eq!(events(text, step), ["one", "two\nlines", ""], "{step}");
        }
    }

    #[test]
    fn an_event_that_never_ends_is_refused() {
        let mut lines = Events::new(10);
        assert_eq!(lines.feed(b"data: 0123456789"), Err(TooLarge));
        let mut data = Events::new(10);
        assert_eq!(data.feed(b"data: 01234\ndata: 56789\n"), Err(TooLarge));
    }

    proptest! {
        #[test]
        fn memory_stays_within_the_limit(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut events = Events::new(50);
            for piece in text.chunks(7) {
                let Ok(ended) = events.feed(piece) else { break };
                prop_assert!(ended.iter().all(|it| it.len() <= 50));
                prop_assert!(events.line.len().max(events.data.len()) <= 50);
            }
        }
    }
}
