//! Results that are shown in part, or not at all.

use std::{fs, path::Path};

use serde_json::json;

use super::{House, SECRET};

/// Says whether `text` stands in some file below `folder`.
fn stands_in(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).any(|path| {
        if path.is_dir() {
            return stands_in(&path, text);
        }
        let bytes = fs::read(&path).unwrap_or_default();
        bytes.windows(text.len()).any(|it| it == text.as_bytes())
    })
}

#[test]
fn a_redacted_field_is_in_no_reply_and_in_no_record() {
    let house = House::asking("redact = [\"customer.email\"]");
    let result = house.result("rows", &json!({"limit": 2}));
    let row = &result["structuredContent"]["rows"][1];
    assert_eq!(row, &json!({"id": 1, "customer": {"email": "[redacted]"}}), "{result}");
    assert!(result["content"][0]["text"].as_str().unwrap().contains("[redacted]"));
    assert_eq!(result["_meta"]["dev.bailiwick/obligations"]["redacted"], 4, "{result}");
    for tool in ["rows", "text", "image", "fails", "breaks", "tells", "asks"] {
        for body in [house.called(tool, &json!({})), house.called_in_rounds(tool, &json!({}))] {
            assert!(!body.contains(SECRET), "{tool}: {body}");
        }
    }
    assert_eq!(house.seen().len(), 15, "every call was made");
    assert!(!stands_in(&house.governor.path("state"), SECRET));
}

#[test]
fn what_cannot_be_looked_into_is_withheld_and_its_outcome_is_on_record() {
    let house = House::asking("redact = [\"email\"]");
    let result = house.result("text", &json!({}));
    assert_eq!(result["isError"], true);
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("The call was made, and what came back is withheld"), "{text}");
    assert!(text.contains("narrow@1"), "{text}");
    let records = house.governor.records();
    let outcome = records.iter().find(|it| it["kind"] == "outcome").unwrap();
    assert_eq!(outcome["outcome"], "ok");
    assert!(outcome["detail"].as_str().unwrap().contains("withheld"), "{outcome}");
}

#[test]
fn rows_are_cut() {
    let house = House::asking("rows = 2");
    let result = house.result("rows", &json!({}));
    assert_eq!(result["structuredContent"]["rows"].as_array().unwrap().len(), 2);
    let text = result["content"][0]["text"].as_str().unwrap();
    let text: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(text["rows"].as_array().unwrap().len(), 2);
    assert_eq!(result["_meta"]["dev.bailiwick/obligations"]["rows_cut"], 96);
}

#[test]
fn a_result_that_is_too_large_is_withheld_and_a_smaller_one_is_not_touched() {
    let house = House::asking("bytes = 600");
    let result = house.result("rows", &json!({}));
    assert_eq!(result["isError"], true);
    assert!(result["content"][0]["text"].as_str().unwrap().contains("600 at most"), "{result}");
    let result = house.result("rows", &json!({"limit": 1}));
    assert_eq!(result["structuredContent"]["rows"][0]["customer"]["email"], SECRET);
    assert_eq!(result["_meta"]["note"], SECRET, "nothing is looked into");
}

#[test]
fn a_call_without_obligations_is_answered_byte_for_byte() {
    let policies = "@id(\"some\") @constrain(\"narrow\")\npermit (principal, action, resource)\n\
         when { context.input has narrow };\n";
    let constraint = super::constraint("narrow", "rows = 1");
    let house = House::with(&[constraint], policies);
    let body = house.called("text", &json!({}));
    assert!(
        body.contains(
            r#""result":{"content": [{"type": "text", "text": "mail ann@example.org"}]}"#
        ),
        "{body}"
    );
}
