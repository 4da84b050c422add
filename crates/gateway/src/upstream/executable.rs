//! Which program a child runs: found once, digested, and then started under that very name.

use std::{
    collections::BTreeMap,
    env, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};
use bailiwick_model::Digest;

/// Where programs are looked for when the operator names no `PATH`.
pub(super) const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Programs that run a file they are given: the file is then the program.
const INTERPRETERS: &[&str] = &[
    "node", "nodejs", "deno", "bun", "python", "pypy", "bash", "sh", "dash", "zsh", "ruby", "perl",
    "php", "java", "env",
];

/// Finds the program of `command` as the child would: by its own `PATH`, from its own folder.
pub fn find(
    program: &str,
    env: &BTreeMap<String, String>,
    dir: Option<&Path>,
) -> Result<PathBuf, String> {
    let here = match dir {
        Some(dir) => std::path::absolute(dir),
        None => env::current_dir(),
    }
    .map_err(|error| format!("the folder to start `{program}` in: {error}"))?;
    if program.contains('/') {
        return Ok(here.join(program));
    }
    let path = env.get("PATH").map_or(DEFAULT_PATH, String::as_str);
    env::split_paths(path)
        .map(|it| here.join(it).join(program))
        .find(|it| runs(it))
        .ok_or_else(|| format!("there is no program `{program}` in `{path}`"))
}

fn runs(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// Digests the program and, where it only runs what it is given, the first argument that is a
/// file.
pub(super) fn digest(
    program: &Path,
    arguments: &[String],
    dir: Option<&Path>,
) -> io::Result<Digest> {
    let of_program = of_file(program)?;
    if !interprets(program) {
        return Ok(of_program);
    }
    let here = |it: &String| dir.map_or_else(|| PathBuf::from(it), |dir| dir.join(it));
    match arguments.iter().map(here).find(|it| it.is_file()) {
        Some(script) => Ok(Digest::chain(&of_program, of_file(&script)?.as_bytes())),
        None => Ok(of_program),
    }
}

fn interprets(program: &Path) -> bool {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let bare = name.trim_end_matches(|it: char| it.is_ascii_digit() || it == '.' || it == '-');
    INTERPRETERS.contains(&bare)
}

fn of_file(path: &Path) -> io::Result<Digest> {
    let mut file = fs::File::open(path)?;
    let mut context = Context::new(&SHA256);
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = match io::Read::read(&mut file, &mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        context.update(piece.get(..read).unwrap_or_default());
    }
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    Ok(Digest::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> String {
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_program_is_digested_as_its_bytes_are() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("tool");
        fs::write(&program, vec![7; 200_000]).unwrap();
        let other = dir.path().join("other");
        fs::write(&other, "x").unwrap();
        assert_eq!(digest(&program, &[text(&other)], None).unwrap(), Digest::of(&vec![7; 200_000]));
    }

    #[test]
    fn what_an_interpreter_runs_is_part_of_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("python3.11");
        fs::write(&program, "interpreter").unwrap();
        fs::write(dir.path().join("server.py"), "one").unwrap();
        let arguments = ["-u".to_owned(), "server.py".to_owned()];
        let one = digest(&program, &arguments, Some(dir.path())).unwrap();
        fs::write(dir.path().join("server.py"), "two").unwrap();
        let two = digest(&program, &arguments, Some(dir.path())).unwrap();
        assert_ne!(one, two);
        let bare =
            digest(&program, &["-m".to_owned(), "server".to_owned()], Some(dir.path())).unwrap();
        assert_eq!(bare, Digest::of(b"interpreter"));
    }

    #[test]
    fn a_program_is_looked_for_where_the_child_would_look() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("tool");
        fs::write(&program, "").unwrap();
        let env =
            BTreeMap::from([("PATH".to_owned(), format!("/nowhere:{}", dir.path().display()))]);
        assert_eq!(
            find("tool", &env, None).unwrap_err(),
            format!("there is no program `tool` in `{}`", env["PATH"])
        );
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("tool", &env, None).unwrap(), program);
        assert_eq!(find("./tool", &env, Some(dir.path())).unwrap(), dir.path().join("./tool"));
    }
}
