//! Programs that are started, as every table names them.

use std::{collections::BTreeMap, path::Path};

use toml::Spanned;

use super::Field;

impl Field<'_> {
    /// Reads a program and its arguments. A program with a slash starts at `home`, the folder of the
    /// configuration; one without is looked for in `PATH`.
    pub(crate) fn command(&self, home: &Path) -> Option<Vec<String>> {
        let items = self.items();
        let read: Vec<String> =
            items.iter().filter_map(|it| it.made(word)).map(Spanned::into_inner).collect();
        if self.is_empty_list() || read.first().is_some_and(String::is_empty) {
            self.wrong(format!("`{}` names no program", self.name()));
            return None;
        }
        let mut words = (read.len() == items.len()).then_some(read)?;
        let first = words.first_mut()?;
        if first.contains('/') {
            *first = home.join(&*first).to_string_lossy().into_owned();
        }
        Some(words)
    }

    /// Reads the variables that a program gets.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for (name, value) in self.named() {
            let text = value.made(word).map(Spanned::into_inner);
            let name = name.into_inner();
            if name.is_empty() || name.contains(['=', '\0']) {
                value.wrong(format!("`{}` is no name of a variable", name.escape_debug()));
            }
            variables.extend(text.map(|text| (name, text)));
        }
        variables
    }
}

/// Takes what can be an argument of a process.
fn word(text: &str) -> Result<String, &'static str> {
    if text.contains('\0') { Err("no argument can hold a zero byte") } else { Ok(text.to_owned()) }
}
