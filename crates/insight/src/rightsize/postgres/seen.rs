//! Who uses what a role is granted under other names, and on which days that would be seen.
//!
//! Whoever becomes a role is still logged under the name with which they signed in. Whom the log shows to have become it, did
//! all that they did perhaps as that role. A superuser may become any role: where a log has nothing of pgaudit's class
//! `misc_set`, to which `SET ROLE` belongs, or of `read` and `write`, to which `set_config` does, none of it is seen; nor is `LOCK TABLE`
//! without `misc`.

use std::collections::BTreeSet;

use bailiwick_model::{Json, Platform};

use super::{super::named::Besides, name::parts, rows, word};
use crate::{
    exercised::{Days, Exercised},
    names::{Sort, bare},
};

/// Rights of pgaudit's classes `read` and `write`: `set_config('role', …)` is in either, by the statement in which it stands.
const STATEMENTS: [&str; 2] = ["table *:SELECT", "table *:INSERT"];

/// Commands that pgaudit logs as `misc` and in no other case. `SET` and `RESET` are of a class of their own, `misc_set`:
/// either may be logged without the other.
const MISC: [&str; 24] = [
    "ANALYZE",
    "BEGIN",
    "CHECKPOINT",
    "CLOSE CURSOR",
    "CLOSE CURSOR ALL",
    "COMMIT",
    "DEALLOCATE",
    "DEALLOCATE ALL",
    "DISCARD",
    "DISCARD ALL",
    "FETCH",
    "LISTEN",
    "LOCK TABLE",
    "MOVE",
    "NOTIFY",
    "RELEASE",
    "ROLLBACK",
    "ROLLBACK TO SAVEPOINT",
    "SAVEPOINT",
    "SHOW",
    "START TRANSACTION",
    "UNLISTEN",
    "UNLISTEN *",
    "VACUUM",
];

/// Gives what a lock of a table may have taken, by its manual: any one of these is enough. Version 16 lets `INSERT` take the
/// weaker locks, too, and 17 has `MAINTAIN` for all. Nothing where the command is no such lock.
pub(super) fn locks(command: &str) -> Option<&'static [&'static str]> {
    let mode = command.strip_prefix("LOCK TABLE IN ")?.strip_suffix(" MODE")?;
    Some(match mode {
        "ACCESS SHARE" => &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "MAINTAIN"],
        "ROW SHARE" | "ROW EXCLUSIVE" => &["INSERT", "UPDATE", "DELETE", "TRUNCATE", "MAINTAIN"],
        _ => &["UPDATE", "DELETE", "TRUNCATE", "MAINTAIN"],
    })
}

/// Gives whose use counts as that of a role: its members', and that of whoever became it or one of them.
pub(super) fn users(listed: &Json, members: &[&str], exercised: &Exercised) -> Vec<String> {
    let mut all: Vec<String> = members.iter().map(|it| (*it).to_owned()).collect();
    let mut met: BTreeSet<String> = all.iter().cloned().collect();
    let is_bound = |who: &str| {
        let mut roles = rows(listed, "roles");
        roles.any(|it| word(it, 0) == who && word(it, 2) != "t")
    };
    let becomes = |name: &str, who: &str| match name.strip_prefix("role ") {
        Some(role) => {
            let role = role.strip_suffix(":SET").and_then(parts);
            matches!(role.as_deref(), Some([one]) if members.contains(&one.as_str()))
        }
        // Which role it was, the log does not say: whoever is no superuser is a member of it.
        None => name == "role:SET" && !is_bound(who),
    };
    for (who, doer) in exercised.doers() {
        let mut done = doer.deeds.iter().filter(|it| !it.1.done.is_empty());
        let is_one = who.platform == Platform::Postgres
            && done.any(|it| becomes(bare(Platform::Postgres, it.0), &who.id));
        if is_one && met.insert(who.id.clone()) {
            all.push(who.id);
        }
    }
    // Some come in as another role without a word.
    for row in rows(listed, "settings") {
        let role = word(row, 2).strip_prefix("role=");
        let is_one = role.is_some_and(|it| members.contains(&it));
        let everybody = rows(listed, "roles").map(|it| word(it, 0));
        for who in everybody
            .filter(|it| is_one && matches!(word(row, 0), to if to.is_empty() || to == *it))
        {
            if met.insert(who.to_owned()) {
                all.push(who.to_owned());
            }
        }
    }
    all
}

/// Gives the days on which whoever becomes another role, or locks a table, is seen.
pub(super) fn besides(exercised: &Exercised) -> Besides {
    let (mut days, mut misc) = (Days::default(), Days::default());
    for (_, doer) in exercised.doers().iter().filter(|it| it.0.platform == Platform::Postgres) {
        for (name, deeds) in &doer.deeds {
            let name = bare(Platform::Postgres, name);
            let is_lock = name.rsplit_once(':').is_some_and(|it| locks(it.1).is_some());
            // A `role …:SET` shows nothing of that class: `set_config` makes one, too.
            let class = match name {
                "SET" | "RESET" => &mut days,
                _ if is_lock || MISC.contains(&name) => &mut misc,
                _ => continue,
            };
            deeds.done.values().for_each(|it| class.join(&it.days));
        }
    }
    days.keep(&misc);
    for right in STATEMENTS {
        let sorts = Sort::spanned(Platform::Postgres, right).unwrap_or_default();
        let sort = exercised.only_account(Platform::Postgres).zip(sorts.first());
        let observed = |it: (&str, &Sort<'_>)| exercised.observed(Platform::Postgres, it.0, it.1);
        days.keep(&sort.map_or_else(Days::default, observed));
    }
    Besides {
        days,
        source: "pgaudit's classes misc_set, in which `SET ROLE` is, read and write, in which `set_config` is, and misc, in which `LOCK TABLE` is, on one day",
        is_about: |name| name.starts_with("table "),
        lacks: "the log has no day with something of each of pgaudit's classes misc_set (`SET`, `RESET`), read (`SELECT`), write (`INSERT`) and misc (`BEGIN`, `SHOW`): a superuser who became this role (`SET ROLE`, `set_config`), and what only `LOCK TABLE` took, would not have been seen, and all rights on tables stay",
    }
}
