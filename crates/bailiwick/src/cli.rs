//! The words of the command line.

mod policy;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::policy::{DiffPolicies, PolicyCommand, ReportFormat, TestPolicies};
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

/// What `bailiwick join` is told.
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// Where the governor answers: its public address.
    pub(crate) governor: String,
    /// The code; it counts once.
    pub(crate) code: String,
    /// Write the private key there; without it to `IDENTITY.pem` in this folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Believe the authorities in this file, and not the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// What `bailiwick token` asks for.
#[derive(Debug, Args)]
pub(crate) struct TokenWish {
    /// Where the governor answers: its public address.
    pub(crate) governor: String,
    /// Who asks.
    #[arg(long = "as", value_name = "IDENTITY")]
    pub(crate) identity: String,
    /// Its private key.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Open a task of this template; without it, the charter's one.
    #[arg(long, value_name = "NAME")]
    pub(crate) template: Option<String>,
    /// A parameter of the template.
    #[arg(long = "param", value_name = "NAME=VALUE", requires = "template")]
    pub(crate) params: Vec<String>,
    /// What the task is for.
    #[arg(long, value_name = "TEXT", requires = "template")]
    pub(crate) purpose: Option<String>,
    /// Go on with this task.
    #[arg(long, value_name = "TASK", conflicts_with = "template")]
    pub(crate) task: Option<String>,
    /// For this resource alone: `GOVERNOR/mcp/SERVER`.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) resource: Option<String>,
    /// Believe the authorities in this file, and not the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// What `bailiwick can` is asked.
#[derive(Debug, Args)]
pub(crate) struct CanDo {
    /// Whose access.
    pub(crate) identity: String,
    /// In this open task, as the running governor knows it.
    #[arg(long, conflicts_with = "template", value_name = "TASK")]
    pub(crate) task: Option<String>,
    /// In a task of this template only.
    #[arg(long, value_name = "NAME")]
    pub(crate) template: Option<String>,
    /// At this server only.
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,
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

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List them: the one that comes next, the one that signs, those whose tokens still count.
    List,
    /// Publish the next key now; it signs in five minutes, and tokens of before stay good.
    Rotate,
    /// Put a key that leaked out of use: no token that it signed counts from now on.
    Withdraw {
        /// Which, by its name; the next one goes with the current one.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        key: Option<String>,
        /// All of them.
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting.
    Show {
        /// Say where each value comes from: a flag, the environment, a line of a file, or nobody.
        #[arg(long)]
        origin: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TemplateCommand {
    /// List task templates.
    List,
    /// Show what a task of one template may do.
    Show {
        /// Which.
        template: String,
    },
}

/// What is contained: one thing, or all identities of a kind.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Whom {
    /// `NAME` or `identity:NAME`, `task:ID`, `credential:ID`, `server:NAME`, `tool:SERVER__TOOL`.
    pub(crate) subject: Option<String>,
    /// Every identity of this class, those that are registered later too.
    #[arg(long)]
    pub(crate) class: Option<String>,
    /// Every identity that this person or team answers for, those that are registered later too.
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// Every identity.
    #[arg(long)]
    pub(crate) all: bool,
}

/// The person who signs.
#[derive(Clone, Debug, Args)]
pub(crate) struct ByPerson {
    /// The person who signs; their passphrase is asked for.
    #[arg(long = "by", value_name = "PERSON")]
    pub(crate) by: String,
    /// Read the passphrase from this file instead of asking for it.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Open a task and print its token.
    Open(OpenTask),
    /// Show one task.
    Show {
        /// The task.
        task: String,
    },
    /// List tasks, newest first.
    List {
        /// Ended ones, too.
        #[arg(long)]
        all: bool,
    },
    /// End a task: its very next call is denied.
    End {
        /// The task.
        task: String,
    },
    /// Mint a new token for an open task.
    Token {
        /// The task.
        task: String,
        /// The private key that proves the identity; default `keys/ID.pem`.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

/// A governed server for a client that starts its servers itself.
#[derive(Debug, Args)]
pub(crate) struct Wrap {
    /// Which server the client gets.
    #[arg(long)]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) task: OpenTask,
    /// The tool server, where the configuration has none of that name.
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OpenTask {
    /// From which template.
    #[arg(long)]
    pub(crate) template: String,
    /// Who does the work.
    #[arg(long = "as", value_name = "IDENTITY")]
    pub(crate) identity: String,
    /// A parameter; once for each.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// What it is for, in your words.
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// Narrow this task's authority instead of the identity's own.
    #[arg(long, value_name = "TASK")]
    pub(crate) parent: Option<String>,
    /// The private key that proves the identity; default `keys/ID.pem` where there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Open it as this person: its parameters are then a person's word.
    #[arg(long = "by", value_name = "PERSON")]
    pub(crate) by: Option<String>,
    /// Read the person's passphrase from this file instead of asking for it.
    #[arg(long, value_name = "FILE", requires = "by")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// List identities.
    List,
    /// Show one identity's charter.
    Show {
        /// Which.
        identity: String,
    },
    /// List keys that were brought in with codes, and codes that wait.
    Keys,
    /// Take away a key that was brought in: it proves nobody from now on.
    Withdraw {
        /// Which: as `identity keys` lists it.
        key: String,
    },
    /// Make an identity's key pair; its charter is written by hand.
    Add {
        /// Which.
        identity: String,
        /// Write `keys/ID.pem` and `keys/ID.pub.pem`.
        #[arg(long, required = true)]
        generate_key: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// List people.
    List,
    /// Add a person. The first one starts the chain; every other is vouched for.
    Add {
        /// Who.
        name: String,
        /// The person who vouches; needed for all but the first.
        #[arg(long = "by", value_name = "PERSON")]
        by: Option<String>,
        /// Read the new person's passphrase from this file instead of asking for it.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// Read the voucher's passphrase from this file instead of asking for it.
        #[arg(long, value_name = "FILE", requires = "by")]
        by_passphrase_file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum HoldCommand {
    /// List holds that wait, oldest first.
    List,
    /// Show one hold.
    Show {
        /// The ticket: `hold_…`.
        hold: String,
    },
    /// Say yes to exactly this call, once.
    Approve {
        /// The ticket.
        hold: String,
        /// Say yes to this action on these resources as often as it comes, for so long.
        #[arg(long = "for", value_name = "SPAN")]
        span: Option<String>,
        #[command(flatten)]
        person: ByPerson,
    },
    /// Say no.
    Deny {
        /// The ticket.
        hold: String,
        #[command(flatten)]
        person: ByPerson,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    /// List the break-glass tasks that nobody has looked at yet.
    List,
    /// Say that you looked at what a break-glass task did.
    Done {
        /// The task: `task_…`.
        task: String,
        /// What you say of it, for the record.
        #[arg(long)]
        note: String,
        #[command(flatten)]
        person: ByPerson,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LeaseCommand {
    /// Get a credential for an open task, by its identity's proof.
    Issue(IssueLease),
    /// List leases, oldest first.
    List {
        /// Only this task's.
        #[arg(long, value_name = "TASK")]
        task: Option<String>,
        /// Those that are gone, too.
        #[arg(long)]
        all: bool,
    },
    /// List the targets that leases are made at, and when each was last proven by a canary.
    Targets,
    /// Show one lease: when it was issued, last used, accepted to end, and known to be gone.
    Show {
        /// Which: `lease_…`.
        lease: String,
    },
    /// End one lease now, whatever its task does.
    Revoke {
        /// Which.
        lease: String,
    },
}

/// A credential that is wanted.
#[derive(Debug, Args)]
pub(crate) struct IssueLease {
    /// For which open task.
    #[arg(long)]
    pub(crate) task: String,
    /// Of which target.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: String,
    /// What of it, once for each; without any all that the task's lines name.
    #[arg(long = "want", value_name = "NAME")]
    pub(crate) wants: Vec<String>,
    /// For how long; without it as long as it may be.
    #[arg(long = "for", value_name = "SPAN")]
    pub(crate) span: Option<String>,
    /// The private key that proves the identity; default `keys/ID.pem` where there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// List servers and their tools.
    List,
    /// Show one server and what it offers.
    Show {
        /// The server.
        server: String,
    },
    /// Accept what a server offers now: one tool, or all of them.
    Accept {
        /// The server.
        server: String,
        /// The tool; without it all that are offered.
        tool: Option<String>,
        #[command(flatten)]
        person: ByPerson,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// List secrets: how old each is, and by whom it was used. No value is shown, ever.
    List,
    /// Give a new secret its value, from a prompt or from standard input.
    Set {
        /// Its name.
        name: String,
    },
    /// Give a secret its next value, from a prompt or from standard input.
    Rotate {
        /// Its name.
        name: String,
    },
    /// Remove a secret: whatever needs it is refused from then on.
    Remove {
        /// Its name.
        name: String,
    },
    /// Wrap the keys of all secrets by a new key, or by the one that the command gives now.
    Rekey,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Recompute the whole chain; against a checkpoint, a cut tail and a rewrite show, too.
    Verify {
        /// A signed checkpoint that was kept elsewhere, or a file of several.
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
    },
    /// Print records, one JSON object a line, oldest first.
    Export {
        /// Only decisions on privileged calls.
        #[arg(long)]
        privileged: bool,
        /// Only this task's.
        #[arg(long, value_name = "TASK")]
        task: Option<String>,
    },
}
