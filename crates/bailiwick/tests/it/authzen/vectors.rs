//! The interoperability vectors of the working group, where they lie at hand: `BAILIWICK_DATA` names
//! the folder that holds `authzen/`. The policies and the facts about people are our own words.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

use super::{HOUSE, Pdp};

/// The people of the vectors: how their ids begin, their addresses and their roles.
const PEOPLE: [(&str, &str, &[&str]); 5] = [
    ("CiRmZDA2", "rick@the-citadel.com", &["admin", "evil_genius"]),
    ("CiRmZDE2", "morty@the-citadel.com", &["editor"]),
    ("CiRmZDI2", "summer@the-smiths.com", &["editor"]),
    ("CiRmZDM2", "beth@the-smiths.com", &["viewer"]),
    ("CiRmZDQ2", "jerry@the-smiths.com", &["viewer"]),
];

/// Reads a file of vectors; where there is none, says that nothing was tested.
fn vectors(name: &str) -> Option<Value> {
    let Some(data) = std::env::var_os("BAILIWICK_DATA") else {
        eprintln!("SKIPPED: `BAILIWICK_DATA` is not set, so `authzen/{name}` was not tested");
        return None;
    };
    let path = PathBuf::from(data).join("authzen").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
    Some(serde_json::from_str(&text).unwrap())
}

/// Gives the ids of people as the vectors write them.
fn ids(vectors: &Value) -> BTreeSet<String> {
    let all = ["evaluation", "evaluations"].into_iter().filter_map(|it| vectors[it].as_array());
    let id = |it: &Value| it["request"]["subject"]["id"].as_str().map(str::to_owned);
    all.flatten().filter_map(id).collect()
}

/// Writes what each person may do to todos.
fn todos(ids: &BTreeSet<String>) -> String {
    let mut text = "@id(\"anyone\") permit (principal is user, action in [Action::\"can_read_user\", Action::\"can_read_todos\"], resource);\n".to_owned();
    for id in ids {
        let (_, email, roles) = PEOPLE.iter().find(|(start, ..)| id.starts_with(start)).unwrap();
        let has = |any: &[&str]| roles.iter().any(|it| any.contains(it));
        let mut may = |name: &str, when: &str| {
            text.push_str(&format!(
                "@id(\"{email}-{name}\") permit (principal == user::\"{id}\", action == Action::\"{name}\", resource is todo) when {{ {when} }};\n"
            ));
        };
        let own = format!("resource has ownerID && resource.ownerID == \"{email}\"");
        let own_or = |any: bool| if any { "true" } else { own.as_str() }.to_owned();
        if has(&["editor", "admin", "evil_genius"]) {
            may("can_create_todo", "true");
            may("can_update_todo", &own_or(has(&["evil_genius"])));
            may("can_delete_todo", &own_or(has(&["admin"])));
        }
    }
    text
}

/// Asks everything, one by one and in batches, and gives how much that was.
fn check(pdp: &Pdp, vectors: &Value) -> (usize, usize) {
    let all = |name: &str| vectors[name].as_array().cloned().unwrap_or_default();
    let (singles, batches) = (all("evaluation"), all("evaluations"));
    for vector in &singles {
        let answer = pdp.ask("evaluation", &vector["request"]);
        assert_eq!(answer["decision"], vector["expected"], "{vector}");
    }
    for vector in &batches {
        let answer = pdp.ask("evaluations", &vector["request"]);
        let answers = answer["evaluations"].as_array().unwrap().iter();
        let decisions: Vec<_> = answers.map(|it| it["decision"].clone()).collect();
        let expected = vector["expected"].as_array().unwrap().iter();
        let expected: Vec<_> = expected.map(|it| it["decision"].clone()).collect();
        assert_eq!(decisions, expected, "{vector}");
    }
    (singles.len(), batches.len())
}

#[test]
fn the_vectors_about_todos_are_decided_as_expected() {
    for (name, expected) in [
        ("todo/decisions-authorization-api-1_0-01.json", (40, 0)),
        ("todo/decisions-authorization-api-1_0-02.json", (40, 3)),
    ] {
        let Some(vectors) = vectors(name) else { return };
        let pdp = Pdp::new(&todos(&ids(&vectors)));
        assert_eq!(check(&pdp, &vectors), expected, "{name}");
    }
}

/// The people of the vectors about searches: name, role, department.
const STAFF: [(&str, &str, &str); 6] = [
    ("alice", "manager", "Sales"),
    ("bob", "employee", "Legal"),
    ("carol", "contractor", "Legal"),
    ("dan", "manager", "Finance"),
    ("erin", "employee", "Finance"),
    ("felix", "contractor", "Accounting"),
];

/// The departments of records 101 to 120; their owners take turns in the order above.
const DEPARTMENTS: [&str; 20] = [
    "Legal",
    "Legal",
    "Legal",
    "Accounting",
    "Legal",
    "Accounting",
    "Sales",
    "Legal",
    "Accounting",
    "Sales",
    "Accounting",
    "Legal",
    "Sales",
    "Accounting",
    "Finance",
    "Legal",
    "Legal",
    "Accounting",
    "Legal",
    "Accounting",
];

const RECORDS: &str = r#"
@id("own") permit (principal is user, action in [Action::"view", Action::"edit", Action::"delete"], resource is record)
when { resource.owner == principal.id };
@id("department") permit (principal is user, action == Action::"view", resource is record)
when { resource.department == principal.department };
@id("managers-view") permit (principal is user, action == Action::"view", resource is record)
when { principal.role == "manager" };
@id("managers-edit") permit (principal is user, action == Action::"edit", resource is record)
when { principal.role == "manager" && resource.department == principal.department };
"#;

fn staff_and_records() -> String {
    let mut text = String::new();
    for (id, role, department) in STAFF {
        text.push_str(&format!(
            "[[entity]]\ntype = \"user\"\nid = \"{id}\"\nproperties = {{ role = \"{role}\", department = \"{department}\" }}\n"
        ));
    }
    let owners = STAFF.iter().map(|(owner, ..)| owner).cycle();
    for ((id, department), owner) in (101..).zip(DEPARTMENTS).zip(owners) {
        text.push_str(&format!(
            "[[entity]]\ntype = \"record\"\nid = \"{id}\"\nproperties = {{ owner = \"{owner}\", department = \"{department}\" }}\n"
        ));
    }
    text
}

#[test]
fn the_vectors_about_searches_find_what_is_expected() {
    for (name, key, sought, expected) in [
        ("search/action-results.json", "evaluation", "action", 120),
        ("search/resource-results.json", "evaluation", "resource", 18),
        ("search/subject-results.json", "evaluation", "subject", 60),
        ("idp/results.json", "search", "resource", 6),
    ] {
        let Some(vectors) = vectors(name) else { return };
        let pdp = Pdp::knowing(RECORDS, &staff_and_records());
        let all = vectors[key].as_array().unwrap();
        assert_eq!(all.len(), expected, "{name}");
        let set = |it: &Value| -> BTreeSet<String> {
            it["results"].as_array().unwrap().iter().map(Value::to_string).collect()
        };
        for vector in all {
            let answer = pdp.ask(&format!("search/{sought}"), &vector["request"]);
            assert_eq!(set(&answer), set(&vector["expected"]), "{vector}");
        }
    }
}

#[test]
fn the_vectors_about_gateways_are_decided_as_expected() {
    let Some(vectors) = vectors("api-gateways/decisions.json") else { return };
    let viewer = |id: &&String| ["CiRmZDM2", "CiRmZDQ2"].iter().any(|it| id.starts_with(it));
    let viewers: Vec<String> =
        ids(&vectors).iter().filter(viewer).map(|it| format!("identity::\"{it}\"")).collect();
    // The people of these vectors are of the type that our own identities have unless we say otherwise.
    let house = format!("{HOUSE}identity_type = \"ours\"\n");
    let policies = format!(
        r#"@id("read") permit (principal is identity, action == Action::"GET", resource is route)
           when {{ [route::"/users/{{userId}}", route::"/todos"].contains(resource) }};
           @id("write") permit (principal is identity, action, resource is route)
           when {{ (action == Action::"POST" && resource == route::"/todos")
             || ([Action::"PUT", Action::"DELETE"].contains(action) && resource == route::"/todos/{{todoId}}") }}
           unless {{ [{}].contains(principal) }};"#,
        viewers.join(", ")
    );
    let pdp = Pdp::in_house(&house, &policies, "");
    assert_eq!(check(&pdp, &vectors), (25, 0));
}
