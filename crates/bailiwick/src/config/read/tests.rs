//! How values are read.

use bailiwick_model::{OnWiden, Timestamp};
use toml::Spanned;

use super::{Field, Reader, Table};
use crate::config::Source;

fn read<T>(text: &str, make: impl FnOnce(&Field<'_>) -> T) -> (Option<T>, Vec<String>) {
    let source = Source::new("x.toml", text);
    let reader = Reader::new(&source);
    let made = reader.read(|root: &Table<'_>| make(&root.get("x")));
    (made, reader.found().iter().map(ToString::to_string).collect())
}

fn text(field: &Field<'_>) -> Option<Spanned<String>> {
    field.text()
}

fn whole(field: &Field<'_>) -> Option<Spanned<u64>> {
    field.whole()
}

fn size(field: &Field<'_>) -> Option<Spanned<u64>> {
    field.size()
}

fn moment(field: &Field<'_>) -> Option<Spanned<Timestamp>> {
    field.moment()
}

#[test]
fn a_missing_value_is_nothing_and_no_mistake() {
    let (made, found) = read("", |it| (it.text(), it.whole(), it.truth(), it.items().len()));
    assert_eq!(made, Some((None, None, None, 0)));
    assert!(found.is_empty());
}

#[test]
fn whole_numbers_may_be_written_in_every_way_of_toml() {
    for (text, number) in [("1_000", 1000), ("+5", 5), ("0xff", 255), ("0b11", 3), ("0", 0)] {
        let (made, found) = read(&format!("x = {text}"), whole);
        assert_eq!(made.flatten().map(Spanned::into_inner), Some(number), "{text}");
        assert!(found.is_empty());
    }
    for text in ["-1", "18446744073709551616", "1.5", "\"1\"", "[1]"] {
        let (made, found) = read(&format!("x = {text}"), whole);
        assert!(made.flatten().is_none() && found.len() == 1, "{text}");
    }
}

#[test]
fn sizes_are_bytes_or_words() {
    for (text, wanted) in [("4096", 4096), ("\"1 MiB\"", 1 << 20), ("\"2kB\"", 2000)] {
        let (made, _) = read(&format!("x = {text}"), size);
        assert_eq!(made.flatten().map(Spanned::into_inner), Some(wanted), "{text}");
    }
}

#[test]
fn moments_are_quoted_or_not() {
    let wanted: Timestamp = "2026-12-27T06:00:00Z".parse().unwrap();
    for text in [
        "\"2026-12-27T06:00:00Z\"",
        "2026-12-27T06:00:00Z",
        "2026-12-27T07:00:00+01:00",
        "2026-12-27 06:00:00Z",
    ] {
        let (made, found) = read(&format!("x = {text}"), moment);
        assert_eq!(made.flatten().map(Spanned::into_inner), Some(wanted), "{text} {found:?}");
    }
    // Without an offset it would be another moment in another place.
    for text in ["2026-12-27", "2026-12-27T06:00:00", "06:00:00", "\"tomorrow\""] {
        let (made, found) = read(&format!("x = {text}"), moment);
        assert!(made.flatten().is_none() && found.len() == 1, "{text}");
    }
}

#[test]
fn words_are_compared_letter_by_letter() {
    let (made, _) = read("x = \"hold\"", |it| it.word(OnWiden::ALL, OnWiden::as_str));
    assert_eq!(made.flatten(), Some(OnWiden::Hold));
    let (made, found) = read("x = \"Hold\"", |it| it.word(OnWiden::ALL, OnWiden::as_str));
    assert!(made.flatten().is_none() && found == ["`x` may not be `Hold`"]);
}

#[test]
fn keys_that_nobody_asks_for_are_unknown_in_tables_of_every_kind() {
    for text in ["y = 1", "x = { y = 1 }", "[x]\ny = 1", "[[x]]\ny = 1", "x = [{ y = 1 }]"] {
        let (_, found) = read(text, |it| {
            if it.items().is_empty() {
                it.table(|_| ());
            } else {
                for item in it.items() {
                    item.table(|_| ());
                }
            }
        });
        assert!(found.iter().any(|it| it.starts_with("unknown key")), "{text}: {found:?}");
    }
}

#[test]
fn every_syntax_error_is_told_and_then_nothing_else() {
    let (made, found) = read("x = \ny = 1 2\nz = 'a\n", text);
    assert!(made.is_none());
    assert!(1 < found.len() && found.iter().all(|it| it.starts_with("not TOML")), "{found:?}");
}
