//! `bailiwick completions` and `bailiwick man`: what the program knows of its own words.

use std::{fs, path::Path};

use anyhow::Context;
use clap::CommandFactory;

use crate::{
    cli::Cli,
    exit::{CommandError, Exit, Outcome},
    output::{Output, say},
};

/// `completions`
pub(crate) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bailiwick", &mut script);
    say(&String::from_utf8_lossy(&script));
    Exit::Done
}

#[derive(serde::Serialize)]
struct Pages {
    written: Vec<String>,
}

/// `man`
pub(crate) fn man(dir: Option<&Path>, output: Output) -> Outcome {
    let mut program = Cli::command();
    program.build();
    let Some(dir) = dir else {
        say(&drawn(program)?);
        return Ok(Exit::Done);
    };
    fs::create_dir_all(dir)
        .map_err(|error| CommandError::Words(format!("`{}`: {error}", dir.display())))?;
    let mut pages = Pages { written: Vec::new() };
    write(dir, program, "bailiwick".to_owned(), &mut pages)?;
    output.show(&pages, |it| it.written.iter().map(|it| format!("wrote {it}\n")).collect())?;
    Ok(Exit::Done)
}

/// Writes the page of a command and of every command below it.
fn write(
    dir: &Path,
    command: clap::Command,
    name: String,
    pages: &mut Pages,
) -> Result<(), CommandError> {
    if command.is_hide_set() || command.get_name() == "help" {
        return Ok(());
    }
    for below in command.get_subcommands().cloned() {
        let name = format!("{name}-{}", below.get_name());
        write(dir, below, name, pages)?;
    }
    let path = dir.join(format!("{name}.1"));
    fs::write(&path, drawn(command.display_name(&name))?)
        .map_err(|error| CommandError::Words(format!("`{}`: {error}", path.display())))?;
    pages.written.push(path.display().to_string());
    pages.written.sort();
    Ok(())
}

fn drawn(command: clap::Command) -> Result<String, CommandError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).context("a page cannot be drawn")?;
    Ok(String::from_utf8(page).context("a page is no text")?)
}
