//! Wrong input on the admin socket.

use serde_json::json;

use super::House;

#[test]
fn wrong_input_on_the_admin_socket_changes_nothing() {
    let house = House::new();
    let governor = &house.governor;
    // Whoever is answered once finds a governor that has nothing more to record by itself.
    let read = governor.call(&house.token, "read_note", &json!({"path": "/notes/first"}));
    assert_eq!(read["isError"], false, "{read}");
    let before = governor.records().len();
    for (method, path, body, status) in [
        ("POST", "/api/v1/tasks", json!({}), 400),
        ("POST", "/api/v1/tasks", json!([]), 400),
        (
            "POST",
            "/api/v1/tasks",
            json!({"identity": "reader", "template": "reading", "root": true}),
            400,
        ),
        ("POST", "/api/v1/tasks", json!({"identity": "../reader", "template": "reading"}), 400),
        ("POST", "/api/v1/tasks/no-task/end", json!({}), 400),
        ("POST", "/api/v1/tasks/task_01JD0000000000000000000000/end", json!({}), 404),
        (
            "POST",
            "/api/v1/holds/hold_01JD0000000000000000000000/answer",
            json!({"by": "ada", "signed": ""}),
            404,
        ),
        ("GET", "/api/v1/decisions/dec_01JD0000000000000000000000", json!({}), 404),
        ("GET", "/api/v1/nothing", json!({}), 404),
        ("DELETE", "/api/v1/tasks", json!({}), 405),
        ("POST", "/api/v1/persons", json!({"name": "ada\n", "key": ""}), 400),
        ("POST", "/api/v1/containment/reader/release", json!({"by": "ada", "signed": "x"}), 403),
    ] {
        let answer = governor.admin(method, path, &body);
        assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
    }
    let huge = json!({"identity": "reader", "template": "x".repeat(1 << 20)});
    assert_eq!(governor.admin("POST", "/api/v1/tasks", &huge).status, 413);
    assert_eq!(governor.records().len(), before);
    house.goes_on(1);
}
