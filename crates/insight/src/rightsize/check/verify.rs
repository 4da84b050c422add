//! A certificate held against what it was made of: every digest, both checks, and what the log says was used.

use std::collections::BTreeMap;

use bailiwick_model::{Digest, Json, JsonLimits, Platform};
use serde::Serialize;

use super::{
    EVALUATOR, Policy, Request, allows,
    contain::gives_more,
    evaluate::has_action,
    policy::{Line, NoPolicy},
};
use crate::{
    exercised::{Doer, Exercised, SystemIdentity},
    rightsize::certificate::Certificate,
};

/// What one identity did, and to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Used {
    /// The action: `s3:GetObject`.
    pub action: String,
    /// To what; empty where the log does not say.
    pub resource: String,
    /// How often.
    pub count: u64,
}

/// What came of asking the smaller policy for all that was used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// How many pairs of action and resource were asked for.
    pub asked: u64,
    /// How many of them the policies before did not give: something else did.
    pub given_otherwise: u64,
    /// What some statement gave and none gives now, in the same cases.
    pub lost: Vec<Used>,
}

/// What a verification tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whether the certificate holds.
    pub holds: bool,
    /// The rules that were checked by.
    pub evaluator: String,
    /// Files that are not those the certificate is of, or that lack.
    pub files: Vec<String>,
    /// What the smaller policies may give that was not given.
    pub gives_more: Vec<String>,
    /// What was used, asked for again.
    pub replay: Replay,
}

/// Gives what an identity did with success.
pub fn used_of(exercised: &Exercised, id: &str) -> Vec<Used> {
    let whom = SystemIdentity::of(Platform::Aws, id);
    used(Doer::find(&exercised.doers(), &whom).as_ref())
}

/// Gives the same of what is told of it already.
pub(in crate::rightsize) fn used(doer: Option<&Doer>) -> Vec<Used> {
    let deeds = doer.into_iter().flat_map(|it| &it.deeds);
    let mut all = Vec::new();
    for (name, deeds) in deeds.filter(|it| it.1.certainty.is_permission()) {
        let Some(action) = name.strip_prefix("aws:") else { continue };
        all.extend(deeds.done.iter().map(|(resource, tally)| Used {
            action: action.to_owned(),
            resource: resource.clone(),
            count: tally.count,
        }));
    }
    all
}

/// Asks `after` for all that was used under `before`.
///
/// Which statement served a call, no log says: every one that could have must still be there for the action, with the
/// same resources and conditions.
pub fn replay(before: &[Policy], after: &[Policy], bounds: &[Policy], used: &[Used]) -> Replay {
    let mut told = Replay::default();
    for it in used {
        told.asked = told.asked.saturating_add(1);
        let gave: Vec<&Line> = serving(before, &it.action).collect();
        if gave.is_empty() {
            told.given_otherwise = told.given_otherwise.saturating_add(1);
            continue;
        }
        let is_there =
            |line: &&Line| serving(after, &it.action).any(|other| is_same_case(line, other));
        let request = Request {
            action: it.action.clone(),
            // What has no ARN is the log's own word for it.
            resource: Some(it.resource.clone()).filter(|it| it.starts_with("arn:")),
            context: None,
        };
        let (was, is) = (allows(before, bounds, &request), allows(after, bounds, &request));
        if !gave.iter().all(is_there) || is < was {
            told.lost.push(it.clone());
        }
    }
    told
}

fn serving<'a>(policies: &'a [Policy], action: &'a str) -> impl Iterator<Item = &'a Line> {
    let lines = policies.iter().flat_map(|it| &it.lines);
    lines.filter(move |it| it.allows && has_action(&it.actions, action))
}

fn is_same_case(one: &Line, other: &Line) -> bool {
    one.resources == other.resources
        && one.condition == other.condition
        && one.version == other.version
        && one.others == other.others
}

/// Verifies a certificate: `account` is the list of grants, `documents` what was written, by file, `inputs` the digests
/// of all files that were read, and `exercised` what the logs say.
pub fn verify(
    certificate: &Certificate,
    account: &Json,
    documents: &BTreeMap<String, Json>,
    inputs: &[Digest],
    exercised: &Exercised,
) -> Verified {
    let mut told = Verified { evaluator: EVALUATOR.to_owned(), ..Verified::default() };
    if certificate.evaluator != EVALUATOR {
        told.files.push(format!("the certificate was made by {}", certificate.evaluator));
    }
    for input in &certificate.inputs {
        if !inputs.contains(&input.sha256) {
            told.files.push(format!("`{}` is not among what was read, or changed", input.name));
        }
    }
    let known = |it: &&Digest| certificate.inputs.iter().any(|input| input.sha256 == **it);
    let other = inputs.iter().filter(|it| !known(it)).count();
    if 0 < other {
        told.files
            .push(format!("{other} of the files that were read are none of the certificate's"));
    }
    for file in &certificate.files {
        let found = documents.get(&file.file).map(|it| Digest::of(it.canonical().as_bytes()));
        if found != Some(file.sha256) {
            told.files.push(format!("`{}` was changed, or is not there", file.file));
        }
    }
    match policies_of(certificate, account, documents, &mut told.files) {
        Ok(sides) => {
            told.gives_more = gives_more(&sides.before, &sides.after);
            let used = used_of(exercised, &certificate.identity);
            told.replay = replay(&sides.before, &sides.after, &sides.bounds, &used);
        }
        Err(error) => told.files.push(error.to_string()),
    }
    told.holds = told.files.is_empty() && told.gives_more.is_empty() && told.replay.lost.is_empty();
    told
}

struct Sides {
    before: Vec<Policy>,
    after: Vec<Policy>,
    bounds: Vec<Policy>,
}

/// Reads what was held, and what is held once the certificate's decisions are carried out.
fn policies_of(
    certificate: &Certificate,
    account: &Json,
    documents: &BTreeMap<String, Json>,
    faults: &mut Vec<String>,
) -> Result<Sides, NoPolicy> {
    let held = held(account, &certificate.identity)?;
    let mut sides = Sides { before: Vec::new(), after: Vec::new(), bounds: held.bounds };
    for (path, document) in held.policies {
        let decided = certificate.decisions.iter().find(|it| it.entitlement == path);
        let Some(decided) = decided.filter(|it| it.original.is_some()) else {
            faults.push(format!("the certificate says nothing of {path}"));
            continue;
        };
        if decided.original != Some(Digest::of(document.canonical().as_bytes())) {
            faults.push(format!("{path} is not what the certificate is of"));
        }
        let policy = match Policy::read(&document) {
            Ok(policy) => policy,
            // What stays word for word gives what it gave, whatever that is.
            Err(_) if !decided.is_changed => continue,
            Err(error) => return Err(error),
        };
        sides.before.push(policy.clone());
        if !decided.is_changed {
            sides.after.push(policy);
            continue;
        }
        for wanted in &decided.documents {
            match documents.get(&wanted.file) {
                Some(it) if Digest::of(it.canonical().as_bytes()) == wanted.sha256 => {
                    sides.after.push(Policy::read(it)?);
                }
                Some(_) => faults.push(format!("`{}` was changed", wanted.file)),
                None => faults.push(format!("`{}` is not there", wanted.file)),
            }
        }
    }
    Ok(sides)
}

#[derive(Default)]
struct Held {
    policies: Vec<(String, Json)>,
    bounds: Vec<Policy>,
}

/// Reads an account's list by itself, so that a mistake of the other reader is noticed.
fn held(account: &Json, id: &str) -> Result<Held, NoPolicy> {
    let both = [("UserDetailList", "UserPolicyList"), ("RoleDetailList", "RolePolicyList")];
    let one = both.into_iter().find_map(|(all, inline)| {
        list(account, all).iter().find(|it| said(it, "Arn") == id).map(|it| (it, inline))
    });
    let (one, inline) = one.ok_or(NoPolicy("the identity is not in these grants"))?;
    let mut holders = vec![(one, inline, String::new())];
    for name in list(one, "GroupList").iter().filter_map(Json::as_text) {
        let groups = list(account, "GroupDetailList").iter();
        let group = groups.filter(|it| said(it, "GroupName") == name).take(1);
        holders.extend(group.map(|it| (it, "GroupPolicyList", format!("group {name} › "))));
    }
    let mut held = Held::default();
    for (holder, inline, way) in &holders {
        for policy in list(holder, inline) {
            let path = format!("{way}inline policy {}", said(policy, "PolicyName"));
            let document = policy.get("PolicyDocument").ok_or(NoPolicy("a policy is empty"))?;
            held.policies.push((path, unpacked(document)?));
        }
        for attached in list(holder, "AttachedManagedPolicies") {
            let arn = said(attached, "PolicyArn");
            if let Some(document) = managed(account, arn) {
                held.policies.push((format!("{way}policy {arn}"), unpacked(document)?));
            }
        }
    }
    let bound = one.get("PermissionsBoundary").map(|it| said(it, "PermissionsBoundaryArn"));
    if let Some(document) = bound.and_then(|it| managed(account, it)) {
        held.bounds.push(Policy::read(&unpacked(document)?)?);
    }
    Ok(held)
}

/// Gives the document of a managed policy that counts.
fn managed<'a>(account: &'a Json, arn: &str) -> Option<&'a Json> {
    let policy = list(account, "Policies").iter().find(|it| said(it, "Arn") == arn)?;
    let current = list(policy, "PolicyVersionList").iter().find(|it| {
        it.get("IsDefaultVersion") == Some(&Json::Bool(true))
            || said(it, "VersionId") == said(policy, "DefaultVersionId")
    });
    current?.get("Document")
}

fn list<'a>(of: &'a Json, name: &str) -> &'a [Json] {
    if let Some(Json::List(all)) = of.get(name) { all } else { &[] }
}

fn said<'a>(of: &'a Json, name: &str) -> &'a str {
    of.get(name).and_then(Json::as_text).unwrap_or_default()
}

/// Gives a document that may come as text, escaped as in a URL or not.
fn unpacked(document: &Json) -> Result<Json, NoPolicy> {
    let Json::Text(text) = document else { return Ok(document.clone()) };
    let mut bytes = Vec::new();
    let mut pieces = text.split('%');
    bytes.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    let is_plain = text.trim_start().starts_with('{');
    for piece in pieces {
        let code = piece.get(..2).and_then(|it| u8::from_str_radix(it, 16).ok());
        match (code.filter(|_| !is_plain), piece.get(2..)) {
            (Some(byte), Some(rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            _ => {
                bytes.push(b'%');
                bytes.extend_from_slice(piece.as_bytes());
            }
        }
    }
    Json::parse(&bytes, JsonLimits::default()).map_err(|_| NoPolicy("a policy's text is no JSON"))
}
