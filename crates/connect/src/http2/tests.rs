//! What a connection takes, what it sends, and what it does not put up with.

use proptest::prelude::*;

use super::*;

/// Two sides that hear each other, in pieces of some size.
struct Pair {
    client: Connection,
    server: Connection,
    piece: usize,
}

impl Pair {
    fn new(piece: usize) -> Self {
        let (client, server) = (Connection::new(Side::Client), Connection::new(Side::Server));
        Self { client, server, piece }
    }

    /// Carries everything over until nobody says anything: what the client heard, and the server.
    fn carry(&mut self) -> (Vec<Event>, Vec<Event>) {
        let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
        loop {
            let (there, back) = (self.client.take_out(), self.server.take_out());
            if there.is_empty() && back.is_empty() {
                return (to_client, to_server);
            }
            for piece in there.chunks(self.piece) {
                to_server.extend(self.server.receive(piece).unwrap());
            }
            for piece in back.chunks(self.piece) {
                to_client.extend(self.client.receive(piece).unwrap());
            }
        }
    }
}

fn body(events: &[Event]) -> Vec<u8> {
    let bytes = events
        .iter()
        .map(|it| if let Event::Data { bytes, .. } = it { bytes.as_slice() } else { &[] });
    bytes.flatten().copied().collect()
}

fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Frame { kind, flags, stream, body }.write(&mut out);
    out
}

/// A server that a client has greeted.
fn greeted() -> Connection {
    let mut server = Connection::new(Side::Server);
    server.receive(&Connection::new(Side::Client).take_out()).unwrap();
    server
}

fn head(stream: u32) -> Vec<u8> {
    let block = hpack::encode(&[(":method", "POST"), (":path", "/x")]);
    frame(kind::HEADERS, flag::END_HEADERS, stream, &block)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sent_arrives_whole_and_in_order(
        asked in proptest::collection::vec(any::<u8>(), 0..1000),
        long in 0_usize..300_000,
        piece in 1_usize..70_000,
    ) {
        let mut pair = Pair::new(piece);
        let call = pair.client.open(&[(":method", "POST"), (":path", "/x")]).unwrap();
        pair.client.send(call, asked.clone()).unwrap();
        pair.client.end(call);
        let (_, heard) = pair.carry();
        prop_assert_eq!(body(&heard), asked);
        prop_assert_eq!(heard.last(), Some(&Event::End { stream: call }));
        let answer: Vec<u8> = (0..long).map(|it| u8::try_from(it % 251).unwrap()).collect();
        pair.server.answer(call, &[(":status", "200")]);
        pair.server.send(call, answer.clone()).unwrap();
        pair.server.end_with(call, &[("grpc-status", "0")]);
        let (heard, _) = pair.carry();
        prop_assert_eq!(body(&heard), answer);
        prop_assert_eq!(heard.last(), Some(&Event::End { stream: call }));
        prop_assert!(pair.client.streams.is_empty() && pair.server.streams.is_empty());
    }

    #[test]
    fn no_bytes_make_it_panic_or_keep_much(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        kinds in proptest::collection::vec((0_u8..11, any::<u8>(), 0_u32..5), 0..20),
    ) {
        for side in [Side::Client, Side::Server] {
            let mut it = Connection::new(side);
            let mut other = Connection::new(if side == Side::Client { Side::Server } else { Side::Client });
            let mut input = other.take_out();
            for (number, (kind, flags, stream)) in kinds.iter().enumerate() {
                let from = bytes.len().min(number.saturating_mul(13));
                input.extend(frame(*kind, *flags, *stream, &bytes[from..bytes.len().min(from.saturating_add(24))]));
            }
            let _read_or_broken = it.receive(&input);
            prop_assert!(it.streams.len() <= STREAMS_MAX);
        }
    }
}

#[test]
fn nothing_goes_out_beyond_the_room_that_was_made() {
    let mut server = greeted();
    server.receive(&head(1)).unwrap();
    server.take_out();
    server.answer(1, &[(":status", "200")]);
    server.send(1, vec![7; 200_000]).unwrap();
    let count = |out: &[u8]| {
        let (mut rest, mut data) = (out, 0);
        while let Some(frame) = Frame::cut(&mut rest).unwrap() {
            data += if frame.kind == kind::DATA { frame.body.len() } else { 0 };
        }
        data
    };
    assert_eq!(count(&server.take_out()), 65_535);
    server.receive(&frame(kind::WINDOW_UPDATE, 0, 1, &50_000_u32.to_be_bytes())).unwrap();
    assert_eq!(count(&server.take_out()), 0, "the connection has none");
    server.receive(&frame(kind::WINDOW_UPDATE, 0, 0, &10_000_u32.to_be_bytes())).unwrap();
    assert_eq!(count(&server.take_out()), 10_000);
    // A smaller first window takes room from streams that are there: it can be less than none.
    server.receive(&frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).unwrap();
    server.receive(&frame(kind::WINDOW_UPDATE, 0, 0, &10_000_u32.to_be_bytes())).unwrap();
    assert_eq!(count(&server.take_out()), 0);
    server.receive(&frame(kind::WINDOW_UPDATE, 0, 1, &30_000_u32.to_be_bytes())).unwrap();
    assert_eq!(count(&server.take_out()), 4_465);
}

#[test]
fn what_is_not_http_2_is_left_at_once() {
    let settings = |stream, body: &[u8]| frame(kind::SETTINGS, 0, stream, body);
    let hello = || greeted();
    assert!(Connection::new(Side::Server).receive(b"GET / HTTP/1.1\r\n\r\n").is_err());
    assert!(Connection::new(Side::Server).receive(b"PRI * HTTP/1").is_err());
    assert!(Connection::new(Side::Client).receive(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_err());
    assert!(Connection::new(Side::Client).receive(&frame(kind::PING, 0, 0, &[0; 8])).is_err());
    for wrong in [
        settings(1, &[]),
        settings(0, &[0; 5]),
        settings(0, &[0, 4, 255, 255, 255, 255]),
        settings(0, &[0, 5, 0, 0, 0, 1]),
        frame(kind::PING, 0, 0, &[0; 7]),
        frame(kind::PING, 0, 1, &[0; 8]),
        frame(kind::DATA, 0, 1, b"x"),
        frame(kind::DATA, 0, 0, b"x"),
        frame(kind::HEADERS, flag::END_HEADERS, 2, &[0x82]),
        frame(kind::HEADERS, flag::END_HEADERS, 0, &[0x82]),
        frame(kind::HEADERS, flag::END_HEADERS, 1, &[0xff]),
        frame(kind::HEADERS, flag::END_HEADERS | flag::PADDED, 1, &[9, 0x82]),
        frame(kind::HEADERS, flag::END_HEADERS | flag::PRIORITY, 1, &[0x82]),
        frame(kind::CONTINUATION, flag::END_HEADERS, 1, &[0x82]),
        [frame(kind::HEADERS, 0, 1, &[0x82]), head(3)].concat(),
        [frame(kind::HEADERS, 0, 1, &[0x82]), frame(kind::CONTINUATION, 4, 3, &[])].concat(),
        frame(kind::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2]),
        frame(kind::RST_STREAM, 0, 1, &[0; 4]),
        [head(1), frame(kind::RST_STREAM, 0, 1, &[0; 3])].concat(),
        frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4]),
        frame(kind::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
        frame(kind::WINDOW_UPDATE, 0, 0, &[0; 3]),
        frame(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        vec![0, 0x40, 1, 0, 0, 0, 0, 0, 0],
        frame(kind::HEADERS, 0, 1, &[0; FRAME_MAX])
            .into_iter()
            .chain(frame(kind::CONTINUATION, 0, 1, &[0]))
            .collect(),
    ] {
        let shown = wrong.get(..wrong.len().min(30)).unwrap_or_default();
        assert!(hello().receive(&wrong).is_err(), "{shown:?}");
    }
    // What nobody knows yet is passed over.
    assert_eq!(hello().receive(&frame(77, 255, 5, b"later")), Ok(vec![]));
}

#[test]
fn calls_that_are_begun_and_given_up_end_the_connection_before_they_cost_much() {
    let mut server = greeted();
    let given_up = (1..1000).step_by(2).try_for_each(|stream| {
        let reset = frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, 8]);
        server.receive(&[head(stream), reset].concat()).map(drop)
    });
    assert_eq!(given_up, Err(Broken::GivesUp));
    let mut server = greeted();
    for stream in (1..40).step_by(2) {
        server.receive(&head(stream)).unwrap();
    }
    assert_eq!(server.streams.len(), STREAMS_MAX);
}

#[test]
fn whoever_asks_and_never_reads_is_left() {
    let mut server = greeted();
    let ping = frame(kind::PING, 0, 0, &[0; 8]).repeat(1000);
    let answered = (0..1000).try_for_each(|_| server.receive(&ping).map(drop));
    assert_eq!(answered, Err(Broken::Unread));
    let mut server = greeted();
    server.receive(&head(1)).unwrap();
    let sent = (0..100).try_for_each(|_| server.send(1, vec![0; 1 << 20]));
    assert_eq!(sent, Err(Broken::Unread));
}
