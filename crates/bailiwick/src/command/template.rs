//! `bailiwick template …`

use anyhow::Context;
use bailiwick_model::{Mode, Template, TemplateName, format_span};

use crate::{
    client::Client,
    command::{task::line, word},
    exit::{CommandError, Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// `template list`
pub(crate) async fn list(place: &Place, output: Output) -> Outcome {
    let templates = templates(place).await?;
    output.show(&templates, |it| {
        let row = |it: &Template| {
            let lasts = format_span(it.window.max);
            vec![it.name.to_string(), it.owner.clone(), lasts, mode(&it.mode), it.purpose.clone()]
        };
        table(&["template", "owner", "lasts", "mode", "purpose"], it.iter().map(row).collect())
    })?;
    Ok(Exit::Done)
}

/// `template show`
pub(crate) async fn show(place: &Place, output: Output, template: &str) -> Outcome {
    let name: TemplateName = word(template)?;
    let found = templates(place).await?.into_iter().find(|it| it.name == name);
    let found = found.ok_or_else(|| CommandError::No(format!("there is no template `{name}`")))?;
    output.show(&found, shown)?;
    Ok(Exit::Done)
}

fn shown(template: &Template) -> String {
    let mut text = format!(
        "template  {}\nowner     {}\npurpose   {}\nmode      {}\nlasts     {} at most\n",
        template.name,
        template.owner,
        template.purpose,
        mode(&template.mode),
        format_span(template.window.max),
    );
    if let Some(idle) = template.window.idle {
        text.push_str(&format!("idle      {} at most\n", format_span(idle)));
    }
    if let Some(calendar) = &template.window.calendar {
        text.push_str(&format!("calendar  {calendar}\n"));
    }
    for (name, shape) in &template.params {
        let pattern = shape.pattern.as_deref().unwrap_or("anything");
        let optional = if shape.optional { ", may be left out" } else { "" };
        text.push_str(&format!("param     {name}: {pattern}{optional}\n"));
    }
    for allowed in &template.allow {
        text.push_str(&format!("allow     {} [{}]\n", line(allowed), allowed.source));
    }
    text.push_str(&format!("else      {}\n", template.on_widen));
    text
}

fn mode(mode: &Mode) -> String {
    match mode {
        Mode::Enforce => "enforce".to_owned(),
        Mode::Observe { owner, until } => format!("observe until {until} ({owner})"),
    }
}

async fn templates(place: &Place) -> Result<Vec<Template>, CommandError> {
    Ok(match Client::reach(&place.state).await {
        Some(client) => client.get("/api/v1/templates").await?,
        None => {
            let known = place.registry()?.templates().context("the registry cannot be read")?;
            known.into_values().collect()
        }
    })
}
