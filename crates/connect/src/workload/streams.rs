//! The asking side of the Workload API, without the socket: two calls that go on, one for certificates of
//! authorities and one for keys of JWT-SVIDs.
//!
//! Each message is the whole of what there is (SPIFFE Workload API, section 4.4): what it does not name is
//! taken back.

use std::collections::BTreeMap;

use super::{
    WorkloadError,
    calls::{JWT_BUNDLES, X509_BUNDLES},
    grpc::{CONTENT_TYPE, Messages, framed, is_call},
    wire,
};
use crate::http2::{Connection, Event, Field, Side, one};

/// The longest message: as long as such calls usually take.
const MESSAGE_MAX: usize = 4 << 20;
/// The longest text of an answer that is shown.
const TEXT_MAX: usize = 200;
/// The codes that are told apart.
const PERMISSION_DENIED: u32 = 7;
const UNIMPLEMENTED: u32 = 12;

/// Which half of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// Certificates of authorities.
    X509,
    /// Keys of JWT-SVIDs.
    Jwt,
}

/// What was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// All bundles that there are, by what their trust domains are called.
    Bundles(Half, BTreeMap<String, Vec<u8>>),
    /// It is still there.
    Alive,
}

#[derive(Debug)]
struct Call {
    half: Half,
    messages: Messages,
    begun: bool,
    over: bool,
}

/// What is asked over one connection.
#[derive(Debug)]
pub(super) struct Streams {
    connection: Connection,
    calls: BTreeMap<u32, Call>,
}

impl Streams {
    /// Asks for both halves.
    pub(super) fn new() -> Self {
        let mut it = Self { connection: Connection::new(Side::Client), calls: BTreeMap::new() };
        it.ask(Half::X509, X509_BUNDLES);
        it.ask(Half::Jwt, JWT_BUNDLES);
        it
    }

    fn ask(&mut self, half: Half, path: &str) {
        let head = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("content-type", CONTENT_TYPE),
            ("te", "trailers"),
            ("workload.spiffe.io", "true"),
        ];
        let Some(stream) = self.connection.open(&head) else { return };
        // Five bytes: there is room for them.
        let _sent = self.connection.send(stream, framed(&[]));
        self.connection.end(stream);
        let messages = Messages::new(MESSAGE_MAX);
        self.calls.insert(stream, Call { half, messages, begun: false, over: false });
    }

    /// Takes what came, and says what it tells. A call that ended without a reason to do without it
    /// ends all: whoever asks again asks for both.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<Vec<Told>, WorkloadError> {
        let mut told = Vec::new();
        for event in self.connection.receive(bytes)? {
            self.hear(event, &mut told)?;
        }
        if self.calls.values().all(|it| it.over) {
            return Err(WorkloadError::Gone("it offers no bundles".to_owned()));
        }
        Ok(told)
    }

    /// Asks whether the other side is still there.
    pub(super) fn ping(&mut self) {
        self.connection.ping();
    }

    /// Takes what is to be sent.
    pub(super) fn take_out(&mut self) -> Vec<u8> {
        self.connection.take_out()
    }

    fn hear(&mut self, event: Event, told: &mut Vec<Told>) -> Result<(), WorkloadError> {
        match event {
            Event::Head { stream, fields } => {
                let Some(call) = self.calls.get_mut(&stream) else { return Ok(()) };
                if !call.begun {
                    check_answer(&fields)?;
                    call.begun = true;
                }
                match one(&fields, "grpc-status").map(str::parse::<u32>) {
                    None => Ok(()),
                    Some(Ok(UNIMPLEMENTED)) => {
                        call.over = true;
                        Ok(())
                    }
                    Some(code) => {
                        let code = code.unwrap_or(u32::MAX);
                        let text = one(&fields, "grpc-message").unwrap_or_default();
                        let text = text.chars().take(TEXT_MAX).collect();
                        Err(WorkloadError::Refused { code, text })
                    }
                }
            }
            Event::Data { stream, bytes } => {
                let Some(call) = self.calls.get_mut(&stream) else { return Ok(()) };
                let broken = |why: &str| WorkloadError::Broken(why.to_owned());
                let messages = call.messages.take(&bytes);
                let messages =
                    messages.ok_or_else(|| broken("a message is packed, or longer than 4 MiB"))?;
                let field = if call.half == Half::X509 { 2 } else { 1 };
                for message in messages {
                    let bundles = wire::bundles(&message, field);
                    let bundles = bundles.ok_or_else(|| broken("a message cannot be read"))?;
                    told.push(Told::Bundles(call.half, bundles));
                }
                Ok(())
            }
            Event::End { stream } => match self.calls.get(&stream) {
                Some(call) if !call.over => Err(WorkloadError::Gone("it ended a call".to_owned())),
                Some(_) | None => Ok(()),
            },
            Event::Reset { .. } => Err(WorkloadError::Gone("it gave a call up".to_owned())),
            Event::Leaving => Err(WorkloadError::Gone("it is leaving".to_owned())),
            Event::Pong => {
                told.push(Told::Alive);
                Ok(())
            }
        }
    }
}

impl WorkloadError {
    /// Says whether the other side will not tell us anything any more: what it told before is taken back
    /// (SPIFFE Workload API, sections 5.2.2 and 6.2.2).
    pub(crate) const fn takes_back(&self) -> bool {
        matches!(self, Self::Refused { code: PERMISSION_DENIED, .. })
    }
}

fn check_answer(fields: &[Field]) -> Result<(), WorkloadError> {
    match one(fields, ":status") {
        Some("200") if is_call(fields) => Ok(()),
        status => {
            let status: String = status.unwrap_or("none").chars().take(3).collect();
            let text = format!("it does not answer as a Workload API: HTTP status {status}");
            Err(WorkloadError::Broken(text))
        }
    }
}
