//! `[[transmitter]]` and `[[receiver]]`: other systems that tell what happened to those whom they know,
//! and whom that means; and others that are told what happens here.

use std::{
    collections::BTreeSet,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_connect::{
    EventVerifier, FetchPlaceError, PushPlace, Secret, SubjectName, TargetMistake,
    TrustedTransmitter,
};
use bailiwick_gateway::{Delivery, ReceiverSpec, TransmitterSpec};
use bailiwick_model::{IdentityId, SecretName, SignalEffect, SignalEvent, Subject, format_span};
use toml::Spanned;

use super::{
    Code,
    origin::Settings,
    read::{Field, Table, filled},
    vouch::{Keys, keys, shown},
};

/// How many transmitters there may be.
const MOST: usize = 64;
/// How long more care is taken, where nothing is said; and at the most.
const LOWER: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
/// How old a telling may be, where nothing is said.
const AGE: Duration = Duration::from_secs(24 * 3600);
/// How old that is at least, and at the most: a telling is remembered for so long.
const AGES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(7 * 24 * 3600));

/// Who tells what of whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// Other systems that tell something.
    pub(crate) transmitters: Vec<Transmitter>,
    /// Other systems that are told something.
    pub(crate) receivers: Vec<Receiver>,
    /// Whom their subjects mean, each with its place in the file.
    pub(super) meant: Vec<(Subject, Range<usize>)>,
}

/// Another system that tells something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transmitter {
    name: String,
    issuer: String,
    audience: Option<String>,
    keys: Keys,
    secret: SecretName,
    subjects: Vec<(SubjectName, Subject)>,
    on_revoked: SignalEffect,
    on_risk: SignalEffect,
    lower_for: Duration,
    on_other_session: SignalEffect,
    max_age: Duration,
}

/// Another system that is told something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receiver {
    pub(crate) name: String,
    audience: String,
    events: Vec<SignalEvent>,
    push: Option<Push>,
}

/// Where what is told is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Push {
    url: String,
    ca: Option<PathBuf>,
    secret: SecretName,
}

impl Receiver {
    /// Gives where it is sent what it is told, and the secret that it is shown.
    pub(crate) fn pushed(&self) -> Option<(&str, &SecretName)> {
        self.push.as_ref().map(|it| (it.url.as_str(), &it.secret))
    }

    /// Makes of it who is told, with what it shows when it asks and the file that remembers what it has.
    pub(crate) fn spec(&self, token: Secret, kept: PathBuf) -> Result<ReceiverSpec, TargetMistake> {
        let delivery = match &self.push {
            None => Delivery::Poll,
            Some(it) => Delivery::Push {
                place: PushPlace::new(&it.url, it.ca.as_deref())?,
                secret: it.secret.clone(),
            },
        };
        let (name, audience) = (self.name.clone(), self.audience.clone());
        Ok(ReceiverSpec { name, audience, events: self.events.clone(), delivery, token, kept })
    }
}

impl Transmitter {
    /// What it is called here.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Names the secret that it shows.
    pub(crate) const fn secret(&self) -> &SecretName {
        &self.secret
    }

    /// Makes of it what takes its tellings, for a governor that is called `ours`.
    pub(crate) fn spec(&self, ours: &str) -> Result<TransmitterSpec, FetchPlaceError> {
        let trusted = TrustedTransmitter {
            issuer: self.issuer.clone(),
            audience: self.audience.clone().unwrap_or_else(|| ours.to_owned()),
            keys: self.keys.place()?,
            max_age: self.max_age,
        };
        Ok(TransmitterSpec {
            name: self.name.clone(),
            verifier: EventVerifier::new(trusted),
            secret: self.secret.clone(),
            subjects: self.subjects.clone(),
            on_revoked: self.on_revoked,
            on_risk: self.on_risk,
            lower_for: self.lower_for,
            on_other_session: self.on_other_session,
        })
    }
}

/// Reads all of them.
pub(super) fn read(root: &Table<'_>, home: &Path, settings: &mut Settings<'_>) -> Signals {
    let (mut names, mut signals) = (BTreeSet::new(), Signals::default());
    let field = root.get("transmitter");
    let items = field.items();
    if MOST < items.len() {
        field.wrong(format!("`{}` is there {MOST} times at most", field.name()));
    }
    for item in items {
        let read = item.table(|table| transmitter(table, home, (&mut names, settings)));
        let Some((transmitter, meant)) = read.flatten() else { continue };
        signals.transmitters.push(transmitter);
        signals.meant.extend(meant);
    }
    let (field, mut names) = (root.get("receiver"), BTreeSet::new());
    let items = field.items();
    if MOST < items.len() {
        field.wrong(format!("`{}` is there {MOST} times at most", field.name()));
    }
    for item in items {
        let read = item.table(|table| receiver(table, home, (&mut names, settings)));
        signals.receivers.extend(read.flatten());
    }
    signals
}

/// What receivers may be told.
const TOLD: [SignalEvent; 2] = [SignalEvent::SessionRevoked, SignalEvent::CredentialChange];

fn receiver(
    table: &Table<'_>,
    home: &Path,
    (names, settings): (&mut BTreeSet<String>, &mut Settings<'_>),
) -> Option<Receiver> {
    let name = table.get("name").required();
    let audience = table.get("audience").required().made(filled);
    let events = table.get("events");
    let (url, ca, secret) = (table.get("url"), table.get("ca"), table.get("secret"));
    let items = events.items();
    let told: Vec<_> = items.iter().map(|it| it.word(&TOLD, SignalEvent::as_str)).collect();
    if events.is_empty_list() {
        events.wrong(format!("`{}` names nothing that it is told", events.name()));
    }
    let told = if events.is_given() { told.into_iter().collect() } else { Some(TOLD.to_vec()) };
    let push = if url.is_given() {
        let secret = secret.required().parsed::<SecretName>();
        let ca = ca.made(filled).map(|it| home.join(it.into_inner()));
        let address = url.made(|text| {
            let place = PushPlace::new(text, ca.as_deref()).map_err(|it| it.to_string());
            place.map(|_| text.to_owned())
        });
        Some(Some(Push { url: address?.into_inner(), ca, secret: secret?.into_inner() }))
    } else {
        for field in [&ca, &secret] {
            if field.is_given() {
                field.wrong(format!("`{}` is for a receiver with a `url`", field.name()));
            }
        }
        Some(None)
    };
    let called = name.made(called)?;
    if !names.insert(called.get_ref().clone()) {
        let message = format!("receiver `{}` is given twice", called.get_ref());
        name.fault(Code::Twice, message, "once more here", None);
    }
    let name = called.into_inner();
    let receiver = Receiver { name, audience: audience?.into_inner(), events: told?, push: push? };
    let key = |name: &str| format!("receiver.{}.{name}", receiver.name);
    let at = |name: &'static str| table.get(name).at();
    settings.add(key("audience"), &receiver.audience, at("audience"));
    let events: Vec<_> = receiver.events.iter().map(|it| it.as_str()).collect();
    settings.add(key("events"), &events.join(", "), at("events"));
    if let Some(push) = &receiver.push {
        settings.add(key("url"), &push.url, at("url"));
        settings.add(key("secret"), &push.secret, at("secret"));
    }
    Some(receiver)
}

type Meant = Vec<(Subject, Range<usize>)>;

fn transmitter(
    table: &Table<'_>,
    home: &Path,
    (names, settings): (&mut BTreeSet<String>, &mut Settings<'_>),
) -> Option<(Transmitter, Meant)> {
    use SignalEffect::{Contain, End, Lower, Record};
    let name = table.get("name").required();
    let issuer = table.get("issuer").required().made(filled);
    let audience = table.get("audience").made(filled);
    let keys = keys(table, home, ("jwks", "jwks_url"), false);
    let secret = table.get("secret").required().parsed::<SecretName>();
    let effect = |key, may: &[SignalEffect], usual| {
        let field = table.get(key);
        if field.is_given() { field.word(may, SignalEffect::as_str) } else { Some(usual) }
    };
    let on_revoked = effect("on_revoked", &[End, Contain], End);
    let on_risk = effect("on_risk", &[Lower, End, Contain, Record], Lower);
    let on_other_session = effect("on_other_session", &[End, Record], End);
    let lower_for = span(&table.get("lower_for"), LOWER.0, (Duration::from_secs(60), LOWER.1));
    let max_age = span(&table.get("max_age"), AGE, AGES);
    let subjects = table.get("subject").required();
    let items = subjects.items();
    if subjects.is_empty_list() {
        subjects.wrong(format!("`{}` names nobody of whom it may speak", subjects.name()));
    }
    let read: Vec<_> = items.iter().filter_map(|it| it.table(subject).flatten()).collect();
    let called = name.made(called)?;
    if !names.insert(called.get_ref().clone()) {
        let message = format!("transmitter `{}` is given twice", called.get_ref());
        name.fault(Code::Twice, message, "once more here", None);
    }
    let (subjects, meant) = read
        .into_iter()
        .map(|(name, meant)| {
            ((name, meant.get_ref().clone()), (meant.get_ref().clone(), meant.span()))
        })
        .unzip();
    let transmitter = Transmitter {
        name: called.into_inner(),
        issuer: issuer?.into_inner(),
        audience: audience.map(Spanned::into_inner),
        keys: keys?,
        secret: secret?.into_inner(),
        subjects,
        on_revoked: on_revoked?,
        on_risk: on_risk?,
        lower_for: lower_for?,
        on_other_session: on_other_session?,
        max_age: max_age?,
    };
    tell(table, &transmitter, settings);
    Some((transmitter, meant))
}

/// Reads what a transmitter calls somebody, and whom that means here.
fn subject(table: &Table<'_>) -> Option<(SubjectName, Spanned<Subject>)> {
    let (iss_sub, email, opaque) = (table.get("iss_sub"), table.get("email"), table.get("opaque"));
    let pair = iss_sub.table(|it| {
        let (iss, sub) = (it.get("iss").required(), it.get("sub").required());
        let (iss, sub) = (iss.made(filled), sub.made(filled));
        Some(SubjectName::IssSub { iss: iss?.into_inner(), sub: sub?.into_inner() })
    });
    let email = email.made(filled).map(|it| it.into_inner().to_ascii_lowercase());
    let opaque = opaque.made(filled).map(Spanned::into_inner);
    let names = [pair.flatten(), email.map(SubjectName::Email), opaque.map(SubjectName::Opaque)];
    let (identity, owner) = (table.get("identity"), table.get("owner"));
    let identity = identity.parsed::<IdentityId>();
    let identity = identity.map(|it| Spanned::new(it.span(), Subject::Identity(it.into_inner())));
    let means = [identity, owner.made(Subject::owner)];
    let mut names = names.into_iter().flatten();
    let mut means = means.into_iter().flatten();
    match (names.next(), names.next(), means.next(), means.next()) {
        (Some(name), None, Some(meant), None) => Some((name, meant)),
        _ => {
            let message = "a subject has one name of theirs (`iss_sub`, `email` or `opaque`) and means one of ours (`identity` or `owner`)";
            let error = table.reader().error(Code::SignalSubject, table.at(), message);
            table.reader().push(error.label("whom does it mean?"));
            None
        }
    }
}

fn span(
    field: &Field<'_>,
    usual: Duration,
    (least, most): (Duration, Duration),
) -> Option<Duration> {
    if !field.is_given() {
        return Some(usual);
    }
    let span = field.length()?.into_inner();
    if span < least || most < span {
        let (least, most) = (format_span(least), format_span(most));
        field.wrong(format!("`{}` is between {least} and {most}", field.name()));
        return None;
    }
    Some(span)
}

/// Takes a name that is part of an address, too.
pub(super) fn called(text: &str) -> Result<String, String> {
    let fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    if (1..=64).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        let shown = text.escape_debug();
        Err(format!("`{shown}` is no name: 1 to 64 small letters, digits, `-`"))
    }
}

fn tell(table: &Table<'_>, it: &Transmitter, settings: &mut Settings<'_>) {
    let key = |name: &str| format!("transmitter.{}.{name}", it.name);
    let at = |name: &'static str| table.get(name).at();
    settings.add(key("issuer"), &it.issuer, at("issuer"));
    settings.add(key("keys"), &shown(Some(&it.keys)), at("jwks").or_else(|| at("jwks_url")));
    if let Some(audience) = &it.audience {
        settings.add(key("audience"), audience, at("audience"));
    }
    settings.add(key("secret"), &it.secret, at("secret"));
    settings.add(key("on_revoked"), &it.on_revoked, at("on_revoked"));
    settings.add(key("on_risk"), &it.on_risk, at("on_risk"));
    settings.add(key("lower_for"), &format_span(it.lower_for), at("lower_for"));
    settings.add(key("on_other_session"), &it.on_other_session, at("on_other_session"));
    settings.add(key("max_age"), &format_span(it.max_age), at("max_age"));
}
