//! How a search is read: an evaluation that lacks an id or an action, and which page of it.

use bailiwick_kernel::Search;
use bailiwick_model::{Deed, Digest, Entity, Evaluation, Json, Sought};

use super::super::{
    limits::{PAGE, TOKEN_MAX},
    read::{Members, bad, context, deed, entity, kind, name, needed, object, properties},
    refusal::Refusal,
};

/// A page of a search, as it is asked for.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) search: Search,
    /// The digest of everything but the page.
    pub(super) asked: Digest,
    /// Whether a page was spoken of at all.
    pub(super) paged: bool,
    pub(super) token: Option<String>,
    /// How many the page may hold, where that is said.
    pub(super) limit: Option<usize>,
    /// The digest of what else is said of the page.
    pub(super) more: Option<Digest>,
}

impl Question {
    /// Reads a search for `sought`.
    pub(super) fn read(sought: Sought, bytes: &[u8]) -> Result<Self, Refusal> {
        let mut body = object(bytes)?;
        let page = body.remove("page");
        let search = search(sought, &body).map_err(bad)?;
        let asked = Digest::of(Json::Object(body).canonical().as_bytes());
        let given = page.is_some();
        let page = match page {
            None => Members::new(),
            Some(Json::Object(members)) => members,
            Some(other) => return Err(bad(format!("`page` is {}, not an object", kind(&other)))),
        };
        Self { search, asked, paged: given, token: None, limit: None, more: None }
            .with(page)
            .map_err(bad)
    }

    fn with(self, mut page: Members) -> Result<Self, String> {
        let token = match page.remove("token") {
            None => None,
            Some(Json::Text(token)) if token.len() <= TOKEN_MAX => {
                // An empty one says that there is no next page, and is none to come back with.
                Some(token).filter(|it| !it.is_empty())
            }
            Some(Json::Text(_)) => return Err("`page.token` was not made here".to_owned()),
            Some(other) => return Err(format!("`page.token` is {}, not a text", kind(&other))),
        };
        let limit = match page.remove("limit") {
            None => None,
            Some(Json::Int(limit)) if 0 <= limit => {
                Some(usize::try_from(limit).unwrap_or(PAGE).min(PAGE))
            }
            Some(_) => return Err("`page.limit` is no whole number from 0 up".to_owned()),
        };
        let more = match page.remove("properties") {
            None => None,
            Some(Json::Object(more)) => Some(Digest::of(Json::Object(more).canonical().as_bytes())),
            Some(other) => {
                return Err(format!("`page.properties` is {}, not an object", kind(&other)));
            }
        };
        Ok(Self { token, limit, more, ..self })
    }
}

fn search(sought: Sought, body: &Members) -> Result<Search, String> {
    let needed = |key| needed(key, body.get(key));
    let of = |key, open| {
        let given = needed(key)?;
        if open { any(given) } else { entity(given) }
    };
    let subject = of("subject", sought == Sought::Subject)?;
    let action = match sought {
        Sought::Subject | Sought::Resource => deed(needed("action")?)?,
        Sought::Action => Deed { name: String::new(), properties: Members::new() },
    };
    let resource = of("resource", sought == Sought::Resource)?;
    let context = context(body.get("context"))?;
    Ok(Search::new(sought, Evaluation { subject, action, resource, context }))
}

/// Takes what is looked for: its type, and what is said of any of it. An id is not looked at.
fn any((key, members): (&str, &Members)) -> Result<Entity, String> {
    let (kind, properties) = (name(key, members, "type")?, properties(key, members)?);
    Ok(Entity { kind, id: String::new(), properties })
}
