//! `path --html`: a task as a page for a review.

use serde_json::json;

use crate::governor::{Governor, NOTES};

#[test]
fn a_page_tells_what_was_asked_and_who_answered() {
    let mut governor = Governor::start(NOTES);
    let person = governor.person("ada");
    let (task, token) = governor.open("reader", "asking", &[]);
    governor.call(&token, "read_note", &json!({"path": "/notes/<b>"}));
    let write = json!({"path": "/notes/a", "text": "</script><script>alert(1)</script>"});
    let held = governor.call(&token, "write_note", &write);
    let hold = held["structuredContent"]["hold"].as_str().unwrap();
    let mut words = vec!["hold", "approve", hold];
    words.extend(person.iter().map(String::as_str));
    governor.json(&words);
    governor.call(&token, "write_note", &write);
    governor.json(&["task", "end", &task]);

    let page = governor.run(&["path", &task, "--html"]);
    assert_eq!(page.code, 0, "{}", page.stderr);
    for told in
        ["Approved by ada", hold, "/notes/&lt;b&gt;", "Ended (asked)", ">allowed<", ">held<"]
    {
        assert!(page.stdout.contains(told), "{told}");
    }
    assert!(!page.stdout.contains("<script"), "no script, of nobody");
    assert!(!page.stdout.contains("<b>\""), "no markup of others");

    // Who reviews it later needs no governor.
    governor.stop();
    let later = governor.run(&["path", &task, "--html"]);
    let body = |it: &str| it.split("<footer>").next().unwrap().to_owned();
    assert_eq!(body(&later.stdout), body(&page.stdout));
}
