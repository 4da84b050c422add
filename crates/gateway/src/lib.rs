//! The enforcement point: calls in, decisions asked, permitted calls out.
//!
//! `lane` is the way of one call, `desk` keeps the tasks, `door` takes requests in, `oauth`
//! gives tokens, and `upstream` holds the only way out.

mod asks;
mod authzen;
mod call;
pub mod caught;
mod classify;
mod clock;
mod coaz;
mod desk;
mod door;
mod evidence;
#[cfg(any(test, fuzzing))]
pub mod foreign;
mod jsonrpc;
mod known;
mod lane;
mod leases;
mod limits;
mod listener;
mod mcp;
mod meter;
mod mint;
mod oauth;
mod obliged;
mod path;
mod pieces;
mod places;
mod reading;
mod rehearse;
mod room;
pub mod seam;
mod signals;
mod signs;
mod trace;
mod upstream;
mod web;
mod workload;

pub use authzen::{Authzen, AuthzenParts, authzen_router};
pub use call::{Call, CallError};
pub use clock::{Clock, Hand};
pub use desk::{
    Active, AnswerError, Desk, DeskError, DeskParts, EmergencyError, Offer, OpenError, PinError,
};
pub use door::{Door, DoorParts, HoldParts, lease_router, line_router, router};
pub use evidence::{Evidence, Keep, looks_secret};
pub use known::{facts_of, names_resources, offer_of};
pub use lane::{Answered, GoesOn, Lane, Refusal};
pub use leases::{
    Canary, CanarySpec, Failing, HandedOut, KeptSecret, LeaseAnswered, LeaseAsker, LeaseWish,
    Leases, LeasesParts, NotHandedOut, TargetSpec,
};
pub use limits::ANSWER_BYTES;
pub use listener::Listener;
pub use meter::{describe_metrics, reloaded};
pub use mint::{Asked, Minted, MintingError, mint_on_record};
pub use oauth::{Oauth, OauthParts, oauth_router};
pub use obliged::Owed;
pub use rehearse::{Rehearsed, rehearsed};
pub use room::Room;
pub use signals::{
    Delivery, OutboxView, Outward, OutwardParts, ReceiverSpec, SignalKeyError, Signals,
    SignalsParts, TransmitterSpec, outward_router, signals_router,
};
pub use upstream::{
    Catalog, Confine, EventStream, Lines, Noted, Reply, SendError, ServerSpec, ServerStatus,
    TooLarge, ToolDefinition, ToolSpec, Transport, UpstreamError, UpstreamEvent, Upstreams,
    find_program, try_confine,
};
pub use web::{
    BodyField, Borne, Injection, Lent, Operation, OperationError, Outfit, PathTemplate, Scalar,
    UNMATCHED, WebSpec, may_pass, takes_a_body,
};
pub use workload::Workloads;
