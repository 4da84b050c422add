//! What a tool probably does, when the operator has not said: from its name and its server's hints.
//!
//! A name or a hint can be wrong, or a lie. Only one of them makes a suggestion milder: a tool that
//! says it only reads, and whose name does not say otherwise, is taken to read.

use std::collections::BTreeSet;

use bailiwick_model::Effect;

use super::words::words;

/// What a server says of its tool, each only where it says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    /// It changes nothing.
    pub(crate) read_only: Option<bool>,
    /// It may destroy something.
    pub(crate) destructive: Option<bool>,
    /// It reaches beyond what the server knows.
    pub(crate) open_world: Option<bool>,
}

/// One effect and the words that tell of it. Doing words always count; naming words do not when the
/// name's first telling word is one of looking: `get_message` sends none.
struct Telling {
    effect: Effect,
    doing: &'static [&'static str],
    naming: &'static [&'static str],
}

const TELLING: &[Telling] = &[
    Telling {
        effect: Effect::Delete,
        doing: &[
            "delete",
            "remove",
            "rm",
            "destroy",
            "drop",
            "purge",
            "erase",
            "wipe",
            "truncate",
            "unlink",
            "uninstall",
        ],
        naming: &["trash", "clear"],
    },
    Telling {
        effect: Effect::Exec,
        doing: &["exec", "execute", "eval", "spawn"],
        naming: &[
            "run",
            "shell",
            "bash",
            "sh",
            "powershell",
            "command",
            "cmd",
            "script",
            "terminal",
        ],
    },
    Telling {
        effect: Effect::Egress,
        doing: &["send", "publish", "upload", "forward", "broadcast"],
        naming: &[
            "post", "email", "mail", "message", "sms", "tweet", "reply", "notify", "share",
            "export",
        ],
    },
    Telling {
        effect: Effect::Money,
        doing: &["pay", "refund", "buy"],
        naming: &["purchase", "payment", "payout", "transfer", "charge"],
    },
    Telling {
        effect: Effect::Secret,
        doing: &["secret", "secrets", "password", "passwords", "vault"],
        naming: &[],
    },
    Telling {
        effect: Effect::Credential,
        doing: &["mint", "rotate"],
        naming: &["token", "credential", "credentials", "apikey"],
    },
    Telling {
        effect: Effect::Membership,
        doing: &["grant", "invite"],
        naming: &[
            "member",
            "members",
            "role",
            "roles",
            "permission",
            "permissions",
            "collaborator",
        ],
    },
    Telling {
        effect: Effect::Automation,
        doing: &["deploy", "trigger"],
        naming: &["schedule", "cron", "workflow", "pipeline", "webhook", "automation"],
    },
    Telling {
        effect: Effect::Write,
        doing: &[
            "write", "create", "update", "set", "add", "insert", "edit", "modify", "move",
            "rename", "copy", "put", "save", "append", "patch", "commit", "push", "merge",
            "upsert", "replace", "store", "apply", "assign", "enable", "disable", "reset",
            "revoke", "approve", "cancel", "submit", "close", "checkout",
        ],
        naming: &["change", "comment", "start", "stop", "open", "make"],
    },
];

const LOOKING: &[&str] = &[
    "get", "list", "read", "search", "find", "fetch", "show", "view", "describe", "count", "query",
    "lookup", "check", "status", "log", "diff", "head", "tail", "stat", "tree",
];

/// Suggests what a tool does.
pub(crate) fn suggest_effects(name: &str, hints: Hints) -> BTreeSet<Effect> {
    let words = words(name);
    let looks = looks(&words);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let mut effects: BTreeSet<Effect> = TELLING
        .iter()
        .filter(|telling| has(telling.doing) || (!looks && has(telling.naming)))
        .map(|telling| telling.effect)
        .collect();
    let reads = hints.read_only == Some(true);
    if hints.destructive == Some(true) && !reads && effects.insert(Effect::Delete) {
        effects.insert(Effect::Write);
    }
    if effects.is_empty() {
        effects.insert(if reads { Effect::Read } else { Effect::Write });
    }
    effects
}

/// Says whether the first word that tells anything is one of looking.
fn looks(words: &[String]) -> bool {
    let tells =
        |word: &str| TELLING.iter().any(|it| it.doing.contains(&word) || it.naming.contains(&word));
    let mut known = words.iter().filter(|word| LOOKING.contains(&word.as_str()) || tells(word));
    known.next().is_some_and(|word| LOOKING.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Hints = Hints { read_only: None, destructive: None, open_world: None };
    const READS: Hints = Hints { read_only: Some(true), ..NONE };
    const DESTROYS: Hints = Hints { destructive: Some(true), ..NONE };

    fn check(name: &str, hints: Hints, wanted: &str) {
        let found: Vec<&str> = suggest_effects(name, hints).iter().map(|it| it.as_str()).collect();
        assert_eq!(found.join(" "), wanted, "{name}");
    }

    #[test]
    fn a_tool_of_which_nothing_is_known_writes() {
        check("frobnicate", NONE, "write");
        check("read_text_file", NONE, "write");
        check("", NONE, "write");
    }

    #[test]
    fn a_tool_that_says_it_reads_is_believed_unless_its_name_says_otherwise() {
        check("read_text_file", READS, "read");
        check("get_message", READS, "read");
        check("list_workflow_runs", READS, "read");
        check("write_file", READS, "write");
        check("delete_file", READS, "delete");
        check("getAndDelete", READS, "delete");
        check("get_secret", READS, "secret");
        check("send_email", READS, "egress");
    }

    #[test]
    fn names_tell_more_than_hints() {
        check("remove_all", NONE, "delete");
        check("runCommand", NONE, "exec");
        check("shell", NONE, "exec");
        check("postMessage", NONE, "egress");
        check("customer_export", NONE, "egress");
        check("send_money_transfer", NONE, "egress money");
        check("create_api_token", NONE, "write credential");
        check("add_member", NONE, "write membership");
        check("deploy", NONE, "automation");
    }

    #[test]
    fn a_hint_of_destruction_adds_deletion() {
        check("write_file", DESTROYS, "write delete");
        check("delete_file", DESTROYS, "delete");
        check("frobnicate", DESTROYS, "write delete");
        check("read_text_file", Hints { destructive: Some(true), ..READS }, "read");
    }

    #[test]
    fn a_hint_never_makes_a_suggestion_milder_but_that_of_reading() {
        for name in ["frobnicate", "delete_x", "send", "get_x", "run"] {
            for destructive in [None, Some(false)] {
                for open_world in [None, Some(false), Some(true)] {
                    let hints = Hints { read_only: Some(false), destructive, open_world };
                    assert_eq!(suggest_effects(name, hints), suggest_effects(name, NONE), "{name}");
                }
            }
        }
    }
}
