//! The audit log of Vault and `OpenBao`: each request twice, as it came and as it was answered.
//!
//! Only the answer counts: it alone says how it ended. Tokens and accessors are hashed with a key of the audit device, so
//! that they are the same in one device's log and nowhere else. A path is a permission's own name, and an operation is
//! what policies call a capability.

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Issued, Platform, Via};

use super::{ANONYMOUS, NotRead, Shape, Source, Told, key, moment::when, picked::Picked};

pub(super) const SOURCE: Source = Source { name: "vault", platform: Platform::Vault, knows, read };

const PLACES: &[&str] = &[
    "auth/accessor",
    "auth/display_name",
    "auth/entity_id",
    "auth/policy_results/allowed",
    "auth/policy_results/granting_policies/name[]",
    "error",
    "request/client_token_accessor",
    "request/id",
    "request/mount_point",
    "request/mount_type",
    "request/namespace/path",
    "request/operation",
    "request/path",
    "response/auth/accessor",
    "response/auth/display_name",
    "response/auth/entity_id",
    "response/data/error",
    "time",
    "type",
];

fn knows(shape: &Shape<'_>) -> bool {
    shape.has(&["time", "type", "request"])
}

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    let mut it = Picked::read(record, PLACES)?;
    let (operation, path) = (it.take("request/operation"), it.take("request/path"));
    if operation.is_empty() || path.is_empty() {
        return Err(NotRead::Lacks("request"));
    }
    match &*it.take("type") {
        "response" => {}
        // How it ended is told with the answer.
        "request" => return Ok(Told::Nothing),
        other => return Err(NotRead::Shape(format!("its type is `{other}`"))),
    }
    let at = when(&it.take("time"))?;
    let is_login = is_login(&path, &it.take("request/mount_point"));
    let error = it.take("error");
    // A failed login may tell of it in its answer alone.
    let answered = it.take("response/data/error");
    let allowed = it.take("auth/policy_results/allowed");
    let was_let = allowed != "false";
    let ended = match (error.is_empty() && answered.is_empty(), is_login) {
        (true, _) if was_let => Ended::Success,
        // What failed before policies were asked is no use of them.
        (false, false) if allowed == "true" && !is_denial(&error) => Ended::Error,
        (_, _) => Ended::Denied,
    };
    let granted_by = it.take("auth/policy_results/granting_policies/name[]");
    let new = New {
        accessor: it.take("response/auth/accessor"),
        of: it.first(&["response/auth/entity_id", "response/auth/display_name"]),
    };
    let id = it.take("request/id");
    let account = it.take("request/namespace/path");
    let actor = actor(&mut it, is_login);
    let issued = if ended == Ended::Success { new.issued(&path, is_login, &actor) } else { None };
    Ok(Told::Exercise(Box::new(Exercise {
        platform: Platform::Vault,
        key: key(Platform::Vault, &id, record),
        at,
        account,
        actor,
        service: path.clone(),
        operation,
        along: Along::NOTHING,
        resource: path,
        ended,
        code: match ended {
            Ended::Success => Cow::Borrowed(""),
            Ended::Denied => Cow::Borrowed("permission denied"),
            Ended::Error => Cow::Owned(first_of(&error).to_owned()),
        },
        issued,
        data: false,
        internal: is_login,
        granted_by,
    })))
}

/// Says whether a path is one at which a caller comes in: `auth/MOUNT/login`, `auth/MOUNT/login/NAME`,
/// `auth/MOUNT/oidc/callback`. Older logs do not say what is mounted: it then has one name.
fn is_login(path: &str, mount: &str) -> bool {
    let Some(within) = path.strip_prefix("auth/") else { return false };
    let mounted = path.strip_prefix(mount).filter(|_| !mount.is_empty());
    let rest = mounted.or_else(|| within.split_once('/').map(|(_, rest)| rest)).unwrap_or_default();
    rest == "login" || rest.starts_with("login/") || rest.starts_with("oidc/")
}

fn is_denial(error: &str) -> bool {
    ["permission denied", "missing client token", "bad token", "invalid token"]
        .iter()
        .any(|it| error.contains(it))
}

/// Gives the first error of a list as Vault writes one.
fn first_of(error: &str) -> &str {
    let first = error.lines().map(str::trim).find(|it| it.starts_with("* "));
    first.and_then(|it| it.strip_prefix("* ")).unwrap_or_else(|| error.trim())
}

/// A token that came of a call.
struct New<'a> {
    accessor: Cow<'a, str>,
    of: Cow<'a, str>,
}

impl<'a> New<'a> {
    fn issued(self, path: &str, is_login: bool, by: &Actor<'a>) -> Option<Issued<'a>> {
        let via = match is_login {
            true => Via::Federation,
            false if path.starts_with("auth/token/create") => Via::Exchange,
            false => return None,
        };
        if self.accessor.is_empty() {
            return None;
        }
        let to = if self.of.is_empty() { by.id.clone() } else { self.of };
        Some(Issued { credential: self.accessor, to, via, until: None })
    }
}

fn actor<'a>(it: &mut Picked<'_, 'a>, is_login: bool) -> Actor<'a> {
    let name = it.first(&["auth/entity_id", "auth/display_name"]);
    // Of what was denied the log may know the token alone.
    let accessor = it.first(&["auth/accessor", "request/client_token_accessor"]);
    let kind = match &*it.take("request/mount_type") {
        _ if !is_login => ActorKind::Unknown,
        "approle" | "kubernetes" | "aws" | "gcp" | "azure" | "alicloud" | "oci" | "cf" | "cert" => {
            ActorKind::Service
        }
        "userpass" | "ldap" | "okta" | "radius" | "kerberos" => ActorKind::Person,
        _ => ActorKind::Unknown,
    };
    let (id, kind) = match (name.is_empty(), accessor.is_empty()) {
        (false, _) => (name, kind),
        (true, false) if !is_login => (accessor.clone(), kind),
        (true, _) => (Cow::Borrowed(ANONYMOUS), ActorKind::Anonymous),
    };
    Actor {
        id,
        kind,
        // Who comes in shows something else; the token comes of it.
        credential: if is_login { Cow::Borrowed("") } else { accessor },
        through: Cow::Borrowed(""),
        chain: Vec::new(),
        delivered: "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::tests::{change, order_is_nothing, told};

    fn answer() -> serde_json::Value {
        json!({
            "time": "2026-03-01T10:00:00.123456789Z", "type": "response",
            "auth": {
                "client_token": "hmac-sha256:aa", "accessor": "hmac-sha256:bb", "display_name": "approle",
                "entity_id": "e1", "policies": ["default", "app"], "token_type": "service",
                "policy_results": { "allowed": true, "granting_policies": [
                    { "type": "" }, { "name": "app", "type": "acl" }, { "name": "extra", "type": "rgp" }] },
            },
            "request": {
                "id": "5c257f25-2f3f-a4c2-a81b-200aa58f31d0", "operation": "read",
                "path": "secret/data/app", "mount_type": "kv", "namespace": { "id": "root" },
                "client_token_accessor": "hmac-sha256:bb",
            },
            "response": { "data": { "value": "hmac-sha256:cc" } },
        })
    }

    fn record(changes: serde_json::Value) -> Exercise<'static> {
        told(&SOURCE, &change(answer(), changes))
    }

    #[test]
    fn an_answer_tells_path_capability_and_the_policies_that_let_it_through() {
        let it = record(json!({}));
        assert_eq!((&*it.service, &*it.operation), ("secret/data/app", "read"));
        assert_eq!((&*it.actor.id, &*it.actor.credential), ("e1", "hmac-sha256:bb"));
        assert_eq!((&*it.granted_by, it.ended, it.internal), ("app, extra", Ended::Success, false));
        let spaced = record(json!({ "request": {
            "id": "a", "operation": "read", "path": "x", "namespace": { "id": "n", "path": "team/" } } }));
        assert_eq!(&*spaced.account, "team/");
        let root =
            record(json!({ "auth": { "display_name": "root", "accessor": "hmac-sha256:bb" } }));
        assert_eq!(&*root.actor.id, "root");
    }

    #[test]
    fn a_request_alone_tells_nothing() {
        let asked = change(answer(), json!({ "type": "request" })).to_string();
        assert_eq!(read(asked.as_bytes()), Ok(Told::Nothing));
        assert_eq!(read(br#"{"type":"response","request":{}}"#), Err(NotRead::Lacks("request")));
    }

    #[test]
    fn only_want_of_authority_is_a_denial() {
        for (error, ended) in [
            ("", Ended::Success),
            ("1 error occurred:\n\t* permission denied\n\n", Ended::Denied),
            ("permission denied", Ended::Denied),
            ("1 error occurred:\n\t* unsupported path\n\n", Ended::Error),
        ] {
            assert_eq!(record(json!({ "error": error })).ended, ended, "{error}");
        }
        // What failed before policies were asked is no use of them, and what they refused is none either.
        let judged = |result: serde_json::Value| {
            record(json!({ "error": "unsupported path", "auth": { "policy_results": result } }))
        };
        assert_eq!(judged(json!({ "allowed": true })).ended, Ended::Error);
        assert_eq!(judged(json!({})).ended, Ended::Denied);
        assert_eq!(judged(json!({ "allowed": false })).ended, Ended::Denied);
        let unsupported = record(json!({ "error": "1 error occurred:\n\t* unsupported path\n\n" }));
        assert_eq!(&*unsupported.code, "unsupported path");
        let refused = json!({ "auth": { "policy_results": { "allowed": false } } });
        let it = record(refused);
        assert_eq!((it.ended, &*it.actor.id), (Ended::Denied, "hmac-sha256:bb"));
    }

    #[test]
    fn a_login_gives_the_token_that_is_shown_later() {
        let came_in = |response: serde_json::Value| {
            record(json!({
                "auth": { "display_name": "approle", "entity_id": "e1", "accessor": "hmac-sha256:bb" },
                "request": { "id": "b", "operation": "update", "path": "auth/approle/login",
                             "mount_type": "approle" },
                "response": response,
            }))
        };
        let it = came_in(json!({ "auth": { "accessor": "hmac-sha256:bb", "entity_id": "e1" } }));
        assert_eq!(
            (it.internal, it.actor.kind, &*it.actor.credential),
            (true, ActorKind::Service, "")
        );
        let issued = it.issued.unwrap();
        assert_eq!(
            (&*issued.credential, &*issued.to, issued.via),
            ("hmac-sha256:bb", "e1", Via::Federation)
        );
        assert_eq!(record(json!({})).actor.credential, issued.credential);
        let failed = came_in(json!({ "data": { "error": "hmac-sha256:dd" } }));
        assert_eq!((failed.ended, failed.issued), (Ended::Denied, None));
        let child = record(json!({
            "request": { "id": "c", "operation": "update", "path": "auth/token/create" },
            "response": { "auth": { "accessor": "hmac-sha256:ee", "display_name": "token-ci" } },
        }));
        let issued = child.issued.unwrap();
        assert_eq!((&*issued.to, issued.via), ("token-ci", Via::Exchange));
    }

    #[test]
    fn setting_a_login_up_is_no_login() {
        for (path, mount, is) in [
            ("auth/approle/login", "", true),
            ("auth/userpass/login/ann", "", true),
            ("auth/oidc/oidc/callback", "", true),
            ("auth/team/one/login", "auth/team/one/", true),
            ("auth/approle/role/login", "", false),
            ("auth/userpass/users/login", "auth/userpass/", false),
            ("auth/oidc/role", "", false),
            ("auth/token/lookup-self", "", false),
            ("secret/data/login", "secret/", false),
            ("login", "", false),
        ] {
            assert_eq!(is_login(path, mount), is, "{path}");
        }
    }

    #[test]
    fn the_order_of_names_makes_no_difference() {
        order_is_nothing(&SOURCE, &answer());
    }
}
