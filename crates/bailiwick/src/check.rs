//! `bailiwick check`: reads the whole configuration and shows every mistake in it at once.

use std::path::Path;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, Report};
use serde::Serialize;

use crate::{
    accepted,
    config::{Found, House, Overrides, Warning, place},
    policy,
};

/// What checking came to.
#[derive(Debug)]
pub(crate) struct Checked {
    errors: Vec<Report>,
    warnings: Vec<Warning>,
    contents: Option<Contents>,
}

/// How much there is in a house without mistakes.
#[derive(Clone, Debug)]
struct Contents {
    /// What flags and environment decided, whatever the file says.
    overridden: Vec<String>,
    servers: usize,
    charters: usize,
    templates: usize,
    policies: usize,
    constraints: usize,
}

/// What checking came to, for programs.
#[derive(Debug, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckReport {
    ok: bool,
    errors: Vec<Mistake>,
    warnings: Vec<Mistake>,
}

/// One mistake or remark, for programs.
#[derive(Debug, Serialize)]
struct Mistake {
    code: Option<String>,
    message: String,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    help: Option<String>,
}

/// How mistakes are drawn.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    theme: GraphicalTheme,
    width: usize,
}

impl Look {
    /// Draws with plain letters, for files and pipes.
    pub(crate) fn plain(width: usize) -> Self {
        Self { theme: GraphicalTheme::none(), width }
    }

    /// Draws with lines and colours, for terminals.
    pub(crate) fn coloured(width: usize) -> Self {
        Self { theme: GraphicalTheme::unicode(), width }
    }

    /// Draws one mistake or remark.
    pub(crate) fn draw(&self, diagnostic: &dyn Diagnostic) -> String {
        let handler = GraphicalReportHandler::new_themed(self.theme.clone())
            .with_width(self.width)
            .with_links(false)
            .without_syntax_highlighting();
        let mut text = String::new();
        match handler.render_report(&mut text, diagnostic) {
            Ok(()) => text,
            // A source that cannot be shown is no reason to keep the message back.
            Err(_) => format!("{diagnostic}\n"),
        }
    }
}

impl Checked {
    /// Reads the house at `path` and keeps what is said about it.
    pub(crate) fn of(path: &Path, overrides: &Overrides) -> Self {
        match House::load_against(accepted::KNOWN, path, overrides) {
            Ok((house, warnings)) if !house.misfits.is_empty() => {
                Self { errors: house.misfits, warnings, contents: None }
            }
            Ok((house, mut warnings)) => {
                // Only who looks pays for it: a governor that starts does not.
                warnings.extend(policy::remarks(&house));
                let settings = house.config.settings.iter();
                let overridden = settings.filter(|it| it.is_overridden());
                let contents = Some(Contents {
                    overridden: overridden.map(ToString::to_string).collect(),
                    servers: house.config.servers.len(),
                    charters: house.charters.len(),
                    templates: house.templates.len(),
                    policies: written(&house),
                    constraints: house.constraints.len(),
                });
                Self { errors: Vec::new(), warnings, contents }
            }
            Err(Found { errors, warnings }) => Self { errors, warnings, contents: None },
        }
    }

    /// Says whether the configuration may be used.
    pub(crate) fn is_good(&self) -> bool {
        self.errors.is_empty()
    }

    /// Gives what programs read.
    pub(crate) fn report(&self) -> CheckReport {
        CheckReport {
            ok: self.is_good(),
            errors: self.errors.iter().map(|it| Mistake::of(it.as_ref())).collect(),
            warnings: self.warnings.iter().map(|it| Mistake::of(it)).collect(),
        }
    }

    /// Gives what people read.
    pub(crate) fn text(&self, look: &Look) -> String {
        let errors = self.errors.iter().map(|it| look.draw(it.as_ref()));
        let warnings = self.warnings.iter().map(|it| look.draw(it));
        let drawn: Vec<String> = errors.chain(warnings).collect();
        let mut text = drawn.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        for setting in self.contents.iter().flat_map(|it| &it.overridden) {
            text.push_str("not from the file: ");
            text.push_str(setting);
            text.push('\n');
        }
        text.push_str(&self.conclusion());
        text
    }

    fn conclusion(&self) -> String {
        let remarks = match self.warnings.len() {
            0 => String::new(),
            count => {
                format!(", {}", counted(count, "thing to think about", "things to think about"))
            }
        };
        match &self.contents {
            Some(it) => format!(
                "good: {}, {}, {}, {}{}{remarks}\n",
                counted(it.servers, "server", "servers"),
                counted(it.charters, "charter", "charters"),
                counted(it.templates, "template", "templates"),
                counted(it.policies, "policy", "policies"),
                // Most houses have none, and need not hear of it.
                match it.constraints {
                    0 => String::new(),
                    several => format!(", {}", counted(several, "constraint", "constraints")),
                },
            ),
            None => format!("{}{remarks}\n", counted(self.errors.len(), "mistake", "mistakes")),
        }
    }
}

/// Counts the policies that stand in files: the built-in permit is nobody's work.
fn written(house: &House) -> usize {
    let all = house.policies.list().into_iter().chain(house.access.list());
    all.filter(|it| it.source.is_some()).count()
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

impl Mistake {
    fn of(diagnostic: &dyn Diagnostic) -> Self {
        let place = place(diagnostic);
        let known = place.file.is_some();
        Self {
            code: diagnostic.code().map(|it| it.to_string()),
            message: diagnostic.to_string(),
            line: known.then_some(place.line),
            column: known.then_some(place.column),
            file: place.file,
            help: diagnostic.help().map(|it| it.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
