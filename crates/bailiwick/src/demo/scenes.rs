//! The scenes: agents that are what they say, and go further than they may.

mod open_sessions;
mod secret;

use std::{
    collections::BTreeMap, future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration,
};

use anyhow::Context;
use bailiwick_insight::AccessPath;
use bailiwick_model::{TaskId, Timestamp};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::{agent, legacy::Legacy, night, people::Actor, sessions::Sessions};
use crate::{
    admin::wire::{OpenTask, OpenedTask, Servers},
    client::Client,
    command::sign,
};

/// Where scenes are played.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) client: Client,
    pub(super) address: SocketAddr,
    /// The application that wants a key.
    pub(super) legacy: Option<Legacy>,
    /// A database whose sessions stay open.
    pub(super) database: Option<Sessions>,
    /// Two people who may break the glass together.
    pub(super) people: Arc<(Actor, Actor)>,
}

/// What a scene told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) lines: Vec<String>,
    pub(super) tasks: Vec<TaskId>,
    pub(super) decisions: Vec<String>,
    pub(super) allowed: u64,
    pub(super) stopped: u64,
    pub(super) surprises: Vec<String>,
}

type Playing = Pin<Box<dyn Future<Output = anyhow::Result<Told>>>>;

/// One scene.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) number: u8,
    pub(super) title: &'static str,
    pub(super) play: fn(Stage, ProgressBar) -> Playing,
}

/// Every scene, numbered as the design numbers its situations.
pub(super) const ALL: &[Scene] = &[
    Scene {
        number: 1,
        title: "A build agent's deploy token is used to read production secrets",
        play: |stage, progress| Box::pin(production_secrets(stage, progress)),
    },
    Scene {
        number: 2,
        title: "A ticket-triage agent starts a customer export",
        play: |stage, progress| Box::pin(customer_export(stage, progress)),
    },
    Scene {
        number: 4,
        title: "A database call comes after the task's window has closed",
        play: |stage, progress| Box::pin(closed_window(stage, progress)),
    },
    Scene {
        number: 6,
        title: "A fresh token tries one server after the other",
        play: |stage, progress| Box::pin(lateral_access(stage, progress)),
    },
    Scene {
        number: 9,
        title: "A sub-agent inherits trust and reaches for more",
        play: |stage, progress| Box::pin(wider_child(stage, progress)),
    },
    Scene {
        number: 12,
        title: "A legacy application needs a secret that lives for months",
        play: |stage, progress| Box::pin(secret::long_lived_secret(stage, progress)),
    },
    Scene {
        number: 13,
        title: "A task ends while its database sessions are open",
        play: |stage, progress| Box::pin(open_sessions::open_sessions(stage, progress)),
    },
    Scene {
        number: 15,
        title: "Break-glass at night takes two people",
        play: |stage, progress| Box::pin(night::break_glass(stage, progress)),
    },
];

async fn production_secrets(stage: Stage, progress: ProgressBar) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let task =
        stage.open(&mut told, ("build-agent", "release"), &[("service", "shop")], None).await?;
    let mut act = stage.acting(&mut told, &task, &progress);
    act.call(("deploy", "status"), json!({"service": "shop"}), "allow").await?;
    act.call(("deploy", "release"), json!({"service": "shop", "version": "1.4.2"}), "allow")
        .await?;
    act.call(("vault", "read_secret"), json!({"path": "staging/smoke-test"}), "allow").await?;
    act.call(("vault", "read_secret"), json!({"path": "prod/db-password"}), "deny").await?;
    act.call(("deploy", "release"), json!({"service": "billing", "version": "9.9.9"}), "deny")
        .await?;
    Ok(told)
}

async fn customer_export(stage: Stage, progress: ProgressBar) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let task = stage
        .open(&mut told, ("triage-agent", "ticket-triage"), &[("ticket", "T-31")], None)
        .await?;
    let mut act = stage.acting(&mut told, &task, &progress);
    act.call(("tickets", "get_ticket"), json!({"ticket": "T-31"}), "allow").await?;
    act.call(("tickets", "export_customers"), json!({"segment": "all"}), "hold").await?;
    act.call(("tickets", "add_comment"), json!({"ticket": "T-31", "text": "On it."}), "allow")
        .await?;
    Ok(told)
}

async fn closed_window(stage: Stage, progress: ProgressBar) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let task = stage.open(&mut told, ("report-job", "nightly-report"), &[], None).await?;
    let mut act = stage.acting(&mut told, &task, &progress);
    act.call(("warehouse", "query"), json!({"sql": "select count(*) from orders"}), "allow")
        .await?;
    act.until(task.grant.window.deadline).await;
    act.call(("warehouse", "query"), json!({"sql": "select * from customers"}), "deny").await?;
    Ok(told)
}

async fn lateral_access(stage: Stage, progress: ProgressBar) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let task = stage
        .open(&mut told, ("triage-agent", "ticket-triage"), &[("ticket", "T-52")], None)
        .await?;
    let mut act = stage.acting(&mut told, &task, &progress);
    act.call(("tickets", "get_ticket"), json!({"ticket": "T-52"}), "allow").await?;
    act.call(("deploy", "status"), json!({"service": "shop"}), "deny").await?;
    act.call(("vault", "read_secret"), json!({"path": "staging/smoke-test"}), "deny").await?;
    act.call(("warehouse", "query"), json!({"sql": "select 1"}), "deny").await?;
    // It has ended by now: what it was given is gone, too.
    act.call(("tickets", "get_ticket"), json!({"ticket": "T-52"}), "deny").await?;
    let path = stage.path(&task.task).await?;
    told.lines.extend(path.findings.iter().map(|it| format!("finding {}: {}", it.code, it.text)));
    match path.ended.filter(|_| !path.findings.is_empty()) {
        Some(ended) => told.lines.push(format!("contained: {} ended {ended}", task.task)),
        None => told.surprises.push("nobody noticed who tried one server after the other".into()),
    }
    Ok(told)
}

async fn wider_child(stage: Stage, progress: ProgressBar) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let parent = stage
        .open(&mut told, ("triage-agent", "ticket-triage"), &[("ticket", "T-44")], None)
        .await?;
    let child =
        stage.open(&mut told, ("summary-agent", "summary"), &[], Some(&parent.task)).await?;
    let mut act = stage.acting(&mut told, &child, &progress);
    act.call(("tickets", "get_ticket"), json!({"ticket": "T-44"}), "allow").await?;
    act.call(("tickets", "get_ticket"), json!({"ticket": "T-1"}), "deny").await?;
    act.call(("tickets", "export_customers"), json!({"segment": "all"}), "deny").await?;
    act.call(("warehouse", "query"), json!({"sql": "select * from customers"}), "deny").await?;
    Ok(told)
}

/// One agent at work in one task.
pub(super) struct Acting<'a> {
    address: SocketAddr,
    token: String,
    told: &'a mut Told,
    progress: &'a ProgressBar,
}

impl Stage {
    /// Waits until every tool server is up and pinned.
    pub(super) async fn servers_are_up(&self) -> anyhow::Result<()> {
        for _ in 0..100 {
            let servers: Servers = self.client.get("/api/v1/servers").await?;
            let ready = |it: &crate::admin::wire::ServerView| {
                it.status == "up" && it.tools.iter().all(|tool| tool.state == "accepted")
            };
            if servers.servers.iter().all(ready) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("the tool servers do not come up")
    }

    async fn open(
        &self,
        told: &mut Told,
        (identity, template): (&str, &str),
        params: &[(&str, &str)],
        parent: Option<&TaskId>,
    ) -> anyhow::Result<OpenedTask> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let wish = OpenTask {
            template: template.parse()?,
            identity: identity.parse()?,
            params: params.iter().map(owned).collect::<BTreeMap<_, _>>(),
            purpose: None,
            parent: parent.cloned(),
            assertion: None,
            signed: None,
        };
        let opened: OpenedTask = self.client.post("/api/v1/tasks", &wish).await?;
        let under = parent.map(|it| format!(" under {it}")).unwrap_or_default();
        told.lines.push(format!("{identity} opens {} from `{template}`{under}", opened.task));
        told.tasks.push(opened.task.clone());
        Ok(opened)
    }

    fn acting<'a>(
        &self,
        told: &'a mut Told,
        task: &OpenedTask,
        progress: &'a ProgressBar,
    ) -> Acting<'a> {
        self.acting_with(told, task.token.clone(), progress)
    }

    pub(super) const fn acting_with<'a>(
        &self,
        told: &'a mut Told,
        token: String,
        progress: &'a ProgressBar,
    ) -> Acting<'a> {
        Acting { address: self.address, token, told, progress }
    }

    /// Asks for a task's path.
    pub(super) async fn path(&self, task: &TaskId) -> anyhow::Result<AccessPath> {
        Ok(self.client.get(&format!("/api/v1/paths/{task}")).await?)
    }
}

impl Acting<'_> {
    pub(super) async fn call(
        &mut self,
        what: (&str, &str),
        arguments: Value,
        expected: &str,
    ) -> anyhow::Result<()> {
        let (server, tool) = what;
        let shown = format!("{server}__{tool} {arguments}");
        self.progress.set_message(shown.clone());
        let (result, decision) = agent::call(self.address, &self.token, what, &arguments).await?;
        let reason = result.get("structuredContent").filter(|it| it.get("verdict").is_some());
        let verdict =
            reason.and_then(|it| it.get("verdict")).and_then(Value::as_str).unwrap_or("allow");
        let text = result.pointer("/content/0/text").and_then(Value::as_str).context("no text")?;
        let why = reason.and_then(|it| it.get("why")).and_then(Value::as_str).unwrap_or(text);
        self.told.lines.push(format!("{:<7} {shown}\n            {why}", past(verdict)));
        let counter =
            if verdict == "allow" { &mut self.told.allowed } else { &mut self.told.stopped };
        *counter = counter.saturating_add(1);
        if verdict != expected {
            self.told.surprises.push(format!("{shown} should have been {}", past(expected)));
        }
        self.told.decisions.push(decision);
        Ok(())
    }

    /// Waits until a moment has passed, and says so.
    async fn until(&self, moment: Timestamp) {
        let wait = moment.since(sign::now());
        self.progress
            .set_message(format!("waiting {} ms for the task's window to close", wait.as_millis()));
        tokio::time::sleep(wait.saturating_add(Duration::from_millis(20))).await;
    }
}

fn past(verdict: &str) -> &'static str {
    match verdict {
        "allow" => "allowed",
        "hold" => "held",
        _ => "denied",
    }
}
