//! The question of an enforcement point elsewhere, as a case writes it.

use bailiwick_model::{Deed, Entity, Evaluation};

use crate::config::{Table, filled, properties};

/// Reads what is asked. What the wire passes over is a mistake here: nobody would notice that it says
/// nothing.
pub(super) fn question(table: &Table<'_>) -> Option<Evaluation> {
    let entity = |key: &'static str| {
        let field = table.get(key).required();
        field.table(entity).flatten()
    };
    let (subject, resource) = (entity("subject"), entity("resource"));
    let action = table.get("action").required();
    let action = action.table(deed).flatten();
    let context = properties(&table.get("context"));
    Some(Evaluation { subject: subject?, action: action?, resource: resource?, context: context? })
}

fn entity(table: &Table<'_>) -> Option<Entity> {
    let (kind, id) = (text(table, "type"), text(table, "id"));
    let properties = properties(&table.get("properties"));
    Some(Entity { kind: kind?, id: id?, properties: properties? })
}

fn deed(table: &Table<'_>) -> Option<Deed> {
    let (name, properties) = (text(table, "name"), properties(&table.get("properties")));
    Some(Deed { name: name?, properties: properties? })
}

fn text(table: &Table<'_>, key: &'static str) -> Option<String> {
    table.get(key).required().made(filled).map(toml::Spanned::into_inner)
}
