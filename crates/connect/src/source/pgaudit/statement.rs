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

/// Whom a statement makes of whoever gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Becomes {
    /// A role of this name, as it is written.
    Role(String),
    /// Nobody else.
    Nobody,
    /// Who knows: it is not there, or not plain.
    Open,
}

/// One word of a statement, or one mark.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// In lower case, as the server takes it.
    Word(String),
    /// A name in quotes, as it is.
    Name(String),
    /// A text in quotes, as it is.
    Text(String),
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
        Token::Text(_) | Token::Mark(_) => None,
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

/// Says whom a `SET` makes of whoever gives it. A text of several statements stands beside each of them.
pub(super) fn becomes(statement: &str) -> Becomes {
    let Some(tokens) = tokens(statement) else { return Becomes::Open };
    let mut found = Becomes::Nobody;
    for one in tokens.split(|it| *it == Token::Mark(';')).filter(|it| !it.is_empty()) {
        found = match (set(one), found) {
            (Becomes::Nobody, known) => known,
            (Becomes::Role(role), Becomes::Nobody) => Becomes::Role(role),
            (Becomes::Role(role), Becomes::Role(known)) if role == known => Becomes::Role(role),
            (Becomes::Role(_) | Becomes::Open, _) => return Becomes::Open,
        };
    }
    let is_set = |it: &Token| *it == Token::Word("set".to_owned());
    // Whatever is no `SET` stands for one that lies in it.
    if tokens.iter().any(is_set) { found } else { Becomes::Open }
}

/// Reads `SET [SESSION|LOCAL] ROLE name`, `SET … SESSION AUTHORIZATION name`, and both as settings: `SET role TO name`.
fn set(tokens: &[Token]) -> Becomes {
    let mut rest = tokens;
    let mut skip = |word: &str| match rest.split_first() {
        Some((Token::Word(it), more)) if it == word => {
            rest = more;
            true
        }
        _ => false,
    };
    if !skip("set") {
        return Becomes::Nobody;
    }
    let is_session = skip("session");
    let _only_here = skip("local");
    let is_again = skip("session");
    let is_other = if is_session || is_again {
        skip("authorization") || (!is_again && (skip("role") || skip("session_authorization")))
    } else {
        skip("role") || skip("session_authorization")
    };
    if !is_other {
        // In quotes it is the same setting.
        let named = matches!(rest.first(), Some(Token::Name(it)) if it == "role" || it == "session_authorization");
        return if named { Becomes::Open } else { Becomes::Nobody };
    }
    if !skip("to") {
        rest = rest.strip_prefix(&[Token::Mark('=')]).unwrap_or(rest);
    }
    match rest {
        [Token::Word(none)] if none == "none" || none == "default" => Becomes::Nobody,
        [Token::Text(none)] if none == "none" => Becomes::Nobody,
        [Token::Word(role) | Token::Name(role) | Token::Text(role)] => Becomes::Role(written(role)),
        _ => Becomes::Open,
    }
}

/// Says whom a query makes of whoever gives it, by `set_config('role', …)`.
pub(super) fn configures(statement: &str) -> Becomes {
    let begin = "set_config";
    let is_there = |it: &[u8]| it.eq_ignore_ascii_case(begin.as_bytes());
    if !statement.as_bytes().windows(begin.len()).any(is_there) {
        return Becomes::Nobody;
    }
    let Some(tokens) = tokens(statement) else { return Becomes::Open };
    let is_call = |it: &Token| matches!(it, Token::Word(it) | Token::Name(it) if it == begin);
    let mut found = Becomes::Nobody;
    for (place, _) in tokens.iter().enumerate().filter(|it| is_call(it.1)) {
        let next = tokens.get(place.saturating_add(1)..).unwrap_or_default();
        let becomes = match next {
            [Token::Mark('('), Token::Text(setting), Token::Mark(','), rest @ ..] => {
                let is_role = ["role", "session_authorization"]
                    .iter()
                    .any(|it| setting.eq_ignore_ascii_case(it));
                match rest {
                    _ if !is_role => Becomes::Nobody,
                    [Token::Text(none), Token::Mark(','), ..] if none == "none" => Becomes::Nobody,
                    [Token::Text(role), Token::Mark(','), ..] => Becomes::Role(written(role)),
                    _ => Becomes::Open,
                }
            }
            _ => Becomes::Open,
        };
        found = match (becomes, found) {
            (Becomes::Nobody, known) => known,
            (role, Becomes::Nobody) => role,
            (role, known) if role == known => role,
            _ => Becomes::Open,
        };
    }
    found
}

/// Ways to lock a table, as they are written.
const MODES: [&str; 8] = [
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
];

/// Gives the one table that a `LOCK TABLE` names, as it is written, and how it is locked.
pub(super) fn locked(statement: &str) -> Option<(String, String)> {
    let tokens = tokens(statement)?;
    let word = |it: &str| Token::Word(it.to_owned());
    // A text of several statements stands beside each of them.
    let all = tokens.split(|it| *it == Token::Mark(';'));
    let mut all = all.filter(|it| it.first() == Some(&word("lock")));
    let (Some(mut rest), None) = (all.next(), all.next()) else { return None };
    let skip = |rest: &mut &[Token], wanted: &Token| match rest.split_first() {
        Some((it, more)) if it == wanted => {
            *rest = more;
            true
        }
        _ => false,
    };
    let _lock = skip(&mut rest, &word("lock"));
    let _said = skip(&mut rest, &word("table"));
    let _only = skip(&mut rest, &word("only"));
    let (first, more) = rest.split_first()?;
    rest = more;
    let mut table = written(&name(Some(first))?);
    if skip(&mut rest, &Token::Mark('.')) {
        let (second, more) = rest.split_first()?;
        rest = more;
        table = format!("{table}.{}", written(&name(Some(second))?));
    }
    let _with_children = skip(&mut rest, &Token::Mark('*'));
    if let [before @ .., last] = rest
        && *last == word("nowait")
    {
        rest = before;
    }
    let words: Option<Vec<&str>> = rest
        .iter()
        .map(|it| if let Token::Word(word) = it { Some(word.as_str()) } else { None })
        .collect();
    let mode = match words?.as_slice() {
        [] => "access exclusive".to_owned(),
        ["in", mode @ .., "mode"] => mode.join(" "),
        _ => return None,
    };
    let mode = MODES.into_iter().find(|it| *it == mode)?;
    Some((table, mode.to_ascii_uppercase()))
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
            '\'' => {
                let (text, rest) = past(rest.get(1..)?, '\'')?;
                tokens.push(Token::Text(text));
                rest
            }
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
        let role = |it: &str| Becomes::Role(it.to_owned());
        for (statement, is) in [
            ("set role readers", role("readers")),
            ("SET LOCAL ROLE \"Odd One\";", role("\"Odd One\"")),
            ("set session role 'readers'", role("readers")),
            ("SET role = readers", role("readers")),
            ("set local role to 'Odd.One'", role("\"Odd.One\"")),
            ("set session authorization readers", role("readers")),
            ("set session session authorization 'readers'", role("readers")),
            ("set local session authorization readers", role("readers")),
            ("set session_authorization to readers", role("readers")),
            ("begin; set role readers; select 1", role("readers")),
            ("set role readers; set work_mem = 1; set role readers", role("readers")),
            ("set role none", Becomes::Nobody),
            ("set session authorization default", Becomes::Nobody),
            ("set work_mem = 1", Becomes::Nobody),
            ("set time zone 'UTC'", Becomes::Nobody),
            ("set session characteristics as transaction read only", Becomes::Nobody),
            ("set role readers; set role writers", Becomes::Open),
            ("set role", Becomes::Open),
            ("set \"role\" to readers", Becomes::Open),
            ("set role e'readers'", Becomes::Open),
            ("<not logged>", Becomes::Open),
            ("do $$ begin set role x; end $$", Becomes::Open),
            ("", Becomes::Open),
        ] {
            assert_eq!(becomes(statement), is, "{statement}");
        }
        for (statement, is) in [
            ("select set_config('role', 'readers', true)", role("readers")),
            ("SELECT pg_catalog.SET_CONFIG('ROLE','Odd One',false)", role("\"Odd One\"")),
            (
                "select set_config('search_path', 'a', true), set_config('role', 'x', true)",
                role("x"),
            ),
            ("select set_config('role', $1, true)", Becomes::Open),
            ("select set_config($1, $2, true)", Becomes::Open),
            ("select set_config('role', 'a', true), set_config('role', 'b', true)", Becomes::Open),
            ("select set_config('work_mem', $1, true)", Becomes::Nobody),
            ("select 1", Becomes::Nobody),
        ] {
            assert_eq!(configures(statement), is, "{statement}");
        }
    }

    #[test]
    fn a_table_is_locked_in_one_way() {
        for (statement, is) in [
            ("LOCK TABLE shop.orders", "shop.orders ACCESS EXCLUSIVE"),
            ("lock orders in access share mode", "orders ACCESS SHARE"),
            (
                "lock table only \"Odd \"\"One\".\"a.b\" * in row exclusive mode nowait;",
                "\"Odd \"\"One\".\"a.b\" ROW EXCLUSIVE",
            ),
            ("lock a in share update exclusive mode", "a SHARE UPDATE EXCLUSIVE"),
            ("lock a nowait", "a ACCESS EXCLUSIVE"),
            ("begin; lock a in share mode; commit", "a SHARE"),
            ("lock a, b in share mode", ""),
            ("lock a in odd mode", ""),
            ("lock a; lock b", ""),
            ("lock db.shop.orders", ""),
            ("lock", ""),
            ("<not logged>", ""),
        ] {
            let told = locked(statement).map(|it| format!("{} {}", it.0, it.1));
            assert_eq!(told.unwrap_or_default(), is, "{statement}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_statement_is_answered(text in proptest::prelude::any::<String>()) {
            let _target_or_open = (target(&text), becomes(&text), configures(&text), locked(&text));
        }
    }
}
