//! Names at the endpoint that joins all servers: `server__tool`.

use bailiwick_model::ServerName;
use serde_json::value::RawValue;

use crate::jsonrpc::{RawError, RawObject, raw_of};

/// Joins a server's name and the name of something it offers.
pub(crate) fn join(server: &ServerName, name: &str) -> String {
    format!("{server}__{name}")
}

/// Finds which of `servers` a joined name means, and what of it. A name that two servers could
/// mean (`a` with `_b`, `a_` with `b`) means neither.
pub(crate) fn split<'n, 's>(
    joined: &'n str,
    servers: impl IntoIterator<Item = &'s ServerName>,
) -> Option<(&'s ServerName, &'n str)> {
    let mut meant = servers.into_iter().filter_map(|server| {
        let name = joined.strip_prefix(server.as_str())?.strip_prefix("__")?;
        (!name.is_empty()).then_some((server, name))
    });
    let only = meant.next()?;
    meant.next().is_none().then_some(only)
}

/// Writes a definition under its joined name; every other byte stays.
pub(crate) fn joined(
    server: &ServerName,
    definition: &RawValue,
) -> Result<Box<RawValue>, RawError> {
    renamed(definition, |name| join(server, name))
}

/// Writes the parameters of a call under the name that the server itself uses.
pub(crate) fn parted(params: &RawValue, own: &str) -> Result<Box<RawValue>, RawError> {
    renamed(params, |_| own.to_owned())
}

fn renamed(raw: &RawValue, new: impl FnOnce(&str) -> String) -> Result<Box<RawValue>, RawError> {
    let object = RawObject::read(raw.get())?;
    let Some(name) = object.text("name") else {
        return Err(RawError::NotAnObject { reason: "it has no `name` that is a text".to_owned() });
    };
    object.with("name", &raw_of(&new(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(names: &[&str]) -> Vec<ServerName> {
        names.iter().map(|it| it.parse().unwrap()).collect()
    }

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_joined_name_means_one_server_or_none() {
        let some = servers(&["files", "a"]);
        let means = |name| split(name, &some).map(|(server, rest)| (server.as_str(), rest));
        assert_eq!(means("files__read"), Some(("files", "read")));
        assert_eq!(means("files__read__all"), Some(("files", "read__all")));
        assert_eq!(means("a__b"), Some(("a", "b")));
        assert_eq!(means("a___b"), Some(("a", "_b")));
        assert_eq!(means("files__"), None);
        assert_eq!(means("files_read"), None);
        assert_eq!(means("other__read"), None);
    }

    #[test]
    fn only_the_name_of_a_definition_is_rewritten() {
        let server = servers(&["files"]).remove(0);
        let definition =
            raw(r#"{ "title":"Read", "name" : "r\u0065ad", "inputSchema":{"name":1} }"#);
        let written = joined(&server, &definition).unwrap();
        assert_eq!(
            written.get(),
            r#"{ "title":"Read", "name" : "files__read", "inputSchema":{"name":1} }"#
        );
        let back = parted(&written, "read").unwrap();
        assert_eq!(back.get(), r#"{ "title":"Read", "name" : "read", "inputSchema":{"name":1} }"#);
    }

    #[test]
    fn what_has_no_name_is_not_renamed() {
        let server = servers(&["files"]).remove(0);
        assert!(joined(&server, &raw("{}")).is_err());
        assert!(joined(&server, &raw(r#"{"name":7}"#)).is_err());
        assert!(joined(&server, &raw("[]")).is_err());
    }
}
