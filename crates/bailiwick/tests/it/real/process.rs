//! A tool server's process from outside: how it is stalled, and how it dies.

use std::fs;

use rustix::process::{Pid, Signal};

use crate::governor::Governor;

/// Where a running server takes its messages from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inbox {
    /// Its standard input.
    Pipe,
    /// Connections to this port.
    Port(u16),
}

/// A running tool server, which leads a process group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    pub(super) pid: Pid,
    pub(super) inbox: Inbox,
}

impl Process {
    /// Finds the one tool server that the governor has started.
    pub(super) fn child_of(governor: &Governor) -> Option<Self> {
        let parent = governor.pid().to_string();
        let numbers = fs::read_dir("/proc").unwrap().filter_map(|it| {
            it.unwrap().file_name().to_str().and_then(|it| it.parse::<i32>().ok())
        });
        let mut children = numbers.filter(|pid| parent_of(*pid).as_deref() == Some(&parent));
        let pid = Pid::from_raw(children.next()?)?;
        assert_eq!(children.next(), None, "one server, one child");
        Some(Self { pid, inbox: Inbox::Pipe })
    }

    /// Lets it do nothing any more, until it goes on.
    pub(super) fn stall(self) {
        self.signal(Signal::STOP);
    }

    pub(super) fn go_on(self) {
        self.signal(Signal::CONT);
    }

    pub(super) fn kill(self) {
        self.signal(Signal::KILL);
    }

    fn signal(self, signal: Signal) {
        rustix::process::kill_process_group(self.pid, signal).unwrap();
    }

    /// Says whether something was sent to it that it has not read.
    pub(super) fn has_unread(self) -> bool {
        match self.inbox {
            Inbox::Pipe => self.pipes().iter().any(has_unread),
            Inbox::Port(port) => port_has_unread(port),
        }
    }

    /// Opens the pipes that others write and it reads. Standard input may have been put under
    /// another number, and a pipe of which it holds both ends is its own.
    fn pipes(self) -> Vec<fs::File> {
        let of = |what: &str| format!("/proc/{}/{what}", self.pid.as_raw_nonzero());
        let (mut read, mut written) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(of("fd")).unwrap() {
            let number = entry.unwrap().file_name().into_string().unwrap();
            let leads = fs::read_link(of(&format!("fd/{number}"))).unwrap();
            let info = fs::read_to_string(of(&format!("fdinfo/{number}"))).unwrap();
            let flags = info.lines().find_map(|it| it.strip_prefix("flags:")).unwrap();
            match leads.to_str().unwrap().starts_with("pipe:") {
                true if flags.ends_with('0') => read.push((number, leads)),
                true => written.push(leads),
                false => {}
            }
        }
        let from_others = read.into_iter().filter(|(_, leads)| !written.contains(leads));
        from_others
            .map(|(number, _)| fs::File::open(of(&format!("fd/{number}"))).unwrap())
            .collect()
    }
}

fn has_unread(pipe: &fs::File) -> bool {
    0 < rustix::io::ioctl_fionread(pipe).unwrap()
}

/// Gives the parent of a process that lives.
fn parent_of(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything, so what counts comes after its last bracket.
    let (_, after) = stat.rsplit_once(") ")?;
    let mut words = after.split(' ');
    (words.next()? != "Z").then(|| words.next().map(str::to_owned))?
}

fn port_has_unread(port: u16) -> bool {
    const ESTABLISHED: &str = "01";
    let here = format!(":{port:04X}");
    fs::read_to_string("/proc/net/tcp").unwrap().lines().any(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.get(1).is_some_and(|it| it.ends_with(&here))
            && words.get(3) == Some(&ESTABLISHED)
            && words
                .get(4)
                .and_then(|it| it.split_once(':'))
                .is_some_and(|(_, unread)| !unread.trim_start_matches('0').is_empty())
    })
}
