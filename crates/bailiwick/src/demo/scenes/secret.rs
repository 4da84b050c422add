//! Scene 12: the application's key goes along, and nobody who asked ever sees it.

use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::json;

use super::{Acting, Stage, Told, agent, past};
use crate::admin::wire::{SecretChanged, SecretValue};

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
    Ok(told)
}

impl Acting<'_> {
    /// Asks for an invoice by HTTP, and gives all that came back.
    async fn invoice(&mut self, id: &str, expected: &str) -> anyhow::Result<String> {
        let shown = format!("legacy__get_invoice {}", json!({"id": id}));
        self.progress.set_message(shown.clone());
        let path = format!("/http/legacy/invoices/{id}");
        let (status, text, decision) = agent::get((self.address, Some(&self.token)), &path).await?;
        let refused: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let verdict = if status.is_success() { "allow" } else { "deny" };
        let why = refused.get("why").and_then(serde_json::Value::as_str).unwrap_or(&text);
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
