//! What roles come to: their own rights, those of the roles that they are members of, and those of everybody.
//!
//! What is inherited is held; what somebody has only after becoming another role, or after putting themselves there, is held
//! perhaps.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{ActorKind, HeldPolicy, Holder, Patterns, Platform, Statement};

type Row<const N: usize> = [Option<String>; N];

/// One role.
pub(super) struct Role {
    oid: String,
    name: String,
    signs_in: bool,
    is_superuser: bool,
    /// What it may do beside grants, each by its name.
    attributes: Vec<&'static str>,
}

impl Role {
    pub(super) fn of(row: Row<8>) -> Option<Self> {
        let [oid, name, signs_in, superuser, create_role, create_db, replication, bypass] = row;
        let attributes = [
            (create_role, "CREATEROLE"),
            (create_db, "CREATEDB"),
            (replication, "REPLICATION"),
            (bypass, "BYPASSRLS"),
        ];
        let attributes =
            attributes.into_iter().filter(|it| is(it.0.as_ref())).map(|it| it.1).collect();
        let (signs_in, is_superuser) = (is(signs_in.as_ref()), is(superuser.as_ref()));
        Some(Self { oid: oid?, name: name?, signs_in, is_superuser, attributes })
    }
}

/// A membership.
pub(super) struct Link {
    of: String,
    member: String,
    inherits: bool,
    becomes: bool,
    admits: bool,
}

impl Link {
    pub(super) fn of(row: Row<5>) -> Option<Self> {
        let [of, member, inherits, becomes, admits] = row;
        let (inherits, becomes, admits) =
            (is(inherits.as_ref()), is(becomes.as_ref()), is(admits.as_ref()));
        Some(Self { of: of?, member: member?, inherits, becomes, admits })
    }
}

/// A right to one thing.
pub(super) struct Right {
    kind: String,
    name: String,
    owner: String,
    to: String,
    /// None for what comes with owning it.
    privilege: Option<String>,
    /// The only column that it is about.
    column: Option<String>,
}

impl Right {
    pub(super) fn of(row: Row<6>) -> Option<Self> {
        let [kind, name, owner, to, privilege, column] = row;
        Some(Self { kind: kind?, name: name?, owner: owner?, to: to?, privilege, column })
    }
}

fn is(value: Option<&String>) -> bool {
    value.is_some_and(|it| it == "t")
}

/// Everybody, as a grantee.
const PUBLIC: &str = "0";

/// What an owner may do with a thing of its own.
fn owned(kind: &str) -> &'static [&'static str] {
    match kind {
        "table" => &[
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "TRUNCATE",
            "REFERENCES",
            "TRIGGER",
            "ALTER*",
            "DROP*",
        ],
        "sequence" => &["SELECT", "UPDATE", "USAGE", "ALTER*", "DROP*"],
        "schema" => &["USAGE", "CREATE", "ALTER*", "DROP*"],
        "database" => &["CONNECT", "CREATE", "TEMPORARY", "ALTER*", "DROP*"],
        "function" => &["EXECUTE", "ALTER*", "DROP*"],
        _ => &["ALTER*", "DROP*"],
    }
}

/// What comes with roles that the system made.
fn predefined(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "pg_read_all_data" => Some(&["table *:SELECT", "sequence *:SELECT", "schema *:USAGE"]),
        "pg_write_all_data" => {
            Some(&["table *:INSERT", "table *:UPDATE", "table *:DELETE", "schema *:USAGE"])
        }
        _ => None,
    }
}

/// What one role has by itself, by the last part of its way, and whether something more must hold.
type Own = BTreeMap<(String, bool), BTreeSet<String>>;

/// Gives everybody who signs in, and everybody at once as a crowd.
pub(super) fn holders(roles: &[Role], links: &[Link], rights: &[Right]) -> Vec<Holder> {
    let mut own: BTreeMap<&str, Own> = BTreeMap::new();
    for right in rights {
        let thing = format!("{} {}", right.kind, right.name);
        let mut put = |way: String, conditional, name: String| {
            let ways = own.entry(right.to.as_str()).or_default();
            ways.entry((way, conditional)).or_default().insert(name);
        };
        match (&right.privilege, &right.column) {
            (None, _) => {
                for it in owned(&right.kind) {
                    put("owner".to_owned(), false, format!("{thing}:{it}"));
                }
            }
            // An owner has it by owning.
            (Some(_), _) if right.to == right.owner => {}
            (Some(it), None) => put(format!("GRANT {it}"), false, format!("{thing}:{it}")),
            (Some(it), Some(column)) => {
                put(format!("GRANT {it} ({column})"), true, format!("{thing}:{it}"));
            }
        }
    }
    let all = All {
        roles: roles.iter().map(|it| (it.oid.as_str(), it)).collect(),
        above: links.iter().fold(BTreeMap::new(), |mut above: BTreeMap<_, Vec<_>>, it| {
            above.entry(it.member.as_str()).or_default().push(it);
            above
        }),
        own,
    };
    let everybody = all.own.get(PUBLIC).map(|own| {
        let mut holder = holder("*");
        holder.policies = policies("PUBLIC › ", own, true);
        holder
    });
    let named = roles.iter().filter(|it| it.signs_in).map(|it| all.held(it));
    everybody.into_iter().chain(named).collect()
}

struct All<'a> {
    roles: BTreeMap<&'a str, &'a Role>,
    above: BTreeMap<&'a str, Vec<&'a Link>>,
    own: BTreeMap<&'a str, Own>,
}

/// A role that somebody has the rights of.
#[derive(Clone)]
struct Reached<'a> {
    role: &'a str,
    way: String,
    /// Whether its rights come by themselves.
    inherited: bool,
    /// Whether it can be become.
    becomes: bool,
}

impl<'a> All<'a> {
    fn held(&self, role: &'a Role) -> Holder {
        let mut holder = holder(&role.name);
        if role.is_superuser {
            // Nothing else is asked of a superuser.
            holder.policies.push(policy("superuser", ["*".to_owned()], false));
            return holder;
        }
        for reached in self.reached(&role.oid) {
            let Reached { role: oid, way, inherited, becomes } = reached;
            if let Some(own) = self.own.get(oid) {
                holder.policies.extend(policies(&way, own, inherited));
            }
            let Some(of) = self.roles.get(oid) else { continue };
            match predefined(&of.name) {
                Some(names) => {
                    let names = names.iter().map(|it| (*it).to_owned());
                    holder.policies.push(policy(way.trim_end_matches(" › "), names, !inherited));
                }
                None if of.name.starts_with("pg_") && of.name != "pg_database_owner" => {
                    holder.unread.push(way.trim_end_matches(" › ").to_owned());
                }
                None => {}
            }
            // These are never inherited.
            let is_itself = of.oid == role.oid;
            if is_itself || becomes {
                let superuser = of.is_superuser.then_some(("superuser", "*".to_owned()));
                let attributes = of.attributes.iter().map(|it| (*it, format!("attribute:{it}")));
                for (what, name) in superuser.into_iter().chain(attributes) {
                    holder.policies.push(policy(&format!("{way}{what}"), [name], !is_itself));
                }
            }
        }
        holder
    }

    /// Gives every role whose rights somebody has or may come to have, each once, by its shortest way of the best sort.
    fn reached(&self, from: &'a str) -> Vec<Reached<'a>> {
        let start = Reached { role: from, way: String::new(), inherited: true, becomes: true };
        let (mut found, mut seen) = (vec![start], BTreeSet::from([from]));
        for by_inheritance in [true, false] {
            let mut at = 0;
            while let Some(here) = found.get(at).cloned() {
                at = at.saturating_add(1);
                for link in self.above.get(here.role).into_iter().flatten() {
                    let inherited = here.inherited && link.inherits;
                    if (by_inheritance && !inherited) || !seen.insert(&link.of) {
                        continue;
                    }
                    let Some(to) = self.roles.get(link.of.as_str()) else { continue };
                    let how = match (link.inherits, link.becomes, link.admits) {
                        (true, _, _) => format!("member of {}", to.name),
                        (false, true, _) => format!("SET ROLE {}", to.name),
                        (false, false, true) => format!("admin of {}", to.name),
                        // It is a member in name alone.
                        (false, false, false) => continue,
                    };
                    found.push(Reached {
                        role: &link.of,
                        way: format!("{}{how} › ", here.way),
                        inherited,
                        becomes: here.becomes && link.becomes,
                    });
                }
            }
        }
        found
    }
}

fn policies(way: &str, own: &Own, sure: bool) -> Vec<HeldPolicy> {
    let each = |((last, conditional), names): (&(String, bool), &BTreeSet<String>)| {
        policy(&format!("{way}{last}"), names.iter().cloned(), *conditional || !sure)
    };
    own.iter().map(each).collect()
}

fn policy(path: &str, names: impl IntoIterator<Item = String>, conditional: bool) -> HeldPolicy {
    let statement = Statement {
        allows: true,
        actions: Patterns::Only(names.into_iter().collect()),
        resources: Patterns::Only(vec!["*".to_owned()]),
        conditional,
    };
    HeldPolicy { path: path.to_owned(), statements: vec![statement] }
}

fn holder(id: &str) -> Holder {
    Holder {
        platform: Platform::Postgres,
        id: id.to_owned(),
        account: String::new(),
        kind: ActorKind::Unknown,
        since: None,
        policies: Vec::new(),
        bounds: Vec::new(),
        unread: Vec::new(),
        trusts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NAME [login] [super] [createrole]`, each numbered by its place from 1 on.
    fn roles(lines: &[&str]) -> Vec<Role> {
        let role = |(place, line): (usize, &&str)| {
            let has = |word| {
                Some(if line.split(' ').any(|it| it == word) { "t" } else { "f" }.to_owned())
            };
            let name = line.split(' ').next().map(str::to_owned);
            let oid = Some(place.saturating_add(1).to_string());
            let no = || Some("f".to_owned());
            Role::of([oid, name, has("login"), has("super"), has("createrole"), no(), no(), no()])
        };
        lines.iter().enumerate().filter_map(role).collect()
    }

    /// `MEMBER in ROLE [inherit] [set] [admin]`, by numbers.
    fn links(lines: &[&str]) -> Vec<Link> {
        let link = |line: &&str| {
            let words: Vec<_> = line.split(' ').collect();
            let has = |word| Some(if words.contains(&word) { "t" } else { "f" }.to_owned());
            let (member, of) = (words[0].to_owned(), words[2].to_owned());
            Link::of([Some(of), Some(member), has("inherit"), has("set"), has("admin")])
        };
        lines.iter().filter_map(link).collect()
    }

    fn right(to: &str, privilege: &str, column: Option<&str>) -> Right {
        let text = |it: &str| Some(it.to_owned());
        let row = [text("table"), text("shop.orders"), text("9"), text(to), text(privilege)];
        let [kind, name, owner, to, privilege] = row;
        Right::of([kind, name, owner, to, privilege, column.map(str::to_owned)]).unwrap()
    }

    fn told(holders: &[Holder]) -> Vec<String> {
        let mut lines = Vec::new();
        for holder in holders {
            for policy in &holder.policies {
                let Patterns::Only(names) = &policy.statements[0].actions else { panic!() };
                let mark = if policy.statements[0].conditional { " if" } else { "" };
                lines.push(format!("{}: {}: {}{mark}", holder.id, policy.path, names.join(", ")));
            }
            lines.extend(holder.unread.iter().map(|it| format!("{}: {it}: unread", holder.id)));
        }
        lines
    }

    #[test]
    fn what_is_inherited_is_held_and_what_must_be_become_is_held_perhaps() {
        let roles = roles(&[
            "ann login",
            "readers",
            "writers",
            "admins createrole",
            "pg_read_all_data",
            "pg_monitor",
            "bob login",
            "root login super",
        ]);
        let links = links(&[
            "1 in 2 inherit set",
            "2 in 5 inherit set",
            "1 in 3 set",
            "3 in 4 inherit set",
            "7 in 3 admin",
            "7 in 4",
            "1 in 6 inherit set",
        ]);
        let rights = [
            right("2", "SELECT", None),
            right("3", "INSERT", None),
            right("1", "UPDATE", Some("state")),
            right("0", "REFERENCES", None),
        ];
        assert_eq!(
            told(&holders(&roles, &links, &rights)),
            [
                "*: PUBLIC › GRANT REFERENCES: table shop.orders:REFERENCES",
                "ann: GRANT UPDATE (state): table shop.orders:UPDATE if",
                "ann: member of readers › GRANT SELECT: table shop.orders:SELECT",
                "ann: member of readers › member of pg_read_all_data: table *:SELECT, sequence *:SELECT, schema *:USAGE",
                "ann: SET ROLE writers › GRANT INSERT: table shop.orders:INSERT if",
                "ann: SET ROLE writers › member of admins › CREATEROLE: attribute:CREATEROLE if",
                "ann: member of pg_monitor: unread",
                "bob: admin of writers › GRANT INSERT: table shop.orders:INSERT if",
                "root: superuser: *",
            ]
        );
    }

    #[test]
    fn an_owner_may_do_all_with_its_own_and_is_told_of_once() {
        let roles = roles(&["ann login"]);
        let owns = |privilege: Option<&str>| {
            let text = |it: &str| Some(it.to_owned());
            let row = [text("function"), text("shop.pay"), text("1"), text("1")];
            let [kind, name, owner, to] = row;
            Right::of([kind, name, owner, to, privilege.map(str::to_owned), None]).unwrap()
        };
        let rights = [owns(None), owns(Some("EXECUTE"))];
        assert_eq!(
            told(&holders(&roles, &[], &rights)),
            [
                "ann: owner: function shop.pay:ALTER*, function shop.pay:DROP*, function shop.pay:EXECUTE"
            ]
        );
    }

    #[test]
    fn roles_that_are_members_of_each_other_come_to_an_end() {
        let roles = roles(&["ann login", "bob login"]);
        let links = links(&["1 in 2 inherit set", "2 in 1 inherit set"]);
        let rights = [right("2", "SELECT", None)];
        assert_eq!(
            told(&holders(&roles, &links, &rights)),
            [
                "ann: member of bob › GRANT SELECT: table shop.orders:SELECT",
                "bob: GRANT SELECT: table shop.orders:SELECT",
            ]
        );
    }
}
