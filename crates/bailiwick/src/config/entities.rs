//! `authzen/*.toml`: the people and things that enforcement points elsewhere ask about, as far as
//! they are declared here.

use std::ops::Range;

use bailiwick_model::{Entity, EntityName, Json, JsonLimits};
use bailiwick_policy::{Declared, IdentityType, Inventory, Undeclarable};

use super::{
    Code, ConfigError,
    charter::CharterFile,
    error::File,
    file::{Folder, Source},
    house::Found,
    questions::Declared as Questions,
    read::{Field, Reader, Table},
};

/// How many there may be in all files.
const MOST: usize = 50_000;
/// How much one may belong to directly.
const PARENTS_MAX: usize = 32;
/// How long a type or an id may be.
const NAME_MAX: usize = 1024;
/// How much may be said of one.
const PROPERTIES: JsonLimits = JsonLimits { bytes: 16 << 10, depth: 16, values: 1000 };

/// One that is declared, and where.
type Placed = (Declared, File, Range<usize>);

/// Reads everything that is declared, along with the identities that charters register.
pub(super) fn read(
    folder: &Folder,
    ours: &IdentityType,
    charters: &[CharterFile],
    (questions, found): (&mut Questions, &mut Found),
) -> Option<Inventory> {
    let (mut all, mut good) = (Vec::<Placed>::new(), true);
    for source in folder.ending("toml") {
        let reader = Reader::new(source);
        let declared = entities(source, &reader, (&mut *questions, ours));
        let wrong = reader.found();
        good &= wrong.is_empty();
        found.extend(wrong);
        if MOST < all.len().saturating_add(declared.len()) {
            let message = format!("`{}`: more than {MOST} entities in all", source.name);
            found.push(ConfigError::new(Code::WrongValue, message));
            return None;
        }
        all.extend(declared);
    }
    // What could not be read may be what others belong to.
    if !good {
        return None;
    }
    let declared: Vec<Declared> = all.iter().map(|(it, ..)| it.clone()).collect();
    match Inventory::calling(ours.clone(), &declared, charters.iter().map(|it| &it.charter)) {
        Ok(inventory) => Some(inventory),
        Err(wrong) => {
            let told = |(at, why): (usize, Undeclarable)| Some(mistake(all.get(at)?, &why));
            found.extend(wrong.into_iter().filter_map(told).collect());
            None
        }
    }
}

fn entities(
    source: &Source,
    reader: &Reader,
    (questions, ours): (&mut Questions, &IdentityType),
) -> Vec<Placed> {
    let all = reader.read(|root| {
        questions.take(root, source, ours);
        let one = |item: &Field<'_>| {
            let at = item.at()?;
            let declared = item.table(entity).flatten()?;
            Some((declared, std::sync::Arc::clone(&source.file), at))
        };
        root.get("entity").items().iter().filter_map(one).collect()
    });
    all.unwrap_or_default()
}

fn entity(table: &Table<'_>) -> Option<Declared> {
    let (kind, id) = named(table);
    let parents = table.get("parents");
    let items = parents.items();
    if PARENTS_MAX < items.len() {
        parents.wrong(format!("`{}` names {PARENTS_MAX} at most", parents.name()));
    }
    let parent = |item: &Field<'_>| {
        let (kind, id) = item.table(named)?;
        Some(EntityName { kind: kind?, id: id? })
    };
    let parents: Option<Vec<EntityName>> = items.iter().map(parent).collect();
    let properties = properties(&table.get("properties"));
    let entity = Entity { kind: kind?, id: id?, properties: properties? };
    Some(Declared { entity, parents: parents? })
}

fn named(table: &Table<'_>) -> (Option<String>, Option<String>) {
    let text = |key| table.get(key).required().made(name).map(toml::Spanned::into_inner);
    (text("type"), text("id"))
}

fn name(text: &str) -> Result<String, String> {
    if text.len() <= NAME_MAX {
        Ok(text.to_owned())
    } else {
        Err(format!("this may not have more than {NAME_MAX} bytes"))
    }
}

/// Reads what is said of something.
pub(crate) fn properties(field: &Field<'_>) -> Option<std::collections::BTreeMap<String, Json>> {
    if !field.is_given() {
        return Some(std::collections::BTreeMap::new());
    }
    let written = field.json()?.to_string();
    match Json::parse(written.as_bytes(), PROPERTIES) {
        Ok(Json::Object(members)) => Some(members),
        Ok(
            Json::Null
            | Json::Bool(_)
            | Json::Int(_)
            | Json::Float(_)
            | Json::Text(_)
            | Json::List(_),
        ) => {
            field.wrong(format!("`{}` should be a table", field.name()));
            None
        }
        Err(error) => {
            field.wrong(format!("`{}` cannot be taken: {error}", field.name()));
            None
        }
    }
}

fn mistake((_, file, at): &Placed, why: &Undeclarable) -> ConfigError {
    let code = match why {
        Undeclarable::Twice { .. } => Code::Twice,
        Undeclarable::Kind { .. }
        | Undeclarable::Ours { .. }
        | Undeclarable::Parent { .. }
        | Undeclarable::Circle { .. }
        | Undeclarable::TooMuchAbove { .. } => Code::WrongValue,
    };
    let error = ConfigError::new(code, why.to_string()).at(file, at.clone());
    match why {
        Undeclarable::Kind { .. } => error
            .label("this cannot be declared")
            .help("a type is a name like `user` or `shop::order`, and not `Action`"),
        Undeclarable::Ours { .. } => error
            .label("this cannot be declared")
            .help("take it away: what its charter says is known already"),
        Undeclarable::Twice { .. } => error.label("once more here"),
        Undeclarable::Parent { meant: Some(meant), .. } => {
            error.label("this one names it").help(format!("did you mean `{meant}`?"))
        }
        Undeclarable::Parent { meant: None, .. } => {
            error.label("this one names it").help("declare the parent, too")
        }
        Undeclarable::Circle { .. } => error.label("here"),
        Undeclarable::TooMuchAbove { .. } => error.label("here"),
    }
}
