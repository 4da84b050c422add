//! Secrets: whether each opens as far as can be seen from outside, how old it is, and where the key
//! lies that wraps them.

use std::time::Duration;

use bailiwick_connect::{KekSource, pin_refused, secrets_kept};
use bailiwick_model::{Timestamp, format_span};

use super::finding::{Finding, Severity};
use crate::{config::Config, output::rough};

/// Looks at the files of secrets. None is opened.
pub(super) fn look(config: &Config, now: Timestamp) -> Vec<Finding> {
    let dir = config.state.join("secrets");
    let Ok(kept) = secrets_kept(&dir) else { return Vec::new() };
    let mut found = Vec::new();
    for (name, about) in &kept {
        match about {
            Err(why) => found.push(broken(name.as_str(), why.to_string())),
            Ok(about) => {
                let every = config.secrets.rotate_every.get(name);
                let age = now.since(about.rotated);
                found.extend(
                    every.filter(|it| **it < age).map(|it| overdue(name.as_str(), age, *it)),
                );
            }
        }
    }
    let sources = config.secrets.kek(&config.state);
    let lies_there =
        |it: &KekSource| matches!(it, KekSource::File(path) if path.starts_with(&config.state));
    let beside = lies_there(&sources.wraps) || sources.opens.iter().any(lies_there);
    found.extend((beside && !kept.is_empty()).then(key_beside));
    let mark = pin_refused(&dir);
    found.extend(mark.exists().then(|| refused(mark.display().to_string())));
    found
}

fn overdue(name: &str, age: Duration, every: Duration) -> Finding {
    Finding {
        severity: Severity::Weak,
        code: "secret-overdue",
        subject: name.to_owned(),
        found: format!(
            "its value is {} old, and should be {} at most",
            rough(age),
            format_span(every)
        ),
        means: "whoever got hold of it once can use it still",
        mend: format!("make a new one where it is used, and `bailiwick secret rotate {name}`"),
    }
}

fn broken(name: &str, why: String) -> Finding {
    Finding {
        severity: Severity::Weak,
        code: "secret-broken",
        subject: name.to_owned(),
        found: why,
        means: "whatever needs it is refused",
        mend: format!("put its file back, or `bailiwick secret remove {name}` and set it anew"),
    }
}

fn key_beside() -> Finding {
    Finding {
        severity: Severity::Note,
        code: "secrets-key-beside",
        subject: "secrets.key".to_owned(),
        found: "the key that wraps the secrets lies in the state, beside them".to_owned(),
        means: "whoever gets a copy of the state gets the secrets",
        mend: "give the key from elsewhere: `[secrets] kek_pkcs11`, `kek_command` or `kek_file`, then `bailiwick secret rekey`".to_owned(),
    }
}

fn refused(mark: String) -> Finding {
    Finding {
        severity: Severity::Weak,
        code: "secrets-pin-refused",
        found: "a PIN was refused by the token that has the key of the secrets, or a try of it was cut short: none is tried again"
            .to_owned(),
        means: "no secret can be set, rotated or wrapped anew, and the governor does not start again",
        mend: format!("mend the PIN, then remove `{mark}`"),
        subject: mark,
    }
}
