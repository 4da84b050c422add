//! What is wrong with what an operator said of a target.

/// Which setting it is, and what is wrong with it, in the operator's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TargetMistake {
    /// The setting, as the configuration calls it.
    pub setting: &'static str,
    /// What is wrong, and what to write.
    pub message: String,
}

impl TargetMistake {
    pub(super) fn new(setting: &'static str, message: impl Into<String>) -> Self {
        Self { setting, message: message.into() }
    }
}
