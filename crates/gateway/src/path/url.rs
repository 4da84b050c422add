//! URLs with an authority: `scheme://authority/path?query#fragment`.

use super::{Look, host, segments};

/// A URL cut into its parts, none of them checked yet.
#[derive(Debug)]
pub(super) struct Url<'a> {
    pub(super) scheme: &'a str,
    pub(super) authority: &'a str,
    path: &'a str,
    /// The query and the fragment, with their signs.
    rest: &'a str,
}

/// Schemes whose readers take any number of slashes, or none, for two.
const LENIENT: [&str; 6] = ["http", "https", "ws", "wss", "ftp", "file"];

/// Says whether a text is a URL to a lenient reader only: `http:/example.org`, `http:\\example.org`.
pub(super) fn slashes_are_missing(text: &str) -> bool {
    let Some((scheme, after)) = text.split_once(':') else { return false };
    let goes_on = after.chars().next().is_some_and(|it| !it.is_whitespace());
    goes_on && !after.starts_with("//") && LENIENT.iter().any(|it| it.eq_ignore_ascii_case(scheme))
}

impl<'a> Url<'a> {
    /// Cuts a text that begins with a scheme and `://`.
    pub(super) fn split(text: &'a str) -> Option<Self> {
        let (scheme, after) = text.split_once("://")?;
        let letters = scheme.bytes().all(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it));
        if !letters || !scheme.starts_with(|it: char| it.is_ascii_alphabetic()) {
            return None;
        }
        let (authority, after) = cut(after, &['/', '\\', '?', '#']);
        let (path, rest) = cut(after, &['?', '#']);
        Some(Self { scheme, authority, path, rest })
    }

    /// Gives the host, without credentials and port.
    pub(super) fn host(&self) -> &'a str {
        let host = self.authority.rsplit_once('@').map_or(self.authority, |(_, host)| host);
        split_port(host).map_or(host, |(host, _)| host)
    }

    pub(super) fn look(&self) -> Look {
        let mut faults = Vec::new();
        let scheme = self.scheme.to_ascii_lowercase();
        if scheme != self.scheme {
            faults.push("capital letters in its scheme");
        }
        let parts = [self.look_authority(&scheme), self.look_path()];
        let normals: Vec<&str> = parts.iter().filter_map(|it| it.normal.as_deref()).collect();
        let normal = match normals.as_slice() {
            [authority, path] => Some(format!("{scheme}://{authority}{path}{}", self.rest)),
            _ => None,
        };
        faults.extend(parts.iter().flat_map(|it| it.faults.iter().copied()));
        Look { faults, normal }
    }

    fn look_path(&self) -> Look {
        if self.path.is_empty() {
            return Look { faults: Vec::new(), normal: Some(String::new()) };
        }
        segments::look(self.path, true)
    }

    fn look_authority(&self, scheme: &str) -> Look {
        if self.authority.contains('@') {
            return Look::fault("credentials before its host");
        }
        let Some((name, port)) = split_port(self.authority) else {
            return Look::fault("more than one port");
        };
        if scheme == "file" && name.eq_ignore_ascii_case("localhost") && port.is_none() {
            let faults = vec!["a host that says nothing"];
            return Look { faults, normal: Some(String::new()) };
        }
        let mut look = host::look(scheme, name);
        match read_port(scheme, port) {
            Ok(normal) => {
                if normal.as_deref() != port {
                    look.faults.push("a port that says nothing");
                }
                let port = normal.map_or_else(String::new, |port| format!(":{port}"));
                look.normal = look.normal.map(|host| format!("{host}{port}"));
            }
            Err(fault) => {
                look.faults.push(fault);
                look.normal = None;
            }
        }
        look
    }
}

fn cut<'a>(text: &'a str, at: &[char]) -> (&'a str, &'a str) {
    text.find(at).and_then(|place| text.split_at_checked(place)).unwrap_or((text, ""))
}

/// Parts host and port; none if there is more than one colon outside brackets.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let outside =
        authority.rfind(']').map_or(authority, |close| authority.get(close..).unwrap_or_default());
    match outside.matches(':').count() {
        0 => Some((authority, None)),
        1 => authority.rsplit_once(':').map(|(host, port)| (host, Some(port))),
        _ => None,
    }
}

/// Gives the port in its normal form: none where it is the scheme's own.
fn read_port(scheme: &str, port: Option<&str>) -> Result<Option<String>, &'static str> {
    let Some(port) = port.filter(|port| !port.is_empty()) else { return Ok(None) };
    let digits = port.bytes().all(|it| it.is_ascii_digit());
    let Some(number) = port.parse::<u16>().ok().filter(|_| digits) else {
        return Err("a port that is no number up to 65535");
    };
    let default = match scheme {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        "ftp" => 21,
        "ssh" | "sftp" => 22,
        _ => return Ok(Some(number.to_string())),
    };
    Ok((number != default).then(|| number.to_string()))
}
