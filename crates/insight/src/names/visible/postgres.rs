//! What pgaudit shows: statements by class (`pgaudit.log`), each class only where somebody asked for it.
//!
//! Rights that no statement bears by itself (to use a schema or a sequence, to be referred to) are of no class.

use super::Sort;

const READ: &str = "read";
const WRITE: &str = "write";
const FUNCTION: &str = "function";
const DDL: &str = "ddl";

/// Gives the sorts of `table public.orders:SELECT`, `table *:INSERT` or `*`.
pub(super) fn sorts(name: &str) -> Option<Vec<Sort<'_>>> {
    let (kind, right) = name.rsplit_once(':').unwrap_or((name, "*"));
    let kind = kind.split(' ').next().unwrap_or_default();
    let class = match (kind, right) {
        // Much of what they mean is of classes that few ask for.
        ("*" | "table", "*") => return None,
        // Not pgaudit's, but the server's own word.
        ("database", "CONNECT") => "connect",
        ("role", "SET") => "set",
        ("sequence" | "database" | "schema", _) => return None,
        (_, "SELECT") => READ,
        (_, "INSERT" | "UPDATE" | "DELETE" | "TRUNCATE") => WRITE,
        ("function", "EXECUTE") => FUNCTION,
        (_, right) if right.starts_with("ALTER") || right.starts_with("DROP") => DDL,
        _ => return None,
    };
    Some(vec![sort(class)])
}

fn sort(class: &'static str) -> Sort<'static> {
    Sort::new(class, class == READ)
}

#[cfg(test)]
mod tests {
    use bailiwick_model::Platform;

    use super::super::tests::told;

    #[test]
    fn each_class_of_statements_is_a_sort() {
        for (name, sorts) in [
            ("table public.orders:SELECT", "read r"),
            ("table public.odd:name:DELETE", "write w"),
            ("function public.refund:EXECUTE", "function w"),
            ("table public.orders:ALTER*", "ddl w"),
            ("*", "never"),
            ("database orders:CONNECT", "connect w"),
            ("role writers:SET", "set w"),
            ("database orders:TEMPORARY", "never"),
            ("schema public:USAGE", "never"),
            ("sequence public.ids:USAGE", "never"),
            ("table public.orders:REFERENCES", "never"),
            ("attribute:CREATEROLE", "never"),
        ] {
            assert_eq!(told(Platform::Postgres, name), sorts, "{name}");
        }
    }
}
