//! The files that right-sizing reads, and their digests.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use bailiwick_connect::{
    Secret,
    grants::{GrantsError, PostgresAddress, list_postgres_grants, read_grants},
    source::{Hashed, Record, find_files, read_from},
};
use bailiwick_insight::{Catalogue, Conninfo, Exercised, Input, POSTGRES_GRANTS};
use bailiwick_model::{Digest, Json, JsonLimits, Platform};

use super::house;
use crate::{
    command::audit::{FAULT_MAX, ledger, shown},
    exit::{CommandError, CommandError::Words},
    output::remark,
    page::escape::begun,
};

/// How many records that cannot be read are told one by one.
const FAULTS_TOLD: u64 = 10;
/// A list of grants is read as a whole.
const LIMITS: JsonLimits = JsonLimits { bytes: 1 << 30, depth: 64, values: 50_000_000 };

/// Everything that was read.
pub(super) struct Read {
    pub(super) exercised: Exercised,
    /// Of which system the grants are.
    pub(super) platform: Platform,
    grants: Vec<Json>,
    /// What a database answered; nobody could read it anew as it was.
    pub(super) listed: Option<String>,
    /// Where that database is.
    pub(super) place: Option<Conninfo>,
    pub(super) inputs: Vec<Input>,
    pub(super) records: u64,
    pub(super) errors: u64,
}

/// Reads logs and lists of grants.
pub(super) fn read(
    logs: &[PathBuf],
    ledgers: &[PathBuf],
    grants: &[PathBuf],
) -> Result<Read, CommandError> {
    let mut read = Read {
        exercised: Exercised::new(Catalogue::carried()),
        platform: Platform::Aws,
        grants: Vec::new(),
        listed: None,
        place: None,
        inputs: Vec::new(),
        records: 0,
        errors: 0,
    };
    for path in grants {
        read.granted(path)?;
    }
    for path in find_files(logs).map_err(|it| Words(it.to_string()))? {
        read.log(&path)?;
    }
    for dir in ledgers {
        let exercised = &mut read.exercised;
        let records = ledger::read(dir, &mut |it| {
            exercised.take(it);
        })?;
        read.records = read.records.saturating_add(records);
        read.inputs.extend(house::ledger_inputs(dir)?);
    }
    if FAULTS_TOLD < read.errors {
        remark(&format!("{} records could not be read in all", read.errors));
    }
    Ok(read)
}

/// Says which system a list of grants is of, where smaller ones are written for that.
fn platform_of(path: &Path, bytes: &[u8], list: &Json) -> Result<Platform, CommandError> {
    let kind = list.get("kind").and_then(Json::as_text).unwrap_or_default();
    if list.get("UserDetailList").is_some() || list.get("RoleDetailList").is_some() {
        return Ok(Platform::Aws);
    }
    if list.get("shape").and_then(Json::as_text) == Some(POSTGRES_GRANTS) {
        return Ok(Platform::Postgres);
    }
    let what = "it writes for AWS (what `aws iam get-account-authorization-details` prints), Kubernetes (`kubectl get clusterroles,roles,clusterrolebindings,rolebindings,serviceaccounts -A -o json`), PostgreSQL (`postgres://LOGIN@HOST/DATABASE`) and Bailiwick's own charters and templates (`bailiwick.toml`)";
    let holders = read_grants(bytes).map_err(|it| {
        if it == GrantsError::Stranger {
            return wrong(path, format!("right-sizing does not know this list of grants: {what}"));
        }
        wrong(path, it)
    })?;
    match holders.first().map(|it| it.platform) {
        Some(Platform::Kubernetes) => Ok(Platform::Kubernetes),
        None if kind.ends_with("List") || kind.contains("Role") => Ok(Platform::Kubernetes),
        Some(other) => {
            let why = format!(
                "right-sizing does not write for {other} yet, and `bailiwick audit` tells what is not used: {what}"
            );
            Err(wrong(path, why))
        }
        None => Err(wrong(path, "nobody holds anything in it")),
    }
}

impl Read {
    /// Reads one list of grants, or asks for it.
    fn granted(&mut self, path: &Path) -> Result<(), CommandError> {
        let name = path.display().to_string();
        if let Some(config) =
            ledger::configuration(path).filter(|_| !PostgresAddress::is_meant(&name))
        {
            let (list, inputs) = house::read(&config)?;
            self.inputs.extend(inputs);
            return self.add(path, Platform::Mcp, list);
        }
        let (name, bytes) = if PostgresAddress::is_meant(&name) {
            let (address, listed) = asked(&name)?;
            let (host, port) = address.place();
            (self.listed, self.place) = (Some(listed.clone()), Some(Conninfo::at(host, port)));
            (address.to_string(), listed.into_bytes())
        } else {
            (name, fs::read(path).map_err(|it| wrong(path, it))?)
        };
        let list = Json::parse(&bytes, LIMITS).map_err(|it| wrong(path, it))?;
        let platform = platform_of(path, &bytes, &list)?;
        self.input(name, "grants", Digest::of(&bytes), bytes.len());
        self.add(path, platform, list)
    }

    /// Adds a list of grants, of the system that the others are of.
    fn add(&mut self, path: &Path, platform: Platform, list: Json) -> Result<(), CommandError> {
        if !self.grants.is_empty() && platform != self.platform {
            let why = format!(
                "this is of {platform}, and another is of {}: an identity is of one system",
                self.platform
            );
            return Err(wrong(path, why));
        }
        let is_alone = matches!(platform, Platform::Postgres | Platform::Mcp);
        if is_alone && !self.grants.is_empty() {
            return Err(wrong(path, "of these, one is read at a time"));
        }
        self.platform = platform;
        self.grants.push(list);
        Ok(())
    }

    fn input(&mut self, name: String, what: &str, sha256: Digest, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.inputs.push(Input { name, what: what.to_owned(), sha256, bytes });
    }

    /// Gives what tells of an identity's grants: of AWS the account that it is in, else all that was read.
    pub(super) fn grants_of(&self, wanted: &str) -> Result<Json, CommandError> {
        match (self.platform, self.grants.as_slice()) {
            (Platform::Aws, _) => self.account_of(wanted).cloned(),
            (_, [one]) => Ok(one.clone()),
            (_, all) => Ok(Json::List(all.to_vec())),
        }
    }

    /// Gives the account that an identity is in.
    fn account_of(&self, wanted: &str) -> Result<&Json, CommandError> {
        let is_it = |one: &Json| {
            let arn = one.get("Arn").and_then(Json::as_text).unwrap_or_default();
            arn == wanted || arn.strip_suffix(wanted).is_some_and(|it| it.ends_with([':', '/']))
        };
        let has = |account: &&Json| {
            let mut lists = ["UserDetailList", "RoleDetailList"].into_iter();
            lists
                .any(|it| matches!(account.get(it), Some(Json::List(all)) if all.iter().any(is_it)))
        };
        if 1 < self.grants.iter().filter(has).count() {
            let why =
                format!("several of the lists of grants have a `{wanted}`: give the whole ARN");
            return Err(Words(why));
        }
        let found = self.grants.iter().find(has).or(self.grants.first());
        found.ok_or_else(|| Words("no grants were read".to_owned()))
    }

    /// Reads one log; its digest is of the bytes that were read, not of what lies there a moment later.
    fn log(&mut self, path: &Path) -> Result<(), CommandError> {
        let mut file = Hashed::new(File::open(path).map_err(|it| wrong(path, it))?);
        let (exercised, mut errors, mut undated) = (&mut self.exercised, self.errors, 0_u64);
        let mut take = |record: Record<'_>| match record {
            Record::Exercise(_, it) => {
                exercised.take(it);
            }
            Record::Nothing => {}
            Record::Undated => undated = undated.saturating_add(1),
            Record::Error(error) => {
                errors = errors.saturating_add(1);
                if errors <= FAULTS_TOLD {
                    remark(&format!("`{}`, {}", shown(path), begun(&error.to_string(), FAULT_MAX)));
                }
            }
        };
        let records =
            read_from(&mut file, None, &mut take, &|_| {}).map_err(|it| wrong(path, it))?;
        if 0 < undated {
            remark(&format!(
                "`{}`: {undated} records do not say when, and what only they show is not kept",
                shown(path)
            ));
        }
        let (sha256, bytes) = file.finish().map_err(|it| wrong(path, it))?;
        self.input(
            path.display().to_string(),
            "log",
            sha256,
            usize::try_from(bytes).unwrap_or(usize::MAX),
        );
        self.records = self.records.saturating_add(records);
        self.errors = errors;
        Ok(())
    }
}

/// Asks a database; gives its address, which shows no password, and the answer.
fn asked(address: &str) -> Result<(PostgresAddress, String), CommandError> {
    let password = std::env::var("PGPASSWORD").ok().filter(|it| !it.is_empty()).map(Secret::new);
    let address = PostgresAddress::parse(address, password).map_err(|it| Words(it.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the runtime does not start")?;
    let asked = runtime.block_on(list_postgres_grants(&address));
    let listed = asked.map_err(|it| CommandError::Unreachable(it.to_string()))?;
    Ok((address, listed))
}

pub(super) fn wrong(path: &Path, why: impl std::fmt::Display) -> CommandError {
    Words(format!("`{}`: {why}", shown(path)))
}
