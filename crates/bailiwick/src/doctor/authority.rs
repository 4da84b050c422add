//! Who could do more than their task: what only observes, what passes undecided, and agents that
//! are the governor's own account.

use bailiwick_model::{Charter, Mode, Proof, Timestamp};

use super::finding::{Finding, Severity};
use crate::{
    command::sign::now,
    config::{House, Server},
};

pub(super) fn look(house: &House, account: u32) -> Vec<Finding> {
    let now = now();
    let templates = house.templates.values().filter_map(|it| {
        observed(&it.mode, now, format!("template {}", it.name), "calls of its tasks")
    });
    let policies = house.policies.list();
    let policies = policies.iter().filter_map(|it| {
        observed(&it.mode, now, format!("policy {}", it.id), "calls that it would stop")
    });
    let access = house.access.list();
    let access = access.iter().filter_map(|it| {
        observed(&it.mode, now, format!("policy {}", it.id), "evaluations that it would stop")
    });
    let accounts = house.charters.values().filter_map(|it| shared(it, account));
    let passed = house.config.servers.iter().filter_map(passed);
    templates.chain(policies).chain(access).chain(accounts).chain(passed).collect()
}

fn observed(mode: &Mode, now: Timestamp, subject: String, what: &str) -> Option<Finding> {
    match mode {
        Mode::Observe { owner, until } if !mode.enforces(now) => Some(Finding {
            severity: Severity::Open,
            code: "observe-mode",
            subject,
            found: format!(
                "{what} are recorded and not stopped, until {until} ({owner} answers for it)"
            ),
            means: "a call that would be held or denied goes out",
            mend: "set it to enforce once the record shows what enforcing would stop".to_owned(),
        }),
        Mode::Observe { .. } | Mode::Enforce => None,
    }
}

fn shared(charter: &Charter, account: u32) -> Option<Finding> {
    let uids = charter.proof.iter().filter_map(|it| match it {
        Proof::Uid(uid) => Some(*uid),
        Proof::Key { .. } | Proof::Spiffe(_) | Proof::Oidc { .. } | Proof::Enrolled => None,
    });
    let uid = uids.into_iter().find(|it| *it == account || *it == 0)?;
    let whose = if uid == account { "the governor's own account" } else { "root" };
    Some(Finding {
        severity: Severity::Open,
        code: "shared-account",
        subject: charter.identity.to_string(),
        found: format!("it may run as account {uid}, which is {whose}"),
        means: "such an agent can read the governor's keys and state, start its tool servers itself, and act as any identity",
        mend: "run the agent as another account, or give it a key of its own and take the uid out of its charter".to_owned(),
    })
}

fn passed(server: &Server) -> Option<Finding> {
    let methods: Vec<_> = server.methods.iter().map(String::as_str).collect();
    (!methods.is_empty()).then(|| Finding {
        severity: Severity::Weak,
        code: "undecided-methods",
        subject: format!("server {}", server.name),
        found: format!("{} pass without a decision", methods.join(", ")),
        means: "whoever reaches the server may use them; each use is on record, and none is judged",
        mend: "take out of `methods` what no client needs".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charter(proof: Vec<Proof>) -> Charter {
        Charter {
            identity: "agent".parse().unwrap(),
            kind: bailiwick_model::IdentityKind::Agent,
            class: "interactive-agent".parse().unwrap(),
            owner: "team".to_owned(),
            purpose: "work".to_owned(),
            proof,
            templates: std::collections::BTreeSet::new(),
            servers: std::collections::BTreeSet::new(),
            targets: std::collections::BTreeSet::new(),
            delegates_to: std::collections::BTreeSet::new(),
        }
    }

    #[test]
    fn an_agent_of_the_governors_account_or_of_root_is_open() {
        let code = |uid| shared(&charter(vec![Proof::Uid(uid)]), 990).map(|it| it.code);
        assert_eq!(code(990), Some("shared-account"));
        assert_eq!(code(0), Some("shared-account"));
        assert_eq!(code(1000), None);
        assert_eq!(shared(&charter(Vec::new()), 990), None);
    }

    #[test]
    fn what_observes_is_open_until_its_end() {
        let until = Timestamp::from_millis(1000);
        let mode = Mode::Observe { owner: "ann".to_owned(), until };
        let found =
            |now| observed(&mode, Timestamp::from_millis(now), "template t".to_owned(), "calls");
        assert_eq!(found(999).map(|it| it.severity), Some(Severity::Open));
        assert_eq!(found(1000), None);
    }
}
