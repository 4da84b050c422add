//! Scene 12: the application's key goes along, and nobody who asked ever sees it.

use std::time::Duration;

use anyhow::Context;
use bailiwick_model::Timestamp;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::{Acting, Stage, Told, agent, past};
use crate::{
    admin::wire::{SecretChanged, SecretValue},
    command::sign,
};

const KEY: &str = "legacy-key";

pub(super) async fn long_lived_secret(stage: Stage, progress: ProgressBar) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let legacy = stage.legacy.clone().context("there is no legacy application")?;
    let value = SecretValue { value: legacy.key.expose().to_owned() };
    let set: SecretChanged =
        stage.client.post(&format!("/api/v1/secrets/{KEY}/set"), &value).await?;
    told.lines.push(format!(
        "the application's key is kept as `{KEY}`, sealed; it is to be rotated every 90d (value {})",
        set.version
    ));
    let (status, text, _) = agent::get((legacy.address, None), "/invoices/INV-7").await?;
    told.lines.push(format!("an agent asks the application itself: {status} {text}"));
    let task =
        stage.open(&mut told, ("billing-agent", "dunning"), &[("invoice", "INV-7")], None).await?;
    let mut act = stage.acting(&mut told, &task, &progress);
    let mut seen = act.invoice("INV-7", "allow").await?;
    seen.push_str(&act.invoice("INV-8", "deny").await?);
    if seen.contains(legacy.key.expose()) {
        told.surprises.push("the agent has seen the key".to_owned());
    }
    told.lines.push("the application got its key; the agent got stars in its place".to_owned());
    match age(&stage).await? {
        Some((version, age)) => told.lines.push(format!(
            "the key's age is kept, and `bailiwick doctor` complains when it is too old: value {version} is {} ms old",
            age.as_millis()
        )),
        None => told.surprises.push("nobody knows how old the key is".to_owned()),
    }
    Ok(told)
}

/// Asks which value of the key counts, and how old it is.
async fn age(stage: &Stage) -> anyhow::Result<Option<(u64, Duration)>> {
    let kept: Vec<Value> = stage.client.get("/api/v1/secrets").await?;
    let Some(key) = kept.iter().find(|it| it.get("name") == Some(&KEY.into())) else {
        return Ok(None);
    };
    let version = key.get("version").and_then(Value::as_u64);
    let rotated = key.get("rotated").cloned().unwrap_or_default();
    let rotated: Option<Timestamp> = serde_json::from_value(rotated)?;
    Ok(version.zip(rotated.map(|it| sign::now().since(it))))
}

impl Acting<'_> {
    /// Asks for an invoice by HTTP, and gives all that came back.
    async fn invoice(&mut self, id: &str, expected: &str) -> anyhow::Result<String> {
        let shown = format!("legacy__get_invoice {}", json!({"id": id}));
        self.progress.set_message(shown.clone());
        let path = format!("/http/legacy/invoices/{id}");
        let (status, text, decision) = agent::get((self.address, Some(&self.token)), &path).await?;
        let refused: Value = serde_json::from_str(&text).unwrap_or_default();
        let verdict = if status.is_success() { "allow" } else { "deny" };
        let why = refused.get("why").and_then(Value::as_str).unwrap_or(&text);
        self.told.lines.push(format!("{:<7} {shown}\n            {why}", past(verdict)));
        let counter =
            if verdict == "allow" { &mut self.told.allowed } else { &mut self.told.stopped };
        *counter = counter.saturating_add(1);
        if verdict != expected {
            self.told.surprises.push(format!("{shown} should have been {}", past(expected)));
        }
        self.told.decisions.push(decision);
        Ok(text)
    }
}
