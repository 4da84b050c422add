//! What is no tool is decided too: resources and prompts of the everything server.

use serde_json::{Value, json};

use super::{
    client::{Kind, reason},
    parts::Parts,
    servers,
    world::World,
};

#[test]
fn resources_and_prompts_are_listed_and_decided_like_tools() {
    let Some(parts) = Parts::find() else { return };
    let world = World::start(&parts, &servers::EVERYTHING);
    let (task, token) = world.open("working");
    for kind in Kind::BOTH {
        let mut client = world.client(kind, &token);
        assert_eq!(client.names("list_resources"), [""; 0], "no document is in the grant");
        let templates = client.names("list_resource_templates");
        assert_eq!(templates, ["demo://resource/dynamic/text/{resourceId}"]);
        assert_eq!(client.names("list_prompts"), ["args-prompt", "simple-prompt"]);

        let mut check = |step: Value, wanted: &str| {
            let answer = client.step(&step);
            let answered = if answer["ok"] == true {
                answer["result"].to_string()
            } else {
                format!("{} {}", answer["error"]["code"], reason(&answer)["code"])
            };
            assert!(answered.contains(wanted), "{step}: {answer}");
        };
        let read = |uri: &str| json!({"op": "read_resource", "name": uri});
        check(read("demo://resource/dynamic/text/7"), "Resource 7");
        check(read("demo://resource/dynamic/blob/7"), "4030 \"outside_grant\"");
        check(read("demo://resource/static/document/features.md"), "4030 \"outside_grant\"");
        let get = |name: &str, arguments: Value| json!({"op": "get_prompt", "name": name, "arguments": arguments});
        check(get("simple-prompt", json!({})), "simple prompt");
        check(get("args-prompt", json!({"city": "Berlin"})), "Berlin");
        check(get("args-prompt", json!({"city": "Paris"})), "4030 \"outside_grant\"");
        check(get("resource-prompt", json!({"resourceType": "Text", "resourceId": "1"})), "4030");
    }
    let verdicts: Vec<_> = world.steps(&task).into_iter().map(|(verdict, _)| verdict).collect();
    let one = ["allow", "deny", "deny", "allow", "allow", "deny", "deny"];
    assert_eq!(verdicts, one.repeat(2));
}

#[test]
fn what_is_no_tool_waits_for_a_person_like_a_tool() {
    let Some(parts) = Parts::find() else { return };
    let world = World::start(&parts, &servers::EVERYTHING);
    let person = world.governor.person("ada");
    for (kind, resource) in Kind::BOTH.into_iter().zip(["1", "2"]) {
        let (_, token) = world.open("asking");
        let mut client = world.client(kind, &token);
        let uri = format!("demo://resource/dynamic/text/{resource}");
        let read = json!({"op": "read_resource", "name": uri});
        let held = client.step(&read);
        assert_eq!(held["error"]["code"], 4031, "{held}");
        let hold = reason(&held)["hold"].as_str().unwrap();
        let mut words = vec!["hold", "approve", hold];
        words.extend(person.iter().map(String::as_str));
        world.governor.json(&words);
        let approved = client.step(&read);
        assert_eq!(approved["ok"], true, "{approved}");
    }
}

#[test]
fn a_child_gets_the_variables_it_is_given_and_no_others() {
    let Some(parts) = Parts::find() else { return };
    let world = World::start(&parts, &servers::EVERYTHING);
    let (_, token) = world.open("working");
    let mut client = world.client(Kind::TypeScript, &token);
    let shown = client.call("get-env", &json!({}));
    let variables: Value = serde_json::from_str(shown["text"].as_str().unwrap()).unwrap();
    let names: Vec<_> = variables.as_object().unwrap().keys().collect();
    assert_eq!(names, ["HOME", "PATH"]);
}
