//! Where a request was meant to go: a browser that was tricked into calling here names another
//! host or origin.

use http::{HeaderMap, header};

/// The values of `Host` that are answered.
#[derive(Clone, Debug)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// Takes the values, in small letters.
    pub(crate) const fn new(hosts: Vec<String>) -> Self {
        Self(hosts)
    }

    /// Gives the header, if any, that names a host which is not answered here.
    pub(crate) fn foreign(&self, headers: &HeaderMap) -> Option<&'static str> {
        let named =
            |name| headers.get(name).map(|it| it.to_str().unwrap_or("?").to_ascii_lowercase());
        let known = |host: &str| self.0.iter().any(|it| it == host);
        if named(header::HOST).is_some_and(|host| !known(&host)) {
            return Some("`Host`");
        }
        let origin = named(header::ORIGIN);
        // `null`, and whatever else is no origin, is nowhere that we know.
        let origin = origin.as_deref().map(|it| it.split_once("://").map_or("", |(_, host)| host));
        origin.is_some_and(|host| !known(host)).then_some("`Origin`")
    }
}
