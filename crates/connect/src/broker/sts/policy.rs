//! Policies of AWS: what a session may do, and which ended sessions may do nothing.

use bailiwick_model::{LeaseId, Timestamp};
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Denied {
    named: Vec<LeaseId>,
    /// Every session of the role that was issued before does nothing, whoever has it: so many ended that
    /// the policy cannot name them all.
    before: Option<Timestamp>,
}

impl Denied {
    /// Says whether a lease is denied, by its name or because its session was issued before `issued`.
    pub(super) fn has(&self, lease: &LeaseId, issued: Timestamp) -> bool {
        self.named.contains(lease) || self.before.is_some_and(|before| issued <= before)
    }

    pub(super) fn add(&mut self, lease: LeaseId) {
        self.named.push(lease);
    }

    /// Leaves out all but those that still matter, and what was issued before some moment where none of
    /// that lives.
    pub(super) fn keep(
        &mut self,
        matters: impl Fn(&LeaseId) -> bool,
        lives: impl Fn(Timestamp) -> bool,
    ) {
        self.named.retain(matters);
        self.before = self.before.filter(|it| lives(*it));
    }

    /// Writes the policy. Where it cannot name them all, the older half of them is denied by when sessions
    /// were issued, with whatever else was issued before; says from when on that goes then.
    pub(super) fn written(
        &mut self,
        tag: &str,
        issued: impl Fn(&LeaseId) -> Timestamp,
    ) -> (String, Option<Timestamp>) {
        let mut folded = None;
        loop {
            let text = written(self, tag).to_string();
            if text.len() <= DENIED_MAX || self.named.is_empty() {
                return (text, folded);
            }
            let mut all: Vec<_> = self.named.iter().map(&issued).collect();
            all.sort_unstable();
            let middle = all.get(all.len() / 2).copied().max(self.before);
            self.named.retain(|it| middle.is_none_or(|middle| middle < issued(it)));
            (self.before, folded) = (middle, middle);
        }
    }

    /// Reads what was written, as IAM gives it back: escaped as a form. None where it is anything else.
    pub(super) fn read(escaped: &str, tag: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(&unescaped(escaped)?).ok()?;
        let pointer = format!("/Statement/0/Condition/StringEquals/aws:PrincipalTag~1{tag}");
        let named = document.pointer(&pointer)?.as_array()?;
        let named: Option<Vec<LeaseId>> =
            named.iter().map(|it| it.as_str()?.parse().ok()).collect();
        let before = match document.pointer(&format!("/Statement/1/Condition/{OLDER}/{ISSUED}")) {
            Some(before) => Some(before.as_str()?.parse().ok()?),
            None => None,
        };
        let denied = Self { named: named?, before };
        (written(&denied, tag) == document).then_some(denied)
    }
}

/// How a policy compares moments, and what it calls the one at which a session was issued.
const OLDER: &str = "DateLessThanEquals";
const ISSUED: &str = "aws:TokenIssueTime";

fn written(denied: &Denied, tag: &str) -> Value {
    let names: Vec<_> = denied.named.iter().map(LeaseId::as_str).collect();
    let tag = format!("aws:PrincipalTag/{tag}");
    let none = |such: Value| json!({ "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": such });
    let mut statements = vec![none(json!({ "StringEquals": { tag: names } }))];
    let older = |before: Timestamp| none(json!({ OLDER: { ISSUED: before.to_string() } }));
    statements.extend(denied.before.map(older));
    json!({ "Version": VERSION, "Statement": statements })
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bailiwick_model::Ulid;
    use proptest::prelude::*;

    use super::*;

    const TAG: &str = "bailiwick-lease";

    fn at(minute: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
            .after(Duration::from_secs(60).saturating_mul(u32::try_from(minute).unwrap()))
    }

    fn lease(minute: u64, number: u64) -> LeaseId {
        let mut random = [3; 10];
        random[..8].copy_from_slice(&number.to_be_bytes());
        LeaseId::new(Ulid::new(at(minute), random))
    }

    /// As IAM gives it back.
    fn escaped(text: &str) -> String {
        text.bytes().map(|it| format!("%{it:02X}")).collect()
    }

    proptest! {
        // Each writes hundreds of policies.
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn however_many_end_each_is_denied_and_nothing_that_was_issued_later_than_they(
            minutes in prop::collection::vec(0_u64..600, 1..700),
        ) {
            let issued = |it: &LeaseId| at(minutes[usize::try_from(number(it)).unwrap()]);
            let mut denied = Denied::default();
            let (mut newest, mut any) = (Timestamp::default(), false);
            for (number, minute) in minutes.iter().enumerate() {
                denied.add(lease(*minute, u64::try_from(number).unwrap()));
                newest = newest.max(at(*minute));
                let (text, folded) = denied.written(TAG, issued);
                prop_assert!(text.len() <= DENIED_MAX);
                prop_assert!(folded.is_none_or(|it| it <= newest), "{folded:?}");
                any |= folded.is_some();
                if folded.is_some() || number.is_multiple_of(50) {
                    prop_assert_eq!(Denied::read(&escaped(&text), TAG), Some(denied.clone()));
                }
            }
            for (number, minute) in minutes.iter().enumerate() {
                let lease = lease(*minute, u64::try_from(number).unwrap());
                prop_assert!(denied.has(&lease, at(*minute)), "{lease}");
            }
            // Where all have names, nobody else is denied.
            prop_assert_eq!(any, denied.before.is_some());
            prop_assert!(any || minutes.len() < 260);
            prop_assert!(!any || 150 < minutes.len());
        }
    }

    fn number(lease: &LeaseId) -> u64 {
        u64::try_from(crate::broker::deny::bits(lease) >> 16 & u128::from(u64::MAX)).unwrap()
    }

    #[test]
    fn what_is_over_loses_its_name_and_the_moment_goes_when_nothing_of_before_lives() {
        let mut denied = Denied { named: vec![lease(1, 1), lease(2, 2)], before: Some(at(1)) };
        denied.keep(|it| *it == lease(2, 2), |_| true);
        assert_eq!(denied, Denied { named: vec![lease(2, 2)], before: Some(at(1)) });
        denied.keep(|_| true, |before| at(1) < before);
        assert_eq!(denied, Denied { named: vec![lease(2, 2)], before: None });
    }
}
