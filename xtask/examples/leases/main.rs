//! Measures the lease engine in one process, over a real ledger and a real registry, at a target in
//! memory, and the end of sessions at a real PostgreSQL and a real OpenSSH: `leases PROGRAM FOLDER`, where the program is
//! not needed.
//!
//! Prints the metrics as one JSON object, and on standard error how far the runs lay apart.

#[path = "../shared/figures.rs"]
mod figures;
mod governor;
mod postgres;
mod pushed;
mod revoked;
mod ssh;
mod storm;

use std::{ffi::OsString, fs, io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [_program, folder, ..] = words.as_slice() else {
        tell("say `leases PROGRAM FOLDER`");
        return ExitCode::from(2);
    };
    match measure(folder.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("leases: {error:#}"));
            ExitCode::from(1)
        }
    }
}

fn measure(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir(folder).context("the folder cannot be made")?;
    let folder = folder.canonicalize()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(async {
        let mut metrics = storm::measure(&folder).await?;
        metrics.extend(revoked::measure(&folder).await?);
        metrics.extend(pushed::measure(&folder).await?);
        metrics.extend(postgres::measure().await?);
        metrics.extend(ssh::measure(&folder).await?);
        anyhow::Ok(metrics)
    });
    fs::remove_dir_all(&folder).context("the folder cannot be cleared away")?;
    let object = figures::object(&measured?).context("a metric is no number")?;
    writeln!(std::io::stdout(), "{object}")?;
    Ok(())
}

/// Prints a line about progress.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
