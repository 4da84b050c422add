//! Which command does what.

use std::io::IsTerminal;

use anyhow::Context;

use crate::{
    accepted, can,
    check::{Checked, Look},
    cli::{
        Ask, ByPerson, Cli, Command, Common, ConfigCommand, HoldCommand, IdentityCommand,
        LeaseCommand, LedgerCommand, PersonCommand, PolicyCommand, ReviewCommand, ServerCommand,
        TaskCommand, TemplateCommand,
    },
    command::{
        audit, chains, configuration, contain, enrol, hold, identity, join, keys, lease, ledger,
        person, reference, review, rightsize, secret, server, show, signals, task, template,
    },
    config::{Config, Found, House, Overrides},
    demo, doctor,
    exit::{CommandError, Exit, Outcome},
    init, log,
    output::{Output, drawn, say},
    place::Place,
    policy,
    serve::{Asked, Front, Governor, Misfits, panics_say_where},
    telemetry, wrap,
};

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Outcome {
    let Cli { common, command } = cli;
    match command {
        // A tool server's standard output belongs to the protocol, and it needs no runtime.
        Command::DemoServer { name, count } => {
            demo::tool_server::serve(&name, count)?;
            Ok(Exit::Done)
        }
        Command::DemoBroker { address } => {
            demo::sessions::broker(address)?;
            Ok(Exit::Done)
        }
        Command::Init { folder } => write_first(&folder, common.output),
        Command::Check => read_all(&common),
        Command::Doctor => {
            log::plainly("error");
            let overrides = overrides(None)?;
            on_runtime(doctor::doctor(&common.config, &overrides, common.output))
        }
        Command::Config(ConfigCommand::Show { origin }) => {
            configuration::show(&common, &overrides(None)?, origin)
        }
        Command::Can(words) => {
            log::plainly("warn");
            on_runtime(async { can::can(&common, &overrides(None)?, &words).await })
        }
        Command::Policy(PolicyCommand::Test(words)) => {
            policy::test(&common, &overrides(None)?, &words)
        }
        Command::Policy(PolicyCommand::Schema) => policy::schema(&common, &overrides(None)?),
        Command::Policy(PolicyCommand::Diff(words)) => {
            policy::diff(&common, &overrides(None)?, &words)
        }
        Command::Policy(PolicyCommand::Fmt { paths, check }) => {
            policy::form(&common, &paths, check)
        }
        Command::Audit(words) => audit::run(&audit::with_sources(words, &common)?, common.output),
        Command::Chains(words) => chains::run(&words, common.output),
        Command::Rightsize(words) => rightsize::run(&words, common.output),
        Command::Completions { shell } => Ok(reference::completions(shell)),
        Command::Man { dir } => reference::man(dir.as_deref(), common.output),
        Command::Demo => {
            log::plainly("bailiwick=error");
            on_runtime(demo::run())
        }
        Command::Serve { listen } => on_runtime(serve(common, listen)),
        Command::Wrap(words) => {
            log::plainly("warn");
            let overrides = overrides(None)?;
            on_runtime(wrap::wrap(&common, &words, overrides))
        }
        Command::Join(words) => on_runtime(async { join::join(common.output, &words).await }),
        Command::Token(words) => on_runtime(async { join::token(common.output, &words).await }),
        Command::Ask(it) => {
            log::plainly("warn");
            let place = place(&common)?;
            on_runtime(ask(common, place, it))
        }
    }
}

#[derive(serde::Serialize)]
struct Written {
    written: Vec<String>,
}

fn write_first(folder: &std::path::Path, output: Output) -> Outcome {
    let files = init::init(folder).map_err(|error| CommandError::Words(error.to_string()))?;
    let written = Written { written: files.iter().map(|it| it.display().to_string()).collect() };
    output.show(&written, |it| {
        let files: String = it.written.iter().map(|it| format!("wrote {it}\n")).collect();
        format!("{files}\n{}", init::next_steps(folder))
    })?;
    Ok(Exit::Done)
}

fn read_all(common: &Common) -> Outcome {
    let checked = Checked::of(&common.config, &overrides(None)?);
    let look = look(std::io::stdout().is_terminal());
    common.output.show(&checked.report(), |_| checked.text(&look))?;
    Ok(if checked.is_good() { Exit::Done } else { Exit::Words })
}

fn look(terminal: bool) -> Look {
    if terminal { Look::coloured(100) } else { Look::plain(100) }
}

fn on_runtime(work: impl Future<Output = Outcome>) -> Outcome {
    // One of them may be waiting for the disk.
    let threads = std::thread::available_parallelism().map_or(2, |it| it.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("the runtime does not start")?;
    let outcome = runtime.block_on(work);
    // A read of standard input cannot be called off, and must not keep a finished program.
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    outcome
}

fn overrides(listen: Option<String>) -> Result<Overrides, CommandError> {
    let variable = |name: &str| std::env::var(name).ok();
    Ok(Overrides::new(listen, None, &variable).context("the current folder cannot be found")?)
}

fn place(common: &Common) -> Result<Place, CommandError> {
    let config = Config::load(&common.config, &overrides(None)?).map_err(|found| wrong(&found))?;
    Ok(Place::of(&config))
}

/// Shows every mistake of a configuration, and says how many there are.
pub(crate) fn wrong(found: &Found) -> CommandError {
    wrong_in("the configuration", found)
}

/// Shows every mistake in some files, and says how many there are.
pub(crate) fn wrong_in(files: &str, found: &Found) -> CommandError {
    for error in &found.errors {
        drawn(&look(std::io::stderr().is_terminal()).draw(error.as_ref()));
    }
    let mistakes = match found.errors.len() {
        1 => "1 mistake".to_owned(),
        several => format!("{several} mistakes"),
    };
    CommandError::Words(format!("{mistakes} in {files}"))
}

async fn serve(common: Common, listen: Option<std::net::SocketAddr>) -> Outcome {
    let overrides = overrides(listen.map(|it| it.to_string()))?;
    let (house, warnings) = House::load_against(accepted::KNOWN, &common.config, &overrides)
        .map_err(|found| wrong(&found))?;
    let (traces, export) = house.config.telemetry.otlp.as_ref().map(telemetry::start).unzip();
    log::as_configured(&house.config.log, traces);
    // What keeps a governor from starting is around it: the state, the address, another governor.
    panics_say_where();
    let asked = Asked::listen().context("signals cannot be heard")?;
    let governor = Governor::start(house, overrides, &warnings, Front::Listener)
        .await
        .map_err(|error| not_started(&error))?;
    say(&format!("bailiwick governs at {}\n", governor.public_url));
    let ran = governor.run(asked).await;
    if let Some(export) = export {
        export.finish().await;
    }
    Ok(ran?.map_or(Exit::Done, Exit::Cut))
}

/// Says why a governor did not start: what is written does not fit, or what is around it.
pub(crate) fn not_started(error: &anyhow::Error) -> CommandError {
    let text = format!("{error:#}");
    if error.is::<Misfits>() { CommandError::Words(text) } else { CommandError::Unreachable(text) }
}

async fn ask(common: Common, place: Place, command: Ask) -> Outcome {
    let output = common.output;
    match command {
        Ask::Task(it) => ask_task(&place, output, it).await,
        Ask::Identity(it) => match it {
            IdentityCommand::List => identity::list(&place, output).await,
            IdentityCommand::Show { identity } => identity::show(&place, output, &identity).await,
            IdentityCommand::Keys => enrol::list(&place, output).await,
            IdentityCommand::Withdraw { key } => enrol::withdraw(&place, output, &key).await,
            IdentityCommand::Add { identity, .. } => identity::add(&place, output, &identity),
        },
        Ask::Enrol { identity, span } => {
            enrol::offer(&place, output, (&identity, span.as_deref())).await
        }
        Ask::Person(it) => ask_person(&place, output, it).await,
        Ask::Hold(it) => ask_hold(&place, output, it).await,
        Ask::Review(ReviewCommand::List) => review::list(&place, output).await,
        Ask::Review(ReviewCommand::Done { task, note, person }) => {
            review::done(&place, output, (&task, &note), &person).await
        }
        Ask::Lease(it) => match it {
            LeaseCommand::Issue(words) => lease::issue(&place, output, &words).await,
            LeaseCommand::List { task, all } => {
                lease::list(&place, output, (task.as_deref(), all)).await
            }
            LeaseCommand::Targets => lease::targets(&place, output).await,
            LeaseCommand::Show { lease } => lease::show(&place, output, &lease).await,
            LeaseCommand::Revoke { lease } => lease::revoke(&place, output, &lease).await,
        },
        Ask::Template(it) => match it {
            TemplateCommand::List => template::list(&place, output).await,
            TemplateCommand::Show { template } => template::show(&place, output, &template).await,
        },
        Ask::Server(it) => match it {
            ServerCommand::List => server::list(&place, output).await,
            ServerCommand::Show { server } => server::show(&place, output, &server).await,
            ServerCommand::Accept { server, tool, person } => {
                server::accept(&place, output, (&server, tool.as_deref()), &person).await
            }
        },
        Ask::Contain { whom, why } => contain::contain(&place, output, &whom, &why).await,
        Ask::Release { subject, person } => {
            contain::release(&place, output, &subject, &person).await
        }
        Ask::Contained => contain::list(&place, output).await,
        Ask::Why { decision } => show::why(&place, output, &decision).await,
        Ask::Path { task, html: true } => show::page(&place, &task),
        Ask::Path { task, html: false } => show::path(&place, output, &task).await,
        Ask::Secret(it) => secret::run(&place, output, it).await,
        Ask::Ledger(LedgerCommand::Verify { against }) => {
            ledger::verify(&place, output, against.as_deref())
        }
        Ask::Ledger(LedgerCommand::Export { privileged, task }) => {
            ledger::export(&place, privileged, task.as_deref())
        }
        Ask::Keys(it) => keys::ask(&place, output, it).await,
        Ask::Signals => signals::list(&place, output).await,
        Ask::Reload => server::reload(&place, output).await,
    }
}

async fn ask_task(place: &Place, output: Output, command: TaskCommand) -> Outcome {
    match command {
        TaskCommand::Open(words) => task::open(place, output, &words).await,
        TaskCommand::Show { task } => task::show(place, output, &task).await,
        TaskCommand::List { all } => task::list(place, output, all).await,
        TaskCommand::End { task } => task::end(place, output, &task).await,
        TaskCommand::Token { task, key } => task::token(place, output, &task, key.as_deref()).await,
    }
}

async fn ask_person(place: &Place, output: Output, command: PersonCommand) -> Outcome {
    match command {
        PersonCommand::List => person::list(place, output).await,
        PersonCommand::Add { name, by, passphrase_file, by_passphrase_file } => {
            let voucher = by.map(|by| ByPerson { by, passphrase_file: by_passphrase_file });
            person::add(place, output, &name, voucher.as_ref(), passphrase_file.as_deref()).await
        }
    }
}

async fn ask_hold(place: &Place, output: Output, command: HoldCommand) -> Outcome {
    match command {
        HoldCommand::List => hold::list(place, output).await,
        HoldCommand::Show { hold } => hold::show(place, output, &hold).await,
        HoldCommand::Approve { hold, span, person } => {
            let asked = (hold.as_str(), "approve-hold");
            hold::answer(place, output, asked, span.as_deref(), &person).await
        }
        HoldCommand::Deny { hold, person } => {
            hold::answer(place, output, (&hold, "refuse-hold"), None, &person).await
        }
    }
}
