//! `bailiwick policy schema`: what policies meet, as Cedar's own tools and editors read it.

use crate::{
    accepted,
    cli::Common,
    config::{House, Overrides},
    exit::{CommandError, Exit, Outcome},
    run::wrong,
};

/// Prints the schema: in Cedar's form for people, and for programs in its form for programs.
pub(crate) fn schema(common: &Common, overrides: &Overrides) -> Outcome {
    let (house, _) = House::load_against(accepted::KNOWN, &common.config, overrides)
        .map_err(|found| wrong(&found))?;
    let Some(schema) = house.schema.as_ref().filter(|it| 0 < it.tools()) else {
        let text = "no tool is known yet: what servers offer is accepted when they first connect, \
                    so start `bailiwick serve` once";
        return Err(CommandError::No(text.to_owned()));
    };
    let json = schema.json().map_err(anyhow::Error::from)?;
    let json: serde_json::Value = serde_json::from_str(&json).map_err(anyhow::Error::from)?;
    common.output.show(&json, |_| schema.text())?;
    Ok(Exit::Done)
}
