//! Law 2: no acknowledged record is lost when the process is killed in the middle of its work.

use std::{
    io::{BufRead, BufReader, Read},
    process::Child,
};

use crate::{
    child::{Ack, Load, Role, acks, check, command},
    sample::{Dice, often},
};

/// Listens until the child has said so many lines, kills it, and gives all that it acknowledged.
fn kill_after(mut child: Child, lines: usize) -> Vec<Ack> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    for _ in 0..lines {
        output.read_line(&mut said).unwrap();
    }
    // On Unix this is SIGKILL: nothing of the child runs any more.
    child.kill().unwrap();
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).unwrap();
    child.wait().unwrap();
    acks(&(said + &String::from_utf8_lossy(&rest)))
}

fn kill_again_and_again(role: Role, times: usize) {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(7);
    let mut acknowledged = Vec::new();
    let times = often(times);
    for _ in 0..times {
        let load = Load { role, rounds: 1, writers: 4, writes: 100_000 };
        let child = command(load, dir.path()).spawn().unwrap();
        let fresh = kill_after(child, 1 + dice.below(60));
        assert!(fresh.len() < 400_000, "it ended before it was killed");
        acknowledged.extend(fresh);
        check(role, dir.path(), &acknowledged);
    }
    assert!(times < acknowledged.len());
}

#[test]
fn no_acknowledged_record_is_ever_lost_when_the_process_is_killed() {
    kill_again_and_again(Role::Ledger, 30);
}

#[test]
fn what_lay_aside_comes_with_the_next_acknowledgement_though_the_process_is_killed() {
    kill_again_and_again(Role::Aside, 20);
}

#[test]
fn no_acknowledged_change_is_ever_lost_when_the_process_is_killed() {
    kill_again_and_again(Role::Registry, 15);
}
