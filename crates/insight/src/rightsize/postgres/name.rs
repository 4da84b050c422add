//! Names as `PostgreSQL` writes them: in quotes where they are of more than small letters, digits and `_`.

/// Takes a name apart: `shop."Odd.One"` comes to `shop` and `Odd.One`. Nothing where it is no name that is written so.
pub(super) fn parts(name: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut rest = name;
    loop {
        let (part, behind) = match rest.strip_prefix('"') {
            Some(inside) => quoted(inside)?,
            None => plain(rest)?,
        };
        all.push(part);
        match behind.strip_prefix('.') {
            Some(more) => rest = more,
            None => return behind.is_empty().then_some(all),
        }
    }
}

/// Reads up to the quote that ends a name; one within it is two.
fn quoted(mut rest: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    loop {
        let (before, behind) = rest.split_once('"')?;
        part.push_str(before);
        match behind.strip_prefix('"') {
            Some(more) => {
                part.push('"');
                rest = more;
            }
            None => return (!part.is_empty() && !part.contains('\0')).then_some((part, behind)),
        }
    }
}

fn plain(rest: &str) -> Option<(String, &str)> {
    let is_in = |it: char| matches!(it, 'a'..='z' | '0'..='9' | '_');
    let end = rest.find(|it| !is_in(it)).unwrap_or(rest.len());
    let (part, behind) = rest.split_at_checked(end)?;
    let begins = part.starts_with(|it: char| !it.is_ascii_digit());
    begins.then(|| (part.to_owned(), behind))
}

/// Writes a name as SQL has it, whatever letters it is of.
pub(super) fn written(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Writes a text as SQL has it, whatever the server makes of backslashes.
pub(super) fn literal(text: &str) -> String {
    let inside = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", inside.replace('\\', "\\\\"))
    } else {
        format!("'{inside}'")
    }
}

/// Says whether a name that is granted is one of the log, which may lack the schema.
pub(super) fn is_same(granted: &str, logged: &str) -> bool {
    if granted == logged {
        return true;
    }
    if !granted.contains('"') && !logged.contains('"') {
        return granted.rsplit_once('.').is_some_and(|it| it.1 == logged);
    }
    let (Some(granted), Some(logged)) = (parts(granted), parts(logged)) else { return false };
    granted == logged || (logged.len() == 1 && granted.last() == logged.last())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_taken_apart_as_they_are_written() {
        let told = |name: &str| parts(name).map(|it| it.join("|")).unwrap_or_default();
        for (name, is) in [
            ("shop.orders", "shop|orders"),
            ("\"Odd One\".\"a.b\"\"c\"", "Odd One|a.b\"c"),
            ("orders", "orders"),
            ("\"user\"", "user"),
            ("Orders", ""),
            ("a b", ""),
            ("1a", ""),
            ("a.", ""),
            ("a..b", ""),
            ("\"a", ""),
            ("\"\"", ""),
            ("a; drop table b", ""),
            ("", ""),
        ] {
            assert_eq!(told(name), is, "{name}");
        }
        assert!(is_same("shop.\"user\"", "\"user\"") && is_same("shop.\"user\"", "shop.user"));
        assert!(!is_same("shop.\"a.b\"", "b") && !is_same("shop.a", "crm.a"));
    }

    proptest! {
        #[test]
        fn every_name_is_read_as_it_was_written(schema in "[^\0]{1,9}", table in "[^\0]{1,9}") {
            let name = format!("{}.{}", written(&schema), written(&table));
            prop_assert_eq!(parts(&name), Some(vec![schema, table]));
        }

        #[test]
        fn any_text_is_a_name_or_none(text in "[a-z\"._ A]{0,12}") {
            if let Some(parts) = parts(&text) {
                prop_assert!(parts.iter().all(|it| !it.is_empty()), "{:?}", parts);
            }
        }
    }
}
