//! Which tools were accepted: pinned at a server's first connection, held when they change.

use std::collections::BTreeMap;

use bailiwick_model::{
    CommandRecord, Digest, Finding, PersonName, Pin, PinStatus, Record, ServerName, Timestamp,
};
use bailiwick_store::Change;

use super::{Desk, DeskError, Writing};

/// The tools were not accepted.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The server offers no such tool.
    #[error("`{server}` offers no tool `{tool}` at the moment")]
    NotOffered {
        /// The server.
        server: ServerName,
        /// The tool.
        tool: String,
    },
    /// It could not be written down.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// What a server offers: its tools' digests, and its program's.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The server.
    pub server: ServerName,
    /// Its tools, by name.
    pub tools: BTreeMap<String, Digest>,
    /// Its program, where the gateway started it.
    pub executable: Option<Digest>,
    /// Does a person look first?
    pub review: bool,
    /// Is it what the operator wrote? Then it is accepted as it was put in force.
    pub written: bool,
}

impl Desk {
    /// Takes note of what a server offers: at the first connection that is pinned, afterwards
    /// whatever differs is a finding, and the pin step holds or denies it.
    pub async fn offered(&self, offer: &Offer) -> Result<(), DeskError> {
        let _one_by_one = self.changing.lock().await;
        let now = self.now();
        let known = self.snapshot().pins.get(&offer.server).cloned();
        let mut writing = Writing::default();
        if offer.written {
            return self.accept_written(offer, &known.unwrap_or_default()).await;
        }
        let Some(known) = known else {
            let (status, by) = if offer.review {
                (PinStatus::Waiting, "nobody")
            } else {
                (PinStatus::Accepted, "first-connection")
            };
            for (tool, digest) in &offer.tools {
                let executable = offer.executable;
                let pin = Pin { digest: *digest, executable, status, at: now, by: by.to_owned() };
                writing.pin(now, "first-connection", (&offer.server, tool), (pin, None));
            }
            writing.records.push(Record::Finding(first_connection(offer, now)));
            let pins = writing.pins();
            self.record(writing).await?;
            self.swap(|it| drop(it.pins.insert(offer.server.clone(), pins.clone())));
            return Ok(());
        };
        writing.records.extend(differences(offer, &known, now).into_iter().map(Record::Finding));
        self.record(writing).await
    }

    /// Accepts what the operator wrote; what is not written any more is pinned no more than before.
    async fn accept_written(
        &self,
        offer: &Offer,
        known: &BTreeMap<String, Pin>,
    ) -> Result<(), DeskError> {
        const BY: &str = "configuration";
        let (at, mut writing) = (self.now(), Writing::default());
        let accepted = |it: &Pin| it.status == PinStatus::Accepted;
        for (tool, digest) in &offer.tools {
            if known.get(tool).is_some_and(|it| it.digest == *digest && accepted(it)) {
                continue;
            }
            let status = PinStatus::Accepted;
            let pin = Pin { digest: *digest, executable: None, status, at, by: BY.to_owned() };
            writing.pin(at, BY, (&offer.server, tool), (pin, None));
        }
        if writing.records.is_empty() {
            return Ok(());
        }
        let pins = writing.pins();
        self.record(writing).await?;
        self.swap(|it| it.pins.entry(offer.server.clone()).or_default().extend(pins.clone()));
        Ok(())
    }

    /// Accepts what a server offers now: one tool, or all of them. `statement` is the person's
    /// signed word, which was verified before.
    pub async fn accept(
        &self,
        offer: &Offer,
        tool: Option<&str>,
        (by, statement): (&PersonName, String),
    ) -> Result<Vec<String>, PinError> {
        let _one_by_one = self.changing.lock().await;
        let now = self.now();
        let chosen: Vec<_> = offer
            .tools
            .iter()
            .filter(|(name, _)| tool.is_none_or(|it| it == name.as_str()))
            .collect();
        if let (Some(tool), true) = (tool, chosen.is_empty()) {
            return Err(PinError::NotOffered {
                server: offer.server.clone(),
                tool: tool.to_owned(),
            });
        }
        let mut writing = Writing::default();
        for (name, digest) in &chosen {
            let pin = Pin {
                digest: **digest,
                executable: offer.executable,
                status: PinStatus::Accepted,
                at: now,
                by: by.to_string(),
            };
            let signed = Some(statement.clone());
            writing.pin(now, &format!("person:{by}"), (&offer.server, name), (pin, signed));
        }
        let pins = writing.pins();
        self.record(writing).await?;
        let names = pins.keys().cloned().collect();
        self.swap(|it| it.pins.entry(offer.server.clone()).or_default().extend(pins.clone()));
        Ok(names)
    }
}

impl Writing {
    fn pin(
        &mut self,
        time: Timestamp,
        by: &str,
        (server, tool): (&ServerName, &str),
        (pin, statement): (Pin, Option<String>),
    ) {
        let (server, tool) = (server.clone(), tool.to_owned());
        self.changes.push(Change::Pin {
            server: server.clone(),
            tool: tool.clone(),
            pin: pin.clone(),
        });
        self.command(time, by, CommandRecord::PinChanged { server, tool, pin, statement });
    }

    /// Gives the pins that are about to be written.
    fn pins(&self) -> BTreeMap<String, Pin> {
        let pin = |record: &Record| match record {
            Record::Command { command: CommandRecord::PinChanged { tool, pin, .. }, .. } => {
                Some((tool.clone(), pin.clone()))
            }
            Record::Command { .. }
            | Record::Decision(_)
            | Record::Evaluation(_)
            | Record::Search(_)
            | Record::Outcome(_)
            | Record::Finding(_)
            | Record::Lease(_) => None,
        };
        self.records.iter().filter_map(pin).collect()
    }
}

fn first_connection(offer: &Offer, now: Timestamp) -> Finding {
    let names: Vec<_> = offer.tools.keys().map(String::as_str).collect();
    let status = if offer.review { "wait for a person" } else { "were accepted as they are" };
    finding(
        "tools-pinned",
        format!(
            "first connection to `{}`: {} tools {status}: {}",
            offer.server,
            names.len(),
            names.join(", ")
        ),
        offer.server.as_str(),
        now,
    )
}

fn differences(offer: &Offer, known: &BTreeMap<String, Pin>, now: Timestamp) -> Vec<Finding> {
    let server = &offer.server;
    let mut found = Vec::new();
    for (tool, digest) in &offer.tools {
        let (code, text) = match known.get(tool) {
            None => ("tool-new", format!("`{server}` offers a new tool `{tool}`")),
            Some(pin) if pin.digest != *digest => {
                ("tool-changed", format!("the definition of `{tool}` of `{server}` has changed"))
            }
            Some(pin) if offer.executable.is_some() && pin.executable != offer.executable => {
                ("server-changed", format!("the program of `{server}` has changed"))
            }
            Some(_) => continue,
        };
        found.push(finding(code, text, &format!("{server}__{tool}"), now));
    }
    found
}

fn finding(code: &str, text: String, subject: &str, at: Timestamp) -> Finding {
    let (code, subject) = (code.to_owned(), subject.to_owned());
    Finding { code, text, at, task: None, identity: None, subject }
}
