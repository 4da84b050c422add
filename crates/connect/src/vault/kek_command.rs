//! A command that prints a key or a PIN: bounded in what it may print and in how long it may take.

use std::{
    io::{self, Read as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use super::{error::VaultError, kek::TEXT_MAX};

const WAIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(5);

/// Runs the command and gives what it prints. What it says on standard error is shown nowhere: it
/// may be about the key.
pub(super) fn run(words: &[String]) -> Result<Zeroizing<String>, VaultError> {
    run_within(words, WAIT)
}

fn run_within(words: &[String], wait: Duration) -> Result<Zeroizing<String>, VaultError> {
    let (program, rest) = words.split_first().ok_or_else(|| failed("", "has no program"))?;
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| failed(program, &format!("cannot be started: {error}")))?;
    let printed = printed(&mut child, began, wait).map_err(|why| failed(program, why));
    let ended = printed.and_then(|text| {
        let status = ended(&mut child, began, wait).map_err(|why| failed(program, why))?;
        Ok((text, status))
    });
    if ended.is_err() {
        stop(&mut child);
    }
    match ended? {
        (text, status) if status.success() => Ok(text),
        (_, status) => {
            Err(failed(program, &format!("ended with {status}: run it by hand to see why")))
        }
    }
}

/// Reads to the end of what it prints. The thread that reads outlasts a child that never closes its
/// end, and ends with it.
fn printed(
    child: &mut Child,
    began: Instant,
    wait: Duration,
) -> Result<Zeroizing<String>, &'static str> {
    let out = child.stdout.take().ok_or("prints nowhere")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Zeroizing::new(String::with_capacity(8 << 10));
        let read = out.take(TEXT_MAX.saturating_add(1)).read_to_string(&mut text);
        // Nobody waits for what comes too late.
        let _ = sender.send(read.map(|_| text));
    });
    let read: io::Result<_> = receiver
        .recv_timeout(wait.saturating_sub(began.elapsed()))
        .map_err(|_| "takes too long")?;
    let text = read.map_err(|_| "prints something that is no text")?;
    let fits = u64::try_from(text.len()).is_ok_and(|it| it <= TEXT_MAX);
    if fits { Ok(text) } else { Err("prints more than a key") }
}

fn ended(child: &mut Child, began: Instant, wait: Duration) -> Result<ExitStatus, &'static str> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if wait <= began.elapsed() => return Err("takes too long"),
            Ok(None) => thread::sleep(LOOK),
            Err(_) => return Err("cannot be waited for"),
        }
    }
}

/// Stops it and whatever it started.
fn stop(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _gone_already = kill_process_group(group, Signal::KILL);
    }
    let _gone_already = child.wait();
}

fn failed(program: &str, why: &str) -> VaultError {
    VaultError::Key { why: format!("`{program}` {why}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(script: &str, wait: Duration) -> Result<String, String> {
        let words = ["sh".to_owned(), "-c".to_owned(), script.to_owned()];
        run_within(&words, wait).map(|it| it.to_string()).map_err(|it| it.to_string())
    }

    #[test]
    fn what_it_prints_is_what_is_taken() {
        assert_eq!(ran("echo key; echo secret words >&2", WAIT), Ok("key\n".to_owned()));
    }

    #[test]
    fn what_fails_or_prints_too_much_says_so_and_nothing_of_what_it_printed() {
        for (script, why) in [
            ("echo hidden; exit 3", "ended with exit status: 3"),
            ("head -c 100000 /dev/zero", "prints more than a key"),
            ("printf '\\377'", "prints something that is no text"),
        ] {
            let error = ran(script, WAIT).unwrap_err();
            assert!(error.contains(why) && !error.contains("hidden"), "{error}");
        }
        let none = run(&["no-such-program-anywhere".to_owned()]).unwrap_err().to_string();
        assert!(none.contains("cannot be started"), "{none}");
        assert!(run(&[]).is_err());
    }

    #[test]
    fn what_never_ends_is_stopped_with_all_that_it_started() {
        let began = Instant::now();
        for script in ["sleep 60", "sleep 60 & sleep 60", "exec 1>&-; sleep 60"] {
            let error = ran(script, Duration::from_millis(50)).unwrap_err();
            assert!(error.contains("takes too long"), "{error}");
        }
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
