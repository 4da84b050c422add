//! As much of HTTP/2 (RFC 9113) as remote calls over a local socket need, without the socket: bytes go
//! in, events come out, and what is to be sent is taken from it.
//!
//! Nothing is pushed, nothing has priority, no head of ours refers to an earlier one. What a peer can make
//! us keep is bounded: frames, heads, streams, what waits to be sent.

mod frame;
mod hpack;
mod huffman;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use self::frame::{FRAME_MAX, Frame, flag, kind};
pub(crate) use self::hpack::{Field, one};

/// What a client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How much may be sent before the other side made room, as long as nothing else is said.
const WINDOW: i64 = 65_535;
/// The largest window.
const WINDOW_MAX: i64 = (1 << 31) - 1;
/// How many calls of a client are under way at once.
pub(crate) const STREAMS_MAX: usize = 16;
/// How many calls may be given up, beyond those that were answered.
const GIVEN_UP_MAX: usize = 64;
/// How much may wait to be sent: more says that nobody reads.
const WAITING_MAX: usize = 1 << 20;

/// Why a stream was ended before its time (RFC 9113, section 7).
pub(crate) mod reason {
    pub(crate) const PROTOCOL_ERROR: u32 = 1;
    pub(crate) const REFUSED_STREAM: u32 = 7;
}

/// The other side does not speak as it must: the connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// Not HTTP/2.
    #[error("this is not HTTP/2: {0}")]
    Not(&'static str),
    /// It asks and asks, and reads nothing.
    #[error("the other side does not read what it asked for")]
    Unread,
    /// It begins calls only to give them up.
    #[error("the other side gives up too many calls")]
    GivesUp,
}

/// Who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// What came.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The head of a request or an answer, or what ends an answer.
    Head { stream: u32, fields: Vec<Field> },
    /// A piece of a body.
    Data { stream: u32, bytes: Vec<u8> },
    /// Nothing more comes on this stream.
    End { stream: u32 },
    /// The other side gave the stream up.
    Reset { stream: u32 },
    /// The other side answers, still.
    Pong,
    /// The other side takes nothing new.
    Leaving,
}

/// What came may be a token, and what goes a key: neither is shown.
impl fmt::Debug for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head { stream, fields } => write!(out, "Head({stream}: {})", fields.len()),
            Self::Data { stream, bytes } => write!(out, "Data({stream}: {})", bytes.len()),
            Self::End { stream } => write!(out, "End({stream})"),
            Self::Reset { stream } => write!(out, "Reset({stream})"),
            Self::Pong => out.write_str("Pong"),
            Self::Leaving => out.write_str("Leaving"),
        }
    }
}

/// Something that waits until the other side made room.
enum Piece {
    Data(VecDeque<u8>),
    /// The last head, which ends the stream.
    Trailers(Vec<u8>),
    End,
}

struct Stream {
    window: i64,
    waiting: VecDeque<Piece>,
    /// The other side said all.
    heard: bool,
}

/// A head that comes in several frames.
struct Head {
    stream: u32,
    ends: bool,
    block: Vec<u8>,
}

/// One connection.
pub(crate) struct Connection {
    side: Side,
    input: Vec<u8>,
    out: Vec<u8>,
    greeted: bool,
    settled: bool,
    heads: hpack::Decoder,
    head: Option<Head>,
    streams: BTreeMap<u32, Stream>,
    /// The last stream that was begun, by whichever side begins them.
    last: u32,
    window: i64,
    /// The window of a new stream, as the other side said.
    fresh: i64,
    given_up: usize,
}

impl fmt::Debug for Connection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams: Vec<_> = self.streams.keys().collect();
        let mut shown = out.debug_struct("Connection");
        shown.field("side", &self.side).field("streams", &streams).finish_non_exhaustive()
    }
}

impl Connection {
    /// Begins one.
    pub(crate) fn new(side: Side) -> Self {
        let mut out = Vec::new();
        let mut settings = Vec::new();
        let mut set = |name: u16, value: usize| {
            settings.extend(name.to_be_bytes());
            settings.extend(u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes());
        };
        match side {
            Side::Client => {
                out.extend_from_slice(PREFACE);
                set(2, 0);
            }
            Side::Server => set(3, STREAMS_MAX),
        }
        set(6, hpack::HEAD_MAX);
        Frame { kind: kind::SETTINGS, flags: 0, stream: 0, body: &settings }.write(&mut out);
        let (input, heads, head, streams) = <_>::default();
        let greeted = side == Side::Client;
        let (window, fresh) = (WINDOW, WINDOW);
        let (settled, last, given_up) = (false, 0, 0);
        Self {
            side,
            input,
            out,
            greeted,
            settled,
            heads,
            head,
            streams,
            last,
            window,
            fresh,
            given_up,
        }
    }

    /// Takes what came, and says what it means.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Broken> {
        self.input.extend_from_slice(bytes);
        let input = std::mem::take(&mut self.input);
        let (mut rest, mut events) = (input.as_slice(), Vec::new());
        if !self.greeted {
            let shown = PREFACE.iter().zip(rest).all(|(wanted, came)| wanted == came);
            if !shown {
                return Err(Broken::Not("it does not begin as a client does"));
            }
            let Some(after) = rest.get(PREFACE.len()..) else {
                self.input = input;
                return Ok(events);
            };
            (self.greeted, rest) = (true, after);
        }
        while let Some(frame) = Frame::cut(&mut rest)? {
            self.take(frame, &mut events)?;
        }
        self.input = rest.to_vec();
        self.pump();
        if WAITING_MAX < self.out.len() { Err(Broken::Unread) } else { Ok(events) }
    }

    /// Begins a call, and says which it is; none where there were too many.
    pub(crate) fn open(&mut self, fields: &[(&str, &str)]) -> Option<u32> {
        let stream = if self.last == 0 { 1 } else { self.last.checked_add(2)? };
        self.last = stream;
        self.streams.insert(stream, Stream::of(self.fresh));
        self.write_head(stream, flag::END_HEADERS, fields);
        Some(stream)
    }

    /// Says whether a stream is under way.
    pub(crate) fn has(&self, stream: u32) -> bool {
        self.streams.contains_key(&stream)
    }

    /// Sends the first head of an answer.
    pub(crate) fn answer(&mut self, stream: u32, fields: &[(&str, &str)]) {
        if self.has(stream) {
            self.write_head(stream, flag::END_HEADERS, fields);
        }
    }

    /// Sends a piece of a body as soon as there is room.
    pub(crate) fn send(&mut self, stream: u32, bytes: Vec<u8>) -> Result<(), Broken> {
        let waits: usize = self.streams.values().map(Stream::waits).sum();
        if WAITING_MAX < waits.saturating_add(bytes.len()) {
            return Err(Broken::Unread);
        }
        self.queue(stream, Piece::Data(bytes.into()));
        Ok(())
    }

    /// Ends a stream of ours after what was sent.
    pub(crate) fn end(&mut self, stream: u32) {
        self.queue(stream, Piece::End);
    }

    /// Ends a stream of ours after what was sent, with a last head.
    pub(crate) fn end_with(&mut self, stream: u32, fields: &[(&str, &str)]) {
        self.queue(stream, Piece::Trailers(hpack::encode(fields)));
    }

    /// Gives a stream up.
    pub(crate) fn reset(&mut self, stream: u32, why: u32) {
        if self.streams.remove(&stream).is_some() {
            self.write(kind::RST_STREAM, 0, stream, &why.to_be_bytes());
        }
    }

    /// Asks whether the other side is still there.
    pub(crate) fn ping(&mut self) {
        self.write(kind::PING, 0, 0, b"bailiwic");
    }

    /// Says that it is over.
    pub(crate) fn leave(&mut self, why: u32) {
        let heard = if self.side == Side::Server { self.last } else { 0 };
        let body = [heard.to_be_bytes(), why.to_be_bytes()].concat();
        self.write(kind::GOAWAY, 0, 0, &body);
    }

    /// Takes what is to be sent.
    pub(crate) fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn take(&mut self, frame: Frame<'_>, events: &mut Vec<Event>) -> Result<(), Broken> {
        if !self.settled && (frame.kind != kind::SETTINGS || frame.has(flag::ACK)) {
            return Err(Broken::Not("it does not say its settings first"));
        }
        self.settled = true;
        if self.head.is_some() != (frame.kind == kind::CONTINUATION) {
            return Err(Broken::Not("a head is broken off, or goes on where there is none"));
        }
        let of_stream = frame.stream != 0;
        match frame.kind {
            kind::DATA if of_stream => self.take_data(frame, events),
            kind::HEADERS if of_stream => {
                let block = frame.content()?.to_vec();
                let (stream, ends) = (frame.stream, frame.has(flag::END_STREAM));
                self.take_block(Head { stream, ends, block }, frame, events)
            }
            kind::CONTINUATION => {
                let open = self.head.take().filter(|it| it.stream == frame.stream);
                let mut head = open.ok_or(Broken::Not("a head goes on in another stream"))?;
                head.block.extend_from_slice(frame.body);
                self.take_block(head, frame, events)
            }
            kind::RST_STREAM if of_stream => self.take_reset(frame, events),
            kind::SETTINGS if !of_stream => self.take_settings(frame),
            kind::PING if !of_stream && frame.body.len() == 8 => {
                if frame.has(flag::ACK) {
                    events.push(Event::Pong);
                } else {
                    self.write(kind::PING, flag::ACK, 0, frame.body);
                }
                Ok(())
            }
            kind::GOAWAY if !of_stream => {
                events.push(Event::Leaving);
                Ok(())
            }
            kind::WINDOW_UPDATE => self.take_room(frame),
            kind::PRIORITY if of_stream => Ok(()),
            kind::PUSH_PROMISE => Err(Broken::Not("it pushes what nobody asked for")),
            kind::DATA..=kind::WINDOW_UPDATE => {
                Err(Broken::Not("a frame is of the wrong length, or has no business in its stream"))
            }
            // What is not known is passed over (section 4.1).
            _ => Ok(()),
        }
    }

    fn take_data(&mut self, frame: Frame<'_>, events: &mut Vec<Event>) -> Result<(), Broken> {
        let (stream, bytes) = (frame.stream, frame.content()?.to_vec());
        if self.last < stream {
            return Err(Broken::Not("a body comes before its head"));
        }
        let ends = frame.has(flag::END_STREAM);
        let open = self.streams.get(&stream).is_some_and(|it| !it.heard);
        // Whoever takes it bounds what it keeps: there is room for as much again at once.
        if let Some(length) = u32::try_from(frame.body.len()).ok().filter(|it| 0 < *it) {
            self.write(kind::WINDOW_UPDATE, 0, 0, &length.to_be_bytes());
            if open && !ends {
                self.write(kind::WINDOW_UPDATE, 0, stream, &length.to_be_bytes());
            }
        }
        if open {
            if !bytes.is_empty() {
                events.push(Event::Data { stream, bytes });
            }
            if ends {
                self.heard(stream, events);
            }
        }
        Ok(())
    }

    fn take_block(
        &mut self,
        head: Head,
        frame: Frame<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        if hpack::HEAD_MAX < head.block.len() {
            return Err(Broken::Not("a head is longer than 16 KiB"));
        }
        if !frame.has(flag::END_HEADERS) {
            self.head = Some(head);
            return Ok(());
        }
        // Heads are read even where nobody wants them: later ones refer to them.
        let read = self.heads.decode(&head.block);
        let fields = read.ok_or(Broken::Not("a head cannot be read"))?;
        let stream = head.stream;
        if self.last < stream {
            if self.side == Side::Client || stream.is_multiple_of(2) {
                return Err(Broken::Not("it begins a stream that is not its own"));
            }
            self.last = stream;
            self.streams.insert(stream, Stream::of(self.fresh));
            if STREAMS_MAX < self.streams.len() {
                self.reset(stream, reason::REFUSED_STREAM);
                return self.gave_up();
            }
        } else if self.side == Side::Server && !head.ends {
            return Err(Broken::Not("a call has two heads"));
        }
        if self.streams.get(&stream).is_some_and(|it| !it.heard) {
            events.push(Event::Head { stream, fields });
            if head.ends {
                self.heard(stream, events);
            }
        }
        Ok(())
    }

    fn heard(&mut self, stream: u32, events: &mut Vec<Event>) {
        events.push(Event::End { stream });
        if let Some(it) = self.streams.get_mut(&stream) {
            it.heard = true;
        }
        if self.side == Side::Client {
            self.streams.remove(&stream);
        }
    }

    fn take_reset(&mut self, frame: Frame<'_>, events: &mut Vec<Event>) -> Result<(), Broken> {
        let stream = frame.stream;
        if frame.body.len() != 4 || self.last < stream {
            return Err(Broken::Not("it gives up what was not begun"));
        }
        if self.streams.remove(&stream).is_none() {
            return Ok(());
        }
        events.push(Event::Reset { stream });
        self.gave_up()
    }

    fn gave_up(&mut self) -> Result<(), Broken> {
        self.given_up = self.given_up.saturating_add(1);
        if GIVEN_UP_MAX < self.given_up { Err(Broken::GivesUp) } else { Ok(()) }
    }

    fn take_settings(&mut self, frame: Frame<'_>) -> Result<(), Broken> {
        let wrong = Broken::Not("its settings cannot be read");
        if frame.has(flag::ACK) {
            return if frame.body.is_empty() { Ok(()) } else { Err(wrong) };
        }
        let (settings, rest) = frame.body.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(wrong);
        }
        for [name @ .., a, b, c, d] in settings {
            let value = u32::from_be_bytes([*a, *b, *c, *d]);
            match u16::from_be_bytes(*name) {
                4 => self.take_fresh(value.into())?,
                5 if !(1 << 14..1 << 24).contains(&value) => return Err(wrong),
                _ => {}
            }
        }
        self.write(kind::SETTINGS, flag::ACK, 0, &[]);
        Ok(())
    }

    /// Takes another first window, which moves those of streams that are there (section 6.9.2).
    fn take_fresh(&mut self, fresh: i64) -> Result<(), Broken> {
        let more = fresh.saturating_sub(self.fresh);
        self.fresh = fresh;
        for stream in self.streams.values_mut() {
            stream.window = stream.window.saturating_add(more);
        }
        let most = self.streams.values().map(|it| it.window).max().unwrap_or_default();
        if WINDOW_MAX < most.max(fresh) {
            Err(Broken::Not("a window is too large"))
        } else {
            Ok(())
        }
    }

    fn take_room(&mut self, frame: Frame<'_>) -> Result<(), Broken> {
        let wrong = Broken::Not("a window moves by nothing, or is too large");
        let more: [u8; 4] = frame.body.try_into().map_err(|_| wrong)?;
        let more = i64::from(u32::from_be_bytes(more) & (u32::MAX >> 1));
        let window = match frame.stream {
            0 => Some(&mut self.window),
            stream if self.last < stream => return Err(wrong),
            stream => self.streams.get_mut(&stream).map(|it| &mut it.window),
        };
        let Some(window) = window else { return Ok(()) };
        *window = window.saturating_add(more);
        if more == 0 || WINDOW_MAX < *window { Err(wrong) } else { Ok(()) }
    }

    fn queue(&mut self, stream: u32, piece: Piece) {
        if let Some(it) = self.streams.get_mut(&stream) {
            it.waiting.push_back(piece);
            self.pump();
        }
    }

    /// Sends what waits, as far as there is room.
    fn pump(&mut self) {
        let mut over = Vec::new();
        for (id, stream) in &mut self.streams {
            while let Some(piece) = stream.waiting.front_mut() {
                let frame = |kind, flags, body: &[u8], out: &mut Vec<u8>| {
                    Frame { kind, flags, stream: *id, body }.write(out);
                };
                match piece {
                    Piece::Data(bytes) => {
                        let room = stream.window.min(self.window).clamp(0, WINDOW);
                        let room = usize::try_from(room).unwrap_or_default().min(FRAME_MAX);
                        if room == 0 && !bytes.is_empty() {
                            break;
                        }
                        let body: Vec<u8> = bytes.drain(..room.min(bytes.len())).collect();
                        let sent = i64::try_from(body.len()).unwrap_or_default();
                        stream.window = stream.window.saturating_sub(sent);
                        self.window = self.window.saturating_sub(sent);
                        frame(kind::DATA, 0, &body, &mut self.out);
                        if !bytes.is_empty() {
                            continue;
                        }
                    }
                    Piece::Trailers(block) => {
                        let flags = flag::END_HEADERS | flag::END_STREAM;
                        frame(kind::HEADERS, flags, block, &mut self.out);
                        over.push(*id);
                    }
                    Piece::End => frame(kind::DATA, flag::END_STREAM, &[], &mut self.out),
                }
                stream.waiting.pop_front();
            }
        }
        for stream in over {
            self.finish(stream);
        }
    }

    /// A server's stream is over when it was answered; what the client did not say by then is not waited for.
    fn finish(&mut self, stream: u32) {
        if let Some(it) = self.streams.remove(&stream) {
            self.given_up = self.given_up.saturating_sub(1);
            if !it.heard {
                // No error: the answer stands (section 8.1).
                self.write(kind::RST_STREAM, 0, stream, &0_u32.to_be_bytes());
            }
        }
    }

    fn write_head(&mut self, stream: u32, flags: u8, fields: &[(&str, &str)]) {
        let block = hpack::encode(fields);
        self.write(kind::HEADERS, flags, stream, &block);
    }

    fn write(&mut self, kind: u8, flags: u8, stream: u32, body: &[u8]) {
        Frame { kind, flags, stream, body }.write(&mut self.out);
    }
}

impl Stream {
    fn of(window: i64) -> Self {
        Self { window, waiting: VecDeque::new(), heard: false }
    }

    fn waits(&self) -> usize {
        let each = |it: &Piece| match it {
            Piece::Data(bytes) => bytes.len(),
            Piece::Trailers(_) | Piece::End => 0,
        };
        self.waiting.iter().map(each).sum()
    }
}

#[cfg(test)]
mod tests;
