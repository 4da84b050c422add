//! A server that is a program: could another account start one of its own, on the same things?

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::doctor::{
    finding::{Finding, Severity},
    others,
};

pub(super) fn look(
    server: &str,
    command: &[String],
    env: &BTreeMap<String, String>,
    dir: &Path,
) -> Vec<Finding> {
    let Some((program, arguments)) = command.split_first() else { return Vec::new() };
    let Ok(program) = bailiwick_gateway::find_program(program, env, Some(dir)) else {
        return Vec::new();
    };
    let things: Vec<PathBuf> =
        arguments.iter().map(|it| dir.join(it)).filter(|it| it.exists()).collect();
    let mut found: Vec<_> = things.iter().filter_map(|it| works_on(server, it)).collect();
    if others::may_run(&program) {
        found.push(startable(server, &program, env.is_empty()));
    }
    found
}

/// A file or folder of the command line that others reach without the server.
fn works_on(server: &str, thing: &Path) -> Option<Finding> {
    let (severity, can) = if others::may_write(thing) {
        (Severity::Open, "read and change")
    } else if thing.is_dir() && others::may_read(thing) {
        (Severity::Weak, "read")
    } else {
        return None;
    };
    Some(Finding {
        severity,
        code: "bypass-data",
        subject: server.to_owned(),
        found: format!("NOT refused: other accounts can {can} `{}` themselves", thing.display()),
        means: "an agent with an account on this machine needs no tool call for it, so none is decided",
        mend: format!("chmod o-rwx {}, for an account that no agent runs as", thing.display()),
    })
}

fn startable(server: &str, program: &Path, without_variables: bool) -> Finding {
    let with = if without_variables {
        "it gets no variables, so one of its own works like this one"
    } else {
        "without the variables that `env` gives, if they hold what it needs"
    };
    Finding {
        severity: Severity::Note,
        code: "bypass-program",
        subject: server.to_owned(),
        found: format!("another account can start `{}` itself: {with}", program.display()),
        means: "such a server reaches what that account reaches, and what needs no credential",
        mend: "keep what it works on, and its credentials, from accounts that agents run as"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn codes(things: &Path) -> Vec<(Severity, &'static str)> {
        let command = ["/bin/sh".to_owned(), things.display().to_string()];
        let found = look("server x", &command, &BTreeMap::new(), Path::new("/"));
        found.into_iter().map(|it| (it.severity, it.code)).collect()
    }

    #[test]
    fn what_everybody_may_change_needs_no_server() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let program = (Severity::Note, "bypass-program");
        set(dir.path(), 0o755);
        set(&data, 0o777);
        assert_eq!(codes(&data), [(Severity::Open, "bypass-data"), program]);
        set(&data, 0o755);
        assert_eq!(codes(&data), [(Severity::Weak, "bypass-data"), program]);
        set(&data, 0o700);
        assert_eq!(codes(&data), [program]);
    }

    #[test]
    fn a_program_that_is_not_there_is_no_way_around() {
        let command = ["/nowhere/at/all".to_owned()];
        assert_eq!(look("server x", &command, &BTreeMap::new(), Path::new("/")), []);
    }
}
