//! `[[type]]` and `[[action]]` in `authzen/*.toml`: what enforcement points elsewhere ask about, as far
//! as it is declared here. Policies of `authzen/` are held against it.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use bailiwick_policy::{
    IdentityType, Property, PropertyKind, QuestionAction, QuestionSchema, QuestionType, Questions,
    is_type,
};
use toml::Spanned;

use super::{
    Code, ConfigError,
    error::File,
    file::Source,
    house::Found,
    nearest::suggestion,
    read::{Field, Table, filled, plain},
};

/// How many types and actions there may be, and kinds of questions in all.
const MOST: usize = 2_000;

/// What the files declare.
#[derive(Debug, Default)]
pub(super) struct Declared {
    questions: Questions,
    /// The types that are named, and where.
    named: Vec<(String, File, Range<usize>)>,
}

impl Declared {
    /// Reads what one file declares.
    pub(super) fn take(&mut self, root: &Table<'_>, source: &Source, ours: &IdentityType) {
        for item in root.get("type").items() {
            let read = item.table(|it| self.of_type(it, source)).flatten();
            let Some((name, of)) = read else { continue };
            if ours.is_meant_by(name.get_ref()) {
                let message = format!("type `{ours}` is the governor's own");
                item.fault(Code::WrongValue, message, "its charters declare it", None);
            } else {
                let name = name.into_inner();
                let message = format!("type `{name}` is declared twice");
                if self.questions.types.insert(name, of).is_some() {
                    item.fault(Code::Twice, message, "once more here", None);
                }
            }
        }
        for item in root.get("action").items() {
            let read = item.table(|it| self.of_action(it, source)).flatten();
            let Some((name, of)) = read else { continue };
            let message = format!("action `{name}` is declared twice");
            if self.questions.actions.insert(name, of).is_some() {
                item.fault(Code::Twice, message, "once more here", None);
            }
        }
    }

    fn of_type(
        &mut self,
        table: &Table<'_>,
        source: &Source,
    ) -> Option<(Spanned<String>, QuestionType)> {
        let name = table.get("name").required().made(typed);
        let within = self.types(&table.get("in"), source);
        let properties = table.get("properties");
        let properties = properties_of(&properties, &["id"]);
        Some((name?, QuestionType { within, properties: properties? }))
    }

    fn of_action(
        &mut self,
        table: &Table<'_>,
        source: &Source,
    ) -> Option<(String, QuestionAction)> {
        let name = table.get("name").required().made(filled);
        let subjects = self.types(&table.get("subjects").required(), source);
        let resources = self.types(&table.get("resources").required(), source);
        let context = properties_of(&table.get("context"), &["approval", "now", "facts"]);
        Some((name?.into_inner(), QuestionAction { subjects, resources, context: context? }))
    }

    fn types(&mut self, field: &Field<'_>, source: &Source) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for item in field.items() {
            let Some(name) = item.made(typed) else { continue };
            let at = name.span();
            let name = name.into_inner();
            self.named.push((name.clone(), Arc::clone(&source.file), at));
            names.insert(name);
        }
        names
    }

    /// Makes the schema of all of it; none where nothing is declared, or something is wrong with it.
    pub(super) fn schema(&self, ours: &IdentityType, found: &mut Found) -> Option<QuestionSchema> {
        if !self.fits(ours, found) {
            return None;
        }
        match QuestionSchema::of(&self.questions, ours) {
            Ok(schema) => schema,
            Err(error) => {
                let help = "policies are in force as they are; tell us, with what you declare";
                found.push(ConfigError::warning(Code::NoSchema, error.to_string()).help(help));
                None
            }
        }
    }

    /// Reports what is named and not declared, and more than policies can be held against.
    fn fits(&self, ours: &IdentityType, found: &mut Found) -> bool {
        let types = &self.questions.types;
        let before = found.errors.len();
        for (name, file, at) in &self.named {
            if types.contains_key(name) || name == ours.as_str() {
                continue;
            }
            let message = format!("type `{name}` is not declared");
            let error = ConfigError::new(Code::WrongValue, message).at(file, at.clone());
            let known = types.keys().map(String::as_str).chain([ours.as_str()]);
            let help = suggestion(name, known).unwrap_or_default();
            found.push(error.label("named here").help(help));
        }
        let actions = self.questions.actions.values();
        let kinds = actions.map(|it| it.subjects.len().saturating_mul(it.resources.len()));
        if MOST < kinds.fold(types.len(), usize::saturating_add) {
            let message = format!("`authzen/`: more than {MOST} types and kinds of questions");
            found.push(ConfigError::new(Code::WrongValue, message));
        }
        found.errors.len() == before
    }
}

fn typed(text: &str) -> Result<String, String> {
    if is_type(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{}` is no type that policies can name", text.escape_debug()))
    }
}

/// Reads what is said of something: each a word for its type, with a `?` where it may be left out.
fn properties_of(
    field: &Field<'_>,
    ours: &[&str],
) -> Option<std::collections::BTreeMap<String, Property>> {
    let mut all = std::collections::BTreeMap::new();
    for (name, value) in field.named() {
        if let Err(why) = plain(name.get_ref()) {
            value.wrong(why);
            return None;
        }
        if ours.contains(&name.get_ref().as_str()) {
            value.wrong(format!("`{}` is always there, and ours", name.get_ref()));
            return None;
        }
        let property = value.made(property)?.into_inner();
        all.insert(name.into_inner(), property);
    }
    Some(all)
}

fn property(text: &str) -> Result<Property, String> {
    let (word, optional) = text.strip_suffix('?').map_or((text, false), |it| (it, true));
    let kind = PropertyKind::ALL.iter().copied().find(|it| it.as_str() == word);
    kind.map(|kind| Property { kind, optional }).ok_or_else(|| {
        let words = PropertyKind::ALL.iter().map(|it| it.as_str());
        let help = suggestion(word, words).unwrap_or_default();
        format!("`{}` is no type of a property: {help}", text.escape_debug())
    })
}
