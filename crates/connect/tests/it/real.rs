//! Each broker and the system that it was written for, as others made it.

mod authorization;
mod aws;
mod granted;
mod pgaudit;
pub(crate) mod postgres;
mod provider;
pub(crate) mod ssh;
mod x509;

use bailiwick_connect::{Credential, EndedLease, EnforcedAs, Field, LeaseOrder};
use bailiwick_model::{LeaseId, Timestamp, Ulid};

/// A moment that the target's own clock agrees with.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

fn lease(number: u8) -> LeaseId {
    LeaseId::new(Ulid::new(Timestamp::from_millis(1_800_000_000_000), [number; 10]))
}

fn order(number: u8, wants: &[&str]) -> LeaseOrder {
    LeaseOrder {
        lease: lease(number),
        task: "task_01JD8Q3W5X6Y7Z8A9B0C1D2E3F".parse().unwrap(),
        identity: "triage-agent".parse().unwrap(),
        on_behalf: None,
        wants: wants.iter().map(|it| (*it).to_owned()).collect(),
        until: now().after(std::time::Duration::from_secs(600)),
        now: now(),
    }
}

fn ended(number: u8) -> EndedLease {
    let order = order(number, &[]);
    EndedLease {
        lease: order.lease,
        called: None,
        keepsake: None,
        enforced: EnforcedAs::Session,
        until: order.until,
        now: order.now,
    }
}

pub(crate) fn field(credential: &Credential, name: &str) -> String {
    let mut fields = credential.fields();
    match fields.find(|(it, _)| *it == name) {
        Some((_, Field::Plain(text))) => text.clone(),
        Some((_, Field::Secret(secret))) => secret.expose().to_owned(),
        None => panic!("the credential has no `{name}`"),
    }
}
