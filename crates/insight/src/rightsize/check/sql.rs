//! As much of SQL as takes rights back and gives them again, word by word, as a server reads it.

/// One word, or one mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// In small letters, as a server takes it.
    Word(String),
    /// What stands in `"`.
    Name(String),
    /// What stands in `'`.
    Text(String),
    /// What stands between two `$check$`.
    Body(String),
    Mark(char),
}

impl Token {
    /// Says whether it is this word.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(it) if it == word)
    }

    /// Gives the name that it stands for.
    pub(super) fn name(&self) -> Option<&str> {
        if let Self::Word(it) | Self::Name(it) = self { Some(it) } else { None }
    }
}

/// Takes SQL apart; nothing where it has what is not written here, or what servers and `psql` read in several ways.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let behind = rest.get(letter.len_utf8()..)?;
        rest = match letter {
            ' ' | '\n' => behind,
            '"' => {
                let (name, behind) = quoted(behind, '"', false)?;
                tokens.push(Token::Name(name));
                behind
            }
            '\'' => {
                let (text, behind) = quoted(behind, '\'', false)?;
                // What a backslash is, a setting says.
                tokens.push(Some(Token::Text(text)).filter(|it| !has_backslash(it))?);
                behind
            }
            'E' if behind.starts_with('\'') => {
                let (text, behind) = quoted(behind.get(1..)?, '\'', true)?;
                tokens.push(Token::Text(text));
                behind
            }
            '$' => {
                let (tag, inside) = behind.split_once('$')?;
                let is_tag = tag.starts_with(|it: char| it.is_ascii_alphabetic())
                    && tag.chars().all(|it| it.is_ascii_alphanumeric());
                let (body, behind) = inside.split_once(&format!("${tag}$"))?;
                tokens.push(Some(Token::Body(body.to_owned())).filter(|_| is_tag)?);
                behind
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let is_in = |it: char| it.is_ascii_alphanumeric() || it == '_';
                let end = rest.find(|it| !is_in(it)).unwrap_or(rest.len());
                let (word, behind) = rest.split_at_checked(end)?;
                // What follows at once would be a part of it, or a text of another kind.
                if behind.starts_with(|it: char| !it.is_ascii() || matches!(it, '$' | '\'' | '"')) {
                    return None;
                }
                tokens.push(Token::Word(word.to_ascii_lowercase()));
                behind
            }
            ';' | ',' | '(' | ')' | '.' | ':' => {
                tokens.push(Token::Mark(letter));
                behind
            }
            _ => return None,
        };
    }
    Some(tokens)
}

fn has_backslash(token: &Token) -> bool {
    matches!(token, Token::Text(it) if it.contains('\\'))
}

/// Reads up to the end of what is quoted; a quote within it is two, and so is a backslash where it counts.
fn quoted(text: &str, quote: char, escapes: bool) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == quote && letters.next_if(|it| it.1 == quote).is_none() {
            let end = at.saturating_add(letter.len_utf8());
            return Some((inside, text.get(end..)?));
        }
        if letter == '\\' && escapes {
            letters.next_if(|it| it.1 == '\\')?;
        }
        if letter == '\0' {
            return None;
        }
        inside.push(letter);
    }
    None
}

/// Takes a name apart: `shop."Odd.One"`.
pub(super) fn parts(name: &str) -> Option<Vec<String>> {
    let tokens = tokens(name)?;
    let (parts, rest) = dotted(&tokens)?;
    // A list writes what is not in quotes in small letters.
    let is_listed = rest.is_empty() && !name.starts_with(' ') && !name.ends_with(' ');
    is_listed.then_some(parts)
}

/// Reads names with dots between them, and gives what is behind.
pub(super) fn dotted(tokens: &[Token]) -> Option<(Vec<String>, &[Token])> {
    let (first, mut rest) = tokens.split_first()?;
    let mut parts = vec![first.name()?.to_owned()];
    while let [Token::Mark('.'), next, behind @ ..] = rest {
        parts.push(next.name()?.to_owned());
        rest = behind;
    }
    Some((parts, rest))
}

/// Writes tokens for people.
pub(super) fn told(tokens: &[Token]) -> String {
    let one = |it: &Token| match it {
        Token::Word(it) => it.to_ascii_uppercase(),
        Token::Name(it) => format!("\"{it}\""),
        Token::Text(it) => format!("'{it}'"),
        Token::Body(_) => "$…$".to_owned(),
        Token::Mark(it) => it.to_string(),
    };
    tokens.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_several_read_in_several_ways_is_refused() {
        for text in [
            "a -- b", "/* a */", "a\\b", "'a\\b'", "E'a\\nb'", "e'a'", "u&\"a\"", "\"a", "'a",
            "$a$ b", "$1", "a$b", "ä", "a\tb", "1", "a = b", "$$a$$",
        ] {
            assert_eq!(tokens(text), None, "{text}");
        }
        let read = tokens("REVOKE a ON \"b;\"\"c\" E'd\\\\''' $check$;$check$;");
        let told = read.map(|it| told(&it)).unwrap_or_default();
        assert_eq!(told, "REVOKE A ON \"b;\"c\" 'd\\'' $…$ ;");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[ -~ä\n]{0,40}") {
            let _ = (tokens(&text).is_some(), parts(&text).is_some());
        }

        #[test]
        fn whatever_stands_in_quotes_is_one_name(name in "[^\0]{1,20}") {
            let text = format!("\"{}\"", name.replace('"', "\"\""));
            prop_assert_eq!(tokens(&text), Some(vec![Token::Name(name.clone())]));
            prop_assert_eq!(parts(&text), Some(vec![name]));
        }
    }
}
