//! What tests of several systems make: logs of few words.

use std::borrow::Cow;

use bailiwick_model::{
    Actor, ActorKind, Along, Digest, Ended, Exercise, Json, JsonLimits, Platform, Timestamp,
};

use super::{Input, Rightsized, Verified, verify};
use crate::{exercised::Exercised, names::Catalogue};

pub(super) fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), JsonLimits::default()).expect("JSON")
}

/// Takes `DAY WHO | SERVICE | OPERATION | RESOURCE | ok`, one of each line; `DAY@ACCOUNT` says where.
pub(super) fn log(platform: Platform, lines: &[String]) -> Exercised {
    let mut all =
        Exercised::new(Catalogue::parse("# a test's own\ns3\n R GetObject\n").expect("a list"));
    for (number, line) in lines.iter().enumerate() {
        let parts: Vec<_> = line.split('|').map(str::trim).collect();
        let (day, who) = parts[0].split_once(' ').expect("a day and a name");
        let (day, account) = day.split_once('@').unwrap_or((day, ""));
        let day: i64 = day.parse().expect("a day");
        all.take(&Exercise {
            platform,
            key: u128::try_from(number).expect("a number"),
            at: Timestamp::from_millis(day.saturating_mul(86_400_000)),
            account: Cow::Borrowed(account),
            actor: Actor { id: Cow::Borrowed(who), kind: ActorKind::Service, ..Actor::default() },
            service: Cow::Borrowed(parts[1]),
            operation: Cow::Borrowed(parts[2]),
            along: Along::NOTHING,
            resource: Cow::Borrowed(parts[3]),
            ended: if parts[4] == "ok" { Ended::Success } else { Ended::Denied },
            code: Cow::Borrowed(""),
            issued: None,
            data: false,
            internal: false,
            granted_by: Cow::Borrowed(""),
        });
    }
    all
}

/// Asks the checker for everything, as somebody else would.
pub(super) fn verified(made: &Rightsized, grants: &Json, exercised: &Exercised) -> Verified {
    let mut certificate = made.certificate.clone();
    let input = |what: &str| Input {
        name: what.to_owned(),
        what: what.to_owned(),
        sha256: Digest::of(what.as_bytes()),
        bytes: 0,
    };
    certificate.inputs = vec![input("log"), input("grants")];
    let inputs: Vec<_> = certificate.inputs.iter().map(|it| it.sha256).collect();
    let documents = made.documents.iter().map(|it| (it.file.clone(), it.json.clone())).collect();
    verify(&certificate, grants, &documents, Some(&inputs), exercised)
}

/// Gives what is written into a file.
pub(super) fn file<'m>(made: &'m Rightsized, name: &str) -> &'m str {
    let found = made.documents.iter().find(|it| it.file == name);
    let text = found.and_then(|it| it.json.as_text());
    text.unwrap_or_else(|| panic!("no {name} among {:?}", files(made)))
}

pub(super) fn files(made: &Rightsized) -> Vec<&str> {
    made.documents.iter().map(|it| it.file.as_str()).collect()
}

/// Gives the plan: each stage with what to run, and what takes it back.
pub(super) fn plan(made: &Rightsized) -> String {
    let lines = |all: &[Vec<String>]| all.iter().map(|it| it.join(" ") + "\n").collect::<String>();
    let stages = made.plan.stages.iter();
    stages
        .map(|it| format!("{}:\n{}back:\n{}", it.stage, lines(&it.commands), lines(&it.rollback)))
        .collect()
}
