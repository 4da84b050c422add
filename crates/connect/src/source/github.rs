//! GitHub's audit log: what was done in an organisation or an enterprise, as it is exported, streamed, or given by the API.
//!
//! A record has its time in milliseconds, under one of two names, or as text. `hashed_token` is the SHA-256 of the token
//! that was shown, `token_scopes` what it may do, and `programmatic_access_type` what sort of token it is. What was done
//! over Git, and each request to the API, is in the log only where an enterprise asked for that.

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Platform};

use super::{ANONYMOUS, NotRead, Shape, Source, Told, key, moment::when, picked::Picked};

pub(super) const SOURCE: Source =
    Source { name: "github", platform: Platform::Github, knows, read };

/// Names of which a record has at least one beside its action.
const OWN: &[&str] = &[
    "_document_id",
    "business",
    "org",
    "programmatic_access_type",
    "public_repo",
    "repo",
    "repository_public",
];

const PLACES: &[&str] = &[
    "@timestamp",
    "_document_id",
    "action",
    "actor",
    "actor_is_agent",
    "actor_is_bot",
    "application_name",
    "at_sign_timestamp",
    "business",
    "created_at",
    "data/team",
    "external_identity_nameid",
    "hashed_token",
    "integration",
    "job_workflow_ref",
    "org",
    "programmatic_access_type",
    "public_repo",
    "repo",
    "repository",
    "repository_public",
    "request_method",
    "route",
    "ruleset_source_type",
    "status_code",
    "team",
    "token_scopes[]",
    "url_path",
    "user",
];

fn knows(shape: &Shape<'_>) -> bool {
    shape.has(&["action"])
        && (shape.has(&["actor"]) || shape.has(&["_document_id"]))
        && OWN.iter().any(|it| shape.has(&[it]))
}

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    let mut it = Picked::read(record, PLACES)?;
    let action = it.take("action");
    if !action.contains('.') {
        return Err(NotRead::Lacks("action"));
    }
    let at = when(&it.first(&["@timestamp", "created_at", "at_sign_timestamp"]))?;
    let repo = it.first(&["repo", "repository"]);
    let is_public = it.first(&["repository_public", "public_repo"]) == "true";
    let org = it.take("org");
    let level = match (&*it.take("ruleset_source_type"), repo.is_empty(), org.is_empty()) {
        ("Enterprise", ..) | (_, true, true) => "enterprise",
        ("Organization", ..) | (_, true, false) => "organization",
        (_, false, _) => "repository",
    };
    let status = it.take("status_code");
    let ended = ended(&action, &status);
    let (service, operation) = match &*action {
        "api.request" => ("api", request(&mut it)),
        // What is public, anybody may read and propose changes to.
        "git.clone"
        | "git.fetch"
        | "pull_request.create"
        | "pull_request_review.submit"
        | "pull_request_review_comment.create"
            if is_public =>
        {
            ("public", action.clone())
        }
        // These tell of three levels by one name.
        other if other.starts_with("hook.") || other.starts_with("repository_ruleset.") => {
            (level, action.clone())
        }
        _ => ("", action.clone()),
    };
    let id = it.take("_document_id");
    let account = if org.is_empty() { it.take("business") } else { org };
    let scopes = it.take("token_scopes[]");
    let actor = actor(&mut it, &repo);
    let others = [repo, it.first(&["team", "data/team"]), it.take("user"), account.clone()];
    Ok(Told::Exercise(Box::new(Exercise {
        platform: Platform::Github,
        key: key(Platform::Github, &id, record),
        at,
        account,
        actor,
        service: Cow::Borrowed(service),
        operation,
        along: Along::NOTHING,
        resource: others.into_iter().find(|it| !it.is_empty()).unwrap_or_default(),
        ended,
        code: if ended == Ended::Success { Cow::Borrowed("") } else { status },
        issued: None,
        data: action.starts_with("git.") || action == "api.request",
        internal: false,
        granted_by: match &*scopes {
            "" => Cow::Borrowed(""),
            scopes => Cow::Owned(format!("scopes {scopes}")),
        },
    })))
}

/// Gives a request to the API as `GET /repositories/:id/hooks`: by its pattern, where the log has that.
fn request<'a>(it: &mut Picked<'_, 'a>) -> Cow<'a, str> {
    let (method, path) = (it.take("request_method"), it.first(&["route", "url_path"]));
    match (method.is_empty(), path.is_empty()) {
        (false, false) => Cow::Owned(format!("{method} {path}")),
        (_, _) => Cow::Borrowed("api.request"),
    }
}

fn ended(action: &str, status: &str) -> Ended {
    match (action, status) {
        ("user.failed_login" | "protected_branch.rejected_ref_update", _) => Ended::Denied,
        // Who may not see a repository is told that it is not there.
        (_, "401" | "403" | "404") => Ended::Denied,
        (_, code) if code.len() == 3 && code.starts_with(['4', '5']) => Ended::Error,
        (_, _) => Ended::Success,
    }
}

fn actor<'a>(it: &mut Picked<'_, 'a>, repo: &str) -> Actor<'a> {
    let name = it.take("actor");
    let by = it.take("programmatic_access_type");
    let is_software = it.take("actor_is_bot") == "true" || it.take("actor_is_agent") == "true";
    let (id, kind) = match &*name {
        "" => (Cow::Borrowed(ANONYMOUS), ActorKind::Anonymous),
        // All of them have this name, and each is of one repository.
        "deploy_key" => (Cow::Owned(format!("deploy_key of {repo}")), ActorKind::Service),
        other if is_software || other.ends_with("[bot]") || by.contains("server-to-server") => {
            (name, ActorKind::Service)
        }
        _ => (name, ActorKind::Unknown),
    };
    let through = it.first(&["integration", "application_name", "job_workflow_ref"]);
    let behind = it.take("external_identity_nameid");
    let token = it.take("hashed_token");
    Actor {
        credential: match token.strip_prefix("sha256:").unwrap_or(&token) {
            "" => Cow::Borrowed(""),
            hash => Cow::Owned(format!("sha256:{hash}")),
        },
        through: if through == id { Cow::Borrowed("") } else { through },
        chain: if behind.is_empty() { Vec::new() } else { vec![behind] },
        delivered: "",
        id,
        kind,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::tests::{change, order_is_nothing, told};

    fn record(changes: serde_json::Value) -> Exercise<'static> {
        let record = json!({
            "_document_id": "a", "@timestamp": 1_700_000_000_123_u64, "action": "repo.archived",
            "actor": "ann", "org": "acme", "repo": "acme/app",
        });
        told(&SOURCE, &change(record, changes))
    }

    #[test]
    fn times_come_under_several_names() {
        let at = |changes| record(changes).at.to_string();
        assert_eq!(at(json!({})), "2023-11-14T22:13:20.123Z");
        for name in ["created_at", "at_sign_timestamp"] {
            let text = json!({ "@timestamp": null, name: "2022-12-11 22:40:20.268" });
            assert_eq!(at(text), "2022-12-11T22:40:20.268Z", "{name}");
            let millis = json!({ "@timestamp": null, name: 1_700_000_000_123_u64 });
            assert_eq!(at(millis), "2023-11-14T22:13:20.123Z", "{name}");
        }
        let none = br#"{"action":"repo.update","actor":"ann","repo":"acme/app"}"#;
        assert_eq!(read(none), Err(NotRead::Undated));
    }

    #[test]
    fn a_caller_is_a_name_a_bot_an_app_or_a_deploy_key() {
        for (changes, id, kind) in [
            (json!({}), "ann", ActorKind::Unknown),
            (json!({ "actor": "" }), "anonymous", ActorKind::Anonymous),
            (json!({ "actor": "dependabot[bot]" }), "dependabot[bot]", ActorKind::Service),
            (json!({ "actor_is_bot": true }), "ann", ActorKind::Service),
            (json!({ "actor_is_agent": true }), "ann", ActorKind::Service),
            (
                json!({ "programmatic_access_type": "GitHub App server-to-server token" }),
                "ann",
                ActorKind::Service,
            ),
            (
                json!({ "programmatic_access_type": "GitHub App user-to-server token" }),
                "ann",
                ActorKind::Unknown,
            ),
            (
                json!({ "actor": "deploy_key", "programmatic_access_type": "Public Key (User/Deploy)" }),
                "deploy_key of acme/app",
                ActorKind::Service,
            ),
        ] {
            let actor = record(changes.clone()).actor;
            assert_eq!((&*actor.id, actor.kind), (id, kind), "{changes}");
        }
        let app = record(json!({ "integration": "Deployer", "external_identity_nameid": "ann@x" }));
        assert_eq!((&*app.actor.through, app.actor.chain.len()), ("Deployer", 1));
        let job = record(json!({ "job_workflow_ref": "acme/app/.github/workflows/x.yml@main" }));
        assert_eq!(&*job.actor.through, "acme/app/.github/workflows/x.yml@main");
    }

    #[test]
    fn a_token_is_known_by_its_hash_and_its_scopes() {
        let one = record(json!({ "hashed_token": "AAA=", "token_scopes": "repo,read:org" }));
        assert_eq!(&*one.actor.credential, "sha256:AAA=");
        assert_eq!(&*one.granted_by, "scopes repo,read:org");
        let other = record(json!({ "hashed_token": "sha256:AAA=" }));
        assert_eq!((one.actor.credential, &*other.granted_by), (other.actor.credential, ""));
    }

    #[test]
    fn levels_of_one_name_are_told_apart() {
        let said = |changes| {
            let it = record(changes);
            format!("{}:{}", it.service, it.operation)
        };
        assert_eq!(said(json!({ "action": "hook.create" })), "repository:hook.create");
        let no_repo = json!({ "action": "hook.create", "repo": null });
        assert_eq!(said(no_repo), "organization:hook.create");
        let rules =
            json!({ "action": "repository_ruleset.update", "ruleset_source_type": "Organization" });
        assert_eq!(said(rules), "organization:repository_ruleset.update");
        let enterprise =
            json!({ "action": "hook.create", "repo": null, "org": null, "business": "acme-inc" });
        assert_eq!(said(enterprise), "enterprise:hook.create");
        let rules =
            json!({ "action": "repository_ruleset.update", "ruleset_source_type": "Enterprise" });
        assert_eq!(said(rules), "enterprise:repository_ruleset.update");
        let public = json!({ "action": "git.clone", "repository_public": true });
        assert_eq!(said(public), "public:git.clone");
        let proposed = json!({ "action": "pull_request.create", "public_repo": true });
        assert_eq!(said(proposed), "public:pull_request.create");
        assert_eq!(said(json!({ "action": "git.push", "repository_public": true })), ":git.push");
    }

    #[test]
    fn a_request_to_the_api_ends_as_its_status_says() {
        for (status, ended) in [
            (200, Ended::Success),
            (204, Ended::Success),
            (304, Ended::Success),
            (401, Ended::Denied),
            (403, Ended::Denied),
            (404, Ended::Denied),
            (422, Ended::Error),
            (500, Ended::Error),
        ] {
            let request = json!({
                "action": "api.request", "request_method": "GET", "route": "/repositories/:id/hooks",
                "status_code": status,
            });
            let it = record(request);
            assert_eq!((it.ended, it.data), (ended, true), "{status}");
            assert_eq!((&*it.service, &*it.operation), ("api", "GET /repositories/:id/hooks"));
        }
        assert_eq!(record(json!({ "action": "user.failed_login" })).ended, Ended::Denied);
    }

    #[test]
    fn what_is_no_record_of_the_log_is_none() {
        assert_eq!(
            read(br#"{"action":"opened","actor":"x","org":"y"}"#),
            Err(NotRead::Lacks("action"))
        );
        assert!(
            !knows(&Shape::new(vec!["action", "repository", "sender"])),
            "a webhook is another's"
        );
        assert!(!knows(&Shape::new(vec!["action", "actor", "entity", "context"])));
    }

    #[test]
    fn the_order_of_names_makes_no_difference() {
        order_is_nothing(
            &SOURCE,
            &json!({
                "_document_id": "a", "@timestamp": 1_700_000_000_123_u64, "action": "git.push",
                "actor": "ann", "org": "acme", "repo": "acme/app", "hashed_token": "AAA=",
                "token_scopes": "repo", "programmatic_access_type": "OAuth access token",
                "actor_is_bot": false, "user": "bob",
            }),
        );
    }
}
