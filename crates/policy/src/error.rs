//! Mistakes in files of policies, as their author reads them.

use std::{fmt, ops::Range, sync::Arc};

use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};

use crate::mistake::{Found, Mistake};

/// One mistake in a file of policies: what is wrong, where, and how to mend it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{mistake}")]
pub struct PolicyError {
    mistake: Mistake,
    file: Arc<NamedSource<String>>,
    at: Range<usize>,
}

impl PolicyError {
    pub(crate) fn new(found: Found, file: &Arc<NamedSource<String>>) -> Self {
        Self { mistake: found.mistake, file: Arc::clone(file), at: found.at }
    }

    /// Says that the policies could not be put together, which is no author's mistake.
    pub(crate) fn ours(message: String) -> Self {
        let mistake = Mistake::Syntax { message, label: None, help: None };
        let file = Arc::new(NamedSource::new("policies", String::new()));
        Self { mistake, file, at: 0..0 }
    }

    /// Names the mistake: the page `docs/errors/<CODE>.md` explains it.
    pub const fn code(&self) -> &'static str {
        self.mistake.code()
    }

    /// Says whether it may be right, and is only worth a look.
    pub const fn is_remark(&self) -> bool {
        self.mistake.is_remark()
    }

    /// Says what is wrong at its place.
    pub fn label(&self) -> String {
        self.mistake.label()
    }

    /// Says how to mend it.
    pub fn mend(&self) -> Option<String> {
        self.mistake.help()
    }

    /// Gives the name of the file.
    pub fn file(&self) -> &str {
        self.file.name()
    }

    /// Gives the place in the file's text, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.at.clone()
    }
}

impl Diagnostic for PolicyError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.mistake.code()))
    }

    fn severity(&self) -> Option<Severity> {
        Some(if self.is_remark() { Severity::Warning } else { Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let page = format!("docs/errors/{}.md", self.mistake.code());
        Some(Box::new(match self.mistake.help() {
            Some(help) => format!("{help}\nsee {page}"),
            None => format!("see {page}"),
        }))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.file)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some(self.mistake.label()), self.at.clone());
        Some(Box::new(std::iter::once(label)))
    }
}
