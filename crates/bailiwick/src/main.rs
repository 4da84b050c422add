//! The bailiwick program: reads the command line and does what it says.

mod accepted;
mod admin;
mod can;
mod check;
mod cli;
mod client;
mod command;
mod config;
mod demo;
mod doctor;
mod exit;
mod init;
mod log;
mod output;
mod outward;
mod page;
mod place;
mod policy;
mod run;
mod serve;
mod targets;
mod telemetry;
mod wrap;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use crate::{cli::Cli, exit::Exit, output::remark};

/// A call takes some two hundred small pieces of memory, and gives each back on whichever thread
/// comes next.
#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Words } else { Exit::Done };
            let _gone = error.print();
            return exit.into();
        }
    };
    match run::run(cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            remark(&format!("error: {error}"));
            error.exit().into()
        }
    }
}
