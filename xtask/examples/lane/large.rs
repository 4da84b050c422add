//! A house with a thousand policies, and what its governor costs.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    agent::{Agent, Target},
    house::{Governor, House},
    processes,
};

/// How many policies a large house has; the three that `init` writes are among them.
const POLICIES: u32 = 1000;
/// How many of them are about every caller.
const GLOBAL: u32 = 5;

impl House {
    /// Writes the same with a thousand policies and without a budget.
    pub(crate) fn large(program: &Path, folder: &Path, server: SocketAddr) -> anyhow::Result<Self> {
        let house = Self::first(program, folder, server)?;
        house.edit("templates/keep-notes.toml", |text| {
            let (kept, _) = text.split_once("[budget]").context("the template has no budget")?;
            Ok(kept.to_owned())
        })?;
        fs::write(folder.join("policies/thousand.cedar"), policies())?;
        Ok(house)
    }

    /// Says how agents reach the gateway with `token`.
    pub(crate) fn target(&self, token: &str) -> Target {
        Target::reading(self.address, "/mcp/notes", Some(token.to_owned()))
    }

    /// Starts a governor, and gives how long it took from there to the first decided answer.
    pub(crate) fn first_verdict(&self, token: &str) -> anyhow::Result<(Governor, Duration)> {
        let began = Instant::now();
        let governor = self.serve()?;
        Agent::connect(&self.target(token))?.call()?;
        Ok((governor, began.elapsed()))
    }
}

impl Governor {
    /// Gives the processor time that the governor has used so far, all its threads together.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        processes::cpu(self.id())
    }

    /// Gives how much memory the governor takes, in MiB.
    pub(crate) fn rss_mib(&self) -> anyhow::Result<f64> {
        processes::rss_mib(self.id())
    }
}

/// Writes the policies beside those of `init`: a few for all, the others each for a caller of its
/// own.
fn policies() -> String {
    let mut text = String::from(
        "\
@id(\"bench-global-export\")
forbid (principal, action in Action::\"egress\", resource)
when { context.environment == \"production\" };
@id(\"bench-global-restricted\")
forbid (principal, action, resource) when { resource.sensitivity_rank >= 3 };
",
    );
    for number in GLOBAL..POLICIES {
        text.push_str(&format!(
            "@id(\"bench-scoped-{number}\")
forbid (principal == Identity::\"other-{number}\", action, resource)
when {{ resource.sensitivity_rank >= 2 }};
"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_policies_as_promised() {
        const GLOBAL_OF_INIT: usize = 3;
        let written = policies().matches("@id(").count();
        assert_eq!(written + GLOBAL_OF_INIT, POLICIES as usize);
    }
}
