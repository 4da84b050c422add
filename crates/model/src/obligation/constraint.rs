//! Named obligations, as a file of the configuration has them and policies ask for them.

use std::{collections::BTreeMap, sync::Arc};

use super::Obligations;

/// What one name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// Its name.
    pub name: String,
    /// Which wording of it: whoever changes what it asks for counts on.
    pub version: u64,
    /// Who answers for it.
    pub owner: String,
    /// What it asks for.
    pub obligations: Obligations,
}

/// Constraints by name.
pub type Constraints = BTreeMap<String, Arc<Constraint>>;

impl Constraint {
    /// Makes one, and has its obligations say where they come from.
    pub fn new(name: String, version: u64, owner: String, asks: Obligations) -> Self {
        let from = [format!("{name}@{version}")].into();
        Self { name, version, owner, obligations: Obligations { from, ..asks } }
    }
}
