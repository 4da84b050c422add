//! One identity's policies as they are written, in what `aws iam get-account-authorization-details` prints.
//!
//! A list of grants made for judging leaves out what conditions say; a policy that is written back needs every word.

use bailiwick_model::{Json, JsonLimits, Timestamp};

/// Why nothing can be made smaller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RightsizeError {
    /// Nobody is called so.
    #[error("no {whom} in these grants is `{wanted}`")]
    Nobody {
        /// What was looked for.
        whom: &'static str,
        /// What was asked for.
        wanted: String,
    },
    /// More than one is.
    #[error("`{wanted}` is {}: say which", found.join(", "))]
    Several {
        /// What was asked for.
        wanted: String,
        /// Who is called so.
        found: Vec<String>,
    },
    /// A policy has another shape.
    #[error("{place}: {why}")]
    Policy {
        /// Whose policy.
        place: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What sort of identity it is, as AWS's commands name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    User,
    Role,
}

impl Sort {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
        }
    }

    /// Says how many letters all inline policies together may have.
    pub(super) const fn inline_max(self) -> usize {
        match self {
            Self::User => 2_048,
            Self::Role => 10_240,
        }
    }
}

/// By which way a policy is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It is written into the identity.
    Inline { name: String },
    /// It stands by itself, and others may hold it, too.
    Managed { arn: String },
    /// It is held through a group: a change would change all members.
    Group,
}

/// One policy that is held.
#[derive(Clone, Debug)]
pub(super) struct Entitlement {
    pub(super) path: String,
    pub(super) way: Way,
    /// Since when it says what it says, where that is known.
    pub(super) since: Option<Timestamp>,
    pub(super) document: Json,
}

/// One identity, and everything it holds.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) id: String,
    pub(super) sort: Sort,
    pub(super) since: Option<Timestamp>,
    pub(super) entitlements: Vec<Entitlement>,
    pub(super) bounds: Vec<String>,
    pub(super) unread: Vec<String>,
}

impl Written {
    /// Finds an identity by its ARN or by the end of it.
    pub(super) fn find(account: &Json, wanted: &str) -> Result<Self, RightsizeError> {
        let users = items(account, "UserDetailList").iter().map(|it| (Sort::User, it));
        let roles = items(account, "RoleDetailList").iter().map(|it| (Sort::Role, it));
        let all: Vec<_> = users.chain(roles).collect();
        let exact: Vec<_> = all.iter().filter(|(_, it)| text(it, "Arn") == wanted).collect();
        let near = all.iter().filter(|(_, it)| is_end(text(it, "Arn"), wanted)).collect();
        let found = if exact.is_empty() { near } else { exact };
        match found.as_slice() {
            [(sort, one)] => Self::of(account, *sort, one),
            [] => {
                Err(RightsizeError::Nobody { whom: "user and no role", wanted: wanted.to_owned() })
            }
            several => Err(RightsizeError::Several {
                wanted: wanted.to_owned(),
                found: several.iter().map(|(_, it)| text(it, "Arn").to_owned()).collect(),
            }),
        }
    }

    fn of(account: &Json, sort: Sort, one: &Json) -> Result<Self, RightsizeError> {
        let mut written = Self {
            id: text(one, "Arn").to_owned(),
            sort,
            since: text(one, "CreateDate").parse().ok(),
            entitlements: Vec::new(),
            bounds: Vec::new(),
            unread: Vec::new(),
        };
        let inline = match sort {
            Sort::User => "UserPolicyList",
            Sort::Role => "RolePolicyList",
        };
        written.take(account, one, inline, "")?;
        for name in items(one, "GroupList").iter().filter_map(Json::as_text) {
            let groups = items(account, "GroupDetailList");
            match groups.iter().find(|it| text(it, "GroupName") == name) {
                Some(group) => {
                    written.take(account, group, "GroupPolicyList", &format!("group {name} › "))?;
                }
                None => written.unread.push(format!("group {name}")),
            }
        }
        let bound = one.get("PermissionsBoundary").map(|it| text(it, "PermissionsBoundaryArn"));
        written.bounds.extend(bound.map(str::to_owned));
        Ok(written)
    }

    /// Takes what is written into a holder and what is attached to it.
    fn take(
        &mut self,
        account: &Json,
        of: &Json,
        inline: &str,
        way: &str,
    ) -> Result<(), RightsizeError> {
        let place = text(of, "Arn");
        for policy in items(of, inline) {
            let name = text(policy, "PolicyName").to_owned();
            let document = policy.get("PolicyDocument").unwrap_or(&Json::Null);
            self.entitlements.push(Entitlement {
                path: format!("{way}inline policy {name}"),
                document: plain(&format!("{place} › {name}"), document)?,
                way: if way.is_empty() { Way::Inline { name } } else { Way::Group },
                since: None,
            });
        }
        for attached in items(of, "AttachedManagedPolicies") {
            let arn = text(attached, "PolicyArn").to_owned();
            let path = format!("{way}policy {arn}");
            let Some(version) = current(account, &arn) else {
                self.unread.push(path);
                continue;
            };
            let document = version.get("Document").unwrap_or(&Json::Null);
            self.entitlements.push(Entitlement {
                path,
                document: plain(&arn, document)?,
                way: if way.is_empty() { Way::Managed { arn } } else { Way::Group },
                since: text(version, "CreateDate").parse().ok(),
            });
        }
        Ok(())
    }

    /// Gives the identity's name, as AWS's commands take it.
    pub(super) fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }

    /// Gives the account's number.
    pub(super) fn account(&self) -> &str {
        self.id.split(':').nth(4).unwrap_or_default()
    }

    /// Gives the partition: `aws`, `aws-cn`, `aws-us-gov`.
    pub(super) fn partition(&self) -> &str {
        self.id.split(':').nth(1).unwrap_or_default()
    }
}

/// Gives the version of a managed policy that counts.
fn current<'a>(account: &'a Json, arn: &str) -> Option<&'a Json> {
    let policy = items(account, "Policies").iter().find(|it| text(it, "Arn") == arn)?;
    let default = text(policy, "DefaultVersionId");
    items(policy, "PolicyVersionList").iter().find(|it| {
        it.get("IsDefaultVersion") == Some(&Json::Bool(true)) || text(it, "VersionId") == default
    })
}

/// Says whether a name ends so, behind a `:` or `/`.
pub(super) fn is_end(arn: &str, wanted: &str) -> bool {
    arn.strip_suffix(wanted).is_some_and(|it| it.ends_with([':', '/'])) && !wanted.is_empty()
}

/// Gives the items of a member that is a list.
pub(super) fn items<'a>(of: &'a Json, name: &str) -> &'a [Json] {
    match of.get(name) {
        Some(Json::List(all)) => all,
        Some(_) | None => &[],
    }
}

/// Gives a member that is a text; an empty one where it is none.
pub(super) fn text<'a>(of: &'a Json, name: &str) -> &'a str {
    of.get(name).and_then(Json::as_text).unwrap_or_default()
}

/// Gives a document, whether it comes as one or as text that is escaped as in a URL.
fn plain(place: &str, document: &Json) -> Result<Json, RightsizeError> {
    let wrong = |why: String| RightsizeError::Policy { place: place.to_owned(), why };
    let read = match document.as_text() {
        Some(escaped) => {
            let bytes = if escaped.trim_start().starts_with('{') {
                Some(escaped.as_bytes().to_vec())
            } else {
                unescaped(escaped)
            };
            let bytes = bytes.ok_or_else(|| wrong("its text is not escaped as in a URL".into()))?;
            Json::parse(&bytes, JsonLimits::default()).map_err(|it| wrong(it.to_string()))?
        }
        None => document.clone(),
    };
    if read.get("Statement").is_none() {
        return Err(wrong("it has no `Statement`".to_owned()));
    }
    Ok(read)
}

/// Takes percent signs off (RFC 3986, section 2.1).
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high << 4 | low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}
