//! Cuts a file of policies into policies without reading them: each can then be compiled by itself,
//! and kept for as long as it says the same.

/// One policy as it is written, with whatever stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'t> {
    /// Where it begins in the file, in bytes.
    pub(crate) start: usize,
    /// On which line, counted from one.
    pub(crate) line: usize,
    pub(crate) text: &'t str,
}

/// What a byte stands in.
#[derive(Clone, Copy)]
enum Within {
    Policy,
    /// A text between quotes.
    Text,
    /// A remark, down to the end of its line.
    Remark,
}

/// Cuts `text` behind every semicolon that ends a policy. Together the pieces are the text.
///
/// Where the text is no Cedar, a piece may be none either: then the whole of it is, too.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut start, mut line) = (Vec::new(), 0, 1_usize);
    let mut take = |end: usize| {
        let Some(piece) = text.get(start..end).filter(|it| !it.is_empty()) else { return };
        pieces.push(Piece { start, line, text: piece });
        line = line.saturating_add(lines(piece));
        start = end;
    };
    let mut within = Within::Policy;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        within = match (within, byte) {
            (Within::Policy, b'"') => Within::Text,
            (Within::Text, b'"') | (Within::Remark, b'\n' | b'\r') => Within::Policy,
            (Within::Policy, b'/') if bytes.peek().is_some_and(|(_, next)| *next == b'/') => {
                Within::Remark
            }
            (Within::Text, b'\\') => {
                bytes.next();
                Within::Text
            }
            (Within::Policy, b';') => {
                take(at.saturating_add(1));
                Within::Policy
            }
            (same, _) => same,
        };
    }
    take(text.len());
    pieces
}

/// Counts the ends of lines in `text`.
pub(crate) fn lines(text: &str) -> usize {
    text.bytes().filter(|it| *it == b'\n').count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        pieces(text).into_iter().map(|it| it.text).collect()
    }

    #[test]
    fn a_semicolon_in_a_text_or_a_remark_ends_nothing() {
        assert_eq!(texts(r#"a ";" b; c"#), [r#"a ";" b;"#, " c"]);
        assert_eq!(texts("a // ; \"\nb; c;\n"), ["a // ; \"\nb;", " c;", "\n"]);
        assert_eq!(texts("a // ;\rb;"), ["a // ;\rb;"]);
        assert_eq!(texts(r#""\";" ; "\\"; x"#), [r#""\";" ;"#, r#" "\\";"#, " x"]);
        assert_eq!(texts(r#""//"; x"#), [r#""//";"#, " x"]);
        assert!(texts("").is_empty());
    }

    #[test]
    fn a_piece_knows_its_line() {
        let lines: Vec<usize> = pieces("a;\nb\n;c;\n").iter().map(|it| it.line).collect();
        assert_eq!(lines, [1, 1, 3, 3]);
    }

    proptest! {
        #[test]
        fn the_pieces_of_a_text_are_the_text(text in "[a;\"/\\\\\n\ré]{0,40}") {
            let found = pieces(&text);
            prop_assert_eq!(found.iter().map(|it| it.text).collect::<String>(), text.clone());
            for it in found {
                let (before, from) = text.split_at(it.start);
                prop_assert!(from.starts_with(it.text));
                prop_assert_eq!(it.line, before.matches('\n').count().saturating_add(1));
            }
        }
    }
}
