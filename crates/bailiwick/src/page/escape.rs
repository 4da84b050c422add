//! Text that others wrote, as text in a page.

/// So much of one value is shown.
const LEN_MAX: usize = 4000;

/// Writes a text such that nothing in it is markup, and that it looks like what it is: characters
/// that hide, or turn the writing round, are spelled out.
pub(crate) fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars();
    for it in characters.by_ref().take(LEN_MAX) {
        match it {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(it),
            it if hides(it) => out.push_str(&format!("<i>\\u{{{:x}}}</i>", u32::from(it))),
            it => out.push(it),
        }
    }
    let left = characters.count();
    if 0 < left {
        out.push_str(&format!(" <i>and {left} characters more</i>"));
    }
    out
}

/// Writes a word of our own as an attribute's value.
pub(crate) fn attribute(word: &str) -> String {
    word.chars().filter(|it| it.is_ascii_alphanumeric() || *it == '-').collect()
}

/// Writes a text such that it may stand in an attribute, or in a drawing, where no markup of ours may be.
pub(crate) fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for it in plain(value).chars() {
        match it {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            it => out.push(it),
        }
    }
    out
}

/// Spells out characters that hide, move or turn the writing round, for a terminal too.
pub(crate) fn plain(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for it in value.chars().take(LEN_MAX) {
        if hides(it) {
            out.push_str(&format!("\\u{{{:x}}}", u32::from(it)));
        } else {
            out.push(it);
        }
    }
    out
}

/// Spells them out in each of several lines.
pub(crate) fn lines(value: &str) -> String {
    let all: Vec<_> = value.split('\n').map(|it| begun(it, LEN_MAX)).collect();
    all.join("\n")
}

/// Spells them out, and says how much is left out of what is longer than `most` characters.
pub(crate) fn begun(value: &str, most: usize) -> String {
    let most = most.min(LEN_MAX);
    let end = value.char_indices().nth(most).map(|it| it.0);
    let Some((begin, rest)) = end.and_then(|it| value.split_at_checked(it)) else {
        return plain(value);
    };
    format!("{}… and {} characters more", plain(begin), rest.chars().count())
}

fn hides(it: char) -> bool {
    it.is_control()
        || matches!(it,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_is_shown_and_hiding_characters_are_spelled_out() {
        assert_eq!(text("<b title=\"a'b\">&"), "&lt;b title=&quot;a&#39;b&quot;&gt;&amp;");
        assert_eq!(text("a\u{202e}b\0"), "a<i>\\u{202e}</i>b<i>\\u{0}</i>");
        assert_eq!(text(&"x".repeat(4002)).len(), 4000 + " <i>and 2 characters more</i>".len());
    }

    #[test]
    fn what_an_attribute_holds_is_text_without_markup() {
        assert_eq!(quoted("a\"b<\u{202e}\u{1b}'"), "a&quot;b&lt;\\u{202e}\\u{1b}&#39;");
        assert_eq!(plain("\u{1b}[31mred\n"), "\\u{1b}[31mred\\u{a}");
    }

    #[test]
    fn several_lines_stay_lines_and_a_long_one_says_how_long() {
        assert_eq!(lines("a\u{1b}[2J\n b\r\n"), "a\\u{1b}[2J\n b\\u{d}\n");
        assert_eq!(
            lines(&"x".repeat(4_002)),
            format!("{}… and 2 characters more", "x".repeat(4_000))
        );
        assert_eq!(begun("é\nè", 2), "é\\u{a}… and 1 characters more");
        assert_eq!(begun("é\u{9b}", 2), "é\\u{9b}");
    }

    proptest! {
        #[test]
        fn nothing_in_a_line_moves_a_terminal(value in "\\PC*|[\u{0}-\u{1f}\u{7f}-\u{9f}a\u{202e}]{0,60}") {
            let shown = lines(&value);
            prop_assert!(shown.chars().all(|it| it == '\n' || !hides(it)), "{shown:?}");
            prop_assert_eq!(shown.matches('\n').count(), value.matches('\n').count());
        }

        #[test]
        fn nothing_in_a_value_is_markup(value in "\\PC*|[<>&\"'a-z/=\u{202e}\u{0}-\u{1f}]{0,60}") {
            let shown = text(&value).replace("<i>", "").replace("</i>", "");
            prop_assert!(!shown.contains(['<', '>', '"', '\'']));
        }
    }
}
