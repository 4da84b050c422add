//! Everything that a starting governor needs, read in one view.

use std::collections::BTreeMap;

use bailiwick_model::{
    Charter, Exception, Hold, IdentityId, Person, PersonName, Pin, ServerName, Task, Template,
    TemplateName,
};

use super::{
    Contained, Registry, RegistryError, Rev,
    format::PinRow,
    query::{HoldFilter, TaskFilter, charters, holds, list, tasks, templates},
    schema,
};

/// The registry as it stood at one change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The last change that it holds.
    pub rev: Rev,
    /// The tasks that are open.
    pub tasks: Vec<Task>,
    /// The holds that wait, or whose approval was not used yet.
    pub holds: Vec<Hold>,
    /// People by name.
    pub persons: BTreeMap<PersonName, Person>,
    /// Pins by server and tool.
    pub pins: BTreeMap<(ServerName, String), Pin>,
    /// Everything whose authority is withdrawn.
    pub contained: Vec<Contained>,
    /// Tolerated findings, ended ones too.
    pub exceptions: Vec<Exception>,
    /// Charters by identity.
    pub charters: BTreeMap<IdentityId, Charter>,
    /// Templates by name.
    pub templates: BTreeMap<TemplateName, Template>,
}

impl Registry {
    /// Reads everything that a starting governor needs, in one view.
    pub fn load(&self) -> Result<Loaded, RegistryError> {
        self.inner.pool.read(|connection| {
            let engine = |error| RegistryError::from(self.inner.pool.engine(error));
            let view = connection.unchecked_transaction().map_err(engine)?;
            let (rev, _) = schema::read_counter(&view).map_err(engine)?;
            let persons: Vec<Person> = list(&view, engine)?;
            let loaded = Loaded {
                rev,
                tasks: tasks(&view, &TaskFilter { open_only: true, ..TaskFilter::ALL }, engine)?,
                holds: holds(&view, &HoldFilter { open_only: true, ..HoldFilter::ALL }, engine)?,
                persons: persons.into_iter().map(|it| (it.name.clone(), it)).collect(),
                pins: pins_of(list(&view, engine)?),
                contained: list(&view, engine)?,
                exceptions: list(&view, engine)?,
                charters: charters(list(&view, engine)?),
                templates: templates(list(&view, engine)?),
            };
            view.commit().map_err(engine)?;
            Ok(loaded)
        })
    }
}

/// Files pins under their tools.
pub(super) fn pins_of(rows: Vec<PinRow>) -> BTreeMap<(ServerName, String), Pin> {
    rows.into_iter().map(|it| ((it.server, it.tool), it.pin)).collect()
}
