//! What a person does with a governor's admin socket.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{house::House, sessions::PATIENCE};

/// An open task.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) task: String,
    pub(crate) token: String,
}

/// Opens a task of the house's one template.
pub(crate) fn open(house: &House) -> anyhow::Result<Opened> {
    let wish = json!({
        "template": "keep-notes", "identity": "note-keeper", "params": { "note": "/team/today" },
    });
    let opened = post(house, "/api/v1/tasks", &wish)?;
    let text = |name: &str| {
        let found = opened.get(name).and_then(Value::as_str).map(str::to_owned);
        found.with_context(|| format!("the task came without its {name}"))
    };
    Ok(Opened { task: text("task")?, token: text("token")? })
}

/// Sends `body` to `path`, and gives the answer; one that is no success is an error.
pub(crate) fn post(house: &House, path: &str, body: &Value) -> anyhow::Result<Value> {
    let mut stream = UnixStream::connect(house.folder.join("state/admin.sock"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: admin.sock\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    let (head, body) = said.split_once("\r\n\r\n").context("the answer has no end")?;
    anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "`{path}` was refused: {said}");
    serde_json::from_str(body).context("the answer is no JSON")
}
