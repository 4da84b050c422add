//! Values between commas (RFC 4180), as PostgreSQL writes them: quoted where they have to be.

use std::borrow::Cow;

/// Takes one record apart; none where a quote stands where it cannot, or is not closed.
pub(super) fn fields(mut text: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut all = Vec::new();
    loop {
        let (field, rest) = field(text)?;
        all.push(field);
        match rest {
            Some(rest) => text = rest,
            None => return Some(all),
        }
    }
}

/// Reads one value, and gives what is behind the comma.
fn field(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let Some(mut quoted) = text.strip_prefix('"') else {
        let (value, rest) = match text.split_once(',') {
            Some((value, rest)) => (value, Some(rest)),
            None => (text, None),
        };
        return (!value.contains('"')).then_some((Cow::Borrowed(value), rest));
    };
    let mut value = Cow::Borrowed("");
    loop {
        let (part, rest) = quoted.split_once('"')?;
        if value.is_empty() {
            value = Cow::Borrowed(part);
        } else {
            value.to_mut().push_str(part);
        }
        match rest.strip_prefix('"') {
            Some(more) => {
                value.to_mut().push('"');
                quoted = more;
            }
            None if rest.is_empty() => return Some((value, None)),
            None => return Some((value, Some(rest.strip_prefix(',')?))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_taken_out_of_their_quotes() {
        for (text, values) in [
            ("", Some(vec![""])),
            ("a,,b", Some(vec!["a", "", "b"])),
            (r#""a,b","c""d",e"#, Some(vec!["a,b", "c\"d", "e"])),
            (r#""""Odd, One"".""a""""b""""#, Some(vec![r#""Odd, One"."a""b""#])),
            ("\"a\nb\",c", Some(vec!["a\nb", "c"])),
            (r#""a"#, None),
            (r#""a"b,c"#, None),
            (r#"a"b"#, None),
        ] {
            let read = fields(text);
            let read = read.as_ref().map(|it| it.iter().map(|it| &**it).collect::<Vec<_>>());
            assert_eq!(read, values, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(values in proptest::collection::vec("[a,\"\n é]{0,6}", 1..6)) {
            let quoted: Vec<_> = values.iter().map(|it| format!("\"{}\"", it.replace('"', "\"\""))).collect();
            let text = quoted.join(",");
            prop_assert_eq!(fields(&text).expect("it was written well"), values);
        }
    }
}
