//! PostgreSQL: a lease is a role of its own, and its end is the end of the role and of its sessions.
//!
//! What a role may do comes from the groups that it is a member of, and from nothing else: a grant to
//! each role would swell the rights of every table. A session that is open stays open when its role
//! may sign in no more, and past the end that its password has; so sessions are ended one by one, and
//! the target is asked until there is none.
//!
//! Needs PostgreSQL 14 or newer and a login that may create roles, end sessions and give out the
//! groups. Cannot see what a session opened elsewhere (`dblink`, foreign servers), nor end it.

pub(crate) mod looking;
mod scram;
mod session;
mod sql;
mod wire;

use std::{fmt, future::Future, path::PathBuf, time::Duration};

use bailiwick_model::{LeaseId, TargetName};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::time::{sleep, timeout};

#[cfg(any(test, fuzzing))]
pub(crate) use wire::foreign;

use super::{
    Attempt, Broker, BrokerError, Credential, EndedLease, EnforcedAs, Issued, LeaseOrder,
    TargetMistake,
};
use crate::{Secret, SecretSource, ServerTrust, fetch::is_loopback_name, random_bytes};
use session::{Connection, Trouble};

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after the end of a role its sessions are looked for once more: who was just signing in
/// when it ended is not in the list before that.
const BREATH: Duration = Duration::from_millis(20);
/// The longest name that PostgreSQL keeps whole.
const NAME_MAX: usize = 63;
/// The longest prefix, so that a role's name stays whole.
const PREFIX_MAX: usize = 20;

/// What the operator says of a PostgreSQL target.
#[derive(Clone, Debug)]
pub struct PostgresTarget {
    /// Where it listens: a host, or the folder of its Unix socket (`/run/postgresql`).
    pub host: String,
    /// At which port.
    pub port: u16,
    /// By whom it is believed. Without, nothing is encrypted: on this machine alone.
    pub trust: Option<PostgresTrust>,
    /// The database that leases are for.
    pub database: String,
    /// The login that makes and ends roles.
    pub login: String,
    /// Its password, where it has one.
    pub password: Option<SecretSource>,
    /// The groups that a lease may be a member of.
    pub groups: Vec<String>,
    /// Who gets what a role leaves behind. Without, a role that owns something is closed and kept.
    pub heir: Option<String>,
    /// How many sessions a lease may have at once.
    pub connections: u16,
    /// What its sessions begin with.
    pub defaults: Defaults,
    /// How long the target lets a lease sign in at the longest.
    pub longest: Duration,
    /// What the names of roles begin with.
    pub prefix: String,
}

/// What sessions of a lease begin with. Its holder can change each of it: a default, not a bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// How long a statement may take.
    pub statement: Option<Duration>,
    /// How long a transaction may lie idle.
    pub idle_in_transaction: Option<Duration>,
    /// Where names are looked for.
    pub search_path: Vec<String>,
}

/// Whose word it takes that a server is the one it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostgresTrust {
    /// That of the authorities that this system believes.
    System,
    /// That of the authorities in a PEM file.
    File(PathBuf),
}

/// Where it is reached.
#[derive(Clone, Debug)]
enum Place {
    Socket(String, u16),
    Tcp(String, u16),
}

/// Makes and ends roles at one PostgreSQL.
pub struct Postgres {
    name: TargetName,
    target: PostgresTarget,
    place: Place,
    trust: Option<ServerTrust>,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Postgres({} at {:?})", self.name, self.place)
    }
}

impl PostgresTarget {
    /// Says what of it cannot be meant.
    pub fn check(&self) -> Result<(), TargetMistake> {
        let wrong = |setting, message: String| Err(TargetMistake::new(setting, message));
        if self.trust.is_none() && !self.host.starts_with('/') && !is_loopback_name(&self.host) {
            return wrong("host", format!("`{}` is another machine: reach it with TLS", self.host));
        }
        if self.groups.is_empty() {
            let message = "`groups` names none: say which groups a lease may be a member of";
            return wrong("groups", message.to_owned());
        }
        let named = [("database", &self.database), ("login", &self.login)].into_iter();
        let named = named.chain(self.groups.iter().map(|it| ("groups", it)));
        let named = named.chain(self.heir.iter().map(|it| ("heir", it)));
        let path = self.defaults.search_path.iter().map(|it| ("search_path", it));
        for (setting, name) in named.chain(path) {
            if name.is_empty() || NAME_MAX < name.len() || name.chars().any(char::is_control) {
                let name = name.escape_debug();
                let message =
                    format!("`{name}` is no name in PostgreSQL: 1 to 63 bytes on one line");
                return wrong(setting, message);
            }
        }
        let prefix = self.prefix.as_bytes();
        let plain = prefix.iter().all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if !plain || !(1..=PREFIX_MAX).contains(&prefix.len()) || prefix.starts_with(b"pg_") {
            let prefix = self.prefix.escape_debug();
            return wrong(
                "prefix",
                format!(
                    "`{prefix}` cannot begin a role's name: 1 to 20 of `a-z`, `0-9`, `_`, and not `pg_`"
                ),
            );
        }
        if self.connections == 0 {
            return wrong("connections", "`connections` lets nobody in: say at least 1".to_owned());
        }
        Ok(())
    }
}

impl Postgres {
    /// Takes what the operator said, unless it cannot be meant. The target is not asked.
    pub fn new(name: TargetName, target: PostgresTarget) -> Result<Self, TargetMistake> {
        target.check()?;
        let place = if target.host.starts_with('/') {
            Place::Socket(target.host.clone(), target.port)
        } else {
            Place::Tcp(target.host.clone(), target.port)
        };
        let trust = match &target.trust {
            Some(PostgresTrust::System) => Some(ServerTrust::system()),
            Some(PostgresTrust::File(path)) => Some(ServerTrust::of_file(path)),
            None => None,
        };
        let trust = trust.transpose().map_err(|it| TargetMistake::new("ca", it.to_string()))?;
        Ok(Self { name, target, place, trust })
    }

    async fn make(&self, order: &LeaseOrder) -> Result<Issued, Stop> {
        let groups = self.wanted(&order.wants)?;
        let mut session = self.session().await?;
        self.check_reach(&mut session, groups).await?;
        let role = self.role(&order.lease);
        self.end(&mut session, &role).await?;
        let password = Secret::new(URL_SAFE_NO_PAD.encode(random_bytes::<24>().map_err(away)?));
        let until = order.until.min(order.now.after(self.target.longest));
        let made = sql::Made {
            verifier: &scram::verifier(&password).map_err(away)?,
            until: &until.to_string(),
            connections: self.target.connections,
            groups,
            comment: &format!("{}, {}, {}", self.comment(), order.task, order.identity),
            defaults: &self.target.defaults,
        };
        session.ask(&sql::create(&role, &made)).await?;
        session.close().await;
        Ok(Issued {
            credential: self.credential(&role, password),
            called: role,
            until,
            keepsake: None,
            unfit: None,
        })
    }

    fn credential(&self, role: &str, password: Secret) -> Credential {
        let PostgresTarget { host, port, database, .. } = &self.target;
        let mode = if self.target.trust.is_some() { "verify-full" } else { "disable" };
        let fields = Credential::default().with("host", host).with("port", port.to_string());
        let fields = fields.with("database", database).with("user", role);
        fields.with("sslmode", mode).with_secret("password", password)
    }

    /// Says which groups are meant, each of which the operator must have named.
    fn wanted<'w>(&self, wants: &'w [String]) -> Result<&'w [String], Stop> {
        let unfit = |wanted: &str, why: String| Stop::Unfit(wanted.to_owned(), why);
        if wants.is_empty() {
            return Err(unfit(
                "nothing",
                format!("name a group: {}", self.target.groups.join(", ")),
            ));
        }
        match wants.iter().find(|it| !self.target.groups.contains(it)) {
            Some(other) => {
                let listed = self.target.groups.join(", ");
                Err(unfit(other, format!("it is none of the target's `groups` ({listed})")))
            }
            None => Ok(wants),
        }
    }

    /// Sees that nothing is given that reaches beyond data, and nothing that we could not end.
    async fn check_reach(&self, session: &mut Connection, groups: &[String]) -> Result<(), Stop> {
        let asked: Vec<String> = groups.iter().chain(&self.target.heir).cloned().collect();
        let rows = session.ask(&sql::reach(&asked)).await?;
        let mut seen = Vec::new();
        for row in &rows {
            let [Some(name), too_far] = row.as_slice() else { return Err(surprised()) };
            if let Some(too_far) = too_far {
                return Err(Stop::Refused(format!(
                    "role `{name}`, which {} is or belongs to, {too_far}: give leases a group \
                     of their own",
                    asked.join(" or ")
                )));
            }
            seen.push(name);
        }
        if let Some(missing) = asked.iter().find(|it| !seen.contains(it)) {
            return Err(Stop::Refused(format!("there is no role `{missing}`: create it there")));
        }
        if one(&session.ask(sql::MAY_END).await?) != Some("t") {
            return Err(Stop::Refused(format!(
                "`{0}` could not end sessions: run `GRANT pg_signal_backend TO {0}` there",
                self.target.login
            )));
        }
        Ok(())
    }

    /// Ends a role and its sessions, and sees that neither is there.
    async fn end(&self, session: &mut Connection, role: &str) -> Result<(), Stop> {
        let Some(number) = one(&session.ask(&sql::number(role)).await?).map(str::parse) else {
            return Ok(());
        };
        let number: u32 = number.map_err(|_| surprised())?;
        session.ask(&sql::no_login(role)).await?;
        end_sessions(session, number).await?;
        self.remove(session, role).await?;
        sleep(BREATH).await;
        end_sessions(session, number).await?;
        match one(&session.ask(&sql::number(role)).await?) {
            None => Ok(()),
            Some(_) => Err(Stop::Away(format!("role `{role}` is still there"))),
        }
    }

    async fn remove(&self, session: &mut Connection, role: &str) -> Result<(), Stop> {
        /// It owns something, or was given something.
        const DEPENDED_ON: &str = "2BP01";
        let trouble = match session.ask(&sql::drop_role(role)).await {
            Err(Trouble::Complaint(it)) if it.code == DEPENDED_ON => it,
            done => return done.map(drop).map_err(Stop::from),
        };
        let Some(heir) = &self.target.heir else {
            return Err(Stop::Refused(format!(
                "role `{role}` can sign in no more and has no session, but owns something or was \
                 given something, and is kept for that: name an `heir`, or drop it there ({})",
                trouble.text
            )));
        };
        session.ask(&sql::hand_on(role, heir)).await?;
        session.ask(&sql::drop_role(role)).await?;
        Ok(())
    }

    async fn session(&self) -> Result<Connection, Stop> {
        let password = match &self.target.password {
            Some(source) => Some(source.fetch().await.map_err(|it| Stop::Refused(it.to_string()))?),
            None => None,
        };
        let who = [self.target.login.as_str(), &self.target.database];
        let mut session =
            Connection::open(&self.place, self.trust.as_ref(), who, password.as_ref()).await?;
        session.ask(sql::OURSELVES).await?;
        Ok(session)
    }

    /// Gives what the role of a lease is called.
    fn role(&self, lease: &LeaseId) -> String {
        let (_, letters) = lease.as_str().split_once('_').unwrap_or_default();
        format!("{}{}", self.target.prefix, letters.to_ascii_lowercase())
    }

    fn lease(&self, role: &str) -> Option<LeaseId> {
        let letters = role.strip_prefix(&self.target.prefix)?;
        format!("lease_{}", letters.to_ascii_uppercase()).parse().ok()
    }

    /// Begins the comment of each role of this target.
    fn comment(&self) -> String {
        format!("bailiwick: a lease of {}", self.name)
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, Stop>>,
    ) -> Result<T, BrokerError> {
        let done = timeout(PATIENCE, work).await;
        let late = || Err(Stop::Away("it takes too long".into()));
        done.unwrap_or_else(|_| late()).map_err(|it| it.at(&self.name))
    }
}

impl Broker for Postgres {
    fn target(&self) -> &TargetName {
        &self.name
    }

    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn issue<'a>(&'a self, order: &'a LeaseOrder) -> Attempt<'a, Issued> {
        Box::pin(self.within(self.make(order)))
    }

    fn revoke<'a>(&'a self, ended: &'a EndedLease) -> Attempt<'a, ()> {
        Box::pin(self.within(async {
            let mut session = self.session().await?;
            self.end(&mut session, &self.role(&ended.lease)).await?;
            session.close().await;
            Ok(())
        }))
    }

    fn found(&self) -> Attempt<'_, Vec<LeaseId>> {
        Box::pin(self.within(async {
            let mut session = self.session().await?;
            // What follows the target's name keeps `db` from finding those of `db-two`.
            let comment = format!("{},", self.comment());
            let rows = session.ask(&sql::found(&self.target.prefix, &comment)).await?;
            session.close().await;
            Ok(rows.iter().flatten().flatten().filter_map(|it| self.lease(it)).collect())
        }))
    }
}

/// Ends all sessions of a role, and comes back when there is none.
async fn end_sessions(session: &mut Connection, number: u32) -> Result<(), Stop> {
    let mut pause = Duration::from_millis(2);
    while one(&session.ask(&sql::end_sessions(number)).await?) != Some("0") {
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(Duration::from_millis(100));
    }
    Ok(())
}

/// The first field of an answer.
fn one(rows: &[session::Row]) -> Option<&str> {
    rows.first()?.first()?.as_deref()
}

/// Why an attempt ended early.
#[derive(Debug)]
enum Stop {
    Away(String),
    Busy(String),
    Refused(String),
    Unfit(String, String),
}

fn away(error: impl fmt::Display) -> Stop {
    Stop::Away(error.to_string())
}

fn surprised() -> Stop {
    Stop::Away("it answers another question".into())
}

impl Stop {
    fn at(self, target: &TargetName) -> BrokerError {
        let target = target.clone();
        match self {
            Self::Away(why) => BrokerError::Away { target, why },
            Self::Busy(why) => BrokerError::Busy { target, why, after: None },
            Self::Refused(why) => BrokerError::Refused { target, why },
            Self::Unfit(wanted, why) => BrokerError::Unfit { target, wanted, why },
        }
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        let complaint = match trouble {
            Trouble::Away(why) => return Self::Away(why),
            Trouble::Unproven(why) => return Self::Refused(why.into()),
            Trouble::Complaint(it) => it,
        };
        let why = format!("{} (SQLSTATE {})", complaint.text, complaint.code);
        // Of the five letters the first two are the class.
        match complaint.code.get(..2) {
            Some("53" | "55" | "40") => Self::Busy(why),
            Some("08" | "57" | "58" | "XX") => Self::Away(why),
            Some(_) | None => Self::Refused(why),
        }
    }
}

#[cfg(test)]
mod tests;
