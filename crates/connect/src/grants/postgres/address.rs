//! Where a PostgreSQL is: `postgres://LOGIN[:PASSWORD]@HOST[:PORT]/DATABASE[?sslmode=…&sslrootcert=…&host=…]`.

use std::{fmt, path::PathBuf};

use crate::{PostgresTrust, Secret, broker::postgres::looking::LookedAt, fetch::is_loopback_name};

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Where a PostgreSQL is, and as whom it is asked. Shown without the password.
#[derive(Clone, Debug)]
pub struct PostgresAddress(LookedAt);

/// It is no such address. No message holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`postgres://…`: {0}")]
pub struct PostgresAddressError(String);

impl fmt::Display for PostgresAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LookedAt { host, port, database, login, .. } = &self.0;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        write!(out, "postgres://{login}@{host}:{port}/{database}")
    }
}

impl PostgresAddress {
    /// Says whether a text is meant as an address, of this kind or another: it is no file's name, and may hold a password.
    pub fn is_meant(text: &str) -> bool {
        text.contains("://") || text.to_ascii_lowercase().contains("password=")
    }

    /// Reads an address; where it has no password, this one counts.
    pub fn parse(text: &str, password: Option<Secret>) -> Result<Self, PostgresAddressError> {
        let wrong = |why: &str| PostgresAddressError(why.to_owned());
        let rest = SCHEMES.iter().find_map(|it| {
            let (begin, rest) = text.split_at_checked(it.len())?;
            begin.eq_ignore_ascii_case(it).then_some(rest)
        });
        let rest = rest.ok_or_else(|| wrong("it begins in another way"))?;
        // Whoever did not escape a password has a part of it there, and another host.
        if rest.split_once(['/', '?']).is_some_and(|(_, behind)| behind.contains('@')) {
            return Err(wrong("it has an `@` behind its first `/` or `?`: escape it as `%40`"));
        }
        let (place, asked) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, database) = place.split_once('/').unwrap_or((place, ""));
        let (who, host) = place.rsplit_once('@').unwrap_or(("", place));
        let (login, own) = match who.split_once(':') {
            Some((login, password)) => (login, Some(password)),
            None => (who, None),
        };
        if login.is_empty() {
            return Err(wrong("it has no login: say `postgres://LOGIN@HOST/DATABASE`"));
        }
        let plain = |what: &str, text: &str| {
            let why = || wrong(&format!("its {what} is not escaped as in a URL"));
            plain(text).ok_or_else(why)
        };
        let login = plain("login", login)?;
        let own = own.map(|it| plain("password", it)).transpose()?;
        let (host, port) = parted(host).ok_or_else(|| wrong("its port is no number"))?;
        let database = plain("database", database)?;
        let mut at = LookedAt {
            host: plain("host", host)?,
            port,
            database: if database.is_empty() { login.clone() } else { database },
            login,
            password: own.map(Secret::new).or(password),
            trust: None,
        };
        at.trust = trusted(&mut at.host, asked).map_err(|it| wrong(&it))?;
        if at.host.is_empty() {
            return Err(wrong("it has no host: name one, or `?host=/FOLDER` of a Unix socket"));
        }
        Ok(Self(at))
    }

    /// Gives the host, or the folder of its Unix socket, and the port.
    pub fn place(&self) -> (&str, u16) {
        (&self.0.host, self.0.port)
    }

    pub(super) fn looked_at(&self) -> &LookedAt {
        &self.0
    }
}

/// Gives host and port; an address of version 6 stands in brackets.
fn parted(place: &str) -> Option<(&str, u16)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => place.find(':').and_then(|at| place.split_at_checked(at)).unwrap_or((place, "")),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if port.is_empty() => 5432,
        None => return None,
    };
    Some((host, port))
}

/// Reads what stands behind the `?`: where else it is, and whose word it takes.
fn trusted(host: &mut String, asked: &str) -> Result<Option<PostgresTrust>, String> {
    let (mut mode, mut file) = (String::new(), None);
    for pair in asked.split('&').filter(|it| !it.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = plain(value).ok_or_else(|| format!("`{name}` is not escaped as in a URL"))?;
        match name {
            "host" => *host = value,
            "sslmode" => mode = value,
            "sslrootcert" => file = Some(PathBuf::from(value)),
            // It may be a piece of a password.
            _ => return Err("one of its options is none of host, sslmode, sslrootcert".to_owned()),
        }
    }
    let is_here = host.starts_with('/') || is_loopback_name(host);
    let trust = || file.clone().map_or(PostgresTrust::System, PostgresTrust::File);
    match mode.as_str() {
        "" if is_here && file.is_none() => Ok(None),
        // Nobody is believed who cannot show who they are.
        "" | "require" | "verify-ca" | "verify-full" => Ok(Some(trust())),
        "disable" if is_here => Ok(None),
        "disable" => Err(format!("`{host}` is another machine: reach it with TLS")),
        other => Err(format!("`sslmode={other}`: say `verify-full`, or `disable` on this machine")),
    }
}

/// Takes percent signs off.
fn plain(text: &str) -> Option<String> {
    super::super::aws::unescaped(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells an address, its password and its trust.
    fn told(text: &str) -> String {
        match PostgresAddress::parse(text, Some(Secret::new("elsewhere"))) {
            Ok(it) => {
                let at = it.looked_at();
                let password = at.password.as_ref().map_or("", Secret::expose);
                let trust =
                    at.trust.as_ref().map_or_else(|| "none".to_owned(), |it| format!("{it:?}"));
                format!("{it} {password} {trust}")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn addresses_say_where_as_whom_and_whose_word_counts() {
        for (text, wanted) in [
            ("postgres://ann:s%40t@localhost/shop", "postgres://ann@localhost:5432/shop s@t none"),
            ("postgresql://ann@127.0.0.1:6432", "postgres://ann@127.0.0.1:6432/ann elsewhere none"),
            ("postgres://ann@[::1]:1/x", "postgres://ann@[::1]:1/x elsewhere none"),
            ("postgres://ann@/x?host=/run/pg", "postgres://ann@/run/pg:5432/x elsewhere none"),
            ("postgres://ann@db.example/x", "postgres://ann@db.example:5432/x elsewhere System"),
            (
                "postgres://ann@db.example/x?sslmode=require&sslrootcert=ca.pem",
                r#"postgres://ann@db.example:5432/x elsewhere File("ca.pem")"#,
            ),
            (
                "postgres://ann@db.example/x?sslmode=disable",
                "`postgres://…`: `db.example` is another machine: reach it with TLS",
            ),
            (
                "postgres://ann@localhost/x?sslmode=prefer",
                "`postgres://…`: `sslmode=prefer`: say `verify-full`, or `disable` on this machine",
            ),
            (
                "postgres://ann@localhost/x?user=bob",
                "`postgres://…`: one of its options is none of host, sslmode, sslrootcert",
            ),
            (
                "postgres://localhost/x",
                "`postgres://…`: it has no login: say `postgres://LOGIN@HOST/DATABASE`",
            ),
            (
                "postgres://ann@/x",
                "`postgres://…`: it has no host: name one, or `?host=/FOLDER` of a Unix socket",
            ),
            ("postgres://ann@localhost:many/x", "`postgres://…`: its port is no number"),
        ] {
            assert_eq!(told(text), wanted, "{text}");
        }
    }

    #[test]
    fn no_message_and_no_picture_of_it_holds_the_password() {
        for text in [
            "postgres://ann:hunter2@localhost:many/x",
            "postgres://ann:hunter2@/x",
            "postgres://ann:hunter2%@localhost/x",
            "postgres://ann:hunter2@localhost/x?sslmode=odd",
            "postgres://ann:hunter2@localhost/x",
            "Postgres://ann:hunter2@localhost/x",
            "postgres://ann:a@b?hunter2@h/d",
            "postgres://ann:pa@127.0.0.1/hunter2@localhost/db",
            "postgres://ann@localhost/x?hunter2",
            "postgresql+psycopg://ann:hunter2@localhost/x",
            "jdbc:postgresql://localhost/x?user=ann&password=hunter2",
            "host=localhost password=hunter2",
        ] {
            assert!(PostgresAddress::is_meant(text), "{text} is no file");
            let read = PostgresAddress::parse(text, None);
            let shown = read.as_ref().map_or_else(ToString::to_string, ToString::to_string);
            assert!(!format!("{read:?} {shown}").contains("hunter2"), "{shown}");
        }
    }
}
