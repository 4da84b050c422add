//! The files that right-sizing reads, and their digests.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use bailiwick_connect::source::{Hashed, Record, find_files, read_from};
use bailiwick_insight::{Catalogue, Exercised, Input};
use bailiwick_model::{Digest, Json, JsonLimits};

use crate::{exit::CommandError, output::remark};

/// How many records that cannot be read are told one by one.
const FAULTS_TOLD: u64 = 10;
/// An account's list of grants is read as a whole.
const LIMITS: JsonLimits = JsonLimits { bytes: 1 << 30, depth: 64, values: 50_000_000 };

/// Everything that was read.
pub(super) struct Read {
    pub(super) exercised: Exercised,
    pub(super) accounts: Vec<Json>,
    pub(super) inputs: Vec<Input>,
    pub(super) records: u64,
    pub(super) errors: u64,
}

/// Reads logs and lists of grants.
pub(super) fn read(logs: &[PathBuf], grants: &[PathBuf]) -> Result<Read, CommandError> {
    let mut read = Read {
        exercised: Exercised::new(Catalogue::carried()),
        accounts: Vec::new(),
        inputs: Vec::new(),
        records: 0,
        errors: 0,
    };
    for path in grants {
        let bytes = fs::read(path).map_err(|it| wrong(path, it))?;
        read.inputs.push(Input {
            name: path.display().to_string(),
            what: "grants".to_owned(),
            sha256: Digest::of(&bytes),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        });
        let account = Json::parse(&bytes, LIMITS).map_err(|it| wrong(path, it))?;
        if account.get("UserDetailList").is_none() && account.get("RoleDetailList").is_none() {
            let why = "right-sizing reads what `aws iam get-account-authorization-details` prints, and this is something else";
            return Err(wrong(path, why));
        }
        read.accounts.push(account);
    }
    for path in find_files(logs).map_err(|it| CommandError::Words(it.to_string()))? {
        read.log(&path)?;
    }
    if FAULTS_TOLD < read.errors {
        remark(&format!("{} records could not be read in all", read.errors));
    }
    Ok(read)
}

impl Read {
    /// Gives the account that an identity is in.
    pub(super) fn account_of(&self, wanted: &str) -> Result<&Json, CommandError> {
        let is_it = |one: &Json| {
            let arn = one.get("Arn").and_then(Json::as_text).unwrap_or_default();
            arn == wanted || arn.strip_suffix(wanted).is_some_and(|it| it.ends_with([':', '/']))
        };
        let has = |account: &&Json| {
            let mut lists = ["UserDetailList", "RoleDetailList"].into_iter();
            lists
                .any(|it| matches!(account.get(it), Some(Json::List(all)) if all.iter().any(is_it)))
        };
        if 1 < self.accounts.iter().filter(has).count() {
            let why =
                format!("several of the lists of grants have a `{wanted}`: give the whole ARN");
            return Err(CommandError::Words(why));
        }
        let found = self.accounts.iter().find(has).or(self.accounts.first());
        found.ok_or_else(|| CommandError::Words("no grants were read".to_owned()))
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
                    remark(&format!("`{}`, {error}", path.display()));
                }
            }
        };
        let records =
            read_from(&mut file, None, &mut take, &|_| {}).map_err(|it| wrong(path, it))?;
        if 0 < undated {
            remark(&format!(
                "`{}`: {undated} records do not say when, and what only they show is not kept",
                path.display()
            ));
        }
        let (sha256, bytes) = file.finish().map_err(|it| wrong(path, it))?;
        self.inputs.push(Input {
            name: path.display().to_string(),
            what: "log".to_owned(),
            sha256,
            bytes,
        });
        self.records = self.records.saturating_add(records);
        self.errors = errors;
        Ok(())
    }
}

pub(super) fn wrong(path: &Path, why: impl std::fmt::Display) -> CommandError {
    CommandError::Words(format!("`{}`: {why}", path.display()))
}
