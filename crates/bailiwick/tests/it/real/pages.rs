//! Pages on loopback for a server that fetches, and a note of every page that was asked for.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
};

/// Serves pages as long as the test's process lives. Where they are is in `pages/address`, and what
/// was asked for in `pages/asked`, a path a line.
pub(super) fn serve(folder: &Path) {
    let pages = folder.join("pages");
    fs::create_dir(&pages).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    fs::write(pages.join("address"), address).unwrap();
    let asked = pages.join("asked");
    fs::write(&asked, "").unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let asked: PathBuf = asked.clone();
            std::thread::spawn(move || answer(&stream.unwrap(), &asked));
        }
    });
}

/// Says where the pages are, where there are any.
pub(super) fn address(folder: &Path) -> Option<String> {
    fs::read_to_string(folder.join("pages/address")).ok()
}

/// Says whether a page was asked for whose path ends so.
pub(super) fn was_asked(folder: &Path, ending: &str) -> bool {
    let asked = fs::read_to_string(folder.join("pages/asked")).unwrap();
    asked.lines().any(|it| it.ends_with(ending))
}

fn answer(mut stream: &TcpStream, asked: &Path) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let Some(path) = first.split(' ').nth(1) else { return };
    // The head must be read to its end before the connection is closed.
    let _rest = lines.take_while(|it| !it.is_empty()).count();
    let mut notes = fs::OpenOptions::new().append(true).open(asked).unwrap();
    notes.write_all(format!("{path}\n").as_bytes()).unwrap();
    let (status, page) = if path == "/robots.txt" {
        ("404 Not Found", "none")
    } else {
        ("200 OK", "a page of ours")
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len(),
    );
    // It may have hung up.
    let _sent = stream.write_all(answer.as_bytes());
}
