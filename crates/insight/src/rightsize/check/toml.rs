//! The little of TOML that smaller charters and templates are written in; anything else is refused.

use std::collections::BTreeMap;

use bailiwick_model::{Json, JsonLimits};

use super::policy::NoPolicy;

const BROKEN: NoPolicy = NoPolicy("a document is TOML of another kind than is written here");
const DEPTH_MAX: usize = 8;

type Table = BTreeMap<String, Json>;

/// Reads a file.
pub(super) fn read(text: &str) -> Result<Json, NoPolicy> {
    let mut root = Json::Object(Table::new());
    let mut at: Vec<String> = Vec::new();
    for line in text.lines().filter(|it| !it.is_empty() && !it.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            let many = header.strip_prefix('[').and_then(|it| it.strip_suffix("]]"));
            let path = many.or_else(|| header.strip_suffix(']')).ok_or(BROKEN)?;
            at = keys(path).filter(|it| it.len() <= DEPTH_MAX).ok_or(BROKEN)?;
            open(&mut root, &at, many.is_some())?;
            continue;
        }
        let (name, rest) = key(line).ok_or(BROKEN)?;
        let value = rest.strip_prefix(" = ").ok_or(BROKEN)?;
        let value = Json::parse(value.as_bytes(), JsonLimits::default()).map_err(|_| BROKEN)?;
        let table = find(&mut root, &at)?;
        if table.insert(name, value).is_some() {
            return Err(BROKEN);
        }
    }
    Ok(root)
}

/// Opens the table of a header: a new one of many, or one that is not there yet.
fn open(root: &mut Json, path: &[String], is_one_of_many: bool) -> Result<(), NoPolicy> {
    let (last, above) = path.split_last().ok_or(BROKEN)?;
    let table = find(root, above)?;
    let new = Json::Object(Table::new());
    match (table.get_mut(last), is_one_of_many) {
        (None, true) => {
            table.insert(last.clone(), Json::List(vec![new]));
        }
        (None, false) => {
            table.insert(last.clone(), new);
        }
        (Some(Json::List(all)), true) => all.push(new),
        (Some(_), _) => return Err(BROKEN),
    }
    Ok(())
}

/// Finds a table; of many it is the last.
fn find<'r>(root: &'r mut Json, path: &[String]) -> Result<&'r mut Table, NoPolicy> {
    let mut here = root;
    for name in path {
        let Json::Object(members) = here else { return Err(BROKEN) };
        let inside = members.get_mut(name).ok_or(BROKEN)?;
        here = if let Json::List(all) = inside { all.last_mut().ok_or(BROKEN)? } else { inside };
    }
    if let Json::Object(members) = here { Ok(members) } else { Err(BROKEN) }
}

fn keys(path: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut rest = path;
    loop {
        let (name, behind) = key(rest)?;
        all.push(name);
        match behind.strip_prefix('.') {
            Some(more) => rest = more,
            None => return behind.is_empty().then_some(all),
        }
    }
}

/// Parts a text into a key and what stands behind it.
fn key(text: &str) -> Option<(String, &str)> {
    let end = if let Some(inside) = text.strip_prefix('"') {
        super::yaml::closed(inside)?.saturating_add(2)
    } else {
        text.find(|it: char| !(it.is_ascii_alphanumeric() || "-_".contains(it)))
            .unwrap_or(text.len())
    };
    let (name, rest) = text.split_at_checked(end)?;
    let name = match Json::parse(name.as_bytes(), JsonLimits::default()) {
        Ok(Json::Text(name)) => name,
        _ => name.to_owned(),
    };
    (!name.is_empty()).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rightsize::house::toml::written;

    fn value() -> impl Strategy<Value = Json> {
        let text = "[ -~é\u{7f}\n\"]{0,9}";
        let scalar = prop_oneof![
            text.prop_map(Json::Text),
            Just(Json::Bool(true)),
            (-9_i128..9).prop_map(Json::Int),
            proptest::collection::vec(text.prop_map(Json::Text), 0..3).prop_map(Json::List),
        ];
        scalar.prop_recursive(3, 12, 3, |inner| {
            let map = proptest::collection::btree_map("[a-z.\" é-]{1,5}", inner, 0..4);
            let map = map.prop_map(Json::Object);
            prop_oneof![map.clone(), proptest::collection::vec(map, 1..3).prop_map(Json::List)]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(
            all in proptest::collection::btree_map("[a-z]{1,4}", value(), 0..5),
        ) {
            let all = Json::Object(all);
            let text = written(&all);
            prop_assert_eq!(read(&text), Ok(all), "{}", text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "([a-z\"\\[.]{0,4}[\\] =]{0,3}[a-z\"]{0,3}\n){0,6}") {
            let _ = read(&text).is_ok();
        }
    }
}
