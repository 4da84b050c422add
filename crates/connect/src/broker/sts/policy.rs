//! Policies of AWS: what a session may do, and which ended sessions may do nothing.

use bailiwick_model::LeaseId;
use serde_json::{Value, json};

/// The longest session policy that STS takes.
const SESSION_MAX: usize = 2048;
/// The longest policy that we write to a role, whose policies have 10,240 characters in all.
const DENIED_MAX: usize = 8_000;
const VERSION: &str = "2012-10-17";

/// One thing that a lease may want: actions on resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsAllow {
    /// What it is called where it is wanted.
    pub name: String,
    /// `s3:GetObject`; a `*` stands for any letters.
    pub actions: Vec<String>,
    /// `arn:aws:s3:::orders/*`.
    pub resources: Vec<String>,
}

impl AwsAllow {
    /// Says what of it cannot be meant.
    pub(super) fn check(&self) -> Result<(), String> {
        let name = self.name.escape_debug();
        let word = |it: char| it.is_ascii_graphic() && it != ',';
        if self.name.is_empty() || 256 < self.name.len() || !self.name.chars().all(word) {
            return Err(format!("`{name}` is no name: visible letters, and no comma"));
        }
        if self.actions.is_empty() || self.resources.is_empty() {
            return Err(format!("`{name}` needs `actions` and `resources`"));
        }
        let action = |it: &&String| {
            let letters = |it: char| it.is_ascii_alphanumeric() || matches!(it, '*' | '-');
            let known = it.split_once(':').is_some_and(|(service, action)| {
                // Of every service at once is more than anybody means by a lease.
                !service.is_empty() && !service.contains('*') && !action.is_empty()
            });
            !(known && it.chars().all(|it| letters(it) || it == ':'))
        };
        if let Some(other) = self.actions.iter().find(action) {
            let other = other.escape_debug();
            return Err(format!("`{other}` is no action: say `service:Action`"));
        }
        let arn = |it: &&String| *it != "*" && !it.starts_with("arn:aws");
        if let Some(other) = self.resources.iter().find(arn) {
            return Err(format!("`{}` is no resource: say `arn:aws…`", other.escape_debug()));
        }
        of_session(&[self]).map(drop).map_err(|why| format!("`{name}`: {why}"))
    }
}

/// Writes the policy of a session.
pub(super) fn of_session(wanted: &[&AwsAllow]) -> Result<String, String> {
    let statement = |it: &&AwsAllow| json!({ "Effect": "Allow", "Action": it.actions, "Resource": it.resources });
    let statements: Vec<_> = wanted.iter().map(statement).collect();
    let text = json!({ "Version": VERSION, "Statement": statements }).to_string();
    let count = text.chars().count();
    if SESSION_MAX < count {
        return Err(format!(
            "the policy of its session would have {count} characters, and STS takes {SESSION_MAX}: want less at once"
        ));
    }
    Ok(text)
}

/// The ended leases whose sessions may do nothing.
#[derive(Debug, Default)]
pub(super) struct Denied(Vec<LeaseId>);

impl Denied {
    pub(super) fn has(&self, lease: &LeaseId) -> bool {
        self.0.contains(lease)
    }

    pub(super) fn add(&mut self, lease: LeaseId) {
        self.0.push(lease);
    }

    /// Leaves out all but those that still matter.
    pub(super) fn keep(&mut self, matters: impl Fn(&LeaseId) -> bool) {
        self.0.retain(matters);
    }

    pub(super) fn written(&self, tag: &str) -> Result<String, String> {
        let text = written(&self.0, tag).to_string();
        if DENIED_MAX < text.len() {
            return Err(format!(
                "{} ended leases are more than the policy of a role can name: the next is named when one is over",
                self.0.len()
            ));
        }
        Ok(text)
    }

    /// Reads what was written, as IAM gives it back: escaped as a form. None where it is anything else.
    pub(super) fn read(escaped: &str, tag: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(&unescaped(escaped)?).ok()?;
        let pointer = format!("/Statement/0/Condition/StringEquals/aws:PrincipalTag~1{tag}");
        let named = document.pointer(&pointer)?.as_array()?;
        let leases: Option<Vec<LeaseId>> =
            named.iter().map(|it| it.as_str()?.parse().ok()).collect();
        let leases = leases?;
        (written(&leases, tag) == document).then_some(Self(leases))
    }
}

fn written(leases: &[LeaseId], tag: &str) -> Value {
    let names: Vec<_> = leases.iter().map(LeaseId::as_str).collect();
    let tag = format!("aws:PrincipalTag/{tag}");
    json!({
        "Version": VERSION,
        "Statement": [{
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": { "StringEquals": { tag: names } },
        }],
    })
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|it| char::from(it).to_digit(16));
                u8::try_from(digit()?.checked_mul(16)?.checked_add(digit()?)?).ok()?
            }
            other => other,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}
