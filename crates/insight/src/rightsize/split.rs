//! A document in as many parts as AWS's bound on the length of a policy makes of it.
//!
//! What several policies of one identity say adds up, so a statement that allows may be cut between two of its actions.

use bailiwick_model::Json;

use super::narrow::{one_or_many, texts, with};

/// How many letters a managed policy may have; white space does not count.
pub(super) const MANAGED_MAX: usize = 6_144;
/// In how many parts a policy may come: as many as may be attached to one identity.
pub(super) const PARTS_MAX: usize = 10;

/// Gives the document in parts of `max` letters at the most; none where it cannot be cut so, or not into few enough.
pub(super) fn parts(document: &Json, max: usize) -> Option<Vec<Json>> {
    let empty = with(document, "Statement", Json::List(Vec::new()));
    let room = max.checked_sub(length(&empty))?;
    let mut pieces = Vec::new();
    for statement in one_or_many(document.get("Statement")?) {
        if length(statement) <= room {
            pieces.push(statement.clone());
        } else {
            pieces.extend(cut(statement, room)?);
        }
    }
    let mut parts: Vec<Vec<Json>> = Vec::new();
    let mut left = 0_usize;
    for piece in pieces {
        let size = length(&piece).saturating_add(1);
        match parts.last_mut().filter(|_| size <= left) {
            Some(part) => part.push(piece),
            None => {
                left = room.saturating_add(1);
                parts.push(vec![piece]);
            }
        }
        left = left.saturating_sub(size);
    }
    let whole = |it: Vec<Json>| with(document, "Statement", Json::List(it));
    (parts.len() <= PARTS_MAX).then(|| parts.into_iter().map(whole).collect())
}

/// Cuts a statement between its actions.
fn cut(statement: &Json, room: usize) -> Option<Vec<Json>> {
    if statement.get("Effect").and_then(Json::as_text) != Some("Allow") {
        return None;
    }
    let names = texts(statement.get("Action")?)?;
    let bare = with(statement, "Action", Json::List(Vec::new()));
    let room = room.checked_sub(length(&bare))?;
    let mut pieces: Vec<Vec<Json>> = vec![Vec::new()];
    let mut left = room;
    for name in names {
        let name = Json::Text(name.to_owned());
        let size = length(&name).saturating_add(1);
        if room < size {
            return None;
        }
        if left < size {
            left = room;
            pieces.push(Vec::new());
        }
        left = left.saturating_sub(size);
        if let Some(piece) = pieces.last_mut() {
            piece.push(name);
        }
    }
    let number = |(place, names): (usize, Vec<Json>)| {
        let mut piece = with(statement, "Action", Json::List(names));
        if let Json::Object(members) = &mut piece
            && place != 0
        {
            // No two statements of a policy may have the same name.
            members.remove("Sid");
        }
        piece
    };
    Some(pieces.into_iter().enumerate().map(number).collect())
}

/// Counts a text's letters as AWS does, or a few more.
pub(super) fn length(value: &Json) -> usize {
    value.canonical().len()
}

#[cfg(test)]
mod tests {
    use bailiwick_model::JsonLimits;

    use super::*;

    fn document(actions: usize) -> Json {
        let names: Vec<_> = (0..actions).map(|it| format!("\"s3:Action{it}\"")).collect();
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[
                {{"Sid":"One","Effect":"Allow","Action":[{}],"Resource":"arn:aws:s3:::a/*"}},
                {{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}}]}}"#,
            names.join(",")
        );
        Json::parse(text.as_bytes(), JsonLimits::default()).expect("a document")
    }

    #[test]
    fn no_part_is_too_long_and_none_of_it_is_lost() {
        for (actions, count) in [(3, 1), (40, 2), (100, 3)] {
            let whole = document(actions);
            let parts = parts(&whole, 600).expect("parts");
            assert_eq!(parts.len(), count, "{actions}");
            let mut said = Vec::new();
            for part in &parts {
                assert!(length(part) <= 600, "{}", length(part));
                assert_eq!(part.get("Version"), whole.get("Version"));
                for statement in one_or_many(part.get("Statement").expect("statements")) {
                    said.extend(texts(statement.get("Action").expect("actions")).expect("texts"));
                }
            }
            assert_eq!(said.len(), actions.saturating_add(1));
        }
    }

    #[test]
    fn what_cannot_be_cut_is_said_to_be() {
        assert_eq!(parts(&document(3), 100), None);
        assert_eq!(parts(&document(2_000), 600), None, "too many parts");
        let denies = br#"{"Statement":{"Effect":"Deny","Action":["a:b","a:c"],"Resource":"*"}}"#;
        let denies = Json::parse(denies, JsonLimits::default()).expect("a document");
        assert_eq!(parts(&denies, 60), None);
    }
}
