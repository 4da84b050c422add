//! A certificate held against what it was made of: every digest, both checks, and what the log says was used.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Digest, Json, JsonLimits, Platform, Timestamp};
use serde::Serialize;

use super::{
    EVALUATOR, Policy, Request, allows,
    claims::{self, Given},
    contain::gives_more,
    evaluate::has_action,
    glob::{Case, fits},
    named::{self, Weights},
    policy::{Line, NoPolicy},
};
use crate::{
    exercised::{Doer, Exercised, SystemIdentity},
    names::{Action, Catalogue, bare},
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
    /// What the certificate says and the grants, the documents or the logs do not bear out.
    pub claims: Vec<String>,
    /// What the smaller policies may give that was not given.
    pub gives_more: Vec<String>,
    /// What was used, asked for again.
    pub replay: Replay,
}

/// Gives what an identity of AWS did with success.
pub fn used_of(exercised: &Exercised, id: &str) -> Vec<Used> {
    used(Platform::Aws, doer(exercised, Platform::Aws, id).iter())
}

/// Finds what one identity did: where a list does not say of which account it is, everybody of that name.
fn doer(exercised: &Exercised, platform: Platform, id: &str) -> Option<Doer> {
    let doers = exercised.doers();
    if platform == Platform::Aws {
        return Doer::find(&doers, &SystemIdentity::of(platform, id));
    }
    Doer::named(&doers, platform, id)
}

/// Gives the same of what is told of some already.
pub(in crate::rightsize) fn used<'d>(
    platform: Platform,
    doers: impl Iterator<Item = &'d Doer>,
) -> Vec<Used> {
    let deeds = doers.flat_map(|it| &it.deeds);
    let mut all = Vec::new();
    for (name, deeds) in deeds.filter(|it| it.1.certainty.is_permission()) {
        let action = bare(platform, name);
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

/// Verifies a certificate: `account` is the list of grants, `documents` what was written, by file, and `exercised` what
/// the logs say. `inputs` are the digests of all files that were read; none where other logs than the certificate's are
/// held against it.
pub fn verify(
    certificate: &Certificate,
    account: &Json,
    documents: &BTreeMap<String, Json>,
    inputs: Option<&[Digest]>,
    exercised: &Exercised,
) -> Verified {
    let mut told = if certificate.platform == Platform::Aws {
        verify_policies(certificate, account, documents, inputs, exercised)
    } else {
        named::verify(&Weights { certificate, grants: account, documents }, inputs, exercised)
    };
    if certificate.evaluator != told.evaluator {
        told.files.push(format!("the certificate was made by {}", certificate.evaluator));
    }
    told.holds = told.files.is_empty()
        && told.claims.is_empty()
        && told.gives_more.is_empty()
        && told.replay.lost.is_empty();
    told
}

fn verify_policies(
    certificate: &Certificate,
    account: &Json,
    documents: &BTreeMap<String, Json>,
    inputs: Option<&[Digest]>,
    exercised: &Exercised,
) -> Verified {
    let mut told = Verified { evaluator: EVALUATOR.to_owned(), ..Verified::default() };
    told.files = file_faults(certificate, documents, inputs);
    match policies_of(certificate, account, documents, &mut told.files) {
        Ok(sides) => {
            told.gives_more = gives_more(&sides.before, &sides.after);
            let doer = doer(exercised, certificate.platform, &certificate.identity);
            let used = used(certificate.platform, doer.iter());
            told.replay = replay(&sides.before, &sides.after, &sides.bounds, &used);
            let given = sides.given(exercised.catalogue());
            told.claims = claims::of_names(certificate, &given);
            if inputs.is_some() {
                let doers: Vec<_> = doer.into_iter().collect();
                told.claims.extend(claims::of_logs(certificate, &given, exercised, &doers));
            }
        }
        Err(error) => told.files.push(error.to_string()),
    }
    told
}

/// Holds what was read, and what lies beside a certificate, against its digests.
pub(super) fn file_faults(
    certificate: &Certificate,
    documents: &BTreeMap<String, Json>,
    inputs: Option<&[Digest]>,
) -> Vec<String> {
    let mut faults = inputs.map(|it| input_faults(certificate, it)).unwrap_or_default();
    for file in &certificate.files {
        if documents.get(&file.file).map(digest_of) != Some(file.sha256) {
            faults.push(format!("`{}` was changed, or is not there", file.file));
        }
    }
    let named = || certificate.decisions.iter().flat_map(|it| &it.documents);
    for file in documents.keys() {
        if !certificate.files.iter().chain(named()).any(|it| it.file == *file) {
            faults.push(format!("`{file}` lies beside it, and it says nothing of that"));
        }
    }
    faults
}

/// Holds the files that were read against those that a certificate was made of.
fn input_faults(certificate: &Certificate, inputs: &[Digest]) -> Vec<String> {
    let mut faults = Vec::new();
    for what in ["log", "grants"] {
        if !certificate.inputs.iter().any(|it| it.what == what) {
            faults.push(format!("the certificate names no {what} that it was made of"));
        }
    }
    for input in &certificate.inputs {
        if !inputs.contains(&input.sha256) {
            faults.push(format!("`{}` is not among what was read, or changed", input.name));
        }
    }
    let known = |it: &&Digest| certificate.inputs.iter().any(|input| input.sha256 == **it);
    let other = inputs.iter().filter(|it| !known(it)).count();
    if 0 < other {
        faults.push(format!("{other} of the files that were read are none of the certificate's"));
    }
    faults
}

/// Gives the digest of a document: of a text that others read (SQL, YAML, TOML) its own, else of its canonical text.
pub(in crate::rightsize) fn digest_of(document: &Json) -> Digest {
    match document.as_text() {
        Some(text) => Digest::of(text.as_bytes()),
        None => Digest::of(document.canonical().as_bytes()),
    }
}

#[derive(Default)]
struct Sides {
    before: Vec<Policy>,
    /// Since when each of these says what it says, or its holder is there, where that is later.
    made: Vec<Option<Timestamp>>,
    after: Vec<Policy>,
    bounds: Vec<Policy>,
    is_strange: bool,
}

impl Sides {
    fn given(&self, catalogue: &Catalogue) -> Given {
        let after = names(&self.after, catalogue);
        let mut before: BTreeMap<String, Option<Timestamp>> = BTreeMap::new();
        for (policy, made) in self.before.iter().zip(&self.made) {
            // What several gave is gone where each of them was long enough without a use.
            for name in names(std::slice::from_ref(policy), catalogue) {
                let since = before.entry(name).or_default();
                *since = *made.max(since);
            }
        }
        Given { before, after, besides: None, is_strange: self.is_strange }
    }
}

/// Gives the names of AWS's list that policies allow, for some resource and in some case.
fn names(policies: &[Policy], catalogue: &Catalogue) -> BTreeSet<String> {
    let actions = catalogue.actions();
    let mut all = BTreeSet::new();
    for line in policies.iter().flat_map(|it| &it.lines).filter(|it| it.allows) {
        let mut fit = vec![false; actions.len()];
        for pattern in &line.actions.patterns {
            if pattern == "*" {
                fit.fill(true);
                continue;
            }
            let parts = pattern.split_once(':').filter(|it| !it.0.contains(['*', '?']));
            let range =
                parts.map_or(0..actions.len(), |it| catalogue.numbers(&it.0.to_ascii_lowercase()));
            for number in range {
                let (Some(fit), Some(action)) = (fit.get_mut(number), actions.get(number)) else {
                    continue;
                };
                *fit = *fit
                    || match parts {
                        Some((_, name)) => fits(name, &action.name, Case::Any),
                        None => {
                            let whole = format!("{}:{}", action.service, action.name);
                            fits(pattern, &whole, Case::Any)
                        }
                    };
            }
        }
        let is_in = |it: &(&Action, bool)| it.1 != line.actions.is_but;
        let all_fit = actions.iter().zip(fit).filter(is_in);
        all.extend(all_fit.map(|(it, _)| format!("{}:{}", it.service, it.name)));
    }
    all
}

/// Reads what was held, and what is held once the certificate's decisions are carried out.
fn policies_of(
    certificate: &Certificate,
    account: &Json,
    documents: &BTreeMap<String, Json>,
    faults: &mut Vec<String>,
) -> Result<Sides, NoPolicy> {
    let held = held(account, &certificate.identity)?;
    let (bounds, since) = (held.bounds, held.since);
    let mut sides = Sides { bounds, ..Sides::default() };
    for (path, document, made) in held.policies {
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
            Err(_) if !decided.is_changed => {
                sides.is_strange = true;
                continue;
            }
            Err(error) => return Err(error),
        };
        sides.is_strange |= policy.lines.iter().any(|it| !it.others.is_empty());
        sides.before.push(policy.clone());
        sides.made.push(made.max(since));
        if !decided.is_changed {
            sides.after.push(policy);
            continue;
        }
        for wanted in &decided.documents {
            match documents.get(&wanted.file) {
                Some(it) if digest_of(it) == wanted.sha256 => {
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
    since: Option<Timestamp>,
    /// Each with its path, and since when it says what it says.
    policies: Vec<(String, Json, Option<Timestamp>)>,
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
    let since = said(one, "CreateDate").parse().ok();
    let mut held = Held { since, ..Held::default() };
    for (holder, inline, way) in &holders {
        for policy in list(holder, inline) {
            let path = format!("{way}inline policy {}", said(policy, "PolicyName"));
            let document = policy.get("PolicyDocument").ok_or(NoPolicy("a policy is empty"))?;
            held.policies.push((path, unpacked(document)?, None));
        }
        for attached in list(holder, "AttachedManagedPolicies") {
            let arn = said(attached, "PolicyArn");
            if let Some((document, made)) = managed(account, arn) {
                held.policies.push((format!("{way}policy {arn}"), unpacked(document)?, made));
            }
        }
    }
    let bound = one.get("PermissionsBoundary").map(|it| said(it, "PermissionsBoundaryArn"));
    if let Some((document, _)) = bound.and_then(|it| managed(account, it)) {
        held.bounds.push(Policy::read(&unpacked(document)?)?);
    }
    Ok(held)
}

/// Gives the document of a managed policy that counts, and when that was made.
fn managed<'a>(account: &'a Json, arn: &str) -> Option<(&'a Json, Option<Timestamp>)> {
    let policy = list(account, "Policies").iter().find(|it| said(it, "Arn") == arn)?;
    let current = list(policy, "PolicyVersionList").iter().find(|it| {
        it.get("IsDefaultVersion") == Some(&Json::Bool(true))
            || said(it, "VersionId") == said(policy, "DefaultVersionId")
    });
    let current = current?;
    Some((current.get("Document")?, said(current, "CreateDate").parse().ok()))
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
