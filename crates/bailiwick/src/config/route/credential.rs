//! `[route.credential]` and `[server.credential]`: what a request gets on its way out.

use std::{collections::BTreeSet, ops::Range};

use bailiwick_gateway::may_pass;
use bailiwick_model::{SecretName, TargetName, ToolName};
use http::{HeaderName, header};
use toml::Spanned;

use crate::config::read::{Field, Table, filled};

/// Where the secret stands in a header.
const PLACE: &str = "{}";

/// What a request gets on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A secret that is kept here.
    Kept(Kept),
    /// What a target makes for the task.
    Lent(Lent),
}

/// Which secret goes where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
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

/// What is made where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lent {
    /// The target.
    pub(crate) target: TargetName,
    /// Where it is named.
    pub(crate) place: Range<usize>,
    /// What of it.
    pub(crate) wants: Vec<String>,
    /// How a request bears it.
    pub(crate) borne: Borne,
    /// The operations that get it; all of them where nothing is said.
    pub(crate) only: Option<BTreeSet<ToolName>>,
}

/// How a request bears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Borne {
    /// In a header, with what stands before it there, and after.
    InHeader(HeaderName, (String, String)),
    /// It signs the request for a service of AWS, in a region where one is said.
    Signed(String, Option<String>),
}

impl Credential {
    /// Gives the secret that is kept here, where it is one.
    pub(crate) const fn kept(&self) -> Option<&Kept> {
        match self {
            Self::Kept(it) => Some(it),
            Self::Lent(_) => None,
        }
    }

    /// Gives what a target makes, where it is that.
    pub(crate) const fn lent(&self) -> Option<&Lent> {
        match self {
            Self::Kept(_) => None,
            Self::Lent(it) => Some(it),
        }
    }
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
    if read.as_ref().is_some_and(|it| it.lent().is_some()) {
        field.wrong("an MCP server is sent one secret whatever the task: `target` is for routes");
        return Err(Unread);
    }
    let kept = read.as_ref().and_then(Credential::kept);
    if kept.is_some_and(|it| it.only.is_some() || it.read_only.is_some()) {
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
    let (target, secret) = (table.get("target"), table.get("secret"));
    if !target.is_given() {
        return kept(table).map(Credential::Kept);
    }
    for other in [secret, table.get("read_only")].iter().filter(|it| it.is_given()) {
        other.wrong(format!("`{}` is for a secret that is kept here", other.name()));
    }
    lent(table).map(Credential::Lent)
}

fn kept(table: &Table<'_>) -> Option<Kept> {
    let secret = table.get("secret").required().parsed::<SecretName>();
    let read_only = table.get("read_only").parsed::<SecretName>();
    for key in ["wants", "sign", "region"] {
        let field = table.get(key);
        if field.is_given() {
            field.wrong(format!("`{}` is for what a `target` makes", field.name()));
        }
    }
    let (header, around) = header(table)?;
    let only = only(table);
    Some(Kept {
        secret: secret?.into_inner(),
        read_only: read_only.map(Spanned::into_inner),
        header,
        around,
        only,
    })
}

fn lent(table: &Table<'_>) -> Option<Lent> {
    let target = table.get("target").parsed::<TargetName>();
    let field = table.get("wants").required();
    let wants: Vec<_> =
        field.items().iter().filter_map(|it| it.made(filled)).map(Spanned::into_inner).collect();
    if field.is_empty_list() {
        field.wrong(format!("`{}` names nothing: say what of the target", field.name()));
    }
    let (sign, region) = (table.get("sign"), table.get("region"));
    let service = sign.made(word);
    let borne = if sign.is_given() {
        for field in ["header", "format"].map(|it| table.get(it)).iter().filter(|it| it.is_given())
        {
            field.wrong(format!("`{}` is for a credential that a header has", field.name()));
        }
        Borne::Signed(service?.into_inner(), region.made(word).map(Spanned::into_inner))
    } else {
        if region.is_given() {
            region.wrong(format!("`{}` is for requests that are signed", region.name()));
        }
        let (header, around) = header(table)?;
        Borne::InHeader(header, around)
    };
    let only = only(table);
    let target = target?;
    let place = target.span();
    Some(Lent { target: target.into_inner(), place, wants, borne, only })
}

/// Takes the name of a service or a region of AWS.
fn word(text: &str) -> Result<String, &'static str> {
    let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    if text.is_empty() || 64 < text.len() || !text.chars().all(plain) {
        return Err("this is no name at AWS: small letters, digits and `-`");
    }
    Ok(text.to_owned())
}

/// Reads which header has it, and how.
fn header(table: &Table<'_>) -> Option<(HeaderName, (String, String))> {
    let name = table.get("header");
    let header = name.made(|it| it.parse::<HeaderName>().map_err(|_| "this is no header's name"));
    let header = if name.is_given() { header?.into_inner() } else { header::AUTHORIZATION };
    if header != header::AUTHORIZATION && !may_pass(&header) {
        name.wrong(format!("`{header}` is no header for a credential"));
        return None;
    }
    let around = around(&table.get("format"), &header)?;
    Some((header, around))
}

/// Reads which operations get it.
fn only(table: &Table<'_>) -> Option<BTreeSet<ToolName>> {
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
    only.is_given().then_some(named)
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
