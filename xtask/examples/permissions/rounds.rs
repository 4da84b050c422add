//! The rounds: the program and its peers in turns, over the same files.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use serde_json::Value;

use crate::{
    child::{self, Took},
    events,
    figures::Spread,
};

/// What is printed; the rest explains it.
pub(crate) const METRICS: [&str; 7] = [
    "ndjson_1m_cpu_s",
    "ndjson_1m_cpu_ratio_duckdb",
    "gz_100k_events_per_cpu_s",
    "gz_ratio_duckdb",
    "gz_ratio_trailscraper",
    "gz_rss_mib",
    "unused_1m_100k_s",
];

const ROUNDS: usize = 5;
/// 345 times the 2,900 real events.
const TIMES: usize = 345;
const DELIVERED: usize = 100_050;

type Runs = BTreeMap<String, Vec<f64>>;

struct Bench<'a> {
    program: &'a Path,
    folder: &'a Path,
    duckdb: Option<PathBuf>,
    trailscraper: Option<PathBuf>,
    runs: Runs,
}

/// Makes the files, measures, and gives each figure's spread.
pub(crate) fn run(
    program: &Path,
    folder: &Path,
    peers: &[OsString],
) -> anyhow::Result<Vec<(String, Spread)>> {
    let data =
        std::env::var_os("BAILIWICK_DATA").map_or_else(|| "../shared/data".into(), PathBuf::from);
    let data = data.join("permissions");
    let real = events::unpacked(&data.join("aws-invictus/cloudtrail.jsonl.zst"))?;
    events::lines(&real, TIMES, &folder.join("events.ndjson"))?;
    events::delivered(&real, DELIVERED, &folder.join("logs"))?;
    let peer = |name: &str| {
        let named = |it: &OsString| {
            Some(PathBuf::from(it.to_str()?.strip_prefix(name)?.strip_prefix('=')?))
        };
        peers.iter().find_map(named)
    };
    let (duckdb, trailscraper) = (peer("duckdb"), peer("trailscraper"));
    let mut bench = Bench { program, folder, duckdb, trailscraper, runs: Runs::new() };
    for _ in 0..ROUNDS {
        bench.lines()?;
        bench.lists()?;
        bench.unused(&data.join("aws-managed-policies/policies.jsonl.zst"))?;
    }
    let spread = |(name, runs): (String, Vec<f64>)| Some((name, Spread::of(&runs)?));
    Ok(bench.runs.into_iter().filter_map(spread).collect())
}

impl Bench<'_> {
    fn add(&mut self, name: &str, number: f64) {
        self.runs.entry(name.to_owned()).or_default().push(number);
    }

    fn took(&mut self, name: &str, took: Took) {
        self.add(&format!("{name}_cpu_s"), took.cpu);
        self.add(&format!("{name}_wall_s"), took.wall);
        self.add(&format!("{name}_rss_mib"), took.rss_mib);
    }

    /// A million events, one on a line.
    fn lines(&mut self) -> anyhow::Result<()> {
        let file = self.folder.join("events.ndjson");
        let ours = self.ours(&file, 1_000_500)?;
        self.took("ndjson_1m", ours);
        if let Some((took, query)) = self.duckdb("lines", &file)? {
            self.took("ndjson_1m_duckdb", took);
            self.add("ndjson_1m_duckdb_query_cpu_s", query);
            self.add("ndjson_1m_cpu_ratio_duckdb", ours.cpu / query);
        }
        Ok(())
    }

    /// A hundred thousand, in lists, packed.
    fn lists(&mut self) -> anyhow::Result<()> {
        let logs = self.folder.join("logs");
        let ours = self.ours(&logs, 100_050)?;
        self.took("gz", ours);
        let count = f64::from(u32::try_from(DELIVERED)?);
        self.add("gz_100k_events_per_cpu_s", count / ours.cpu);
        if let Some((took, query)) = self.duckdb("lists", &logs.join("*.json.gz"))? {
            self.took("gz_duckdb", took);
            self.add("gz_duckdb_query_cpu_s", query);
            self.add("gz_ratio_duckdb", query / ours.cpu);
        }
        if let Some(environment) = self.trailscraper.clone() {
            let program = environment.join("bin/trailscraper");
            let chosen = self.folder.join("chosen.json");
            let mut select = Command::new(&program);
            select
                .args(["select", "--from", "2023-01-01", "--to", "2025-01-01", "--log-dir"])
                .arg(&logs);
            let took = child::run(&mut select, &chosen)?;
            let mut generate = Command::new("sh");
            generate.args(["-c", "exec \"$1\" generate < \"$2\"", "sh"]).arg(&program).arg(&chosen);
            let took = took.then(child::run(&mut generate, &self.folder.join("policy.json"))?);
            self.took("gz_trailscraper", took);
            self.add("gz_ratio_trailscraper", took.cpu / ours.cpu);
        }
        Ok(())
    }

    /// What is unused, of a million events and a hundred thousand grants.
    fn unused(&mut self, patterns: &Path) -> anyhow::Result<()> {
        let said = self.folder.join("unused.json");
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--unused").arg(self.folder.join("events.ndjson")).arg(patterns);
        let took = child::run(&mut command, &said)?;
        self.add("unused_1m_100k_s", number(&said, "/wall")?);
        self.add("unused_1m_100k_entries", number(&said, "/unused")?);
        self.add("unused_1m_100k_rss_mib", took.rss_mib);
        Ok(())
    }

    /// The whole of `audit`: reading, naming, stitching, and the report.
    fn ours(&self, logs: &Path, events: u32) -> anyhow::Result<Took> {
        let said = self.folder.join("audit.json");
        let mut command = Command::new(self.program);
        command.current_dir(self.folder).arg("audit").arg(logs).args(["--output", "json"]);
        let took = child::run(&mut command, &said)?;
        let counted = number(&said, "/summary/events")?;
        anyhow::ensure!(counted >= f64::from(events), "only {counted} events were read");
        Ok(took)
    }

    /// A bare count of who did what; the second figure leaves out the start of Python.
    fn duckdb(&self, form: &str, files: &Path) -> anyhow::Result<Option<(Took, f64)>> {
        let Some(environment) = &self.duckdb else { return Ok(None) };
        let script = self.folder.join("duckdb_rows.py");
        fs::write(&script, include_str!("duckdb.py"))?;
        let said = self.folder.join("duckdb.json");
        let mut command = Command::new(environment.join("bin/python"));
        let took = child::run(command.arg(script).arg(form).arg(files), &said)?;
        Ok(Some((took, number(&said, "/cpu")?)))
    }
}

fn number(said: &Path, place: &str) -> anyhow::Result<f64> {
    let said: Value = serde_json::from_slice(&fs::read(said)?).context("it said no JSON")?;
    said.pointer(place).and_then(Value::as_f64).with_context(|| format!("it said no `{place}`"))
}
