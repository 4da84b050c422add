//! What `aws iam get-account-authorization-details` prints: users, groups, roles and policies of one account.
//!
//! Policies come as documents or, of the API, as text that is escaped as in a URL. A managed policy counts in its default
//! version. A permissions boundary bounds what an identity holds; it gives nothing.

use std::{borrow::Cow, collections::BTreeMap};

use bailiwick_model::{ActorKind, HeldPolicy, Holder, Patterns, Platform, Statement, Timestamp};
use serde_json::Value;

use super::{Document, GrantFileError, GrantsError, Kind, list, text};

pub(super) const KIND: Kind = Kind { knows, read: read_all };

const LISTS: [&str; 4] = ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"];

fn knows(value: &Value) -> bool {
    LISTS.iter().any(|it| value.get(it).is_some_and(Value::is_array))
}

fn read_all(all: &[Document<'_>]) -> Result<Vec<Holder>, GrantFileError> {
    let mut holders = Vec::new();
    for document in all {
        holders.extend(read(document.value).map_err(|it| document.at_fault(it))?);
    }
    Ok(holders)
}

fn read(value: &Value) -> Result<Vec<Holder>, GrantsError> {
    let account = Account::of(value)?;
    let users = list(value, "UserDetailList").map(|it| account.user(it));
    let roles = list(value, "RoleDetailList").map(|it| account.role(it));
    users.chain(roles).collect()
}

/// What several hold.
struct Account<'a> {
    managed: BTreeMap<&'a str, Managed>,
    groups: BTreeMap<&'a str, &'a Value>,
}

/// What a managed policy says, and since when.
#[derive(Clone)]
struct Managed {
    statements: Vec<Statement>,
    since: Option<Timestamp>,
}

impl<'a> Account<'a> {
    fn of(value: &'a Value) -> Result<Self, GrantsError> {
        let mut managed = BTreeMap::new();
        for policy in list(value, "Policies") {
            let arn = text(policy, "Arn");
            let default = text(policy, "DefaultVersionId");
            let current = list(policy, "PolicyVersionList").find(|it| {
                it.get("IsDefaultVersion") == Some(&Value::Bool(true))
                    || text(it, "VersionId") == default
            });
            if let Some((version, document)) =
                current.and_then(|it| Some((it, it.get("Document")?)))
            {
                let statements = statements(arn, document)?;
                // AWS adds to its own policies time and again: what they said before, they say still.
                let dated = if arn.contains(":iam::aws:policy/") { policy } else { version };
                let since = text(dated, "CreateDate").parse().ok();
                managed.insert(arn, Managed { statements, since });
            }
        }
        let groups = list(value, "GroupDetailList").map(|it| (text(it, "GroupName"), it)).collect();
        Ok(Self { managed, groups })
    }

    fn user(&self, user: &'a Value) -> Result<Holder, GrantsError> {
        let mut held = self.own(user, "UserPolicyList", "")?;
        for name in list(user, "GroupList").filter_map(Value::as_str) {
            let way = format!("group {name}");
            match self.groups.get(name) {
                Some(group) => {
                    held.join(self.own(group, "GroupPolicyList", &format!("{way} › "))?);
                }
                None => held.unread.push(way),
            }
        }
        Ok(self.holder(user, ActorKind::Unknown, held))
    }

    fn role(&self, role: &'a Value) -> Result<Holder, GrantsError> {
        let held = self.own(role, "RolePolicyList", "")?;
        let mut holder = self.holder(role, ActorKind::Role, held);
        if let Some(document) = role.get("AssumeRolePolicyDocument") {
            holder.trusts = trusted(&holder.id, document)?;
        }
        Ok(holder)
    }

    fn holder(&self, of: &'a Value, kind: ActorKind, held: Held) -> Holder {
        let id = text(of, "Arn").to_owned();
        let account = id.split(':').nth(4).unwrap_or_default().to_owned();
        let bound = of.get("PermissionsBoundary").map(|it| text(it, "PermissionsBoundaryArn"));
        // A boundary that the account does not list lets nothing through that anybody here can vouch for.
        let bound = bound.map(|arn| HeldPolicy {
            path: format!("permissions boundary {}", short(arn)),
            statements: match self.managed.get(arn) {
                Some(it) => it.statements.clone(),
                None => vec![unseen()],
            },
            since: None,
        });
        Holder {
            platform: Platform::Aws,
            id,
            account,
            kind,
            since: text(of, "CreateDate").parse().ok(),
            policies: held.policies,
            unread: held.unread,
            bounds: bound.into_iter().collect(),
            trusts: Vec::new(),
            crowd: false,
        }
    }

    /// Gives what is written into one holder and what is attached to it.
    fn own(&self, of: &'a Value, inline: &str, way: &str) -> Result<Held, GrantsError> {
        let mut held = Held::default();
        for policy in list(of, inline) {
            let name = text(policy, "PolicyName");
            let document = policy.get("PolicyDocument").unwrap_or(&Value::Null);
            let statements = statements(&format!("{} › {name}", text(of, "Arn")), document)?;
            let path = format!("{way}inline policy {name}");
            held.policies.push(HeldPolicy { path, statements, since: None });
        }
        for attached in list(of, "AttachedManagedPolicies") {
            let arn = text(attached, "PolicyArn");
            let path = format!("{way}policy {}", short(arn));
            match self.managed.get(arn).cloned() {
                Some(Managed { statements, since }) => {
                    held.policies.push(HeldPolicy { path, statements, since });
                }
                None => held.unread.push(path),
            }
        }
        Ok(held)
    }
}

/// What somebody holds, and what of that is in no file.
#[derive(Default)]
struct Held {
    policies: Vec<HeldPolicy>,
    unread: Vec<String>,
}

impl Held {
    fn join(&mut self, other: Self) {
        self.policies.extend(other.policies);
        self.unread.extend(other.unread);
    }
}

/// What may be let through by a policy that nobody can see.
fn unseen() -> Statement {
    let everything = || Patterns::AllBut(Vec::new());
    Statement { allows: true, actions: everything(), resources: everything(), conditional: true }
}

/// Gives a policy's name of its ARN.
fn short(arn: &str) -> &str {
    arn.split_once(":policy/").map_or(arn, |(_, name)| name)
}

/// Reads a policy's statements.
fn statements(place: &str, document: &Value) -> Result<Vec<Statement>, GrantsError> {
    let document = plain(place, document)?;
    let wrong = |why: &str| GrantsError::Policy { place: place.to_owned(), why: why.to_owned() };
    let listed = document.get("Statement").ok_or_else(|| wrong("it has no `Statement`"))?;
    let each = |statement: &Value| {
        let allows = match text(statement, "Effect") {
            "Allow" => true,
            "Deny" => false,
            _ => return Err(wrong("a statement's `Effect` is neither `Allow` nor `Deny`")),
        };
        let pair = |only: &str, but: &str| match (statement.get(only), statement.get(but)) {
            (Some(names), None) => Some(Patterns::Only(words(names)?)),
            (None, Some(names)) => Some(Patterns::AllBut(words(names)?)),
            (Some(_), Some(_)) | (None, None) => None,
        };
        Ok(Statement {
            allows,
            actions: pair("Action", "NotAction")
                .ok_or_else(|| wrong("a statement has not one of `Action` and `NotAction`"))?,
            resources: pair("Resource", "NotResource")
                .ok_or_else(|| wrong("a statement has not one of `Resource` and `NotResource`"))?,
            conditional: statement.get("Condition").is_some_and(|it| it != &serde_json::json!({})),
        })
    };
    one_or_many(listed).map(each).collect()
}

/// Gives who may assume a role.
fn trusted(place: &str, document: &Value) -> Result<Vec<String>, GrantsError> {
    let document = plain(place, document)?;
    let mut all = Vec::new();
    for statement in document.get("Statement").into_iter().flat_map(one_or_many) {
        if text(statement, "Effect") != "Allow" {
            continue;
        }
        match statement.get("Principal") {
            Some(Value::String(anybody)) => all.push(anybody.clone()),
            Some(Value::Object(kinds)) => {
                all.extend(kinds.values().filter_map(words).flatten());
            }
            _ => {}
        }
    }
    all.sort();
    all.dedup();
    Ok(all)
}

fn one_or_many(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(all) => all.iter(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            std::slice::from_ref(value).iter()
        }
    }
}

/// Gives one text or several; none where something else is among them.
fn words(value: &Value) -> Option<Vec<String>> {
    one_or_many(value).map(|it| it.as_str().map(str::to_owned)).collect()
}

/// Gives a document, whether it comes as one or as escaped text.
fn plain<'a>(place: &str, document: &'a Value) -> Result<Cow<'a, Value>, GrantsError> {
    let Some(escaped) = document.as_str() else { return Ok(Cow::Borrowed(document)) };
    let wrong = |why: String| GrantsError::Policy { place: place.to_owned(), why };
    let written = Some(escaped.to_owned()).filter(|it| it.trim_start().starts_with('{'));
    let text = written
        .or_else(|| unescaped(escaped))
        .ok_or_else(|| wrong("its text is not escaped as in a URL".to_owned()))?;
    serde_json::from_str(&text).map(Cow::Owned).map_err(|it| wrong(format!("it is no JSON: {it}")))
}

/// Takes percent signs off (RFC 3986, section 2.1).
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit =
            || char::from(rest.next()?).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let (high, low) = (digit()?, digit()?);
        bytes.push(high << 4 | low);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::grants::read_grants;

    fn policy(name: &str, document: &Value) -> Value {
        json!({ "PolicyName": name, "PolicyDocument": document })
    }

    fn managed(name: &str, document: &Value) -> Value {
        json!({
            "Arn": format!("arn:aws:iam::1:policy/{name}"), "DefaultVersionId": "v2",
            "PolicyVersionList": [
                { "VersionId": "v1", "IsDefaultVersion": false,
                  "Document": { "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } } },
                { "VersionId": "v2", "IsDefaultVersion": true, "Document": document },
            ],
        })
    }

    fn attached(name: &str) -> Value {
        json!([{ "PolicyName": name, "PolicyArn": format!("arn:aws:iam::1:policy/{name}") }])
    }

    fn account() -> Value {
        let one = json!({ "Statement": { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" } });
        let many = json!({ "Statement": [
            { "Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "NotResource": "arn:aws:s3:::x", "Condition": {} },
            { "Effect": "Allow", "Action": ["ec2:*"], "Resource": ["*"], "Condition": { "Bool": { "a": "b" } } },
        ] });
        let escaped = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22a%3Ab%22%2C%22Resource%22%3A%22*%22%7D%7D";
        json!({
            "UserDetailList": [{
                "Arn": "arn:aws:iam::1:user/ann", "GroupList": ["ops", "gone"], "CreateDate": "2026-01-02T00:00:00Z",
                "UserPolicyList": [policy("own", &one)], "AttachedManagedPolicies": attached("missing"),
                "PermissionsBoundary": { "PermissionsBoundaryArn": "arn:aws:iam::1:policy/lid" },
            }],
            "GroupDetailList": [{
                "GroupName": "ops", "Arn": "arn:aws:iam::1:group/ops",
                "GroupPolicyList": [policy("inline", &json!(escaped))],
                "AttachedManagedPolicies": attached("shared"),
            }],
            "RoleDetailList": [{
                "Arn": "arn:aws:iam::1:role/runner",
                "AssumeRolePolicyDocument": { "Statement": [
                    { "Effect": "Allow", "Principal": { "AWS": ["arn:aws:iam::1:user/ann"], "Service": "ec2.amazonaws.com" } },
                    { "Effect": "Deny", "Principal": "*" },
                ] },
                "RolePolicyList": [], "AttachedManagedPolicies": [],
                "PermissionsBoundary": { "PermissionsBoundaryArn": "arn:aws:iam::aws:policy/Far" },
            }],
            "Policies": [managed("shared", &many), managed("lid", &one)],
        })
    }

    #[test]
    fn every_way_to_hold_something_is_read() {
        let holders = read_grants(account().to_string().as_bytes()).unwrap();
        let [ann, runner] = holders.as_slice() else { panic!("{holders:#?}") };
        let paths: Vec<_> = ann.policies.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(
            paths,
            ["inline policy own", "group ops › inline policy inline", "group ops › policy shared"]
        );
        assert_eq!(ann.unread, ["policy missing", "group gone"]);
        assert_eq!(ann.bounds[0].path, "permissions boundary lid");
        assert_eq!((ann.account.as_str(), ann.since.is_some()), ("1", true));
        let [denies, allows] = ann.policies[2].statements.as_slice() else { panic!("{ann:#?}") };
        assert_eq!(denies.actions, Patterns::AllBut(vec!["iam:*".to_owned(), "sts:*".to_owned()]));
        assert_eq!(denies.resources, Patterns::AllBut(vec!["arn:aws:s3:::x".to_owned()]));
        assert_eq!((denies.allows, denies.conditional), (false, false));
        assert_eq!((allows.allows, allows.conditional), (true, true));
        assert_eq!(runner.trusts, ["arn:aws:iam::1:user/ann", "ec2.amazonaws.com"]);
        // What a boundary lets through that nobody can read is anybody's guess.
        assert!(
            runner.bounds[0]
                .statements
                .iter()
                .all(|it| it.conditional && it.actions.is_everything())
        );
    }

    #[test]
    fn a_policy_is_as_old_as_what_it_says_and_one_of_aws_as_old_as_it_is() {
        let one = json!({ "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } });
        let dated = |arn: &str| {
            let mut it = managed("x", &one);
            it["Arn"] = json!(arn);
            it["CreateDate"] = json!("2024-01-01T00:00:00+00:00");
            it["PolicyVersionList"][1]["CreateDate"] = json!("2026-02-01T00:00:00Z");
            it
        };
        let (own, theirs) = ("arn:aws:iam::1:policy/own", "arn:aws:iam::aws:policy/ReadOnlyAccess");
        let role = json!({
            "Arn": "arn:aws:iam::1:role/r", "RolePolicyList": [policy("inline", &one)],
            "AttachedManagedPolicies": [{ "PolicyArn": own }, { "PolicyArn": theirs }],
        });
        let account = json!({ "RoleDetailList": [role], "Policies": [dated(own), dated(theirs)] });
        let holders = read_grants(account.to_string().as_bytes()).unwrap();
        let since = |it: &HeldPolicy| it.since.map_or_else(String::new, |it| it.to_string());
        let since: Vec<_> = holders[0].policies.iter().map(since).collect();
        assert_eq!(since, ["", "2026-02-01T00:00:00.000Z", "2024-01-01T00:00:00.000Z"]);
    }

    #[test]
    fn what_is_no_policy_is_named() {
        let said = |document: &Value| {
            let mut account = account();
            account["RoleDetailList"][0]["RolePolicyList"] = json!([policy("odd", document)]);
            read_grants(account.to_string().as_bytes()).unwrap_err().to_string()
        };
        let with = |statement: Value| said(&json!({ "Statement": statement }));
        let begin = "arn:aws:iam::1:role/runner › odd: ";
        for (error, why) in [
            (said(&json!({})), "it has no `Statement`"),
            (said(&json!("%7")), "its text is not escaped as in a URL"),
            (said(&json!("%7B")), "it is no JSON: EOF while parsing an object at line 1 column 1"),
            (
                with(json!({ "Effect": "Maybe" })),
                "a statement's `Effect` is neither `Allow` nor `Deny`",
            ),
            (
                with(
                    json!({ "Effect": "Allow", "Action": "a:b", "NotAction": "c:d", "Resource": "*" }),
                ),
                "a statement has not one of `Action` and `NotAction`",
            ),
            (
                with(json!({ "Effect": "Allow", "Action": [1], "Resource": "*" })),
                "a statement has not one of `Action` and `NotAction`",
            ),
            (
                with(json!({ "Effect": "Deny", "Action": "a:b" })),
                "a statement has not one of `Resource` and `NotResource`",
            ),
        ] {
            assert_eq!(error, format!("{begin}{why}"));
        }
        assert!(
            read_grants(b"{}").unwrap_err().to_string().starts_with("this is no list of grants")
        );
        assert!(read_grants(b"{").unwrap_err().to_string().starts_with("this is no JSON"));
    }
}
