//! `[window]`: when such a task may run, and for how long.

use bailiwick_model::{Calendar, Window};
use toml::Spanned;

use crate::config::{
    Code,
    read::{Field, Table},
};

/// Reads `[window]`. A task without an end is no task, so `max` must be there.
pub(super) fn read(table: &Table<'_>) -> Option<Window> {
    let (max_field, idle_field) = (table.get("max").required(), table.get("idle"));
    let (max, idle) = (max_field.length(), idle_field.length());
    let calendar = table.get("calendar");
    let parsed = calendar.parsed::<Calendar>();
    for (field, length) in [(&max_field, &max), (&idle_field, &idle)] {
        if length.as_ref().is_some_and(|it| it.get_ref().is_zero()) {
            never(field);
        }
    }
    Some(Window {
        max: max?.into_inner(),
        idle: idle.map(Spanned::into_inner),
        calendar: parsed.map(Spanned::into_inner),
    })
}

fn never(field: &Field<'_>) {
    let message = format!("with `{}` nought, no call could be made", field.name());
    field.fault(Code::Window, message, "no time at all", None);
}
