//! The serving side of the Workload API, without the socket: bytes of a workload go in, what it asks comes
//! out, and what is to be sent back is taken from it.
//!
//! Whoever asks without the header that says that this is meant (SPIFFE Workload Endpoint, section 5), for a
//! call that does not exist, or with what cannot be read, has its answer before anybody else hears of it.

use std::{collections::BTreeMap, fmt};

use bailiwick_model::{Json, SpiffeId, TrustDomain};

use super::{
    JwtSvid, WorkloadError, WorkloadStatus, X509Svid,
    grpc::{CONTENT_TYPE, Messages, framed, is_call, message_text},
    wire::{self, Message},
};
use crate::{
    Secret,
    http2::{Connection, Event, Field, Side, one, reason},
};

/// The longest question: a JWT-SVID, or the names of audiences.
const QUESTION_MAX: usize = 16 << 10;
/// The most audiences of one JWT-SVID, and the longest name of one.
const AUDIENCES_MAX: (usize, usize) = (8, 256);
/// The head of every answer.
const HEAD: [(&str, &str); 2] = [(":status", "200"), ("content-type", CONTENT_TYPE)];

/// Names a call of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkloadCall(u32);

/// What a workload asks.
#[derive(Clone, Debug)]
pub enum WorkloadAsk {
    /// Its X.509-SVIDs, now and whenever they change.
    X509Svids,
    /// The certificates of authorities, now and whenever they change.
    X509Bundles,
    /// JWT-SVIDs for these audiences: of all its identities, or of one.
    JwtSvids {
        /// Whom they are for.
        audiences: Vec<String>,
        /// Whose.
        only: Option<SpiffeId>,
    },
    /// The keys of JWT-SVIDs, now and whenever they change.
    JwtBundles,
    /// Whether a JWT-SVID counts.
    ValidateJwt {
        /// Whom it must be for.
        audience: String,
        /// The token.
        svid: Secret,
    },
}

/// What was heard.
#[derive(Clone, Debug)]
pub enum WorkloadHeard {
    /// A question.
    Asked(WorkloadCall, WorkloadAsk),
    /// Nobody waits for this answer any more.
    Gone(WorkloadCall),
}

/// An answer, or one of several.
#[derive(Clone, Copy, Debug)]
pub enum WorkloadAnswer<'a> {
    /// X.509-SVIDs, and the certificate of the authority that signed them.
    X509Svids(&'a [X509Svid], &'a [u8]),
    /// The certificate of the authority of a trust domain.
    X509Bundle(&'a TrustDomain, &'a [u8]),
    /// JWT-SVIDs.
    JwtSvids(&'a [JwtSvid]),
    /// The keys of a trust domain.
    JwtBundle(&'a TrustDomain, &'a Json),
    /// Whose a JWT-SVID is, and all that it says.
    Validated(&'a SpiffeId, &'a Json),
}

/// A call whose question has not come whole.
struct Question {
    path: String,
    messages: Messages,
    whole: Vec<Vec<u8>>,
}

/// The calls of one connection.
pub struct WorkloadCalls {
    connection: Connection,
    asking: BTreeMap<u32, Question>,
    /// Those that were asked, and whether an answer has begun.
    answering: BTreeMap<u32, bool>,
}

/// Questions hold tokens, and answers keys.
impl fmt::Debug for WorkloadCalls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = out.debug_struct("WorkloadCalls");
        shown.field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl Default for WorkloadCalls {
    fn default() -> Self {
        let (asking, answering) = <_>::default();
        Self { connection: Connection::new(Side::Server), asking, answering }
    }
}

impl WorkloadCalls {
    /// Takes what came, and says what it asks.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Vec<WorkloadHeard>, WorkloadError> {
        let events = self.connection.receive(bytes)?;
        Ok(events.into_iter().filter_map(|it| self.hear(it)).collect())
    }

    /// Answers a question. A call that goes on may be answered again.
    pub fn answer(
        &mut self,
        call: WorkloadCall,
        answer: WorkloadAnswer<'_>,
        goes_on: bool,
    ) -> Result<(), WorkloadError> {
        let Some(begun) = self.answering.get_mut(&call.0) else { return Ok(()) };
        if !std::mem::replace(begun, true) {
            self.connection.answer(call.0, &HEAD);
        }
        self.connection.send(call.0, framed(&answer.message().bytes()))?;
        if !goes_on {
            self.end(call, WorkloadStatus::Ok, "");
        }
        Ok(())
    }

    /// Ends a call, and says why.
    pub fn end(&mut self, call: WorkloadCall, status: WorkloadStatus, why: &str) {
        let Some(begun) = self.answering.remove(&call.0) else { return };
        let why = message_text(why);
        let said = [("grpc-status", status.code()), ("grpc-message", &why)];
        let said = if why.is_empty() { said.get(..1).unwrap_or(&said) } else { &said };
        let head = if begun { &[][..] } else { &HEAD };
        self.connection.end_with(call.0, &[head, said].concat());
    }

    /// Says that nothing more is answered here.
    pub fn leave(&mut self) {
        self.connection.leave(0);
    }

    /// Says what the other side did wrong.
    pub fn leave_broken(&mut self) {
        self.connection.leave(reason::PROTOCOL_ERROR);
    }

    /// Takes what is to be sent.
    pub fn take_out(&mut self) -> Vec<u8> {
        self.connection.take_out()
    }

    /// How many calls something is kept for.
    #[cfg(any(test, fuzzing))]
    pub(super) fn kept(&self) -> usize {
        self.asking.len().max(self.answering.len())
    }

    fn hear(&mut self, event: Event) -> Option<WorkloadHeard> {
        match event {
            Event::Head { stream, fields } => {
                // What follows a question says nothing, nor does what follows an answer: nobody would ever
                // take from here what is kept for a stream that is over.
                if self.connection.has(stream) && !self.answering.contains_key(&stream) {
                    self.begin(stream, &fields);
                }
                None
            }
            Event::Data { stream, bytes } => {
                let question = self.asking.get_mut(&stream)?;
                match question.messages.take(&bytes) {
                    Some(more) if question.whole.len().saturating_add(more.len()) <= 1 => {
                        question.whole.extend(more);
                    }
                    Some(_) => self.refuse(stream, "this call takes one message"),
                    None => self.refuse(stream, "a message is packed, or longer than 16 KiB"),
                }
                None
            }
            Event::End { stream } => {
                let question = self.asking.remove(&stream)?;
                let call = WorkloadCall(stream);
                match question.read() {
                    Ok(ask) => Some(WorkloadHeard::Asked(call, ask)),
                    Err(why) => {
                        self.end(call, WorkloadStatus::InvalidArgument, why);
                        None
                    }
                }
            }
            Event::Reset { stream } => {
                self.asking.remove(&stream);
                self.answering.remove(&stream).map(|_| WorkloadHeard::Gone(WorkloadCall(stream)))
            }
            Event::Pong | Event::Leaving => None,
        }
    }

    fn begin(&mut self, stream: u32, fields: &[Field]) {
        self.answering.insert(stream, false);
        let path = one(fields, ":path").unwrap_or_default().to_owned();
        let call = WorkloadCall(stream);
        if one(fields, ":method") != Some("POST") || !is_call(fields) {
            self.end(call, WorkloadStatus::Unimplemented, "this is no remote call");
        } else if one(fields, "workload.spiffe.io") != Some("true") {
            let why = "the header `workload.spiffe.io: true` is missing";
            self.end(call, WorkloadStatus::InvalidArgument, why);
        } else if METHODS.contains(&path.as_str()) {
            let (messages, whole) = (Messages::new(QUESTION_MAX), Vec::new());
            self.asking.insert(stream, Question { path, messages, whole });
        } else {
            self.end(call, WorkloadStatus::Unimplemented, "there is no such call here");
        }
    }

    fn refuse(&mut self, stream: u32, why: &str) {
        self.asking.remove(&stream);
        self.end(WorkloadCall(stream), WorkloadStatus::InvalidArgument, why);
    }
}

const X509_SVID: &str = "/SpiffeWorkloadAPI/FetchX509SVID";
pub(super) const X509_BUNDLES: &str = "/SpiffeWorkloadAPI/FetchX509Bundles";
const JWT_SVID: &str = "/SpiffeWorkloadAPI/FetchJWTSVID";
pub(super) const JWT_BUNDLES: &str = "/SpiffeWorkloadAPI/FetchJWTBundles";
const VALIDATE_JWT: &str = "/SpiffeWorkloadAPI/ValidateJWTSVID";
const METHODS: [&str; 5] = [X509_SVID, X509_BUNDLES, JWT_SVID, JWT_BUNDLES, VALIDATE_JWT];

impl Question {
    fn read(&self) -> Result<WorkloadAsk, &'static str> {
        let malformed = "the message cannot be read";
        let [message] = self.whole.as_slice() else { return Err("there is no message") };
        if !self.messages.is_done() {
            return Err(malformed);
        }
        match self.path.as_str() {
            X509_SVID => Ok(WorkloadAsk::X509Svids),
            X509_BUNDLES => Ok(WorkloadAsk::X509Bundles),
            JWT_BUNDLES => Ok(WorkloadAsk::JwtBundles),
            JWT_SVID => {
                let audiences = wire::texts(message, 1).ok_or(malformed)?;
                let (most, longest) = AUDIENCES_MAX;
                let fits = |it: &String| (1..=longest).contains(&it.len());
                if !(1..=most).contains(&audiences.len()) || !audiences.iter().all(fits) {
                    return Err("a JWT-SVID is for 1 to 8 audiences of 1 to 256 bytes");
                }
                let only = wire::text(message, 2).ok_or(malformed)?;
                let only = Some(only).filter(|it| !it.is_empty()).map(|it| it.parse());
                let only = only.transpose().map_err(|_| "`spiffe_id` is no SPIFFE ID")?;
                Ok(WorkloadAsk::JwtSvids { audiences, only })
            }
            _ => {
                let audience = wire::text(message, 1).ok_or(malformed)?;
                let svid = wire::text(message, 2).ok_or(malformed)?;
                if audience.is_empty() || svid.is_empty() {
                    return Err("`audience` and `svid` are both needed");
                }
                Ok(WorkloadAsk::ValidateJwt { audience, svid: Secret::new(svid) })
            }
        }
    }
}

impl WorkloadAnswer<'_> {
    fn message(self) -> Message {
        let domain = |it: &TrustDomain| format!("spiffe://{it}");
        match self {
            Self::X509Svids(svids, bundle) => svids.iter().fold(Message::default(), |all, it| {
                let svid = Message::default()
                    .with(1, it.id.as_str())
                    .with(2, &it.certificate)
                    .with(3, it.key.as_slice())
                    .with(4, bundle)
                    .with(5, &it.hint);
                all.with_any(1, svid)
            }),
            Self::X509Bundle(of, bundle) => Message::default().with_entry(2, &domain(of), bundle),
            Self::JwtSvids(svids) => svids.iter().fold(Message::default(), |all, it| {
                let svid = Message::default().with(1, it.id.as_str());
                all.with_any(1, svid.with(2, it.token.expose()).with(3, &it.hint))
            }),
            Self::JwtBundle(of, keys) => {
                Message::default().with_entry(1, &domain(of), keys.canonical())
            }
            Self::Validated(id, claims) => {
                Message::default().with(1, id.as_str()).with_any(2, wire::object(claims))
            }
        }
    }
}
