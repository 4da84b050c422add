//! The words of the command line.

mod audit;
mod chains;
mod credential;
mod house;
mod identity;
mod people;
mod policy;
mod rightsize;
mod task;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::{
    audit::{AuditFormat, AuditLogs, FailOn},
    chains::{ChainWords, Goal},
    credential::{IssueLease, LeaseCommand, SecretCommand},
    house::{ConfigCommand, LedgerCommand, ServerCommand, TemplateCommand},
    identity::{CanDo, IdentityCommand, Join, KeysCommand, TokenWish},
    people::{ByPerson, HoldCommand, PersonCommand, ReviewCommand, Whom},
    policy::{DiffPolicies, PolicyCommand, ReportFormat, TestPolicies},
    rightsize::{AboutCertificate, MarginWish, Rightsize, RightsizeCommand},
    task::{OpenTask, TaskCommand, Wrap},
};
use crate::output::Output;

/// Keeps AI agents, and every other non-human identity, inside the authority they were given.
#[derive(Debug, Parser)]
#[command(name = "bailiwick", version, about, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// The configuration.
    #[arg(
        long,
        global = true,
        env = "BAILIWICK_CONFIG",
        default_value = "bailiwick.toml",
        value_name = "FILE"
    )]
    pub(crate) config: PathBuf,
    /// How to show the answer.
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole product at work, with tool servers of its own; needs nothing.
    Demo,
    /// Write a commented configuration that works.
    Init {
        /// Where to; it may hold files, but none of those that are written.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Read the whole configuration and print every mistake in it.
    Check,
    /// Look for what weakens the governor, and say how to mend it.
    Doctor,
    /// Govern: start the servers, decide calls, keep the ledger.
    Serve {
        /// Listen here instead of at the configuration's address.
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<std::net::SocketAddr>,
    },
    /// Policies as code: test them, and write them in one form.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Hold what systems grant beside what their logs say was done; needs no governor and no configuration.
    Audit(AuditLogs),
    /// Show who came by which way to what, and who could; needs no governor and no configuration.
    Chains(ChainWords),
    /// Write the smaller policy that allows all that an identity was seen to use; needs no governor and no configuration.
    Rightsize(Rightsize),
    /// Show what an identity can do: every action, what becomes of its calls, and why.
    Can(CanDo),
    /// Show the settings as they come out, and where each comes from.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print what a shell needs to complete these commands.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual: a page for every command.
    Man {
        /// Into this folder; without it the first page goes to standard output.
        #[arg(long, value_name = "FOLDER")]
        dir: Option<PathBuf>,
    },
    /// Stand between a client and its tool server, on standard input and output.
    Wrap(Wrap),
    /// Serve a small MCP tool server on standard input and output.
    #[command(hide = true)]
    DemoServer {
        /// Which.
        name: String,
        /// Append every call that arrives to this file.
        #[arg(long)]
        count: Option<PathBuf>,
    },
    /// Bring in a key of this machine with a code that `bailiwick enrol` made; needs no configuration.
    Join(Join),
    /// Open a task at a governor elsewhere with a key of this machine, and print its token; needs no configuration.
    Token(TokenWish),
    /// Make and end users of the demonstration's own database server.
    #[command(hide = true)]
    DemoBroker {
        /// Where it is.
        address: std::net::SocketAddr,
    },
    #[command(flatten)]
    Ask(Ask),
}

/// Commands that look at a state, or ask the server that owns it.
#[derive(Debug, Subcommand)]
pub(crate) enum Ask {
    /// Open, show, list and end tasks.
    #[command(subcommand)]
    Task(TaskCommand),
    /// Identities and their keys.
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Make a code with which another machine brings in a key of its own, once.
    Enrol {
        /// For whom: its charter says `proof = [{ enrolled = true }]`.
        identity: String,
        /// How long the code counts: ten minutes at the most.
        #[arg(long = "for", value_name = "SPAN")]
        span: Option<String>,
    },
    /// People who may approve.
    #[command(subcommand)]
    Person(PersonCommand),
    /// Calls that wait for a person.
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Break-glass tasks that a person still has to look at.
    #[command(subcommand)]
    Review(ReviewCommand),
    /// Credentials at other systems, which end with their tasks.
    #[command(subcommand)]
    Lease(LeaseCommand),
    /// The reviewed shapes of tasks.
    #[command(subcommand)]
    Template(TemplateCommand),
    /// Servers behind the gateway and their accepted tools.
    #[command(subcommand)]
    Server(ServerCommand),
    /// Withdraw all authority of an identity, a task, a credential, a server, a tool or many identities, now.
    Contain {
        #[command(flatten)]
        whom: Whom,
        /// Why, for the record.
        #[arg(long)]
        why: String,
    },
    /// Give something that is contained its authority back.
    Release {
        /// What: as `contained` lists it.
        subject: String,
        #[command(flatten)]
        person: ByPerson,
    },
    /// List what is contained.
    Contained,
    /// Say why a call was allowed, held or denied.
    Why {
        /// The decision: `dec_…`.
        decision: String,
    },
    /// Show what a task did, step by step.
    Path {
        /// The task: `task_…`.
        task: String,
        /// Draw it as one page that stands by itself, for a browser or a printer.
        #[arg(long)]
        html: bool,
    },
    /// Secrets that other systems want, kept sealed and used for tasks that never see them.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Verify and export the evidence.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// The keys that sign task tokens.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// How those stand who are told what happens here: what each does not have yet, and why.
    Signals,
    /// Read the configuration again and put it in force.
    Reload,
}
