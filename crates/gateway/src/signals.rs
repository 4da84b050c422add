//! Shared Signals: what other systems tell of those whom they know, and what we tell others.
//!
//! Each transmitter is known by its own keys and its own secret, and counts for those alone whom the
//! configuration lets it speak of. Nothing is answered for before it is on disk (RFC 8935).

mod answer;
mod outbox;
mod outward;
mod pace;
mod poll;
mod tell;
mod tries;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::post,
};
use bailiwick_connect::{EventVerifier, SecurityEvent, SubjectName, Vault};
use bailiwick_model::{OnBehalf, SecretName, SignalEffect, SignalEvent, Subject, TaskId};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use self::{
    answer::{Code, Refusal},
    pace::Pace,
};
pub use self::{
    outbox::OutboxView,
    outward::{Delivery, Outward, OutwardParts, ReceiverSpec, SignalKeyError},
    poll::outward_router,
};
use crate::{
    Desk,
    desk::{Behind, Signal, Taken},
    door::{Hosts, bearer},
    meter, seam,
};

/// The most bytes of a request: a token has 8 KiB at most.
const BODY_MAX: usize = 16 << 10;
/// How long a body may take to arrive.
const WAIT: Duration = Duration::from_secs(15);
const TYPE: &str = "application/secevent+jwt";

/// Who may tell something, of whom, and what is done about it.
#[derive(Debug)]
pub struct TransmitterSpec {
    /// What the configuration calls it.
    pub name: String,
    /// What verifies what it tells.
    pub verifier: EventVerifier,
    /// The secret that it shows.
    pub secret: SecretName,
    /// Of whom it may speak: by what it calls them, whom that means here. Of the people whom its issuer
    /// vouches for it may speak besides.
    pub subjects: Vec<(SubjectName, Subject)>,
    /// What is done when somebody's session, credential or account is gone.
    pub on_revoked: SignalEffect,
    /// What is done when somebody's risk has risen.
    pub on_risk: SignalEffect,
    /// How long more care is taken then.
    pub lower_for: Duration,
    /// What is done about a session of somebody's that is no task.
    pub on_other_session: SignalEffect,
}

/// What a receiver of signals is made of.
#[derive(Debug)]
pub struct SignalsParts {
    /// Where what is told is carried out.
    pub desk: Arc<Desk>,
    /// Where secrets are kept.
    pub vault: Arc<Vault>,
    /// Who may tell something.
    pub transmitters: Vec<TransmitterSpec>,
    /// The values of `Host` that are answered.
    pub hosts: Vec<String>,
}

/// A receiver of signals.
#[derive(Debug)]
pub struct Signals {
    desk: Arc<Desk>,
    vault: Arc<Vault>,
    transmitters: Vec<Transmitter>,
    hosts: Hosts,
}

#[derive(Debug)]
struct Transmitter {
    spec: TransmitterSpec,
    /// Of what it told.
    pace: Pace,
    /// Of what was refused: whoever has its secret and not its key takes nothing of its own pace.
    refusals: Pace,
    /// What went wrong with what it tells and a person heard of, until something is taken again.
    wrong: Mutex<BTreeSet<&'static str>>,
}

impl Transmitter {
    fn new(spec: TransmitterSpec) -> Self {
        let (pace, refusals, wrong) = (Pace::default(), Pace::default(), Mutex::default());
        Self { spec, pace, refusals, wrong }
    }

    /// Says whether this goes wrong for the first time since something was taken.
    fn begins(&self, code: &'static str) -> bool {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).insert(code)
    }

    fn goes_well(&self) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Signals {
    /// Makes the receiver.
    pub fn new(parts: SignalsParts) -> Self {
        let SignalsParts { desk, vault, transmitters, hosts } = parts;
        let transmitters = transmitters.into_iter().map(Transmitter::new).collect();
        Self { desk, vault, transmitters, hosts: Hosts::new(hosts) }
    }

    /// Reads keys again that are due, and gives what is wrong with whose: once for every time that it
    /// begins.
    pub async fn tend(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        for it in &self.transmitters {
            let text = it.spec.verifier.tend(self.desk.now()).await;
            wrong.extend(text.map(|text| (format!("transmitter `{}`", it.spec.name), text)));
        }
        wrong
    }
}

/// The routes of the receiver.
pub fn signals_router(signals: Arc<Signals>) -> Router {
    Router::new().route("/ssf/events/{transmitter}", post(events)).with_state(signals)
}

/// `POST /ssf/events/{transmitter}` (RFC 8935): 202 and nothing when what was told is on disk.
async fn events(
    State(signals): State<Arc<Signals>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    match signals.take(&name, request).await {
        Ok(()) => (StatusCode::ACCEPTED, [(header::CACHE_CONTROL, "no-store")]).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

impl Signals {
    /// Finds out who tells before anything of it is read.
    async fn take(self: &Arc<Self>, name: &str, request: Request<Body>) -> Result<(), Refusal> {
        let (parts, body) = request.into_parts();
        if let Some(what) = self.hosts.foreign(&parts.headers) {
            return Err(Code::AccessDenied.says(format!("this {what} is not answered here")));
        }
        let place = self.telling(name, &parts.headers).await?;
        let transmitter = self.at(place)?;
        seam::pass("signals");
        let told = async {
            let bytes = body_of(&parts.headers, body).await?;
            let set = str::from_utf8(&bytes)
                .map_err(|_| Code::InvalidRequest.says("the body is not a token"))?;
            let (now, wall) = (self.desk.now(), self.desk.wall());
            let event = transmitter.spec.verifier.verify(set.trim_ascii(), now, wall).await;
            event.map_err(Refusal::from)
        };
        let event = match told.await {
            Ok(event) => event,
            Err(refusal) => return Err(self.refused(transmitter, refusal).await),
        };
        if let Err(wait) = transmitter.pace.take(self.desk.now()) {
            meter::signalled(&transmitter.spec.name, "limited");
            return Err(Refusal::too_many(wait));
        }
        transmitter.goes_well();
        // Whoever hangs up cuts nothing in the middle.
        let signals = Arc::clone(self);
        let carried = tokio::spawn(async move { signals.carry_out(place, &event).await }).await;
        match carried {
            Ok(carried) => carried,
            Err(fault) if fault.is_panic() => std::panic::resume_unwind(fault.into_panic()),
            Err(_) => Err(Refusal::unavailable("the governor is stopping")),
        }
    }

    fn at(&self, place: usize) -> Result<&Transmitter, Refusal> {
        self.transmitters.get(place).ok_or_else(stranger)
    }

    /// Has a person hear, once, that something was told and is not taken: it may have been that
    /// somebody's authority is gone.
    async fn refused(&self, transmitter: &Transmitter, refusal: Refusal) -> Refusal {
        if let Err(wait) = transmitter.refusals.take(self.desk.now()) {
            meter::signalled(&transmitter.spec.name, "limited");
            return Refusal::too_many(wait);
        }
        meter::signalled(&transmitter.spec.name, "refused");
        let (code, why) = (refusal.code(), refusal.text());
        let text = format!("what `{}` tells is not taken (`{code}`): {why}", transmitter.spec.name);
        self.tell_wrong(transmitter, code, text).await;
        refusal
    }

    async fn tell_wrong(&self, transmitter: &Transmitter, code: &'static str, text: String) {
        if !transmitter.begins(code) {
            return;
        }
        tracing::warn!(transmitter = transmitter.spec.name, "{text}");
        let subject = format!("transmitter:{}", transmitter.spec.name);
        if let Err(error) = self.desk.notice("signal-not-taken", text, &subject).await {
            tracing::error!(%error, "what was noticed of a transmitter could not be recorded");
        }
    }

    /// Finds the transmitter that proves to be it. A stranger does not learn which there are, nor which
    /// have a secret.
    async fn telling(&self, name: &str, headers: &HeaderMap) -> Result<usize, Refusal> {
        let shown = bearer(headers).ok_or_else(stranger)?;
        let place = self.transmitters.iter().position(|it| it.spec.name == name);
        let place = place.ok_or_else(stranger)?;
        let transmitter = self.at(place)?;
        match self.vault.get(&transmitter.spec.secret) {
            Ok(secret) if secret.value.matches(shown) => Ok(place),
            Ok(_) => Err(stranger()),
            Err(error) => {
                let text = format!("nothing that `{name}` tells is taken: {error}");
                self.tell_wrong(transmitter, "no_secret", text).await;
                Err(stranger())
            }
        }
    }

    /// Does what is to be done, and writes it down.
    async fn carry_out(&self, place: usize, event: &SecurityEvent) -> Result<(), Refusal> {
        let spec = &self.at(place)?.spec;
        let Some(Meant { about, people, effect }) = self.meant(spec, event) else {
            tracing::debug!(transmitter = spec.name, event = %event.event, "a signal about nobody here");
            meter::signalled(&spec.name, "foreign");
            return Ok(());
        };
        let signal = Signal {
            transmitter: spec.name.clone(),
            event: event.event,
            jti: event.jti.clone(),
            issued: event.issued,
            about,
            people,
            effect,
            lasts: spec.lower_for,
            noticed: noticed(spec, event),
        };
        match self.desk.signalled(signal).await {
            Ok(taken) => {
                let (outcome, refusal) = match taken {
                    Taken::Now => ("taken", None),
                    Taken::Before => ("again", None),
                    Taken::Nobody => ("foreign", None),
                    Taken::TooMany => ("limited", Some(Refusal::too_many(60))),
                };
                meter::signalled(&spec.name, outcome);
                refusal.map_or(Ok(()), Err)
            }
            Err(error) => {
                tracing::error!(%error, "a signal was carried out and could not be written down");
                meter::signalled(&spec.name, "unrecorded");
                Err(Refusal::unavailable("what was told cannot be written down now"))
            }
        }
    }

    /// Says whom a telling means and what is done about it; nothing where it means nobody of whom this
    /// transmitter may speak.
    fn meant(&self, spec: &TransmitterSpec, event: &SecurityEvent) -> Option<Meant> {
        if matches!(event.event, SignalEvent::Verification | SignalEvent::StreamUpdated) {
            let (about, people) = (Vec::new(), Vec::new());
            return Some(Meant { about, people, effect: SignalEffect::Record });
        }
        let (names, issuer) = (&event.subject.names, spec.verifier.issuer());
        let known = spec.subjects.iter().filter(|(name, _)| names.contains(name));
        let about: BTreeSet<Subject> = known.map(|(_, it)| it.clone()).collect();
        let people: Vec<_> = names.iter().filter_map(|it| person_of(it, issuer)).collect();
        let all = || spec.subjects.iter().map(|(_, it)| it.clone()).collect();
        let within = if names.is_empty() { all() } else { about.clone() };
        let behind = |it: &OnBehalf| {
            it.issuer == issuer && (names.is_empty() || people.iter().any(|person| person.is(it)))
        };
        let effect = effect_of(spec, event);
        let effect = match &event.subject.session {
            None => effect,
            Some(session) => match session.parse::<TaskId>() {
                Ok(task) if self.desk.is_about(&task, &within, behind) => {
                    return Some(Meant::of_task(task, effect));
                }
                // A task that is long over, or somebody else's.
                Ok(_) => SignalEffect::Record,
                Err(_) => match spec.on_other_session {
                    SignalEffect::Record => SignalEffect::Record,
                    SignalEffect::End | SignalEffect::Contain | SignalEffect::Lower => effect,
                },
            },
        };
        let somebody = !about.is_empty() || !people.is_empty();
        somebody.then(|| Meant { about: about.into_iter().collect(), people, effect })
    }
}

/// Whom a telling means, and what is done about it.
#[derive(Debug)]
struct Meant {
    about: Vec<Subject>,
    people: Vec<Behind>,
    effect: SignalEffect,
}

impl Meant {
    /// Means one task, whoever is behind it.
    fn of_task(task: TaskId, effect: SignalEffect) -> Self {
        Self { about: vec![Subject::Task(task)], people: Vec::new(), effect }
    }
}

/// Gives the person whom `issuer` calls so: nobody else's people are a transmitter's to speak of.
fn person_of(name: &SubjectName, issuer: &str) -> Option<Behind> {
    match name {
        SubjectName::IssSub { iss, sub } if iss == issuer => {
            Some(Behind { issuer: iss.clone(), subject: sub.clone() })
        }
        SubjectName::IssSub { .. } | SubjectName::Email(_) | SubjectName::Opaque(_) => None,
    }
}

/// Says what is done about an event. A risk that is low again lifts nothing: what was lowered ends by itself.
fn effect_of(spec: &TransmitterSpec, event: &SecurityEvent) -> SignalEffect {
    let low = event.level.as_deref().is_some_and(|it| it.eq_ignore_ascii_case("low"));
    if event.event.revokes() {
        spec.on_revoked
    } else if event.event == SignalEvent::RiskLevelChange && !low {
        spec.on_risk
    } else {
        SignalEffect::Record
    }
}

/// Says what a person should hear of the stream itself.
fn noticed(spec: &TransmitterSpec, event: &SecurityEvent) -> Option<(&'static str, String)> {
    let stopped = event.level.as_deref().filter(|it| *it != "enabled")?;
    (event.event == SignalEvent::StreamUpdated).then(|| {
        let shown = stopped.escape_debug();
        let text = format!("`{}` says that it is `{shown}`: nothing comes of it now", spec.name);
        ("signals-stopped", text)
    })
}

fn stranger() -> Refusal {
    Code::AuthenticationFailed.says("this wants the secret of a transmitter that is configured")
}

/// Takes the body of a telling.
async fn body_of(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let sent = types.next().and_then(|it| it.to_str().ok()).unwrap_or_default();
    let sent = sent.split(';').next().unwrap_or_default().trim();
    if !sent.eq_ignore_ascii_case(TYPE) || types.next().is_some() {
        return Err(Code::InvalidRequest.says(format!("the body must be sent as `{TYPE}`")));
    }
    match tokio::time::timeout(WAIT, Limited::new(body, BODY_MAX).collect()).await {
        Err(_) => Err(Code::InvalidRequest.says("the body did not arrive in time")),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Code::InvalidRequest.says(format!("the body has {BODY_MAX} bytes at most")))
        }
        Ok(Err(_)) => Err(Code::InvalidRequest.says("the body did not arrive whole")),
    }
}
