//! Law 11 for Kubernetes, and what a log of it does not tell.

use bailiwick_model::{Json, Platform, Timestamp};
use proptest::prelude::*;

use crate::{
    exercised::Exercised,
    rightsize::{
        Decide, KeptFor, Margin, RightsizeError, Rightsized, Wishes,
        fixture::{file, files, json, log, plan, verified},
        rightsize_kubernetes,
        written::{items, text},
    },
};

const ME: &str = "system:serviceaccount:ci:runner";

/// Everything but what is asked of secrets was seen on two days.
const LOG: [&str; 7] = [
    "1 system:serviceaccount:ci:runner | core/pods | list | shop/* | ok",
    "1 other | apps/deployments | get | shop/a | ok",
    "1 other | apps/deployments | watch | shop/* | ok",
    "1 other | apps/deployments | create | shop/a | ok",
    "1 other | core/pods | watch | shop/* | ok",
    "1 other | core/pods | delete | shop/a | ok",
    "2 system:serviceaccount:ci:runner | core/pods | get | shop/a | ok",
];

fn exercised(more: &[&str]) -> Exercised {
    let lines: Vec<_> = LOG.iter().chain(more).map(|it| (*it).to_owned()).collect();
    // Each came on both days.
    let again = lines.iter().map(|it| it.replacen("1 other", "2 other", 1));
    let again: Vec<_> = lines.iter().cloned().chain(again).collect();
    log(Platform::Kubernetes, &again)
}

fn wishes() -> Wishes {
    Wishes { window_days: 2, grace_days: 0, ..Wishes::default() }
}

#[test]
fn what_was_used_in_a_cluster_that_has_a_name_is_used() {
    let used = ["1 system:serviceaccount:ci:runner | core/pods | get | shop/a | ok"];
    let plain = exercised(&used);
    let lines = LOG.iter().chain(&used).map(|it| it.replacen(' ', "@east ", 1));
    let again: Vec<_> = lines.flat_map(|it| [it.replacen("1@", "2@", 1), it]).collect();
    let named = log(Platform::Kubernetes, &again);
    let grants = grants(WIDE, RUNNER);
    let rules = |all: &Exercised| {
        let made = made(all, &grants, &wishes());
        let name = files(&made)
            .into_iter()
            .find(|it| it.starts_with("policies/") && it.strip_suffix(".yaml").is_some())
            .expect("a role");
        file(&made, name).to_owned()
    };
    assert!(rules(&named).contains("get"), "{}", rules(&named));
    assert_eq!(rules(&named), rules(&plain));
}

/// Gives a list of a role with these rules and of who is bound to it.
fn grants(rules: &str, subjects: &str) -> Json {
    json(&format!(
        r#"{{"kind":"List","items":[
          {{"kind":"ClusterRole","metadata":{{"name":"editors","uid":"x"}},"rules":{rules}}},
          {{"kind":"RoleBinding","metadata":{{"name":"edit","namespace":"shop","uid":"b-1","resourceVersion":"7",
              "labels":{{"team":"a b"}},"annotations":{{"note":"kept"}},"finalizers":["example.com/hold"],
              "ownerReferences":[{{"apiVersion":"v1","kind":"ConfigMap","name":"owner","uid":"o-1"}}]}},
            "roleRef":{{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"editors"}},
            "subjects":{subjects}}}]}}"#
    ))
}

const RUNNER: &str = r#"[{"kind":"ServiceAccount","name":"runner","namespace":"ci"}]"#;
const BOTH: &str =
    r#"[{"kind":"ServiceAccount","name":"runner","namespace":"ci"},{"kind":"User","name":"ann"}]"#;
const WIDE: &str =
    r#"[{"apiGroups":["","apps"],"resources":["pods","deployments"],"verbs":["*"]}]"#;

fn made(exercised: &Exercised, grants: &Json, wishes: &Wishes) -> Rightsized {
    let made = rightsize_kubernetes((exercised, wishes), grants, "ci:runner", Timestamp::default());
    let made = made.expect("smaller roles");
    let checks = &made.certificate.checks;
    assert!(
        checks.gives_no_more && checks.gives_all_used,
        "{:?}",
        verified(&made, grants, exercised)
    );
    assert!(verified(&made, grants, exercised).holds);
    made
}

/// Tells what is left of rules: the decision, and the rules.
fn told(rules: &str, more: &[&str], wishes: &Wishes) -> String {
    let grants = grants(rules, RUNNER);
    let made = made(&exercised(more), &grants, wishes);
    let text = files(&made)
        .into_iter()
        .find(|it| it.starts_with("policies/") && it.strip_suffix(".yaml").is_some());
    let text = text.map(|it| file(&made, it)).unwrap_or_default();
    let rules = text.split("---").next().unwrap_or_default().split("rules:\n").nth(1);
    format!("{}\n{}", made.certificate.decisions[0].decision.as_str(), rules.unwrap_or_default())
}

#[test]
fn the_subject_gets_a_role_of_its_own_and_others_keep_theirs() {
    let (exercised, grants) = (exercised(&[]), grants(WIDE, BOTH));
    let made = made(&exercised, &grants, &wishes());
    assert_eq!(
        files(&made),
        [
            "policies/edit-runner-rightsized.yaml",
            "policies/shop_edit-others.json",
            "rollback/shop_edit.yaml"
        ]
    );
    insta::assert_snapshot!(file(&made, "policies/edit-runner-rightsized.yaml"), @r#"
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata:
      name: edit-runner-rightsized
      namespace: shop
    rules:
    - apiGroups: [""]
      resources: ["pods"]
      verbs: ["get","list"]
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      name: edit-runner-rightsized
      namespace: shop
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: Role
      name: edit-runner-rightsized
    subjects:
    - kind: ServiceAccount
      name: runner
      namespace: ci
    "#);
    insta::assert_snapshot!(plan(&made), @r"
    shadow:
    bailiwick rightsize shadow certificate.json NEW-LOGS --grants GRANTS
    back:
    replace:
    kubectl auth reconcile -f policies/edit-runner-rightsized.yaml
    kubectl patch rolebinding --namespace shop --type json --patch-file policies/shop_edit-others.json -- edit
    back:
    kubectl auth reconcile -f rollback/shop_edit.yaml
    kubectl delete -f policies/edit-runner-rightsized.yaml
    ");
    let certificate = &made.certificate;
    assert_eq!(certificate.kept[&KeptFor::Exercised], ["core/pods:get", "core/pods:list"]);
    let removed = &certificate.removed.actions;
    assert!(removed.contains(&"apps/deployments:create".to_owned()), "{removed:?}");
    assert!(removed.contains(&"core/pods:delete".to_owned()), "{removed:?}");
}

#[test]
fn the_old_binding_is_patched_and_can_be_as_it_was() {
    let made = made(&exercised(&[]), &grants(WIDE, BOTH), &wishes());
    let patch = made.documents.iter().find(|it| it.file == "policies/shop_edit-others.json");
    insta::assert_snapshot!(patch.expect("a patch").json.canonical().replace("},{\"op", "},\n{\"op"), @r#"
    [{"op":"test","path":"/metadata/uid","value":"b-1"},
    {"op":"test","path":"/roleRef","value":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"editors"}},
    {"op":"test","path":"/subjects","value":[{"kind":"ServiceAccount","name":"runner","namespace":"ci"},{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"ann"}]},
    {"op":"replace","path":"/subjects","value":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"ann"}]}]
    "#);
    insta::assert_snapshot!(file(&made, "rollback/shop_edit.yaml"), @r#"
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      annotations:
        note: kept
      finalizers: ["example.com/hold"]
      labels:
        team: "a b"
      name: edit
      namespace: shop
      ownerReferences:
      - apiVersion: v1
        kind: ConfigMap
        name: owner
        uid: o-1
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: ClusterRole
      name: editors
    subjects:
    - kind: ServiceAccount
      name: runner
      namespace: ci
    "#);
}

#[test]
fn what_no_record_names_stays_beside_what_was_used() {
    let rules = |of: &str, verbs: &str| {
        format!(
            r#"[{{"apiGroups":["{}"],"resources":["{}"],"verbs":[{verbs}]}}]"#,
            of.split('/').next().unwrap_or_default(),
            of.split_once('/').map_or("", |it| it.1)
        )
    };
    let all = r#""get","create","update","patch","delete""#;
    // What is applied where nothing is yet is created.
    let patched = ["1 system:serviceaccount:ci:runner | apps/deployments | patch | shop/a | ok"];
    insta::assert_snapshot!(told(&rules("apps/deployments", all), &patched, &wishes()), @r#"
    reduce
    - apiGroups: ["apps"]
      resources: ["deployments"]
      verbs: ["create","patch"]
    "#);
    // Whoever hands roles on must hold what it hands on.
    let hands_on = [
        "1 system:serviceaccount:ci:runner | rbac.authorization.k8s.io/rolebindings | create | shop/a | ok",
    ];
    assert_eq!(told(&rules("apps/deployments", all), &hands_on, &wishes()), "keep\n");
    // A stream is opened by either verb.
    let opened = ["1 system:serviceaccount:ci:runner | core/pods/exec | get | shop/a | ok"];
    assert_eq!(told(&rules("/pods/exec", r#""create","get""#), &opened, &wishes()), "keep\n");
    // What is asked besides a call, what stands for all, and addresses that others ask about.
    for rule in [
        rules("rbac.authorization.k8s.io/roles", r#""bind","escalate""#),
        rules("*/pods", r#""delete""#),
        rules("apps/*", r#""delete""#),
        rules("example.com/things", r#""*""#),
        rules("/secrets", r#""get""#),
        r#"[{"nonResourceURLs":["/metrics"],"verbs":["get"]}]"#.to_owned(),
    ] {
        assert_eq!(told(&rule, &[], &wishes()), "keep\n", "{rule}");
    }
    // A record without its group may have been of any.
    let unknown = ["1 system:serviceaccount:ci:runner | core/deployments | create | shop/a | ok"];
    assert_eq!(told(&rules("apps/deployments", all), &unknown, &wishes()), "keep\n");
    assert_eq!(told(&rules("apps/deployments", all), &[], &wishes()), "revoke\n");
    let denied = ["1 system:serviceaccount:ci:runner | apps/deployments | delete | shop/a | no"];
    assert!(
        told(&rules("apps/deployments", all), &denied, &wishes()).contains(r#"verbs: ["delete"]"#)
    );
}

#[test]
fn a_role_of_one_namespace_names_no_address() {
    let rules = r#"[{"apiGroups":[""],"resources":["pods"],"verbs":["list","delete"]},
        {"nonResourceURLs":["/metrics"],"verbs":["get"]}]"#;
    insta::assert_snapshot!(told(rules, &[], &wishes()), @r#"
    reduce
    - apiGroups: [""]
      resources: ["pods"]
      verbs: ["list"]
    "#);
    let all = made(&exercised(&[]), &grants(rules, RUNNER), &wishes());
    let names = all.certificate.kept.values().flatten();
    assert_eq!(names.collect::<Vec<_>>(), ["core/pods:list"]);
    // In the whole cluster it gives one.
    let wide = grants(rules, RUNNER).canonical().replace("RoleBinding", "ClusterRoleBinding");
    let wide = json(&wide.replace(r#""namespace":"shop","#, ""));
    let all = made(&exercised(&[]), &wide, &wishes());
    let names = all.certificate.kept.values().flatten();
    let names: std::collections::BTreeSet<_> = names.map(String::as_str).collect();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["core/pods:list", "nonresource:get /metrics"]
    );
}

#[test]
fn the_later_of_the_days_that_are_known_is_that_of_a_grant() {
    let grants = grants(WIDE, RUNNER).canonical();
    let young = Wishes { window_days: 1, grace_days: 1, ..Wishes::default() };
    let decided = |object: &str| {
        let dated = grants
            .replace(object, &format!(r#""creationTimestamp":"1970-01-03T00:00:00Z",{object}"#));
        assert_ne!(dated, grants);
        let made = made(&exercised(&[]), &json(&dated), &young);
        made.certificate.decisions[0].decision.as_str()
    };
    let none = made(&exercised(&[]), &json(&grants), &young);
    assert_eq!(none.certificate.decisions[0].decision.as_str(), "reduce");
    for object in [r#""name":"editors","uid""#, r#""name":"edit","namespace""#] {
        assert_eq!(decided(object), "keep", "{object}");
    }
}

#[test]
fn what_a_server_asked_about_stays_and_what_no_record_says_is_noted() {
    let rules =
        r#"[{"apiGroups":["apps"],"resources":["deployments"],"verbs":["create","delete"]}]"#;
    assert_eq!(told(rules, &[], &wishes()), "revoke\n");
    let about = |who: &str, what: &str| {
        format!("1 {who} | apps/deployments | asked about {what} | shop/a | ok")
    };
    assert!(told(rules, &[&about(ME, "delete")], &wishes()).contains(r#"verbs: ["delete"]"#));
    assert_eq!(told(rules, &[&about(ME, "*")], &wishes()), "keep\n");
    assert_eq!(told(rules, &[&about("other", "delete")], &wishes()), "revoke\n");
    assert_eq!(told(rules, &[&about(ME, "patch")], &wishes()), "revoke\n");
    let asks = "1 system:node:a | authorization.k8s.io/subjectaccessreviews | create | x | ok";
    let own = "1 ann | authorization.k8s.io/selfsubjectaccessreviews | create | x | ok";
    let notes = |more: &[&str]| {
        let made = made(&exercised(more), &grants(rules, RUNNER), &wishes());
        made.certificate.notes.join("\n")
    };
    assert!(
        notes(&[asks]).contains(
            "2 of 2 questions that servers asked the API server (system:node:a) do not say"
        ),
        "{}",
        notes(&[asks])
    );
    // Each came on both days, and the answer to one of them says whom it is about.
    let said = about("other", "get").replacen('1', "2", 1);
    assert_eq!(notes(&[asks, &said, &said]), "");
    assert_eq!(notes(&[own]), "");
}

#[test]
fn margins_and_wishes_keep_more() {
    let rules =
        r#"[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list","watch","delete"]}]"#;
    let verbs = |wishes: &Wishes| {
        let told = told(rules, &[], wishes);
        told.split("verbs: ").nth(1).unwrap_or("").trim().to_owned()
    };
    assert_eq!(verbs(&wishes()), r#"["get","list"]"#);
    assert_eq!(
        verbs(&Wishes { margin: Margin::Siblings, ..wishes() }),
        r#"["get","list","watch"]"#
    );
    let keep = vec!["core/pods:d*".to_owned()];
    assert_eq!(verbs(&Wishes { keep, ..wishes() }), r#"["get","list","delete"]"#);
    assert_eq!(verbs(&Wishes { window_days: 3, ..wishes() }), "", "two days were observed");
}

#[test]
fn groups_and_what_kubernetes_keeps_up_stay() {
    let crowd = r#"[{"kind":"Group","name":"system:serviceaccounts:ci"},{"kind":"Group","name":"ops"},
        {"kind":"ServiceAccount","name":"runner","namespace":"elsewhere"}]"#;
    let (exercised, wishes) = (exercised(&[]), wishes());
    let of = |list: &Json, wanted: &str| {
        rightsize_kubernetes((&exercised, &wishes), list, wanted, Timestamp::default())
    };
    let with_account = Json::List(vec![
        grants(WIDE, crowd),
        json(r#"{"kind":"ServiceAccount","metadata":{"name":"runner","namespace":"ci"}}"#),
    ]);
    assert!(matches!(of(&with_account, "runner"), Err(RightsizeError::Several { .. })));
    let made = of(&with_account, ME).expect("roles");
    let decision = &made.certificate.decisions[0];
    assert_eq!(decision.decision, Decide::Keep);
    assert!(
        decision.why.starts_with("held through the group system:serviceaccounts:ci"),
        "{decision:?}"
    );
    assert!(made.certificate.notes[0].contains("whether it is in ops no list says"));
    assert!(verified(&made, &with_account, &exercised).holds);
    let odd = grants(
        r#"[{"apiGroups":[""],"resources":["pods"],"verbs":["get"],"mood":"good"}]"#,
        RUNNER,
    );
    let error = of(&odd, ME).expect_err("an odd rule").to_string();
    assert_eq!(error, "ClusterRole editors: a rule in it has a shape that is not known");
    let error = of(&odd, "nobody").expect_err("nobody").to_string();
    assert_eq!(error, "no user and no service account in these grants is `nobody`");
}

const STILL: &str = "a patch does not ask whether the binding is still what was listed";

/// Does a patch as an API server does: all of it, or none where a test fails.
fn patched(live: &Json, patch: &Json) -> Option<Json> {
    let mut live = live.clone();
    let Json::List(steps) = patch else { panic!("no patch: {patch:?}") };
    for step in steps {
        let text = |name: &str| step.get(name).and_then(Json::as_text).expect("a text");
        let path: Vec<_> = text("path").split('/').skip(1).collect();
        let mut at = &mut live;
        for name in &path {
            let Json::Object(members) = at else { return None };
            at = members.get_mut(*name)?;
        }
        let value = step.get("value")?.clone();
        match text("op") {
            "test" if *at != value => return None,
            "test" => {}
            "replace" => *at = value,
            other => panic!("{other}"),
        }
    }
    Some(live)
}

#[test]
fn who_was_added_to_a_binding_meanwhile_is_not_dropped() {
    let exercised = exercised(&[]);
    let subjects = |who: &str| {
        format!(r#"[{{"kind":"ServiceAccount","name":"runner","namespace":"ci"}}{who}]"#)
    };
    let ann = r#",{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"ann"}"#;
    let bob = r#",{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"bob"}"#;
    let live = |who: &str| {
        let list = grants(WIDE, &subjects(who));
        let all = items(&list, "items").iter().find(|it| text(it, "kind") == "RoleBinding");
        all.expect("a binding").clone()
    };
    for listed in ["", ann] {
        let made = made(&exercised, &grants(WIDE, &subjects(listed)), &wishes());
        let patch = made.documents.iter().find(|it| it.file.ends_with("-others.json"));
        let patch = &patch.expect("a patch").json;
        let left = patched(&live(listed), patch).expect("it is what was listed");
        let names: Vec<_> = items(&left, "subjects").iter().map(|it| text(it, "name")).collect();
        assert_eq!(names, if listed.is_empty() { vec![] } else { vec!["ann"] });
        // Nothing else of it changes.
        assert_eq!(left.get("metadata"), live(listed).get("metadata"));
        let other = format!("{listed}{bob}");
        assert_eq!(patched(&live(&other), patch), None, "bob came meanwhile");
        let renewed = json(&live(listed).canonical().replace("b-1", "b-2"));
        assert_eq!(patched(&renewed, patch), None, "it is another of the same name");
        // Nothing is deleted, or written whole.
        let plan = plan(&made);
        let forth = plan.split("back:\n").nth(1).expect("a stage");
        assert!(!forth.contains("delete") && !forth.contains("kubectl replace"), "{plan}");
    }
}

const OWN: &str = "policies/edit-runner-rightsized.yaml";
/// In which file what becomes what, and what is said of it.
const CHANGES: &[(&str, &str, &str, &str)] = &[
    (OWN, r#"["get","list"#, r#"["delete","get","list"#, "called removed, and is not"),
    (OWN, r#""pods""#, r#""secrets""#, "this was not allowed: get secrets of ``"),
    (OWN, "kind: Role\n", "kind: ClusterRole\n", ""),
    (
        OWN,
        "- kind: ServiceAccount",
        "- kind: User\n  name: bob\n- kind: ServiceAccount",
        "others are changed",
    ),
    (OWN, "rules:", "rules: []\nmore:", ""),
    (
        "policies/shop_edit-others.json",
        r#""value":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"ann"}]"#,
        r#""value":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"bob"}]"#,
        "others are changed with it: RoleBinding edit",
    ),
    ("policies/shop_edit-others.json", r#""name":"editors""#, r#""name":"other""#, STILL),
    ("policies/shop_edit-others.json", r#""value":"b-1""#, r#""value":"b-2""#, STILL),
    (
        "policies/shop_edit-others.json",
        r#"{"op":"test","path":"/metadata/uid","value":"b-1"},"#,
        "",
        STILL,
    ),
    ("policies/shop_edit-others.json", r#","namespace":"ci""#, r#","namespace":"cd""#, STILL),
    (
        "policies/shop_edit-others.json",
        r#""op":"replace","path":"/subjects""#,
        r#""op":"replace","path":"/roleRef""#,
        "a patch is of another kind",
    ),
    (
        "policies/shop_edit-others.json",
        r#""op":"replace""#,
        r#""op":"add""#,
        "a patch is of another kind",
    ),
    ("rollback/shop_edit.yaml", "name: runner", "name: other", "the way back gives something else"),
    (
        "rollback/shop_edit.yaml",
        "name: editors",
        "name: other",
        "the way back gives something else",
    ),
    ("rollback/shop_edit.yaml", "note: kept", "note: other", "the way back gives something else"),
    (
        "rollback/shop_edit.yaml",
        "name: edit\n",
        "name: admin\n",
        "the way back gives something else",
    ),
];

#[test]
fn whatever_is_changed_in_the_yaml_is_noticed() {
    let (exercised, grants) = (exercised(&[]), grants(WIDE, BOTH));
    let made = made(&exercised, &grants, &wishes());
    for &(place, was, is, fault) in CHANGES {
        let mut other = made.clone();
        let document = other.documents.iter_mut().find(|it| it.file == place).expect("a document");
        let text = document.json.as_text().map(str::to_owned);
        let plain = text.clone().unwrap_or_else(|| document.json.canonical());
        assert!(plain.contains(was), "{was}: {plain}");
        let changed = plain.replacen(was, is, 1);
        document.json = if text.is_some() { Json::Text(changed) } else { json(&changed) };
        let sha256 = crate::rightsize::digest_of(&document.json);
        let of_decisions = other.certificate.decisions.iter_mut().flat_map(|it| &mut it.documents);
        for it in of_decisions.chain(&mut other.certificate.files) {
            if it.file == place {
                it.sha256 = sha256;
            }
        }
        let told = verified(&other, &grants, &exercised);
        let all =
            [told.files.clone(), told.claims.clone(), told.gives_more.clone()].concat().join("\n");
        assert!(!told.holds && all.contains(fault), "{is}: {told:?}");
    }
}

/// Gives a rule out of small numbers.
fn rule((groups, resources, verbs, object): (Vec<u8>, Vec<u8>, Vec<u8>, u8)) -> String {
    let pick = |from: &[&str], all: &[u8]| {
        let all = all
            .iter()
            .map(|it| format!("\"{}\"", from.iter().cycle().nth(usize::from(*it)).expect("one")));
        all.collect::<Vec<_>>().join(",")
    };
    let groups = pick(&["", "apps", "*", "example.com", "rbac.authorization.k8s.io"], &groups);
    let resources =
        pick(&["pods", "deployments", "secrets", "*", "pods/exec", "*/scale", "roles"], &resources);
    let verbs = pick(&["get", "list", "watch", "create", "patch", "delete", "*", "bind"], &verbs);
    let objects = if object == 0 { r#","resourceNames":["a"]"# } else { "" };
    format!(r#"{{"apiGroups":[{groups}],"resources":[{resources}],"verbs":[{verbs}]{objects}}}"#)
}

fn cluster(roles: &[Vec<String>], bindings: &[(u8, u8, u8)]) -> Json {
    let mut items: Vec<String> = Vec::new();
    for (place, rules) in roles.iter().enumerate() {
        let rules = rules.join(",");
        items.push(format!(
            r#"{{"kind":"ClusterRole","metadata":{{"name":"r{place}"}},"rules":[{rules}]}}"#
        ));
    }
    for (place, (role, namespace, who)) in bindings.iter().enumerate() {
        let (kind, within) = match namespace % 3 {
            0 => ("ClusterRoleBinding", String::new()),
            it => (
                "RoleBinding",
                format!(r#","namespace":"{}""#, ["", "shop", "ci"][usize::from(it)]),
            ),
        };
        let subjects = [RUNNER, BOTH, r#"[{"kind":"Group","name":"system:serviceaccounts"}]"#]
            [usize::from(who % 3)];
        let role = (0..roles.len()).cycle().nth(usize::from(*role)).expect("a role");
        items.push(format!(
            r#"{{"kind":"{kind}","metadata":{{"name":"b{place}"{within}}},"roleRef":{{"kind":"ClusterRole","name":"r{role}"}},"subjects":{subjects}}}"#
        ));
    }
    items.push(
        r#"{"kind":"ServiceAccount","metadata":{"name":"runner","namespace":"ci"}}"#.to_owned(),
    );
    json(&format!(r#"{{"kind":"List","items":[{}]}}"#, items.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    /// Law 11, asked of a checker that shares no reading of roles with what wrote them.
    #[test]
    fn law_11_smaller_roles_give_all_that_was_used_and_nothing_new(
        roles in proptest::collection::vec(
            proptest::collection::vec(
                (proptest::collection::vec(0..9_u8, 1..3), proptest::collection::vec(0..9_u8, 1..4), proptest::collection::vec(0..9_u8, 1..4), 0..4_u8).prop_map(rule),
                1..4,
            ),
            1..3,
        ),
        bindings in proptest::collection::vec((0..9_u8, 0..9_u8, 0..9_u8), 1..4),
        events in proptest::collection::vec((1..4_u8, any::<bool>(), 0..7_usize, 0..7_usize, 0..4_usize, 0..5_u8), 0..10),
        window_days in 0..3_u64,
        margin in any::<bool>(),
    ) {
        let grants = cluster(&roles, &bindings);
        let event = |(day, me, service, verb, on, ok): &(u8, bool, usize, usize, usize, u8)| {
            let services = ["core/pods", "apps/deployments", "core/secrets", "core/pods/exec", "apps/deployments/scale", "example.com/pods", "core/roles"];
            let verbs = ["get", "list", "watch", "create", "patch", "delete", "asked about get"];
            let who = if *me { ME } else { "ann" };
            // Who may not ask is told nothing of anybody.
            let ok = if *ok == 0 && *verb != 6 { "no" } else { "ok" };
            format!("{day} {who} | {} | {} | {} | {ok}", services[*service], verbs[*verb], ["shop/a", "ci/b", "shop/*", "a"][*on])
        };
        let lines: Vec<_> = events.iter().map(event).collect();
        let exercised = log(Platform::Kubernetes, &lines);
        let margin = if margin { Margin::Siblings } else { Margin::None };
        let wishes = Wishes { window_days, grace_days: 0, margin, ..Wishes::default() };
        let made = rightsize_kubernetes((&exercised, &wishes), &grants, ME, Timestamp::default());
        let made = made.expect("smaller roles");
        let told = verified(&made, &grants, &exercised);
        prop_assert!(told.holds, "{:?}", told);
        let checks = &made.certificate.checks;
        prop_assert!(checks.gives_no_more && checks.gives_all_used);
        for name in &made.certificate.removed.actions {
            // What stands for more than it names, and what is asked besides a call, nobody sees.
            prop_assert!(!name.contains('*') && !name.ends_with(":bind"), "{}", name);
            let asked = |it: &String| {
                let parts: Vec<_> = it.split(" | ").collect();
                let verb = parts[2].trim_start_matches("asked about ");
                parts[0].ends_with(ME) && format!("{}:{verb}", parts[1]) == *name
            };
            prop_assert!(!lines.iter().any(asked), "{}", name);
        }
    }
}
