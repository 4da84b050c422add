//! One mistake in the configuration, as its author reads it.

use std::{fmt, ops::Range, sync::Arc};

use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};

use super::Code;

/// A file's name and text, shared by all that is said about it.
pub(crate) type File = Arc<NamedSource<String>>;

/// One mistake, or one thing to think about.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ConfigError {
    code: &'static str,
    severity: Severity,
    message: String,
    place: Option<Place>,
    label: Option<String>,
    help: Option<String>,
}

/// Something that is allowed and yet deserves a look.
pub(crate) type Warning = ConfigError;

#[derive(Clone, Debug)]
struct Place {
    file: File,
    at: Range<usize>,
}

impl ConfigError {
    /// Makes a mistake that stops the configuration from being used.
    pub(crate) fn new(code: impl Into<&'static str>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { code, severity: Severity::Error, message, place: None, label: None, help: None }
    }

    /// Makes a remark that stops nothing.
    pub(crate) fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::remark(code, message)
    }

    /// Makes a remark with a code that is not one of the configuration's own.
    pub(crate) fn remark(code: impl Into<&'static str>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(code, message) }
    }

    /// Says where it stands.
    #[must_use]
    pub(crate) fn at(mut self, file: &File, at: Range<usize>) -> Self {
        self.place = Some(Place { file: Arc::clone(file), at });
        self
    }

    /// Says what stands there.
    #[must_use]
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says whether it stops nothing.
    pub(crate) fn is_warning(&self) -> bool {
        self.severity != Severity::Error
    }
}

impl Diagnostic for ConfigError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let page = format!("see docs/errors/{}.md", self.code);
        Some(match &self.help {
            Some(help) => Box::new(format!("{help}\n{page}")),
            None => Box::new(page),
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|place| &*place.file as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let at = self.place.as_ref()?.at.clone();
        let length = at.end.saturating_sub(at.start);
        Some(Box::new(std::iter::once(LabeledSpan::new(self.label.clone(), at.start, length))))
    }
}
