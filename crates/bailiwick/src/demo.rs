//! `bailiwick demo`: the product at work, with real tool servers and agents that go too far.

mod agent;
mod house;
mod legacy;
mod night;
mod people;
mod scenes;
pub(crate) mod sessions;
pub(crate) mod tool_server;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    client::Client,
    command::show::drawn,
    config::{House, Overrides},
    exit::{Exit, Outcome},
    output::say,
    serve::{Front, Governor},
};
use legacy::Legacy;
use people::Actor;
use scenes::{Scene, Stage, Told};
use sessions::Sessions;

/// Shows every scene, and then what reached the tool servers.
pub(crate) async fn run() -> Outcome {
    let folder = std::env::temp_dir().join(format!("bailiwick-demo-{}", std::process::id()));
    let progress = spinner("writing a configuration and starting four tool servers");
    let (governor, stage) = start(&folder).await?;
    progress.finish_and_clear();
    say(&format!("Bailiwick governs four tool servers at {}\n", governor.public_url));

    let mut told = Vec::new();
    for scene in scenes::ALL {
        told.push(play(&stage, scene).await?);
    }
    let good = sum_up(&folder, &told)?;
    for one in &told {
        for task in &one.tasks {
            let path = stage.path(task).await?;
            say(&format!("\n{}", drawn(&path)));
        }
    }
    say(&look_next(&folder, &told));
    governor.stop().await;
    Ok(if good { Exit::Done } else { Exit::Fault })
}

async fn start(folder: &Path) -> anyhow::Result<(Governor, Stage)> {
    house::prepare(folder)?;
    let legacy = Legacy::start(house::count_of(folder, "legacy")).await?;
    let database = Sessions::start(house::count_of(folder, "orders-db")).await?;
    let file = house::write(folder, legacy.address, &database)?;
    let overrides = Overrides::default();
    let (house, warnings) = House::load(&file, &overrides).map_err(|found| {
        anyhow::anyhow!("the demonstration's own configuration is wrong: {:?}", found.errors)
    })?;
    let state = house.config.state.clone();
    let governor = Governor::start(house, overrides, &warnings, Front::Listener).await?;
    let client = Client::reach(&state).await.context("the governor does not answer")?;
    let at = (&client, governor.public_url.as_str());
    let ada = Actor::join(at, "ada", None).await?;
    let bob = Actor::join(at, "bob", Some(&ada)).await?;
    let people = Arc::new((ada, bob));
    let stage = Stage {
        client,
        address: governor.address,
        legacy: Some(legacy),
        database: Some(database),
        people,
    };
    stage.servers_are_up().await?;
    Ok((governor, stage))
}

async fn play(stage: &Stage, scene: &Scene) -> anyhow::Result<Told> {
    say(&format!("\n{}  {}\n", scene.number, scene.title));
    let progress = spinner("");
    let told = (scene.play)(stage.clone(), progress.clone()).await;
    progress.finish_and_clear();
    let told = told?;
    for line in &told.lines {
        say(&format!("   {line}\n"));
    }
    Ok(told)
}

/// Compares what was allowed with what the tool servers counted.
fn sum_up(folder: &Path, told: &[Told]) -> anyhow::Result<bool> {
    let reached = house::reached(folder)?;
    let allowed: u64 = told.iter().map(|it| it.allowed).sum();
    let stopped: u64 = told.iter().map(|it| it.stopped).sum();
    let surprises: Vec<_> = told.iter().flat_map(|it| it.surprises.clone()).collect();
    say(&format!(
        "\n{allowed} calls were allowed and {reached} reached a tool server; {stopped} were stopped before they did.\n"
    ));
    for surprise in &surprises {
        say(&format!("NOT AS IT SHOULD BE: {surprise}\n"));
    }
    Ok(allowed == reached && surprises.is_empty())
}

fn look_next(folder: &Path, told: &[Told]) -> String {
    let config = folder.join("bailiwick.toml");
    let config = config.display();
    let last = told.iter().flat_map(|it| &it.decisions).last();
    let why =
        last.map(|it| format!("  bailiwick why {it} --config {config}\n")).unwrap_or_default();
    format!(
        "\nWhere to look next (the demonstration's files stay in {}):\n{why}  bailiwick hold list --config {config}\n  bailiwick ledger verify --config {config}\n  bailiwick init my-bailiwick      # a configuration of your own\n",
        folder.display(),
    )
}

fn spinner(text: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("   {spinner} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.set_message(text.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
