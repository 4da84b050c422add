//! What GitHub lists for an organisation: `gh api orgs/ORG/installations`, `…/personal-access-tokens` and
//! `…/credential-authorizations`.
//!
//! What writes may read, and what administers may do both. A scope of an older token is a name of its own: what it comes to,
//! GitHub tells in words alone.

use std::collections::BTreeMap;

use bailiwick_model::{ActorKind, HeldPolicy, Holder, Patterns, Platform, Statement};
use serde_json::Value;

use super::{Document, GrantFileError, Kind, policy, text, texts};

pub(super) const KIND: Kind = Kind { knows, read };

/// What each level of a permission lets somebody do.
const LEVELS: [(&str, &[&str]); 3] =
    [("read", &["read"]), ("write", &["read", "write"]), ("admin", &["read", "write", "admin"])];

fn knows(value: &Value) -> bool {
    match value.as_array() {
        Some(all) => !all.is_empty() && all.iter().all(|it| sort_of(it).is_some()),
        None => value.get("installations").is_some_and(Value::is_array) || sort_of(value).is_some(),
    }
}

/// What an entry of a list is.
#[derive(Clone, Copy)]
enum Sort {
    Installation,
    Token,
    Authorization,
}

fn sort_of(value: &Value) -> Option<Sort> {
    let has = |name| value.get(name).is_some();
    if has("app_slug") && has("permissions") {
        Some(Sort::Installation)
    } else if has("owner") && has("permissions") && has("token_id") {
        Some(Sort::Token)
    } else if has("login") && has("credential_type") {
        Some(Sort::Authorization)
    } else {
        None
    }
}

fn read(all: &[Document<'_>]) -> Result<Vec<Holder>, GrantFileError> {
    let mut holders = BTreeMap::new();
    for document in all {
        let value = document.value;
        let many = value.as_array().or_else(|| value.get("installations")?.as_array());
        for one in many.map_or_else(|| std::slice::from_ref(value), Vec::as_slice) {
            let held = match sort_of(one) {
                Some(Sort::Installation) => installation(one),
                Some(Sort::Token) => token(one),
                Some(Sort::Authorization) => authorization(one),
                None => return Err(document.wrong("an entry", "it is none of this list's")),
            };
            take(&mut holders, held.map_err(|(place, why)| document.wrong(place, why))?);
        }
    }
    Ok(holders.into_values().collect())
}

/// What somebody holds by one entry.
struct Held<'a> {
    id: String,
    kind: ActorKind,
    account: &'a str,
    since: &'a str,
    path: String,
    names: Vec<String>,
    conditional: bool,
    unread: bool,
}

type Wrong = (String, String);

fn take(holders: &mut BTreeMap<(String, String), Holder>, held: Held<'_>) {
    let since = held.since.parse().ok();
    let new = || Holder {
        platform: Platform::Github,
        id: held.id.clone(),
        account: held.account.to_owned(),
        kind: held.kind,
        since,
        policies: Vec::new(),
        bounds: Vec::new(),
        unread: Vec::new(),
        trusts: Vec::new(),
        crowd: false,
    };
    let holder = holders.entry((held.id.clone(), held.account.to_owned())).or_insert_with(new);
    // Nothing was held before the first was given; one that does not say when may be the first.
    holder.since = holder.since.zip(since).map(|(known, since)| known.min(since));
    if held.unread {
        holder.unread.push(held.path);
    } else if !held.names.is_empty() {
        let statement = Statement {
            allows: true,
            actions: Patterns::Only(held.names),
            resources: Patterns::Only(vec!["*".to_owned()]),
            conditional: held.conditional,
        };
        let policy = policy(held.path, vec![statement]);
        holder.policies.push(HeldPolicy { since, ..policy });
    }
}

/// Reads an app that is installed; one that is suspended may do nothing until it is let in again.
fn installation(of: &Value) -> Result<Held<'_>, Wrong> {
    let app = text(of, "app_slug");
    let account = of.get("account").map_or("", |it| text(it, "login"));
    let on = if account.is_empty() { String::new() } else { format!(" on {account}") };
    let path = format!("installation of {app}{on}");
    let names = names(&path, of.get("permissions"))?;
    Ok(Held {
        id: format!("{app}[bot]"),
        kind: ActorKind::Service,
        account,
        since: text(of, "created_at"),
        names,
        path,
        conditional: of.get("suspended_at").is_some_and(|it| !it.is_null()),
        unread: false,
    })
}

/// Reads a fine-grained token; one that has expired gives nothing.
fn token(of: &Value) -> Result<Held<'_>, Wrong> {
    let owner = of.get("owner").map_or("", |it| text(it, "login"));
    let path = format!("token {} of {owner}", text(of, "token_name"));
    let mut all = Vec::new();
    if of.get("token_expired") != Some(&Value::Bool(true)) {
        for part in ["repository", "organization", "other"] {
            all.extend(names(&path, of.get("permissions").and_then(|it| it.get(part)))?);
        }
    }
    Ok(Held {
        id: owner.to_owned(),
        kind: ActorKind::Unknown,
        account: "",
        since: text(of, "access_granted_at"),
        names: all,
        path,
        conditional: false,
        unread: false,
    })
}

/// Reads a credential that was let in by single sign-on: an older token with its scopes, or an SSH key.
fn authorization(of: &Value) -> Result<Held<'_>, Wrong> {
    let (login, sort) = (text(of, "login"), text(of, "credential_type"));
    let end = text(of, "token_last_eight");
    let path = if end.is_empty() {
        format!("{sort} of {login}")
    } else {
        format!("{sort} …{end} of {login}")
    };
    let scopes = texts(of, "scopes").map_err(|why| (path.clone(), why))?;
    Ok(Held {
        id: login.to_owned(),
        kind: ActorKind::Unknown,
        account: "",
        since: text(of, "credential_authorized_at"),
        unread: scopes.is_empty(),
        names: scopes.into_iter().map(|it| format!("scope:{it}")).collect(),
        path,
        conditional: false,
    })
}

/// Gives the names of what is permitted: `contents:write`, and `contents:read` with it.
fn names(path: &str, permissions: Option<&Value>) -> Result<Vec<String>, Wrong> {
    let Some(permissions) = permissions.and_then(Value::as_object) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (name, level) in permissions {
        let level = level.as_str().unwrap_or_default();
        let Some((_, verbs)) = LEVELS.iter().find(|it| it.0 == level) else {
            let why = format!("`{name}` is `{level}`: none of read, write, admin");
            return Err((path.to_owned(), why));
        };
        all.extend(verbs.iter().map(|it| format!("{name}:{it}")));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::grants::read_grants;

    fn told(file: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for holder in read_grants(file.as_bytes()).unwrap() {
            let since = holder.since.map_or_else(|| "ever".to_owned(), |it| it.to_string());
            let since = since.get(..10).unwrap_or(&since);
            let who = format!("{} in {} since {since}", holder.id, holder.account);
            for policy in &holder.policies {
                let statement = &policy.statements[0];
                let Patterns::Only(names) = &statement.actions else { panic!("{policy:?}") };
                let mark = if statement.conditional { " if" } else { "" };
                lines.push(format!("{who}: {}: {}{mark}", policy.path, names.join(" ")));
            }
            lines.extend(holder.unread.iter().map(|it| format!("{who}: {it}: unread")));
        }
        lines
    }

    fn app(slug: &str, suspended: Value) -> Value {
        json!({
            "id": 1, "app_slug": slug, "account": { "login": "acme" }, "suspended_at": suspended,
            "permissions": { "contents": "write", "metadata": "read" },
            "created_at": "2026-01-02T03:04:05Z",
        })
    }

    #[test]
    fn apps_hold_what_they_were_installed_with_and_who_writes_reads() {
        let page = |apps: &[Value]| json!({ "total_count": 2, "installations": apps });
        let one = page(&[app("builder", Value::Null)]);
        let other = page(&[app("sleeper", json!("2026-02-01T00:00:00Z"))]);
        // Page by page, as `--paginate` prints them.
        assert_eq!(
            told(&format!("{one}{other}")),
            [
                "builder[bot] in acme since 2026-01-02: installation of builder on acme: contents:read contents:write metadata:read",
                "sleeper[bot] in acme since 2026-01-02: installation of sleeper on acme: contents:read contents:write metadata:read if",
            ]
        );
    }

    #[test]
    fn tokens_and_keys_are_held_by_those_who_made_them() {
        let token = |name: &str, expired: bool, at: &str| {
            json!({
                "id": 1, "owner": { "login": "ann" }, "token_id": 2, "token_name": name,
                "token_expired": expired, "access_granted_at": at,
                "permissions": { "repository": { "actions": "admin" }, "organization": { "members": "read" } },
            })
        };
        let tokens = json!([
            token("new", false, "2026-03-01T00:00:00Z"),
            token("old", true, "2026-01-01T00:00:00Z"),
        ]);
        assert_eq!(
            told(&tokens.to_string()),
            [
                "ann in  since 2026-01-01: token new of ann: actions:read actions:write actions:admin members:read"
            ]
        );
        let credentials = json!([
            { "login": "ann", "credential_type": "personal access token", "token_last_eight": "71c3fc11",
              "credential_authorized_at": "2026-01-01T00:00:00Z", "scopes": ["repo", "user:email"] },
            { "login": "bob", "credential_type": "SSH key", "fingerprint": "aa:bb" },
        ]);
        assert_eq!(
            told(&credentials.to_string()),
            [
                "ann in  since 2026-01-01: personal access token …71c3fc11 of ann: scope:repo scope:user:email",
                "bob in  since ever: SSH key of bob: unread",
            ]
        );
    }

    #[test]
    fn a_level_that_nobody_knows_is_said_with_its_place() {
        let mut odd = app("builder", Value::Null);
        odd["permissions"]["contents"] = json!("some");
        let list = json!({ "installations": [odd] }).to_string();
        assert_eq!(
            read_grants(list.as_bytes()).unwrap_err().to_string(),
            "installation of builder on acme: `contents` is `some`: none of read, write, admin"
        );
        let stranger = json!({ "installations": [{}] }).to_string();
        assert_eq!(
            read_grants(stranger.as_bytes()).unwrap_err().to_string(),
            "an entry: it is none of this list's"
        );
    }
}
