//! As much of a statement as says what it changes, or reads alone. Whatever is not plain stays open.

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// It changes one table.
    Changes { operation: &'static str, schema: Option<String>, table: String },
    /// It reads, and these names are in it.
    Reads(Vec<String>),
    /// It is none that is so plain.
    Open,
}

/// One word of a statement, or one mark.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// In lower case, as the server takes it.
    Word(String),
    /// A name in quotes, as it is.
    Name(String),
    Mark(char),
}

/// Finds what a statement is about.
pub(super) fn target(statement: &str) -> Target {
    let Some(tokens) = tokens(statement) else { return Target::Open };
    let end = tokens.iter().position(|it| *it == Token::Mark(';')).unwrap_or(tokens.len());
    if tokens.iter().skip(end).any(|it| *it != Token::Mark(';')) {
        // Which of several was refused, the log does not say.
        return Target::Open;
    }
    let mut words = tokens.iter().peekable();
    let mut skip = |word: &str| words.next_if(|it| **it == Token::Word(word.to_owned())).is_some();
    let operation = if skip("insert") && skip("into") {
        "INSERT"
    } else if skip("update") {
        "UPDATE"
    } else if skip("delete") && skip("from") {
        "DELETE"
    } else if skip("truncate") {
        skip("table");
        "TRUNCATE"
    } else if skip("select") {
        return reads(&tokens);
    } else {
        return Target::Open;
    };
    skip("only");
    let (Some(first), dot, second) = (name(words.next()), words.next(), name(words.next())) else {
        return Target::Open;
    };
    match (dot, second) {
        (Some(Token::Mark('.')), Some(table)) => {
            Target::Changes { operation, schema: Some(first), table }
        }
        (Some(Token::Mark('.')), None) => Target::Open,
        _ => Target::Changes { operation, schema: None, table: first },
    }
}

/// A query that locks rows, or makes a table, takes more than to read.
fn reads(tokens: &[Token]) -> Target {
    let takes_more = |it: &Token| matches!(it, Token::Word(it) if it == "for" || it == "into");
    if tokens.iter().any(takes_more) {
        return Target::Open;
    }
    Target::Reads(tokens.iter().filter_map(|it| name(Some(it))).collect())
}

fn name(token: Option<&Token>) -> Option<String> {
    match token? {
        Token::Word(name) | Token::Name(name) => Some(name.clone()),
        Token::Mark(_) => None,
    }
}

/// Gives the command that alone the owner may give, where a statement is one: `DROP TABLE`.
pub(super) fn of_owner(statement: &str, sort: &str) -> String {
    let sort = sort.to_ascii_uppercase();
    let begins = |command: &str| {
        let begin = statement.trim_start().get(..command.len());
        begin.is_some_and(|it| it.eq_ignore_ascii_case(command))
    };
    let commands = [format!("ALTER {sort}"), format!("DROP {sort}")];
    commands.into_iter().find(|it| begins(it)).unwrap_or_default()
}

/// Gives the role that `SET ROLE` names, as it is written.
pub(super) fn role_of(statement: &str) -> Option<String> {
    let tokens = tokens(statement)?;
    let mut rest = tokens.as_slice();
    let mut skip = |word: &str| match rest.split_first() {
        Some((Token::Word(it), more)) if it == word => {
            rest = more;
            true
        }
        _ => false,
    };
    if !skip("set") {
        return None;
    }
    let _how_long = skip("session") || skip("local");
    if !skip("role") {
        return None;
    }
    match rest {
        [Token::Word(role), end @ ..] if role != "none" && role != "to" && is_end(end) => {
            Some(written(role))
        }
        [Token::Name(role), end @ ..] if is_end(end) => Some(written(role)),
        _ => None,
    }
}

fn is_end(tokens: &[Token]) -> bool {
    tokens.iter().all(|it| *it == Token::Mark(';'))
}

/// Writes a name as the server does: in quotes where it has to be.
pub(super) fn written(name: &str) -> String {
    let plain = |it: char| matches!(it, 'a'..='z' | '0'..='9' | '_');
    if !name.is_empty()
        && name.chars().all(plain)
        && !name.starts_with(|it: char| it.is_ascii_digit())
    {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Takes a statement apart; none where it holds what is not worth to be understood here.
fn tokens(statement: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = statement.trim_start();
    while let Some(letter) = rest.chars().next() {
        rest = match letter {
            '\'' => past(rest.get(1..)?, '\'')?.1,
            '"' => {
                let (name, rest) = past(rest.get(1..)?, '"')?;
                tokens.push(Token::Name(name));
                rest
            }
            // Comments, and text in dollars.
            '-' if rest.starts_with("--") => rest.split_once('\n').map_or("", |it| it.1),
            '/' if rest.starts_with("/*") => rest.get(2..)?.split_once("*/")?.1,
            '$' if !rest.get(1..)?.starts_with(|it: char| it.is_ascii_digit()) => return None,
            it if it.is_alphabetic() || it == '_' => {
                let part = |it: char| it.is_alphanumeric() || matches!(it, '_' | '$');
                let (word, rest) = rest.split_at(rest.find(|it| !part(it)).unwrap_or(rest.len()));
                if word.eq_ignore_ascii_case("e") && rest.starts_with('\'') {
                    // In such text a quote may be escaped.
                    return None;
                }
                tokens.push(Token::Word(word.to_lowercase()));
                rest
            }
            it if it.is_ascii_digit() => rest.trim_start_matches(|it: char| it.is_alphanumeric()),
            it => {
                tokens.push(Token::Mark(it));
                rest.get(it.len_utf8()..)?
            }
        }
        .trim_start();
    }
    Some(tokens)
}

/// Reads up to the end of what is quoted; a quote within it is two.
fn past(text: &str, quote: char) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, more) = rest.split_once(quote)?;
        name.push_str(part);
        match more.strip_prefix(quote) {
            Some(more) => {
                name.push(quote);
                rest = more;
            }
            None => return Some((name, more)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(statement: &str) -> String {
        match target(statement) {
            Target::Changes { operation, schema, table } => {
                format!("{operation} {}{table}", schema.map(|it| it + ".").unwrap_or_default())
            }
            Target::Reads(names) => format!("reads {}", names.join(" ")),
            Target::Open => "open".to_owned(),
        }
    }

    #[test]
    fn only_what_is_plain_is_said() {
        for (statement, is) in [
            ("INSERT INTO Orders values (1)", "INSERT orders"),
            ("insert into shop.\"Odd \"\"One\" select 1", "INSERT shop.Odd \"One"),
            ("update only orders set x = 1;", "UPDATE orders"),
            ("/* why */ delete from orders -- all", "DELETE orders"),
            ("truncate table only orders, others", "TRUNCATE orders"),
            ("select id from a where b = 'c d' and e = $1", "reads select id from a where b and e"),
            ("select * from a for update", "open"),
            ("select * into b from a", "open"),
            ("select 1; delete from orders", "open"),
            ("with x as (delete from a returning *) select * from x", "open"),
            ("do $$ begin end $$", "open"),
            ("insert orders", "open"),
            ("delete from a.", "open"),
            ("select 'never closed", "open"),
            ("select e'\\'' from a", "open"),
            ("", "open"),
        ] {
            assert_eq!(told(statement), is, "{statement}");
        }
    }

    #[test]
    fn a_role_is_taken_on_by_name() {
        for (statement, role) in [
            ("set role readers", Some("readers")),
            ("SET LOCAL ROLE \"Odd One\";", Some("\"Odd One\"")),
            ("set role none", None),
            ("set role readers; select 1", None),
            ("set work_mem = 1", None),
            ("set", None),
        ] {
            assert_eq!(role_of(statement).as_deref(), role, "{statement}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_statement_is_answered(text in proptest::prelude::any::<String>()) {
            let _target_or_open = (target(&text), role_of(&text));
        }
    }
}
