//! IAM policies of Google Cloud: what `gcloud projects get-iam-policy --format json` and `gcloud asset
//! search-all-iam-policies --format json` print, and of roles what `gcloud iam roles describe --format json` prints.
//!
//! What a role grants is in no policy: a role that no file describes is unread. A binding with a condition counts perhaps.

use std::collections::BTreeMap;

use bailiwick_model::{ActorKind, Holder, Patterns, Platform, Statement};
use serde_json::Value;

use super::{Document, GrantFileError, Kind, list, policy, text, texts};

pub(super) const KIND: Kind = Kind { knows, read };

fn knows(value: &Value) -> bool {
    match value.as_array() {
        Some(all) => !all.is_empty() && all.iter().all(is_known),
        None => is_known(value) || list(value, "roles").next().is_some_and(is_role),
    }
}

fn is_known(value: &Value) -> bool {
    let found = bindings(value).next();
    let is_policy = found.is_some_and(|it| it.get("role").is_some() && it.get("members").is_some());
    let is_empty = found.is_none() && value.get("etag").is_some() && value.get("version").is_some();
    is_policy || is_empty || is_role(value)
}

fn is_role(value: &Value) -> bool {
    let name = text(value, "name");
    name.starts_with("roles/") || (name.contains("/roles/") && !name.starts_with("//"))
}

/// Gives the bindings of a policy, whether it comes by itself or with what it is the policy of.
fn bindings(value: &Value) -> impl Iterator<Item = &Value> {
    let within = ["policy", "iamPolicy", "iam_policy"].into_iter().find_map(|it| value.get(it));
    list(within.unwrap_or(value), "bindings")
}

fn read(all: &[Document<'_>]) -> Result<Vec<Holder>, GrantFileError> {
    let single = all.iter().flat_map(|document| {
        let value = document.value;
        let many = value.as_array().or_else(|| value.get("roles").and_then(Value::as_array));
        let many = many.map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        many.iter().map(|value| Document { file: document.file, value })
    });
    let (roles, policies): (Vec<_>, Vec<_>) = single.partition(|it| is_role(it.value));
    let mut holders = Holders { roles: described(&roles)?, ..Holders::default() };
    let projects = projects(&policies);
    for document in policies {
        let place = Place::of(document.value, &projects);
        for (number, binding) in bindings(document.value).enumerate() {
            let wrong = |why: String| {
                let of = if place.called.is_empty() { "policy" } else { &place.called };
                document.wrong(format!("{of} › bindings[{number}]"), why)
            };
            holders.bind(&place, binding).map_err(wrong)?;
        }
    }
    Ok(holders.told.into_values().collect())
}

/// Gives what each role that is described grants. What one describes without its permissions is not described.
fn described<'a>(
    roles: &[Document<'a>],
) -> Result<BTreeMap<&'a str, Vec<&'a str>>, GrantFileError> {
    let mut all = BTreeMap::new();
    for role in roles {
        let name = text(role.value, "name");
        let wrong = |why| role.wrong(format!("role {name}"), why);
        let is_off = text(role.value, "stage") == "DISABLED"
            || role.value.get("deleted") == Some(&Value::Bool(true));
        if is_off {
            all.insert(name, Vec::new());
        } else if role.value.get("includedPermissions").is_some() {
            all.insert(name, texts(role.value, "includedPermissions").map_err(wrong)?);
        }
    }
    Ok(all)
}

/// Gives the ids of projects by their numbers, as far as the policies tell both.
fn projects<'a>(policies: &[Document<'a>]) -> BTreeMap<&'a str, &'a str> {
    let pair = |it: &Document<'a>| {
        let number = text(it.value, "project").strip_prefix("projects/")?;
        let name = resource_of(it.value);
        let id = name.strip_prefix("//cloudresourcemanager.googleapis.com/projects/")?;
        Some((number, id))
    };
    policies.iter().filter_map(pair).collect()
}

fn resource_of(value: &Value) -> &str {
    let name = text(value, "resource");
    if name.is_empty() { text(value, "name") } else { name }
}

/// What a policy is of.
struct Place {
    /// What it is called in ways; empty where the policy does not say.
    called: String,
    /// The project, folder or organisation, as a log names it; empty where the policy does not say.
    account: String,
    /// To what it counts.
    resource: String,
}

impl Place {
    fn of(value: &Value, projects: &BTreeMap<&str, &str>) -> Self {
        let resource = resource_of(value);
        let parts: Vec<_> = resource.trim_start_matches('/').split('/').collect();
        let called = match parts.as_slice() {
            ["cloudresourcemanager.googleapis.com", kind, name] => {
                format!("{} {name}", kind.trim_end_matches('s'))
            }
            _ => resource.to_owned(),
        };
        let after = |kind: &str| parts.iter().skip_while(|it| **it != kind).nth(1).copied();
        let number = text(value, "project").strip_prefix("projects/");
        let above =
            || ["organizations", "folders"].into_iter().find_map(|kind| Some((kind, after(kind)?)));
        // A bucket's project is `_`: then its number is all there is.
        let account = match (after("projects").filter(|it| *it != "_"), number) {
            (Some(id), _) => projects.get(id).map_or(id, |it| *it).to_owned(),
            (None, Some(number)) => projects.get(number).map_or(number, |it| *it).to_owned(),
            (None, None) => above().map(|(kind, it)| format!("{kind}/{it}")).unwrap_or_default(),
        };
        let resource = if resource.is_empty() { "*" } else { resource };
        Self { called, account, resource: resource.to_owned() }
    }
}

#[derive(Default)]
struct Holders<'a> {
    roles: BTreeMap<&'a str, Vec<&'a str>>,
    told: BTreeMap<(Member, String), Holder>,
}

impl Holders<'_> {
    /// Gives what a binding gives to each of its members.
    fn bind(&mut self, place: &Place, binding: &Value) -> Result<(), String> {
        let role = text(binding, "role");
        if role.is_empty() {
            return Err("it has no `role`".to_owned());
        }
        let condition = binding.get("condition").filter(|it| !it.is_null());
        let way = match (place.called.as_str(), condition) {
            ("", None) => role.to_owned(),
            ("", Some(it)) => format!("{role} if {}", text(it, "title")),
            (of, None) => format!("{of} › {role}"),
            (of, Some(it)) => format!("{of} › {role} if {}", text(it, "title")),
        };
        let statement = self.roles.get(role).map(|it| Statement {
            allows: true,
            actions: Patterns::Only(it.iter().map(|it| (*it).to_owned()).collect()),
            resources: Patterns::Only(vec![place.resource.clone()]),
            conditional: condition.is_some(),
        });
        for member in texts(binding, "members")? {
            let Some(member) = member_of(member) else { continue };
            let key = (member.clone(), place.account.clone());
            let holder =
                self.told.entry(key).or_insert_with(|| holder(&member, place.account.clone()));
            match &statement {
                Some(it) if member.is_known => {
                    holder.policies.push(policy(way.clone(), vec![it.clone()]));
                }
                Some(_) | None => holder.unread.push(way.clone()),
            }
        }
        Ok(())
    }
}

/// Whom a binding means.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    /// The name as a log writes it; of a crowd a pattern.
    id: String,
    kind: ActorKind,
    is_crowd: bool,
    /// Whether it is more than a group of which nothing says who is in it.
    is_known: bool,
}

/// Reads a member. What is deleted holds nothing.
fn member_of(member: &str) -> Option<Member> {
    let (sort, name) = member.split_once(':').unwrap_or((member, ""));
    let one = |name: &str, kind| Member {
        id: Platform::Google.name_of(name.into()).into_owned(),
        kind,
        is_crowd: false,
        is_known: true,
    };
    let crowd = |pattern: &str, kind| Member { is_crowd: true, ..one(pattern, kind) };
    Some(match sort {
        "deleted" => return None,
        "user" => one(name, ActorKind::Person),
        "serviceAccount" => one(name, ActorKind::Service),
        "domain" => crowd(&format!("*@{name}"), ActorKind::Person),
        "allUsers" => crowd("*", ActorKind::Anonymous),
        "allAuthenticatedUsers" => crowd("*", ActorKind::Unknown),
        "principal" => one(member, ActorKind::Role),
        // Groups, sets of workloads, and who has a basic role in some project.
        _ => Member { is_known: false, ..one(member, ActorKind::Unknown) },
    })
}

fn holder(of: &Member, account: String) -> Holder {
    Holder {
        platform: Platform::Google,
        id: of.id.clone(),
        account,
        kind: of.kind,
        since: None,
        policies: Vec::new(),
        bounds: Vec::new(),
        unread: Vec::new(),
        trusts: Vec::new(),
        crowd: of.is_crowd,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::grants::{GrantFile, read_grant_files};

    use super::*;

    fn read(files: &[Value]) -> Result<Vec<Holder>, GrantFileError> {
        let texts: Vec<_> = files.iter().map(Value::to_string).collect();
        let file = |it: &'_ String| it.as_bytes().to_vec();
        let bytes: Vec<_> = texts.iter().map(file).collect();
        let files = bytes.iter().map(|bytes| GrantFile { name: "iam.json", bytes });
        read_grant_files(&files.collect::<Vec<_>>())
    }

    /// Tells what holders hold: a line for each way, `WHO in ACCOUNT: PATH: PATTERNS [if]`.
    fn told(files: &[Value]) -> Vec<String> {
        let mut lines = Vec::new();
        for holder in read(files).unwrap() {
            let who = format!("{} in {}", holder.id, holder.account);
            for policy in &holder.policies {
                let statement = &policy.statements[0];
                let Patterns::Only(actions) = &statement.actions else { panic!("{policy:?}") };
                let mark = if statement.conditional { " if" } else { "" };
                lines.push(format!("{who}: {}: {}{mark}", policy.path, actions.join(" ")));
            }
            lines.extend(holder.unread.iter().map(|it| format!("{who}: {it}: unread")));
        }
        lines
    }

    fn viewer() -> Value {
        json!({ "name": "roles/viewer", "title": "Viewer", "etag": "x",
            "includedPermissions": ["compute.instances.get", "storage.buckets.list"] })
    }

    fn project_policy() -> Value {
        json!({ "etag": "x", "version": 3, "bindings": [
            { "role": "roles/viewer", "members": [
                "user:Ann@Example.com", "serviceAccount:ci@shop.iam.gserviceaccount.com",
                "group:ops@example.com", "domain:example.com", "allUsers", "allAuthenticatedUsers",
                "deleted:serviceAccount:old@shop.iam.gserviceaccount.com?uid=1",
                "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s",
            ] },
            { "role": "roles/viewer", "members": ["user:ann@example.com"],
              "condition": { "title": "until June", "expression": "request.time < …" } },
            { "role": "roles/editor", "members": ["user:ann@example.com"] },
        ] })
    }

    #[test]
    fn members_hold_what_their_roles_are_described_to_grant() {
        let grants = "compute.instances.get storage.buckets.list";
        let wanted = [
            format!("* in : roles/viewer: {grants}"),
            format!("* in : roles/viewer: {grants}"),
            format!("*@example.com in : roles/viewer: {grants}"),
            format!("ann@example.com in : roles/viewer: {grants}"),
            format!("ann@example.com in : roles/viewer if until June: {grants} if"),
            "ann@example.com in : roles/editor: unread".to_owned(),
            format!("ci@shop.iam.gserviceaccount.com in : roles/viewer: {grants}"),
            "group:ops@example.com in : roles/viewer: unread".to_owned(),
            format!(
                "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s in : roles/viewer: {grants}"
            ),
        ];
        assert_eq!(told(&[project_policy(), viewer()]), wanted);
        // A list of roles does not say what they grant, unless it is asked for all of them.
        assert_eq!(told(&[json!([viewer()]), project_policy()]), wanted);
        assert_eq!(told(&[json!({ "roles": [viewer()] }), project_policy()]), wanted);
        let mut bare = viewer();
        bare.as_object_mut().unwrap().remove("includedPermissions");
        let unread = told(&[bare, project_policy()]);
        assert!(unread.iter().all(|it| it.ends_with(": unread")), "{unread:?}");
    }

    #[test]
    fn what_a_policy_is_of_is_named_as_the_log_names_it() {
        let found = |resource: &str, project: &str| {
            json!({ "resource": resource, "project": project, "policy": { "bindings": [
                { "role": "roles/viewer", "members": ["user:ann@example.com"] },
            ] } })
        };
        let all = json!([
            found("//cloudresourcemanager.googleapis.com/projects/shop", "projects/42"),
            found("//storage.googleapis.com/projects/_/buckets/releases", "projects/42"),
            found("//storage.googleapis.com/projects/_/buckets/elsewhere", "projects/43"),
            found("//cloudresourcemanager.googleapis.com/organizations/7", ""),
            found("//iam.googleapis.com/projects/web/serviceAccounts/x", ""),
        ]);
        let ways: Vec<_> =
            told(&[all]).into_iter().map(|it| it.replace("ann@example.com ", "")).collect();
        assert_eq!(
            ways,
            [
                "in 43: //storage.googleapis.com/projects/_/buckets/elsewhere › roles/viewer: unread",
                "in organizations/7: organization 7 › roles/viewer: unread",
                "in shop: project shop › roles/viewer: unread",
                "in shop: //storage.googleapis.com/projects/_/buckets/releases › roles/viewer: unread",
                "in web: //iam.googleapis.com/projects/web/serviceAccounts/x › roles/viewer: unread",
            ]
        );
    }

    #[test]
    fn a_role_that_is_off_grants_nothing() {
        let mut off = viewer();
        off["stage"] = json!("DISABLED");
        let policy = json!({ "bindings": [{ "role": "roles/viewer", "members": ["user:ann@example.com"] }] });
        assert_eq!(told(&[off, policy]), ["ann@example.com in : roles/viewer: "]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let said = |binding: Value| {
            let policy = json!({ "resource": "//cloudresourcemanager.googleapis.com/projects/shop",
                "policy": { "bindings": [{ "role": "roles/viewer", "members": [] }, binding] } });
            read(&[policy]).unwrap_err().to_string()
        };
        assert_eq!(
            said(json!({ "members": ["user:ann@example.com"] })),
            "`iam.json`: project shop › bindings[1]: it has no `role`"
        );
        assert_eq!(
            said(json!({ "role": "roles/viewer", "members": "user:ann@example.com" })),
            "`iam.json`: project shop › bindings[1]: `members` is no list"
        );
        let role = json!({ "name": "roles/x", "includedPermissions": [1] });
        assert_eq!(
            read(&[role]).unwrap_err().to_string(),
            "`iam.json`: role roles/x: `includedPermissions` has something that is no text"
        );
    }
}
