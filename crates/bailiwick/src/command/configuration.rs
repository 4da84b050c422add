//! `bailiwick config show`: what every setting came out as, and where from.

use serde::Serialize;

use crate::{
    cli::Common,
    config::{Config, Overrides},
    exit::{Exit, Outcome},
    output::{Output, table},
    run::wrong,
};

/// The settings of a configuration.
#[derive(Serialize)]
struct Settings {
    /// The file.
    file: String,
    settings: Vec<Shown>,
}

/// One setting.
#[derive(Serialize)]
struct Shown {
    key: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

/// `config show`
pub(crate) fn show(common: &Common, overrides: &Overrides, origin: bool) -> Outcome {
    let config = Config::load(&common.config, overrides).map_err(|found| wrong(&found))?;
    let shown = config.settings.iter().map(|it| Shown {
        key: it.key.clone(),
        value: it.value.clone(),
        origin: origin.then(|| it.origin.to_string()),
    });
    let settings = Settings { file: config.file.display().to_string(), settings: shown.collect() };
    drawn(common.output, &settings, origin)
}

fn drawn(output: Output, settings: &Settings, origin: bool) -> Outcome {
    output.show(settings, |it| {
        let row = |it: &Shown| {
            let mut row = vec![it.key.clone(), it.value.clone()];
            row.extend(it.origin.clone());
            row
        };
        let head: &[&str] =
            if origin { &["setting", "value", "from"] } else { &["setting", "value"] };
        let rows = it.settings.iter().map(row).collect();
        format!("{}\n\n{}", it.file, table(head, rows))
    })?;
    Ok(Exit::Done)
}
