//! `[route.credential]` and `[server.credential]`: which secret a request gets on its way out.

use std::collections::BTreeSet;

use bailiwick_gateway::may_pass;
use bailiwick_model::{SecretName, ToolName};
use http::{HeaderName, header};
use toml::Spanned;

use crate::config::read::{Field, Table};

/// Where the secret stands in a header.
const PLACE: &str = "{}";

/// Which secret goes where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    /// The secret.
    pub(crate) secret: SecretName,
    /// The one that can read and nothing else.
    pub(crate) read_only: Option<SecretName>,
    /// In which header.
    pub(crate) header: HeaderName,
    /// What stands before it there, and after.
    pub(crate) around: (String, String),
    /// The operations that get it; all of them where nothing is said.
    pub(crate) only: Option<BTreeSet<ToolName>>,
}

/// What is there cannot be read, and was reported.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Unread;

/// Reads that of an MCP server, which every request to it gets.
pub(in crate::config) fn of_a_server(table: &Table<'_>) -> Result<Option<Credential>, Unread> {
    let field = table.get("credential");
    if field.is_given() && !table.get("url").is_given() {
        field.wrong(format!("`{}` is for a server with a `url`: a child gets `env`", field.name()));
        return Err(Unread);
    }
    let read = read(table)?;
    if read.as_ref().is_some_and(|it| it.only.is_some() || it.read_only.is_some()) {
        field.wrong("every request to an MCP server gets its one secret: `operations` and `read_only` are for routes");
        return Err(Unread);
    }
    Ok(read)
}

/// Reads it, where it is there.
pub(super) fn read(table: &Table<'_>) -> Result<Option<Credential>, Unread> {
    let field = table.get("credential");
    if !field.is_given() {
        return Ok(None);
    }
    field.table(whole).flatten().map(Some).ok_or(Unread)
}

fn whole(table: &Table<'_>) -> Option<Credential> {
    let secret = table.get("secret").required().parsed::<SecretName>();
    let read_only = table.get("read_only").parsed::<SecretName>();
    let name = table.get("header");
    let header = name.made(|it| it.parse::<HeaderName>().map_err(|_| "this is no header's name"));
    let header = if name.is_given() { header?.into_inner() } else { header::AUTHORIZATION };
    if header != header::AUTHORIZATION && !may_pass(&header) {
        name.wrong(format!("`{header}` is no header for a credential"));
        return None;
    }
    let around = around(&table.get("format"), &header);
    let only = table.get("operations");
    let named: BTreeSet<_> = only
        .items()
        .iter()
        .filter_map(Field::parsed::<ToolName>)
        .map(Spanned::into_inner)
        .collect();
    if only.is_empty_list() {
        only.wrong(format!("`{}` names no operation: no request would get it", only.name()));
    }
    Some(Credential {
        secret: secret?.into_inner(),
        read_only: read_only.map(Spanned::into_inner),
        header,
        around: around?,
        only: only.is_given().then_some(named),
    })
}

/// Reads how the secret stands in its header: `Bearer {}`.
fn around(field: &Field<'_>, header: &HeaderName) -> Option<(String, String)> {
    if !field.is_given() {
        let before = if *header == header::AUTHORIZATION { "Bearer " } else { "" };
        return Some((before.to_owned(), String::new()));
    }
    let parted = field.made(|text| {
        let (before, after) =
            text.split_once(PLACE).ok_or("say where the secret stands: `Bearer {}`")?;
        let fits = |it: &str| it.chars().all(|it| matches!(it, ' '..='~')) && !it.contains(PLACE);
        if fits(before) && fits(after) && text.len() <= 200 {
            Ok((before.to_owned(), after.to_owned()))
        } else {
            Err("a header has the secret once, and plain letters around it")
        }
    });
    parted.map(Spanned::into_inner)
}
