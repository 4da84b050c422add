//! Files of cases as foreign bytes, as the fuzzer and its stable twin read them.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::ServerName;

use super::{case, names::Names};
use crate::config::{ConfigError, Source};

/// Reads cases where one name of each kind is known, and gives what is wrong with them.
pub(crate) fn cases(source: &Source) -> Vec<ConfigError> {
    let set = |it: &str| BTreeSet::from([it.to_owned()]);
    let (Ok(identity), Ok(template), Ok(server)) =
        ("reader".parse(), "reading".parse(), "notes".parse::<ServerName>())
    else {
        return Vec::new();
    };
    let names = Names {
        identities: BTreeSet::from([identity]),
        templates: BTreeMap::from([(template, set("note"))]),
        arguments: BTreeMap::from([((server.clone(), "read_note".to_owned()), set("path"))]),
        servers: BTreeMap::from([(server, set("read_note"))]),
        facts: set("freeze"),
        reasons: set("outside_grant"),
    };
    match case::read(source, &names) {
        Ok(read) => {
            let places = read.iter().filter(|it| it.line == 0 || it.file != source.name);
            assert_eq!(places.count(), 0, "a case without its place");
            Vec::new()
        }
        Err(found) => {
            assert!(!found.is_empty(), "nothing was read, and nothing is wrong");
            found
        }
    }
}
