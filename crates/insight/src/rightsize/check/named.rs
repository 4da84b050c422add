//! The same checks for systems whose permissions are names: each has a reader of its own here.

use std::collections::BTreeMap;

use bailiwick_model::{Digest, Json, Platform};

use super::{
    claims::{self, Given},
    house, kubernetes,
    policy::NoPolicy,
    postgres,
    verify::{Replay, Used, Verified, file_faults, used},
};
use crate::{
    exercised::{Doer, Exercised},
    names::Sort,
    rightsize::certificate::{Certificate, Checks},
};

/// What a system's reader makes of grants and of what takes their place.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    pub(super) given: Given,
    pub(super) files: Vec<String>,
    pub(super) gives_more: Vec<String>,
    pub(super) replay: Replay,
}

/// What is held against each other.
pub(super) struct Weights<'w> {
    pub(super) certificate: &'w Certificate,
    pub(super) grants: &'w Json,
    pub(super) documents: &'w BTreeMap<String, Json>,
}

impl Weights<'_> {
    /// Says what is wrong with the original of a way by which something is held, and gives what takes its place: nothing
    /// where it stays.
    pub(super) fn successor(
        &self,
        path: &str,
        original: &Json,
        faults: &mut Vec<String>,
    ) -> Option<Vec<&Json>> {
        let decided = self.certificate.decisions.iter().find(|it| it.entitlement == path);
        let Some(decided) = decided else {
            faults.push(format!("the certificate says nothing of {path}"));
            return None;
        };
        if decided.original != Some(super::digest_of(original)) {
            faults.push(format!("{path} is not what the certificate is of"));
        }
        if !decided.is_changed {
            return None;
        }
        let mut documents = Vec::new();
        for wanted in &decided.documents {
            match self.documents.get(&wanted.file) {
                Some(it) if super::digest_of(it) == wanted.sha256 => documents.push(it),
                Some(_) => faults.push(format!("`{}` was changed", wanted.file)),
                None => faults.push(format!("`{}` is not there", wanted.file)),
            }
        }
        Some(documents)
    }
}

/// How a system's grants are weighed.
type Scales = fn(&Weights<'_>, &[Used]) -> Result<Weighed, NoPolicy>;

/// Names the rules by which a system's grants are read here.
pub(in crate::rightsize) fn evaluator(platform: Platform) -> &'static str {
    let names = [
        (Platform::Kubernetes, "bailiwick-rbac/2"),
        (Platform::Postgres, "bailiwick-postgres/2"),
        (Platform::Mcp, "bailiwick-house/1"),
    ];
    names.into_iter().find(|it| it.0 == platform).map_or(super::EVALUATOR, |it| it.1)
}

fn weigh(weights: &Weights<'_>, exercised: &Exercised) -> Result<(Weighed, Vec<Doer>), NoPolicy> {
    let (platform, id) = (weights.certificate.platform, &weights.certificate.identity);
    let all = exercised.doers();
    let (users, weigh): (Vec<String>, Scales) = if platform == Platform::Kubernetes {
        (vec![id.clone()], kubernetes::weigh)
    } else if platform == Platform::Postgres {
        let logged = &weights.certificate.account;
        if !logged.is_empty()
            && weights.grants.get("database").and_then(Json::as_text) != Some(logged)
        {
            return Err(NoPolicy("the log is of another database than the grants"));
        }
        (postgres::users(weights.grants, id, &all), postgres::weigh)
    } else if platform == Platform::Mcp {
        (house::users(weights.grants, id), house::weigh)
    } else {
        return Err(NoPolicy("nobody here reads this system's grants"));
    };
    let find = |id: String| Doer::named(&all, platform, &id);
    let doers: Vec<Doer> = users.into_iter().filter_map(find).collect();
    let mut used: Vec<Used> = used(platform, doers.iter());
    if platform == Platform::Postgres {
        used.extend(postgres::locked(&doers));
    } else if platform == Platform::Kubernetes {
        used.extend(kubernetes::asked_about(&doers));
    }
    let mut weighed = weigh(weights, &used)?;
    if platform == Platform::Postgres {
        let mut days = postgres::besides(&all);
        // `set_config('role', …)` is of other classes, by the statement in which it stands.
        for right in ["table *:SELECT", "table *:INSERT"] {
            for sort in Sort::spanned(platform, right).into_iter().flatten() {
                days.keep(&exercised.observed(platform, &weights.certificate.account, &sort));
            }
        }
        weighed.given.besides = Some(days);
    }
    Ok((weighed, doers))
}

/// Checks what was just made.
pub(in crate::rightsize) fn checks(
    certificate: &Certificate,
    grants: &Json,
    documents: &BTreeMap<String, Json>,
    exercised: &Exercised,
) -> Checks {
    let weights = Weights { certificate, grants, documents };
    let Ok((told, doers)) = weigh(&weights, exercised) else { return Checks::default() };
    let claims = claims::of_names(certificate, &told.given);
    let of_logs = claims::of_logs(certificate, &told.given, exercised, &doers);
    let is_said = claims.is_empty() && told.files.is_empty();
    Checks {
        gives_no_more: told.gives_more.is_empty() && is_said,
        gives_all_used: told.replay.lost.is_empty() && of_logs.is_empty(),
        asked: told.replay.asked,
        given_otherwise: told.replay.given_otherwise,
    }
}

/// Verifies a certificate of such a system.
pub(super) fn verify(
    weights: &Weights<'_>,
    inputs: Option<&[Digest]>,
    exercised: &Exercised,
) -> Verified {
    let certificate = weights.certificate;
    let evaluator = evaluator(certificate.platform).to_owned();
    let mut told = Verified { evaluator, ..Verified::default() };
    told.files = file_faults(certificate, weights.documents, inputs);
    match weigh(weights, exercised) {
        Ok((weighed, doers)) => {
            told.files.extend(weighed.files);
            told.gives_more = weighed.gives_more;
            told.replay = weighed.replay;
            told.claims = claims::of_names(certificate, &weighed.given);
            if inputs.is_some() {
                let given = &weighed.given;
                told.claims.extend(claims::of_logs(certificate, given, exercised, &doers));
            }
        }
        Err(error) => told.files.push(error.to_string()),
    }
    told
}
