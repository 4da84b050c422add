//! `[[route.operation]]`: one operation, or the operator's word on one of the document's.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_gateway::{BodyField, Operation, PathTemplate, Scalar};
use bailiwick_model::ToolName;
use http::Method;
use toml::Spanned;

use super::{Said, unfit};
use crate::config::{
    read::{Field, Table, filled},
    server::tool_word,
};

const METHODS: &[&str] = &["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

pub(super) fn read_all(table: &Table<'_>, said: &mut Said) {
    let field = table.get("operation");
    if field.items().is_empty() && said.document.is_none() && !table.get("openapi").is_given() {
        let _missing = field.clone().required();
    }
    for field in field.items() {
        field.table(|table| read(table, &field, said));
    }
}

fn read(table: &Table<'_>, field: &Field<'_>, said: &mut Said) {
    let name = table.get("name").required().parsed::<ToolName>();
    let (method, path) = (table.get("method"), table.get("path"));
    let (query, body) = (names(&table.get("query")), names(&table.get("body")));
    let word = tool_word(table);
    let Some(name) = name.map(Spanned::into_inner) else { return };
    if said.words.insert(name.clone(), word).is_some() {
        unfit(field, format!("operation `{name}` is given twice"));
        return;
    }
    let is_known = said.operations.iter().any(|it| *it.name() == name);
    if is_known && !method.is_given() && !path.is_given() {
        for (key, given) in [("query", &query), ("body", &body)] {
            if !given.is_empty() {
                table.get(key).wrong(format!("what `{name}` takes stands in the OpenAPI document"));
            }
        }
        return;
    }
    let word = method.required().word(METHODS, |it| it);
    let path = path.required().parsed::<PathTemplate>();
    let (Some(method), Some(path)) = (word.and_then(|it| it.parse::<Method>().ok()), path) else {
        return;
    };
    let query: BTreeMap<_, _> = query.into_iter().map(|it| (it, Scalar::Text)).collect();
    let anything = || BodyField(serde_json::json!({}));
    let body: BTreeMap<_, _> = body.into_iter().map(|it| (it, anything())).collect();
    let made = Operation::new(name, (method, path.into_inner()), query, body);
    let added = made.map_err(|it| it.to_string()).and_then(|it| said.add(it));
    if let Err(why) = added {
        unfit(field, why);
    }
}

fn names(field: &Field<'_>) -> BTreeSet<String> {
    field.items().iter().filter_map(|it| it.made(filled)).map(Spanned::into_inner).collect()
}
