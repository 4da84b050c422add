//! The operator's word on arguments: which of them name the resource, and which say where data goes.

use std::collections::BTreeSet;

use bailiwick_model::Json;

use super::places::FAULTS_MAX;
use crate::path;

/// The most resources that one call may name.
const RESOURCES_MAX: usize = 1_000;

/// The most bytes of a resource's name.
pub(crate) const NAME_MAX: usize = 4_096;

#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Plain(&'a str),
    Argument(&'a str),
}

/// Lists the arguments that a mapping such as `{owner}/{repo}` uses.
pub(super) fn arguments_of(template: &str) -> Vec<String> {
    let names = pieces(template).into_iter().filter_map(|piece| match piece {
        Piece::Argument(name) => Some(name.to_owned()),
        Piece::Plain(_) => None,
    });
    names.collect()
}

/// Gives the resources that the arguments name, one for each value of an array.
pub(super) fn resources(template: &str, arguments: &Json) -> Result<BTreeSet<String>, String> {
    let mut named = BTreeSet::from([String::new()]);
    for piece in pieces(template) {
        let values = match piece {
            Piece::Plain(text) => vec![text.to_owned()],
            Piece::Argument(name) => values_of(name, arguments)?,
        };
        if RESOURCES_MAX < named.len().saturating_mul(values.len()) {
            return Err(format!("the call names more than {RESOURCES_MAX} resources"));
        }
        // Looked at before anything is put together: each name may hold the same long text.
        let longest = |texts: &mut dyn Iterator<Item = &String>| texts.map(String::len).max();
        let (start, end) = (longest(&mut named.iter()), longest(&mut values.iter()));
        if NAME_MAX < start.unwrap_or(0).saturating_add(end.unwrap_or(0)) {
            return Err(format!("the call names a resource with more than {NAME_MAX} bytes"));
        }
        let join = |start: &String| values.iter().map(|it| [start, it.as_str()].concat()).collect();
        named = named.iter().flat_map(|start| -> Vec<String> { join(start) }).collect();
    }
    Ok(named)
}

/// Says what keeps names from being in normal form that are put together of several pieces: pieces
/// that are each in theirs can make up a name that is not.
pub(super) fn faults(template: &str, named: &BTreeSet<String>) -> Vec<String> {
    if pieces(template).len() < 2 {
        return Vec::new();
    }
    let fault = |name: &String| path::faults(name).map(|it| format!("the resource {it}"));
    named.iter().filter_map(fault).take(FAULTS_MAX).collect()
}

/// A resource that is not named cannot be judged, and the server would choose one by itself.
fn values_of(name: &str, arguments: &Json) -> Result<Vec<String>, String> {
    let missing = || format!("the argument `{name}`, which names the resource, is missing");
    match arguments.get(name) {
        None | Some(Json::Null) => Err(missing()),
        Some(Json::List(items)) if items.is_empty() => Err(missing()),
        Some(Json::List(items)) => items.iter().map(|item| value_of(name, item)).collect(),
        Some(value) => value_of(name, value).map(|value| vec![value]),
    }
}

fn value_of(name: &str, value: &Json) -> Result<String, String> {
    match value {
        Json::Text(text) => Ok(text.clone()),
        Json::Bool(_) | Json::Int(_) | Json::Float(_) => Ok(value.canonical()),
        Json::Null | Json::List(_) | Json::Object(_) => {
            Err(format!("the argument `{name}` names the resource and must be a text"))
        }
    }
}

/// Cuts a mapping at its braces; a brace that is not closed is plain text.
fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((plain, after)) = rest.split_once('{') {
        let Some((name, later)) = after.split_once('}') else { break };
        if !plain.is_empty() {
            found.push(Piece::Plain(plain));
        }
        found.push(Piece::Argument(name));
        rest = later;
    }
    if !rest.is_empty() {
        found.push(Piece::Plain(rest));
    }
    found
}

/// Gives where data goes: every text in the named arguments, in normal form.
pub(super) fn destinations(names: &[String], arguments: &Json) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for value in names.iter().filter_map(|name| arguments.get(name)) {
        collect(value, &mut found);
    }
    found
}

fn collect(value: &Json, found: &mut BTreeSet<String>) {
    match value {
        Json::Text(text) => found.extend(receivers(text)),
        Json::Bool(_) | Json::Int(_) | Json::Float(_) => {
            found.insert(value.canonical());
        }
        Json::List(items) => items.iter().for_each(|item| collect(item, found)),
        Json::Object(members) => members.values().for_each(|member| collect(member, found)),
        Json::Null => {}
    }
}

/// Gives the receivers that a text names: a URL's host, the addresses of a list of them, else the
/// text itself.
fn receivers(text: &str) -> Vec<String> {
    let text = text.trim();
    if let Some(host) = path::host_of(text) {
        return vec![host];
    }
    if text.contains('@') {
        return text.split([',', ';']).filter_map(address).collect();
    }
    if is_host_like(text) {
        vec![text.trim_end_matches('.').to_ascii_lowercase()]
    } else {
        vec![text.to_owned()]
    }
}

/// Gives an e-mail address with its domain in small letters, without the name beside it.
fn address(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = text.rsplit_once('<').and_then(|(_, it)| it.strip_suffix('>')).unwrap_or(text);
    let scheme = bare.get(..7).filter(|it| it.eq_ignore_ascii_case("mailto:"));
    let bare = scheme.and_then(|it| bare.strip_prefix(it)).unwrap_or(bare).trim();
    let whole = match bare.rsplit_once('@') {
        Some((local, domain)) => {
            format!("{local}@{}", domain.trim_end_matches('.').to_lowercase())
        }
        None => bare.to_owned(),
    };
    (!whole.is_empty()).then_some(whole)
}

fn is_host_like(text: &str) -> bool {
    text.contains('.') && text.bytes().all(|it| it.is_ascii_alphanumeric() || b".-".contains(&it))
}

#[cfg(test)]
mod tests {
    use bailiwick_model::JsonLimits;

    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes(), JsonLimits::default()).unwrap()
    }

    fn named(template: &str, arguments: &str) -> Vec<String> {
        resources(template, &json(arguments)).unwrap().into_iter().collect()
    }

    fn sent(arguments: &str) -> Vec<String> {
        destinations(&["to".to_owned()], &json(arguments)).into_iter().collect()
    }

    #[test]
    fn a_mapping_names_resources_by_arguments() {
        assert_eq!(named("{path}", r#"{"path":"/srv/a"}"#), ["/srv/a"]);
        assert_eq!(named("{a}/{b}", r#"{"a":"x","b":7}"#), ["x/7"]);
        assert_eq!(named("table:{t}", r#"{"t":["one","two","one"]}"#), ["table:one", "table:two"]);
        assert_eq!(named("{a}-{b}", r#"{"a":["x","y"],"b":[1,2]}"#), ["x-1", "x-2", "y-1", "y-2"]);
        assert_eq!(named("all", "{}"), ["all"]);
        assert_eq!(named("{open", "{}"), ["{open"]);
        assert_eq!(arguments_of("{a}/{b}c"), ["a", "b"]);
    }

    #[test]
    fn a_resource_that_is_not_named_is_a_fault() {
        for arguments in
            ["{}", r#"{"path":null}"#, r#"{"path":[]}"#, r#"{"path":{}}"#, r#"{"path":["a",[1]]}"#]
        {
            assert!(resources("{path}", &json(arguments)).is_err(), "{arguments}");
        }
        let many: Vec<String> = (0..40).map(|it| it.to_string()).collect();
        let list = many.join(",");
        let arguments = json(&format!(r#"{{"a":[{list}],"b":[{list}]}}"#));
        insta::assert_snapshot!(resources("{a}/{b}", &arguments).unwrap_err(), @"the call names more than 1000 resources");
    }

    #[test]
    fn no_call_makes_much_of_little() {
        let long = "x".repeat(NAME_MAX - 3);
        let many: Vec<String> = (0..900).map(|it| format!("{it:03}")).collect();
        let arguments = |long: &str| json(&format!(r#"{{"a":{long:?},"b":{many:?}}}"#));
        assert_eq!(resources("{a}{b}", &arguments(&long)).unwrap().len(), many.len());
        let why = resources("{a}{b}", &arguments(&format!("{long}x"))).unwrap_err();
        insta::assert_snapshot!(why, @"the call names a resource with more than 4096 bytes");
        assert!(resources("{a}", &json(&format!(r#"{{"a":"{long}xxxx"}}"#))).is_err());
    }

    #[test]
    fn a_name_of_several_pieces_is_looked_at_as_a_whole() {
        let found = |template: &str, arguments: &str| {
            faults(template, &resources(template, &json(arguments)).unwrap())
        };
        assert_eq!(found("{dir}/{file}", r#"{"dir":"/srv","file":"a"}"#), Vec::<String>::new());
        assert_eq!(found("table:{t}", r#"{"t":"one"}"#), Vec::<String>::new());
        for arguments in [
            r#"{"dir":"/srv/","file":"a"}"#,
            r#"{"dir":"/srv","file":"/a"}"#,
            r#"{"dir":"/srv","file":".."}"#,
        ] {
            assert_eq!(found("{dir}/{file}", arguments).len(), 1, "{arguments}");
        }
        assert!(
            found("{path}", r#"{"path":"/a/../b"}"#).is_empty(),
            "said of the argument already"
        );
    }

    #[test]
    fn destinations_are_hosts_addresses_or_the_text_itself() {
        assert_eq!(sent(r#"{"to":"https://u@Example.ORG:8443/x?y"}"#), ["example.org"]);
        assert_eq!(
            sent(r#"{"to":"Bob <Bob@Example.ORG>, mailto:eve@EVIL.example."}"#),
            ["Bob@example.org", "eve@evil.example"]
        );
        assert_eq!(sent(r##"{"to":["#general",{"id":42}]}"##), ["#general", "42"]);
        assert_eq!(sent(r#"{"to":"Evil.Example"}"#), ["evil.example"]);
        assert_eq!(sent(r#"{"other":"x","to":null}"#), Vec::<String>::new());
    }
}
