//! What roles come to: their own rights, those of the roles that they are members of, and those of everybody.
//!
//! What is inherited is held; what somebody has only after becoming another role, or after putting themselves there, is held
//! perhaps. Each database is an account: what is granted in one says nothing of another. What a role is, it is in all of them.

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

/// What one role has by itself: in which database, by the last part of its way, and whether something more must hold.
type Own = BTreeMap<(String, String, bool), BTreeSet<String>>;

/// What counts in every database.
const EVERYWHERE: &str = "";

/// Gives everybody who signs in, and everybody at once as a crowd, as one database tells of them: each once for every
/// database in which they have something.
pub(super) fn holders(here: &str, roles: &[Role], links: &[Link], rights: &[Right]) -> Vec<Holder> {
    let mut own: BTreeMap<&str, Own> = BTreeMap::new();
    for right in rights {
        let thing = format!("{} {}", right.kind, right.name);
        // A right to a database counts there, wherever it is asked for.
        let of = if right.kind == "database" { &right.name } else { here };
        let mut put = |way: String, conditional, name: String| {
            let ways = own.entry(right.to.as_str()).or_default();
            ways.entry((of.to_owned(), way, conditional)).or_default().insert(name);
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
        here,
        roles: roles.iter().map(|it| (it.oid.as_str(), it)).collect(),
        above: links.iter().fold(BTreeMap::new(), |mut above: BTreeMap<_, Vec<_>>, it| {
            above.entry(it.member.as_str()).or_default().push(it);
            above
        }),
        own,
    };
    let everybody = all.own.get(PUBLIC).map(|own| {
        let mut told = Told::new("*", here);
        told.put("PUBLIC › ", own, true);
        // A role may be called `*` as well.
        told.of.values_mut().for_each(|it| it.crowd = true);
        told
    });
    let named = roles.iter().filter(|it| it.signs_in).map(|it| all.held(it));
    everybody.into_iter().chain(named).flat_map(|it| it.of.into_values()).collect()
}

/// One identity, with what it holds in each database: first in the one that was asked.
struct Told<'a> {
    id: &'a str,
    here: &'a str,
    of: BTreeMap<(bool, String), Holder>,
}

impl<'a> Told<'a> {
    fn new(id: &'a str, here: &'a str) -> Self {
        let mut told = Self { id, here, of: BTreeMap::new() };
        told.at(here);
        told
    }

    fn at(&mut self, account: &str) -> &mut Holder {
        let place = (account != self.here, account.to_owned());
        self.of.entry(place).or_insert_with(|| holder(self.id, account))
    }

    /// Adds what one role has by itself.
    fn put(&mut self, way: &str, own: &Own, sure: bool) {
        for ((account, last, conditional), names) in own {
            let names = names.iter().cloned();
            let policy = policy(&format!("{way}{last}"), names, *conditional || !sure);
            self.at(account).policies.push(policy);
        }
    }
}

struct All<'a> {
    here: &'a str,
    roles: BTreeMap<&'a str, &'a Role>,
    above: BTreeMap<&'a str, Vec<&'a Link>>,
    own: BTreeMap<&'a str, Own>,
}

/// A role that somebody has the rights of, or may become.
#[derive(Clone)]
struct Reached<'a> {
    role: &'a str,
    way: String,
    /// Whether its rights come by themselves.
    inherited: bool,
}

impl<'a> All<'a> {
    fn held(&self, role: &'a Role) -> Told<'a> {
        let mut told = Told::new(&role.name, self.here);
        if role.is_superuser {
            // Nothing else is asked of a superuser.
            let all = policy("superuser", ["*".to_owned()], false);
            told.at(EVERYWHERE).policies.push(all);
            return told;
        }
        for Reached { role: oid, way, inherited } in self.reached(&role.oid) {
            if let Some(own) = self.own.get(oid) {
                told.put(&way, own, inherited);
            }
            let Some(of) = self.roles.get(oid) else { continue };
            let path = || way.trim_end_matches(" › ");
            match predefined(&of.name) {
                Some(names) => {
                    let names = names.iter().map(|it| (*it).to_owned());
                    told.at(EVERYWHERE).policies.push(policy(path(), names, !inherited));
                }
                None if of.name.starts_with("pg_") && of.name != "pg_database_owner" => {
                    told.at(EVERYWHERE).unread.push(path().to_owned());
                }
                None => {}
            }
        }
        // These are never inherited.
        for Reached { role: oid, way, .. } in self.becoming(&role.oid) {
            let Some(of) = self.roles.get(oid) else { continue };
            let superuser = of.is_superuser.then_some(("superuser", "*".to_owned()));
            let attributes = of.attributes.iter().map(|it| (*it, format!("attribute:{it}")));
            for (what, name) in superuser.into_iter().chain(attributes) {
                let policy = policy(&format!("{way}{what}"), [name], of.oid != role.oid);
                told.at(EVERYWHERE).policies.push(policy);
            }
        }
        told
    }

    /// Gives every role whose rights somebody has or may come to have, each once, by its shortest way of the best sort.
    fn reached(&self, from: &'a str) -> Vec<Reached<'a>> {
        let mut found = vec![Reached { role: from, way: String::new(), inherited: true }];
        self.follow(&mut found, |link| link.inherits);
        self.follow(&mut found, |_| true);
        found
    }

    /// Gives every role that somebody may be, each once, by its shortest way.
    fn becoming(&self, from: &'a str) -> Vec<Reached<'a>> {
        let mut found = vec![Reached { role: from, way: String::new(), inherited: true }];
        self.follow(&mut found, |link| link.becomes);
        found
    }

    /// Adds the roles that lie behind those that were found, over memberships that count.
    fn follow(&self, found: &mut Vec<Reached<'a>>, counts: impl Fn(&Link) -> bool) {
        let mut seen: BTreeSet<&str> = found.iter().map(|it| it.role).collect();
        let mut at = 0;
        while let Some(here) = found.get(at).cloned() {
            at = at.saturating_add(1);
            for link in self.above.get(here.role).into_iter().flatten().filter(|it| counts(it)) {
                let Some(to) = self.roles.get(link.of.as_str()) else { continue };
                let how = match (link.inherits, link.becomes, link.admits) {
                    (true, _, _) => format!("member of {}", to.name),
                    (false, true, _) => format!("SET ROLE {}", to.name),
                    (false, false, true) => format!("admin of {}", to.name),
                    // It is a member in name alone; another grant of the same role may say more.
                    (false, false, false) => continue,
                };
                if seen.insert(&link.of) {
                    found.push(Reached {
                        role: &link.of,
                        way: format!("{}{how} › ", here.way),
                        inherited: here.inherited && link.inherits,
                    });
                }
            }
        }
    }
}

fn policy(path: &str, names: impl IntoIterator<Item = String>, conditional: bool) -> HeldPolicy {
    let statement = Statement {
        allows: true,
        actions: Patterns::Only(names.into_iter().collect()),
        resources: Patterns::Only(vec!["*".to_owned()]),
        conditional,
    };
    HeldPolicy { path: path.to_owned(), statements: vec![statement], since: None }
}

fn holder(id: &str, account: &str) -> Holder {
    Holder {
        platform: Platform::Postgres,
        id: id.to_owned(),
        account: account.to_owned(),
        kind: ActorKind::Unknown,
        since: None,
        policies: Vec::new(),
        bounds: Vec::new(),
        unread: Vec::new(),
        trusts: Vec::new(),
        crowd: false,
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

    /// Tells what is held, with the database where it is not the one that was asked.
    fn told(holders: &[Holder]) -> Vec<String> {
        let mut lines = Vec::new();
        for holder in holders {
            let of = match holder.account.as_str() {
                "shop" => holder.id.clone(),
                "" => format!("{} everywhere", holder.id),
                other => format!("{} in {other}", holder.id),
            };
            for policy in &holder.policies {
                let Patterns::Only(names) = &policy.statements[0].actions else { panic!() };
                let mark = if policy.statements[0].conditional { " if" } else { "" };
                lines.push(format!("{of}: {}: {}{mark}", policy.path, names.join(", ")));
            }
            lines.extend(holder.unread.iter().map(|it| format!("{of}: {it}: unread")));
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
            told(&holders("shop", &roles, &links, &rights)),
            [
                "*: PUBLIC › GRANT REFERENCES: table shop.orders:REFERENCES",
                "ann: GRANT UPDATE (state): table shop.orders:UPDATE if",
                "ann: member of readers › GRANT SELECT: table shop.orders:SELECT",
                "ann: SET ROLE writers › GRANT INSERT: table shop.orders:INSERT if",
                "ann everywhere: member of readers › member of pg_read_all_data: table *:SELECT, sequence *:SELECT, schema *:USAGE",
                "ann everywhere: SET ROLE writers › member of admins › CREATEROLE: attribute:CREATEROLE if",
                "ann everywhere: member of pg_monitor: unread",
                "bob: admin of writers › GRANT INSERT: table shop.orders:INSERT if",
                "root everywhere: superuser: *",
            ]
        );
    }

    #[test]
    fn a_right_to_a_database_counts_there_and_a_role_is_what_it_is_everywhere() {
        let roles = roles(&["ann login createrole"]);
        let of = |name: &str| {
            let text = |it: &str| Some(it.to_owned());
            let row = [text("database"), text(name), text("9"), text("1"), text("CONNECT"), None];
            Right::of(row).unwrap()
        };
        let rights = [of("shop"), of("crm"), right("1", "SELECT", None)];
        assert_eq!(
            told(&holders("shop", &roles, &[], &rights)),
            [
                "ann: GRANT CONNECT: database shop:CONNECT",
                "ann: GRANT SELECT: table shop.orders:SELECT",
                "ann everywhere: CREATEROLE: attribute:CREATEROLE",
                "ann in crm: GRANT CONNECT: database crm:CONNECT",
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
            told(&holders("shop", &roles, &[], &rights)),
            [
                "ann: owner: function shop.pay:ALTER*, function shop.pay:DROP*, function shop.pay:EXECUTE"
            ]
        );
    }

    #[test]
    fn a_membership_in_name_alone_hides_no_other_grant_of_the_same_role() {
        let roles = roles(&["ann login", "readers"]);
        let links = links(&["1 in 2", "1 in 2 set"]);
        let rights = [right("2", "SELECT", None)];
        assert_eq!(
            told(&holders("shop", &roles, &links, &rights)),
            ["ann: SET ROLE readers › GRANT SELECT: table shop.orders:SELECT if"]
        );
    }

    #[test]
    fn a_role_that_is_inherited_and_cannot_be_become_that_way_may_be_become_by_another() {
        let roles = roles(&["ann login", "boss super", "door"]);
        let links = links(&["1 in 2 inherit", "1 in 3 set", "3 in 2 inherit set"]);
        assert_eq!(
            told(&holders("shop", &roles, &links, &[])),
            ["ann everywhere: SET ROLE door › member of boss › superuser: * if"]
        );
    }

    #[test]
    fn roles_that_are_members_of_each_other_come_to_an_end() {
        let roles = roles(&["ann login", "bob login"]);
        let links = links(&["1 in 2 inherit set", "2 in 1 inherit set"]);
        let rights = [right("2", "SELECT", None)];
        assert_eq!(
            told(&holders("shop", &roles, &links, &rights)),
            [
                "ann: member of bob › GRANT SELECT: table shop.orders:SELECT",
                "bob: GRANT SELECT: table shop.orders:SELECT",
            ]
        );
    }
}
