//! The policies that both sides are asked about, in the words of each, and the questions.
//!
//! Workers of five servers may each use one tool of one server, for a purpose and up to an amount;
//! five policies about everybody stand before that. The peer knows no heads that name a person, so
//! each worker has a role of its own there: it looks rules up by kind, action and role.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// How many policies are about everybody.
const GLOBAL: usize = 5;
const SERVERS: usize = 5;
const TOOLS: usize = 50;
/// The policies in one file.
const IN_A_FILE: usize = 1000;
/// What nobody may do: in Cedar, and in the peer's words.
const FORBIDDEN: [(&str, &str, &str); GLOBAL] = [
    ("restricted", "resource.sensitivity > 3", "R.attr.sensitivity > 3"),
    ("suspended", "principal.suspended", "P.attr.suspended"),
    ("frozen", r#"resource.environment == "frozen""#, r#"R.attr.environment == "frozen""#),
    ("too-much", "resource.amount > 1000000", "R.attr.amount > 1000000"),
    ("no-purpose", r#"principal.purpose == """#, r#"P.attr.purpose == """#),
];
/// How many questions there are: every connection asks them in turn.
pub(crate) const QUESTIONS: usize = 64;

/// What one policy lets one worker do.
struct Permit {
    number: usize,
    server: usize,
    tool: usize,
    amount: usize,
}

/// One question, and whether the answer is a yes.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) body: Value,
    pub(crate) allowed: bool,
}

fn permits(policies: usize) -> impl Iterator<Item = Permit> {
    (0..policies.saturating_sub(GLOBAL)).map(|number| Permit {
        number,
        server: number % SERVERS,
        tool: number % TOOLS,
        amount: (number % 7).saturating_add(10).saturating_mul(10),
    })
}

/// Writes the policies in Cedar: files by name.
pub(crate) fn cedar(policies: usize) -> anyhow::Result<Vec<(String, String)>> {
    let mut first = String::new();
    for (id, when, _) in FORBIDDEN {
        writeln!(first, "@id(\"{id}\")\nforbid (principal, action, resource) when {{ {when} }};")?;
    }
    let mut files = vec![("everybody.cedar".to_owned(), first)];
    for (place, permits) in permits(policies).collect::<Vec<_>>().chunks(IN_A_FILE).enumerate() {
        let mut text = String::new();
        for it in permits {
            writeln!(text, "{}", it.in_cedar(it.amount))?;
        }
        files.push((format!("workers-{place}.cedar"), text));
    }
    Ok(files)
}

/// Writes the same for the peer: files by name, one for each server.
pub(crate) fn yaml(policies: usize) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for server in 0..SERVERS {
        let mut text = format!(
            "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  version: default\n  resource: server{server}\n  rules:\n"
        );
        for (id, _, when) in FORBIDDEN {
            writeln!(
                text,
                "    - name: {id}\n      actions: [\"*\"]\n      roles: [\"*\"]\n      effect: EFFECT_DENY\n      condition:\n        match:\n          expr: {when}"
            )?;
        }
        for it in permits(policies).filter(|it| it.server == server) {
            let Permit { number, tool, amount, .. } = it;
            writeln!(
                text,
                "    - name: worker-{number}\n      actions: [\"tool{tool}\"]\n      roles: [\"worker-{number}\"]\n      effect: EFFECT_ALLOW\n      condition:\n        match:\n          all:\n            of:\n              - expr: P.attr.purpose == \"support\"\n              - expr: R.attr.amount <= {amount}"
            )?;
        }
        files.push((format!("server{server}.yaml"), text));
    }
    Ok(files)
}

impl Permit {
    fn in_cedar(&self, amount: usize) -> String {
        let Self { number, server, tool, .. } = self;
        format!(
            "@id(\"worker-{number}\")\npermit (principal == user::\"worker-{number}\", action == Action::\"tool{tool}\", resource is server{server})\nwhen {{ principal.purpose == \"support\" && resource.amount <= {amount} }};"
        )
    }

    /// Asks for what it lets through, up to the last unit.
    fn question(&self) -> Value {
        let Self { number, server, tool, amount } = self;
        json!({
            "subject": { "type": "user", "id": format!("worker-{number}"), "properties": {
                "cerbos.roles": [format!("worker-{number}")],
                "purpose": "support", "suspended": false,
            } },
            "action": { "name": format!("tool{tool}") },
            "resource": { "type": format!("server{server}"), "id": format!("ticket-{number}"), "properties": {
                "amount": amount, "sensitivity": 1, "environment": "production",
            } },
        })
    }
}

/// Gives what makes a yes a no: where it stands in a question, and what stands there then. It is
/// another purpose, too much, what is forbidden to everybody, and another tool.
fn noes() -> [(&'static str, Value); 4] {
    [
        ("/subject/properties/purpose", json!("sales")),
        ("/resource/properties/amount", json!(10_000)),
        ("/resource/properties/sensitivity", json!(4)),
        ("/action/name", json!("tool99")),
    ]
}

/// Makes the questions: workers from all over the policies; every fourth answer is a no.
pub(crate) fn questions(policies: usize) -> Vec<Question> {
    let apart = policies.saturating_sub(GLOBAL).checked_div(QUESTIONS).unwrap_or(0).max(1);
    let asked = permits(policies).step_by(apart).take(QUESTIONS).enumerate();
    let question = |(place, permit): (usize, Permit)| {
        let mut body = permit.question();
        let no = (place % 4 == 3).then(|| noes().into_iter().cycle().nth(place / 4)).flatten();
        let allowed = no.is_none();
        if let Some((at, value)) = no
            && let Some(there) = body.pointer_mut(at)
        {
            *there = value;
        }
        Question { body, allowed }
    };
    asked.map(question).collect()
}

/// One policy that changes: its file and text once it lets half as much through, and a question
/// that is answered otherwise then.
pub(crate) fn change(policies: usize) -> anyhow::Result<(String, String, Question)> {
    let permit = permits(policies).last();
    let files = cedar(policies)?;
    let (Some(permit), Some((name, text))) = (permit, files.last()) else {
        anyhow::bail!("there is no policy to change");
    };
    let narrower = permit.in_cedar(permit.amount / 2);
    let changed = text.replace(&permit.in_cedar(permit.amount), &narrower);
    anyhow::ensure!(changed != *text, "nothing would change");
    Ok((name.clone(), changed, Question { body: permit.question(), allowed: false }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_policies_as_promised_on_both_sides() {
        let count = |files: Vec<(String, String)>, word: &str| {
            files.iter().map(|(_, text)| text.matches(word).count()).sum::<usize>()
        };
        assert_eq!(count(cedar(1000).unwrap(), "@id("), 1000);
        let everywhere = SERVERS * GLOBAL - GLOBAL;
        assert_eq!(count(yaml(1000).unwrap(), "- name: "), 1000 + everywhere);
    }

    #[test]
    fn questions_are_a_mixture_and_each_kind_of_no_is_among_them() {
        let all = questions(1000);
        assert_eq!(all.len(), QUESTIONS);
        assert_eq!(all.iter().filter(|it| it.allowed).count(), QUESTIONS * 3 / 4);
        for (at, value) in noes() {
            assert!(all.iter().any(|it| it.body.pointer(at) == Some(&value)), "{at}");
        }
    }

    #[test]
    fn one_policy_changes_and_no_other() {
        let (name, text, question) = change(1000).unwrap();
        let before = cedar(1000).unwrap().into_iter().find(|it| it.0 == name).unwrap().1;
        let other = before.lines().zip(text.lines()).filter(|(one, other)| one != other).count();
        assert_eq!((other, before.lines().count()), (1, text.lines().count()));
        assert!(!question.allowed);
    }
}
