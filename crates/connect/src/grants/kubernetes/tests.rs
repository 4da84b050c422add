//! Bindings, roles and whom they mean.

use bailiwick_model::{Holder, Patterns};
use serde_json::{Value, json};

use crate::grants::{GrantFile, read_grant_files, read_grants};

fn role(kind: &str, namespace: &str, name: &str, more: &Value) -> Value {
    let mut role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": { "name": name, "creationTimestamp": "2026-01-01T00:00:00Z" }, "rules": null,
    });
    if !namespace.is_empty() {
        role["metadata"]["namespace"] = json!(namespace);
    }
    for (name, value) in more.as_object().unwrap() {
        role[name] = value.clone();
    }
    role
}

/// `KIND NAMESPACE/NAME` or `KIND NAME`, to a role, for subjects of the form `KIND NAME` or `ServiceAccount NS/NAME`.
fn binding(called: &str, to: &str, subjects: &[&str]) -> Value {
    let (kind, name) = called.split_once(' ').unwrap();
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    let (role_kind, role_name) = to.split_once(' ').unwrap();
    let subject = |it: &&str| {
        let (kind, name) = it.split_once(' ').unwrap();
        let (namespace, name) = name.split_once('/').unwrap_or(("", name));
        if namespace.is_empty() {
            json!({ "kind": kind, "name": name })
        } else {
            json!({ "kind": kind, "name": name, "namespace": namespace })
        }
    };
    let subjects: Vec<_> = subjects.iter().map(subject).collect();
    role(
        kind,
        namespace,
        name,
        &json!({
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role_name },
            "subjects": subjects,
        }),
    )
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": groups, "resources": resources, "verbs": verbs })
}

fn read(items: &[Value]) -> Vec<Holder> {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    read_grants(list.to_string().as_bytes()).unwrap()
}

/// Tells what holders hold: a line for each statement, `WHO: PATH: PATTERNS [on RESOURCES] [if]`.
fn lines(holders: &[Holder]) -> Vec<String> {
    let mut lines = Vec::new();
    for holder in holders {
        for policy in &holder.policies {
            for it in &policy.statements {
                let (Patterns::Only(actions), Patterns::Only(on)) = (&it.actions, &it.resources)
                else {
                    panic!("{it:?}")
                };
                let mark = if it.conditional { " if" } else { "" };
                lines.push(format!(
                    "{}: {}: {} on {}{mark}",
                    holder.id,
                    policy.path,
                    actions.join(" "),
                    on.join(" ")
                ));
            }
        }
        lines.extend(holder.unread.iter().map(|it| format!("{}: {it}: unread", holder.id)));
    }
    lines
}

fn told(holders: &[Holder]) -> String {
    lines(holders).join("\n")
}

#[test]
fn what_is_in_no_namespace_is_given_by_no_binding_in_one() {
    let all = json!({ "rules": [
        rule(&[""], &["nodes", "nodes/proxy", "namespaces", "pods"], &["get"]),
        rule(&["rbac.authorization.k8s.io"], &["clusterroles"], &["get"]),
    ] });
    let bound = |called: &str| {
        let binding = binding(called, "ClusterRole all", &["User ann"]);
        told(&read(&[role("ClusterRole", "", "all", &all), binding]))
    };
    assert_eq!(
        bound("RoleBinding shop/b"),
        "ann: RoleBinding shop/b › ClusterRole all: core/namespaces:get core/pods:get on shop/*"
    );
    assert!(bound("ClusterRoleBinding b").contains("core/nodes:get core/nodes/proxy:get"));
}

#[test]
fn roles_reach_whom_they_are_bound_to_by_a_way_that_is_named() {
    let reader = json!({ "rules": [
        rule(&[""], &["pods", "pods/log"], &["get"]),
        rule(&["apps", ""], &["*"], &["list"]),
        { "nonResourceURLs": ["/healthz", "/apis/*", "/a*b"], "verbs": ["get"] },
    ] });
    let holders = read(&[
        role("ClusterRole", "", "reader", &reader),
        role(
            "Role",
            "shop",
            "deployer",
            &json!({ "rules": [rule(&["apps"], &["deployments"], &["*"])] }),
        ),
        binding(
            "ClusterRoleBinding readers",
            "ClusterRole reader",
            &["ServiceAccount ci/runner", "User ann"],
        ),
        binding("RoleBinding shop/deployers", "Role deployer", &["ServiceAccount runner"]),
        binding("RoleBinding shop/readers", "ClusterRole reader", &["ServiceAccount ci/runner"]),
        binding("RoleBinding shop/odd", "Role gone", &["User ann"]),
    ]);
    assert_eq!(
        lines(&holders),
        [
            "ann: ClusterRoleBinding readers › ClusterRole reader: core/pods:get core/pods/log:get on *",
            "ann: ClusterRoleBinding readers › ClusterRole reader: apps/*:list core/*:list on *",
            "ann: ClusterRoleBinding readers › ClusterRole reader: nonresource:get /healthz nonresource:get /apis/* on *",
            "ann: RoleBinding shop/odd › Role gone: unread",
            "system:serviceaccount:ci:runner: ClusterRoleBinding readers › ClusterRole reader: core/pods:get core/pods/log:get on *",
            "system:serviceaccount:ci:runner: ClusterRoleBinding readers › ClusterRole reader: apps/*:list core/*:list on *",
            "system:serviceaccount:ci:runner: ClusterRoleBinding readers › ClusterRole reader: nonresource:get /healthz nonresource:get /apis/* on *",
            // Addresses are in no namespace.
            "system:serviceaccount:ci:runner: RoleBinding shop/readers › ClusterRole reader: core/pods:get core/pods/log:get on shop/*",
            "system:serviceaccount:ci:runner: RoleBinding shop/readers › ClusterRole reader: apps/*:list core/*:list on shop/*",
            "system:serviceaccount:shop:runner: RoleBinding shop/deployers › Role deployer: apps/deployments:* on shop/*",
        ]
    );
}

#[test]
fn what_names_its_objects_counts_for_them_alone_and_what_is_new_has_no_name() {
    let named = json!({ "rules": [{
        "apiGroups": [""], "resources": ["secrets", "pods/exec"], "resourceNames": ["one", "two"],
        "verbs": ["get", "create", "deletecollection"],
    }] });
    let holders = read(&[
        role("Role", "shop", "keys", &named),
        binding("RoleBinding shop/keys", "Role keys", &["User ann"]),
    ]);
    assert_eq!(
        lines(&holders),
        [
            "ann: RoleBinding shop/keys › Role keys: core/secrets:get core/pods/exec:get core/pods/exec:create on shop/one shop/two if"
        ]
    );
}

#[test]
fn a_role_is_made_up_of_others_by_their_labels() {
    let labelled = |name: &str, labels: Value, verb: &str, made_of: Value| {
        let mut role =
            role("ClusterRole", "", name, &json!({ "rules": [rule(&[""], &["pods"], &[verb])] }));
        role["metadata"]["labels"] = labels;
        if !made_of.is_null() {
            role["aggregationRule"] = json!({ "clusterRoleSelectors": made_of });
        }
        role
    };
    let to_edit = json!([{ "matchLabels": { "to-edit": "true" } }]);
    // Those two are made up of each other, and the cluster has written a part's rule into the whole.
    let to_view = json!([
        { "matchExpressions": [
            { "key": "to-view", "operator": "In", "values": ["true"] },
            { "key": "old", "operator": "DoesNotExist" },
        ] },
        { "matchLabels": { "to-edit": "true" } },
    ]);
    let holders = read(&[
        labelled("edit", json!({}), "view-it", to_edit),
        labelled("view", json!({ "to-edit": "true" }), "get", to_view),
        labelled("part", json!({ "to-view": "true" }), "view-it", Value::Null),
        labelled("old", json!({ "to-view": "true", "old": "" }), "list", Value::Null),
        binding("ClusterRoleBinding editors", "ClusterRole edit", &["User ann"]),
    ]);
    assert_eq!(
        lines(&holders),
        [
            "ann: ClusterRoleBinding editors › ClusterRole edit › ClusterRole part: core/pods:view-it on *",
            "ann: ClusterRoleBinding editors › ClusterRole edit › ClusterRole view: core/pods:get on *",
        ]
    );
}

#[test]
fn groups_that_kubernetes_fills_are_crowds_and_others_nobody_knows() {
    let groups = [
        "Group system:authenticated",
        "Group system:unauthenticated",
        "Group system:serviceaccounts",
        "Group system:serviceaccounts:ci",
        "Group system:nodes",
        "Group ops",
    ];
    let holders = read(&[
        role("ClusterRole", "", "r", &json!({ "rules": [rule(&["*"], &["*"], &["*"])] })),
        binding("ClusterRoleBinding b", "ClusterRole r", &groups),
    ]);
    assert_eq!(
        lines(&holders),
        [
            "*: ClusterRoleBinding b › ClusterRole r: */*:* on *",
            "group:ops: ClusterRoleBinding b › ClusterRole r: unread",
            "system:anonymous: ClusterRoleBinding b › ClusterRole r: */*:* on *",
            "system:node:*: ClusterRoleBinding b › ClusterRole r: */*:* on *",
            "system:serviceaccount:*: ClusterRoleBinding b › ClusterRole r: */*:* on *",
            "system:serviceaccount:ci:*: ClusterRoleBinding b › ClusterRole r: */*:* on *",
        ]
    );
}

#[test]
fn a_name_with_a_star_in_it_is_one_name_and_no_crowd() {
    let subjects = [
        "User *",
        "User system:serviceaccount:*",
        "ServiceAccount ci/*",
        "Group system:authenticated",
        "Group system:serviceaccounts:*",
    ];
    let holders = read(&[
        role("ClusterRole", "", "r", &json!({ "rules": [rule(&[""], &["pods"], &["get"])] })),
        binding("ClusterRoleBinding b", "ClusterRole r", &subjects),
    ]);
    let said: Vec<_> = holders.iter().map(|it| (it.id.as_str(), it.crowd)).collect();
    assert_eq!(
        said,
        [
            ("*", false),
            ("*", true),
            ("group:system:serviceaccounts:*", false),
            ("system:serviceaccount:*", false),
            ("system:serviceaccount:ci:*", false),
        ]
    );
}

#[test]
fn nobody_holds_anything_before_the_first_binding_was_made() {
    let mut later = binding(
        "ClusterRoleBinding later",
        "ClusterRole r",
        &["ServiceAccount ci/runner", "User ann"],
    );
    later["metadata"]["creationTimestamp"] = json!("2026-03-01T00:00:00Z");
    let mut undated = binding("ClusterRoleBinding undated", "ClusterRole r", &["User ann"]);
    undated["metadata"].as_object_mut().unwrap().remove("creationTimestamp");
    let earlier = binding(
        "ClusterRoleBinding earlier",
        "ClusterRole r",
        &["ServiceAccount ci/runner", "User bob"],
    );
    let mut account = role("ServiceAccount", "ci", "runner", &json!({}));
    account["metadata"]["creationTimestamp"] = json!("2026-02-01T00:00:00Z");
    let rules = json!({ "rules": [rule(&[""], &["pods"], &["get"])] });
    let bound = role("ClusterRole", "", "r", &rules);
    let holders = read(&[later, undated, earlier, account, bound]);
    let since = |who: &str| {
        let holder = holders.iter().find(|it| it.id == who).unwrap();
        holder.since.map(|it| it.to_string().get(..10).unwrap().to_owned())
    };
    assert_eq!(since("system:serviceaccount:ci:runner").as_deref(), Some("2026-02-01"));
    assert_eq!(since("bob").as_deref(), Some("2026-01-01"));
    assert_eq!(since("ann"), None);
    // Each binding says since when what it gives is held.
    let ann = holders.iter().find(|it| it.id == "ann").unwrap();
    let dates: Vec<_> = ann.policies.iter().map(|it| it.since.map(|it| it.to_string())).collect();
    let told = |it: &str| Some(it.to_owned());
    assert_eq!(dates, [told("2026-03-01T00:00:00.000Z"), told("2026-01-01T00:00:00.000Z")]);
}

#[test]
fn what_a_role_grants_is_held_no_longer_than_the_role_is_there() {
    let made = |mut it: Value, day: &str| {
        it["metadata"]["creationTimestamp"] = json!(format!("{day}T00:00:00Z"));
        it
    };
    let rules = |verb| json!({ "rules": [rule(&[""], &["pods"], &[verb])] });
    let whole = json!({
        "rules": [rule(&[""], &["pods"], &["list"]), rule(&[""], &["pods"], &["get"])],
        "aggregationRule": { "clusterRoleSelectors": [{ "matchLabels": { "part": "yes" } }] },
    });
    let mut part = made(role("ClusterRole", "", "part", &rules("get")), "2026-05-01");
    part["metadata"]["labels"] = json!({ "part": "yes" });
    let holders = read(&[
        binding("RoleBinding shop/old", "Role r", &["User ann"]),
        made(role("Role", "shop", "r", &rules("delete")), "2026-04-01"),
        binding("ClusterRoleBinding wide", "ClusterRole whole", &["User ann"]),
        made(role("ClusterRole", "", "whole", &whole), "2026-02-01"),
        part,
    ]);
    let ann = holders.iter().find(|it| it.id == "ann").unwrap();
    let day = |it: &bailiwick_model::HeldPolicy| {
        let since = it.since.map(|it| it.to_string()).unwrap_or_default();
        format!("{} {}", since.get(..10).unwrap_or("-"), it.path)
    };
    assert_eq!(
        ann.policies.iter().map(day).collect::<Vec<_>>(),
        [
            "2026-04-01 RoleBinding shop/old › Role r",
            "2026-05-01 ClusterRoleBinding wide › ClusterRole whole › ClusterRole part",
            "2026-02-01 ClusterRoleBinding wide › ClusterRole whole",
        ]
    );
    assert_eq!(ann.since.map(|it| it.to_string()).as_deref(), Some("2026-01-01T00:00:00.000Z"));
}

#[test]
fn lists_of_one_kind_lines_and_several_files_say_the_same_as_one_list() {
    let role =
        role("ClusterRole", "", "r", &json!({ "rules": [rule(&[""], &["pods"], &["get"])] }));
    let binding = binding("ClusterRoleBinding b", "ClusterRole r", &["User ann"]);
    let whole = told(&read(&[role.clone(), binding.clone()]));
    assert_eq!(whole, "ann: ClusterRoleBinding b › ClusterRole r: core/pods:get on *");
    let lines = format!("{role}\n{binding}\n");
    assert_eq!(told(&read_grants(lines.as_bytes()).unwrap()), whole);
    let mut bare = role.clone();
    bare.as_object_mut().unwrap().remove("kind");
    let roles = json!({ "kind": "ClusterRoleList", "items": [bare] }).to_string();
    let bindings = json!({ "kind": "List", "items": [binding, { "kind": "Pod" }] }).to_string();
    let files = [("bindings.json", &bindings), ("roles.json", &roles)];
    let files = files.map(|(name, it)| GrantFile { name, bytes: it.as_bytes() });
    assert_eq!(told(&read_grant_files(&files).unwrap()), whole);
    assert_eq!(read(&[]), []);
}

#[test]
fn what_is_wrong_is_said_with_its_file_and_its_place() {
    let many: Vec<_> = (0..400).map(|it| it.to_string()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let said = |item: Value| {
        let list = json!({ "kind": "List", "items": [item] }).to_string();
        let file = GrantFile { name: "rbac.json", bytes: list.as_bytes() };
        read_grant_files(&[file]).unwrap_err().to_string()
    };
    let role = |rule: Value| role("Role", "shop", "r", &json!({ "rules": [rule] }));
    for (item, wanted) in [
        (role(json!({ "verbs": "get" })), "`rbac.json`: Role shop/r: rules[0]: `verbs` is no list"),
        (
            role(json!({ "verbs": [1] })),
            "`rbac.json`: Role shop/r: rules[0]: `verbs` has something that is no text",
        ),
        (
            role(rule(&many, &many, &["get"])),
            "`rbac.json`: Role shop/r: rules[0]: it comes to more than 100000 names",
        ),
        (
            binding("ClusterRoleBinding b", "Role r", &[]),
            "`rbac.json`: ClusterRoleBinding b: its `roleRef` is a `Role`, which it cannot bind",
        ),
        (
            binding("RoleBinding shop/b", "Role r", &["Robot ann"]),
            "`rbac.json`: RoleBinding shop/b: subject `ann` is a `Robot`: none of ServiceAccount, User, Group",
        ),
        (
            json!({ "kind": "RoleBinding", "metadata": { "name": "b" } }),
            "`rbac.json`: RoleBinding b: it has no `roleRef` with a `name`",
        ),
    ] {
        assert_eq!(said(item), wanted);
    }
    let pods = json!({ "kind": "List", "items": [{ "kind": "Pod" }] }).to_string();
    let error = read_grants(pods.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("this is no list of grants that is known"), "{error}");
}
