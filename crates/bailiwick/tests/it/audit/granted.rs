//! Grants of several systems beside each other, and of databases that are asked.

use std::net::TcpListener;

use serde_json::json;

use super::House;

fn role() -> String {
    let rule = json!({ "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "delete"] });
    json!({ "kind": "ClusterRole", "metadata": { "name": "pods" }, "rules": [rule] }).to_string()
}

fn binding() -> String {
    json!({
        "kind": "ClusterRoleBinding", "metadata": { "name": "ci" },
        "roleRef": { "kind": "ClusterRole", "name": "pods" },
        "subjects": [
            { "kind": "ServiceAccount", "namespace": "ci", "name": "runner" },
            { "kind": "Group", "name": "ops" },
        ],
    })
    .to_string()
}

#[test]
fn lists_of_several_systems_stand_beside_each_other() {
    let house = House::new();
    house.write("roles.json", role().as_bytes());
    house.write("bindings.json", binding().as_bytes());
    let told = house.json(&[
        "log.jsonl",
        "--grants",
        "bindings.json",
        "--grants",
        "grants.json",
        "--grants",
        "roles.json",
    ]);
    let of = |id: &str| {
        let all = told["identities"].as_array().unwrap();
        all.iter().find(|it| it["id"] == id).unwrap_or_else(|| panic!("{id} in {told:#}"))
    };
    let runner = of("system:serviceaccount:ci:runner");
    assert_eq!(runner["platform"], "kubernetes");
    assert_eq!(runner["kind"], "service");
    // No log of a cluster was read, so nothing is dormant.
    assert_eq!(runner["states"], json!({ "unobservable": 2 }));
    let entry = &runner["entries"][0];
    assert_eq!(entry["name"], "kubernetes:core/pods:delete");
    let way = json!([{ "path": "ClusterRoleBinding ci › ClusterRole pods", "extent": "yes" }]);
    assert_eq!(entry["granted_by"], way);
    assert_eq!(of("group:ops")["unread"], json!(["ClusterRoleBinding ci › ClusterRole pods"]));
    assert_eq!(of(super::ROLE)["platform"], "aws");
}

#[test]
fn what_is_wrong_with_a_list_is_said_with_its_file_and_its_place() {
    let house = House::new();
    house.write("rbac.json", role().replace("[\"get\",\"delete\"]", "\"get\"").as_bytes());
    let ran = house.run(&["log.jsonl", "--grants", "rbac.json"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let wanted = "`rbac.json`: ClusterRole pods: rules[0]: `verbs` is no list";
    assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
}

#[test]
fn a_database_that_cannot_be_asked_is_named_without_its_password() {
    let house = House::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (address, code) in [
        (format!("postgres://ann:hunter2@127.0.0.1:{port}/shop"), 3),
        ("postgres://ann:hunter2@db.example/shop?sslmode=disable".to_owned(), 2),
    ] {
        let ran = house.run(&["log.jsonl", "--grants", &address]);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(ran.stderr.contains("`postgres://"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
}
