//! Smaller grants of other systems, from files to files and back through the checker.

use std::fs;

use serde_json::{Value, json};

use super::{House, files};

const SOMEBODY: &str = "system:serviceaccount:ci:runner";

/// A record of a cluster's audit log.
fn asked(day: u8, who: &str, (resource, verb): (&str, &str)) -> String {
    let id = format!("{day}-{who}-{resource}-{verb}");
    let event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete", "auditID": id, "verb": verb,
        "user": { "username": who }, "objectRef": { "resource": resource, "namespace": "shop", "name": "a", "apiVersion": "v1" },
        "requestURI": "/api/v1/namespaces/shop", "responseStatus": { "code": 200 },
        "requestReceivedTimestamp": format!("2026-03-0{day}T10:00:00.000000Z"),
        "stageTimestamp": format!("2026-03-0{day}T10:00:00.000000Z"),
    });
    format!("{event}\n")
}

fn rbac() -> Value {
    let rule =
        json!({ "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "delete"] });
    let subjects = json!([
        { "kind": "ServiceAccount", "namespace": "ci", "name": "runner" },
        { "kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io" },
    ]);
    json!({ "kind": "List", "apiVersion": "v1", "items": [
        { "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
          "metadata": { "name": "pods", "creationTimestamp": "2025-01-01T00:00:00Z" }, "rules": [rule] },
        { "kind": "RoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1",
          "metadata": { "name": "pods", "namespace": "shop", "creationTimestamp": "2025-01-01T00:00:00Z" },
          "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "pods" }, "subjects": subjects },
    ] })
}

fn cluster() -> House {
    let house = House::new();
    let mut log = String::new();
    for day in 1..4 {
        log.push_str(&asked(day, SOMEBODY, ("pods", "list")));
        log.push_str(&asked(day, "ann", ("pods", "delete")));
    }
    house.write("cluster.jsonl", &log);
    house.write("rbac.json", &rbac().to_string());
    house
}

const SHORT: [&str; 4] = ["--window", "2d", "--grace", "0d"];

#[test]
fn a_subject_of_a_cluster_gets_roles_of_its_own_that_somebody_else_can_check() {
    let house = cluster();
    let words = ["ci:runner", "cluster.jsonl", "--grants", "rbac.json", "--out", "out"];
    let ran = house.run(&[&words[..], &SHORT].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("2 kept, ") || ran.stdout.contains("1 kept, used: core/pods:list"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        files(&house.path("out")),
        [
            "certificate.json",
            "plan.json",
            "policies/pods-runner-rightsized.yaml",
            "policies/shop_pods-others.json",
            "rollback/shop_pods.yaml",
        ]
    );
    let certificate = house.read("out/certificate.json");
    assert_eq!(certificate["platform"], "kubernetes");
    assert_eq!(certificate["identity"], SOMEBODY);
    assert_eq!(certificate["removed"]["actions"], json!(["core/pods:delete", "core/pods:get"]));
    let verify =
        |log: &str| house.run(&["verify", "out/certificate.json", log, "--grants", "rbac.json"]);
    let ran = verify("cluster.jsonl");
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    house.write("later.jsonl", &asked(9, SOMEBODY, ("pods", "get")));
    let ran =
        house.run(&["shadow", "out/certificate.json", "later.jsonl", "--grants", "rbac.json"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stdout.contains("may be denied: core/pods:get 1× on shop/a"), "{}", ran.stdout);
    let file = "out/policies/pods-runner-rightsized.yaml";
    let text = fs::read_to_string(house.path(file)).unwrap();
    house.write(file, &text.replace("[\"list\"]", "[\"*\"]"));
    let ran = verify("cluster.jsonl");
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(
        ran.stdout.contains("`policies/pods-runner-rightsized.yaml` was changed"),
        "{}",
        ran.stdout
    );
}

#[test]
fn programs_get_the_same_of_every_system() {
    let house = cluster();
    let words = ["ci:runner", "cluster.jsonl", "--grants", "rbac.json", "--output", "json"];
    let ran = house.run(&[&words[..], &SHORT].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["certificate"]["decisions"][0]["decision"], "reduce");
    assert_eq!(told["plan"]["stages"][1]["stage"], "replace");
    let text = told["documents"]["rollback/shop_pods.yaml"].as_str().unwrap();
    assert!(text.contains("name: runner") && !text.contains("name: ann"), "{text}");
    let others = &told["documents"]["policies/shop_pods-others.json"];
    assert_eq!(others[1]["op"], "test");
    assert_eq!(others[2]["value"][0]["name"], "ann", "{others}");
}

#[test]
fn where_psql_goes_is_said_without_a_password_or_not_at_all() {
    let house = cluster();
    house.write("pg.json", r#"{"shape":"bailiwick-postgres-grants/1","database":"shop","roles":[["ann","t","f"]],"rights":[]}"#);
    for (grants, place, said) in [
        ("pg.json", "host=db password=hunter2", "`--psql`: `password` is a secret"),
        (
            "pg.json",
            "postgres://ann:hunter2@h/d",
            "`--psql`: this is a URL: say `host=… port=… dbname=… user=…`",
        ),
        ("pg.json", "service=hunter2", "`--psql`: `service` is none of host"),
        ("rbac.json", "host=db", "`--psql` is for PostgreSQL, and these grants are of kubernetes"),
    ] {
        let ran = house.run(&["ann", "cluster.jsonl", "--grants", grants, "--psql", place]);
        assert_eq!(ran.code, 2, "{place}: {} {}", ran.stderr, ran.stdout);
        assert!(ran.stderr.contains(said) && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
}

#[test]
fn what_no_smaller_grants_are_written_for_is_said_with_what_there_are() {
    let house = cluster();
    house.write(
        "google.json",
        r#"{"bindings":[{"role":"roles/viewer","members":["user:ann@example.com"]}]}"#,
    );
    house.write("odd.json", r#"{"mood":"good"}"#);
    for (grants, said) in [
        (&["google.json"][..], "right-sizing does not write for google yet"),
        (&["odd.json"], "right-sizing does not know this list of grants: it writes for AWS"),
        (&["rbac.json", "grants.json"], "this is of aws, and another is of kubernetes"),
        (&["postgres://ann:hunter2@127.0.0.1:1/shop"], "`postgres://ann@127.0.0.1:1/shop`: "),
    ] {
        let mut words = vec!["ann", "cluster.jsonl"];
        for it in grants {
            words.extend(["--grants", it]);
        }
        let ran = house.run(&words);
        assert!(matches!(ran.code, 2 | 3), "{said}: {} {}", ran.code, ran.stdout);
        assert!(ran.stderr.contains(said) && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
}
