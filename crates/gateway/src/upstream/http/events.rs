//! The events of a `text/event-stream`, as far as JSON-RPC needs them: their data, and where the stream
//! can be taken up again.

use std::time::Duration;

/// How long the name of an event may be; a longer one is none.
const ID_MAX: usize = 1 << 10;

/// Takes a stream apart, piece by piece as it comes.
#[derive(Debug)]
pub struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_return: bool,
    max: usize,
    id: Option<Box<str>>,
    mark: Mark,
}

/// Where a stream can be taken up again, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The name of its last event, where that had one.
    pub id: Option<Box<str>>,
    /// How long its server wants to be left alone before.
    pub retry: Option<Duration>,
}

/// One event is larger than the limit.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge;

impl Events {
    /// Starts a stream whose events have `max` bytes at most.
    pub const fn new(max: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            after_return: false,
            max,
            id: None,
            mark: Mark { id: None, retry: None },
        }
    }

    /// Gives where the stream can be taken up again.
    pub const fn mark(&self) -> &Mark {
        &self.mark
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
            if self.max < self.size() {
                return Err(TooLarge);
            }
        }
        Ok(ended)
    }

    /// Says how many bytes are kept of the event that has not ended.
    pub(super) const fn size(&self) -> usize {
        self.line.len().saturating_add(self.data.len())
    }

    fn end_of_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let had = std::mem::take(&mut self.has_data);
            let data = std::mem::take(&mut self.data);
            // What has begun and not ended has not come.
            self.mark.id.clone_from(&self.id);
            return had.then_some(data);
        }
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line);
        let Some(value) = value_of(b"data", line) else {
            if let Some(id) = value_of(b"id", line) {
                self.id = name(id);
            } else if let Some(retry) = value_of(b"retry", line) {
                self.mark.retry = pause(retry).or(self.mark.retry);
            }
            return None;
        };
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        None
    }
}

/// Gives the value of a line of the field `name`; none of a comment or another field.
fn value_of<'a>(name: &[u8], line: &'a [u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(name)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

/// Reads the name of an event. An empty one takes the last away, and what no header carries is none.
fn name(id: &[u8]) -> Option<Box<str>> {
    let plain = id.iter().all(|it| matches!(it, b' '..=b'~'));
    let id = std::str::from_utf8(id).ok().filter(|_| plain && id.len() <= ID_MAX)?;
    (!id.is_empty()).then(|| id.into())
}

fn pause(retry: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(retry).ok()?;
    let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(Duration::from_millis)
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

    fn mark(text: &str) -> (Option<String>, Option<u64>) {
        let mut events = Events::new(1000);
        events.feed(text.as_bytes()).unwrap();
        let Mark { id, retry } = events.mark();
        let millis = retry.map(|it| it.as_millis().try_into().unwrap());
        (id.as_deref().map(str::to_owned), millis)
    }

    #[test]
    fn a_stream_is_taken_up_after_the_last_event_that_came_whole() {
        let named = |id: &str| Some(id.to_owned());
        assert_eq!(mark("id: a b\nretry: 500\ndata: \n\n"), (named("a b"), Some(500)));
        assert_eq!(mark("id: a\n\n"), (named("a"), None), "it needs no data");
        assert_eq!(mark("id: a\ndata: 1\n\ndata: 2\n\nid: b\ndata: 3\n"), (named("a"), None));
        assert_eq!(mark("id: a\n\nid\ndata: 1\n\n"), (None, None), "the name is taken away");
        for odd in ["identity: a\n\n", "id: \u{e4}\n\n", "id: a\0\n\n", "data: id: a\n\n"] {
            assert_eq!(mark(odd), (None, None), "{odd}");
        }
        for odd in ["retry: -1\n", "retry: 1.5\n", "retry:\n", "retry: +7\n", "retry: 1e9\n"] {
            assert_eq!(mark(&format!("retry: 20\n{odd}\n")).1, Some(20), "{odd}");
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
