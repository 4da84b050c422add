//! The events that are read: real ones, again and again, each time six hours later, under new ids, and in another account.

use std::{
    fs::{self, File},
    io::{BufWriter, Read as _, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use bailiwick_model::Timestamp;
use flate2::{Compression, write::GzEncoder};

/// The account that the real ones are of.
const ACCOUNT: &str = "123837392027";
const ACCOUNTS: usize = 97;
const LATER: Duration = Duration::from_secs(6 * 3600);

/// A stretch of a line: as it is, or different each time.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Account,
    Time(Timestamp),
    Id,
    /// A key without its last three letters, and whether it lasts.
    Key(&'a str, bool),
}

/// Unpacks a file of the data that come with the project.
pub(crate) fn unpacked(path: &Path) -> anyhow::Result<String> {
    let file = File::open(path).with_context(|| {
        format!("there is no `{}`: say with BAILIWICK_DATA where the data are", path.display())
    })?;
    let mut text = String::new();
    ruzstd::decoding::StreamingDecoder::new(file)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Writes `times` repetitions, one event on a line.
pub(crate) fn lines(real: &str, times: usize, into: &Path) -> anyhow::Result<()> {
    let lines: Vec<_> = real.lines().map(pieces).collect();
    let mut file = BufWriter::with_capacity(1 << 20, File::create(into)?);
    for time in 0..times {
        for (number, line) in lines.iter().enumerate() {
            write_event(&mut file, line, time, number)?;
            file.write_all(b"\n")?;
        }
    }
    Ok(file.flush()?)
}

/// Writes files as they are delivered, each with one repetition, until there are `count` events.
pub(crate) fn delivered(real: &str, count: usize, into: &Path) -> anyhow::Result<Vec<PathBuf>> {
    fs::create_dir_all(into)?;
    let lines: Vec<_> = real.lines().map(pieces).collect();
    let (mut written, mut files) = (0_usize, Vec::new());
    while written < count {
        let time = files.len();
        let path = into.join(format!(
            "{}_CloudTrail_us-east-1_20230710T1200Z_{time:016}.json.gz",
            account(time)
        ));
        let mut file = GzEncoder::new(BufWriter::new(File::create(&path)?), Compression::default());
        file.write_all(b"{\"Records\":[")?;
        for (number, line) in lines.iter().take(count.saturating_sub(written)).enumerate() {
            file.write_all(if number == 0 { b"" } else { b"," })?;
            write_event(&mut file, line, time, number)?;
            written = written.saturating_add(1);
        }
        file.write_all(b"]}")?;
        file.finish()?.flush()?;
        files.push(path);
    }
    Ok(files)
}

fn account(time: usize) -> String {
    let nth = u64::try_from(time % ACCOUNTS).unwrap_or(0);
    format!("{:012}", 123_837_392_027_u64.saturating_add(nth.saturating_mul(1_000_003)))
}

/// Takes a line apart.
fn pieces(line: &str) -> Vec<Piece<'_>> {
    let (mut all, mut text) = (Vec::new(), 0_usize);
    let mut at = 0_usize;
    while let Some(rest) = line.get(at..) {
        let Some((before, length, piece)) = special(rest) else {
            at = at.saturating_add(rest.chars().next().map_or(1, char::len_utf8));
            continue;
        };
        let begin = at.saturating_add(before);
        all.extend(line.get(text..begin).filter(|it| !it.is_empty()).map(Piece::Text));
        all.push(piece);
        at = begin.saturating_add(length);
        text = at;
    }
    all.extend(line.get(text..).filter(|it| !it.is_empty()).map(Piece::Text));
    all
}

/// Says what is different each time at the beginning of `rest`: behind how many bytes, how long, and what.
fn special(rest: &str) -> Option<(usize, usize, Piece<'_>)> {
    if rest.starts_with(ACCOUNT) {
        return Some((0, ACCOUNT.len(), Piece::Account));
    }
    if let Some(time) = behind(rest, "\"eventTime\":\"") {
        return Some((13, time.len(), Piece::Time(time.parse().ok()?)));
    }
    if let Some(id) = behind(rest, "\"eventID\":\"") {
        return Some((11, id.len(), Piece::Id));
    }
    let lasts = rest.starts_with("AKIA");
    let key = rest.get(..20).filter(|_| lasts || rest.starts_with("ASIA"))?;
    let is_key = key.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit());
    Some((0, 20, Piece::Key(key.get(..17).filter(|_| is_key)?, lasts)))
}

fn behind<'a>(rest: &'a str, name: &str) -> Option<&'a str> {
    rest.strip_prefix(name)?.split('"').next()
}

fn write_event(
    into: &mut impl Write,
    line: &[Piece<'_>],
    time: usize,
    number: usize,
) -> anyhow::Result<()> {
    let later = LATER.saturating_mul(u32::try_from(time)?);
    for piece in line {
        match piece {
            Piece::Text(text) => into.write_all(text.as_bytes())?,
            Piece::Account => into.write_all(account(time).as_bytes())?,
            Piece::Time(at) => {
                let at = at.after(later).to_string().replace(".000Z", "Z");
                into.write_all(at.as_bytes())?;
            }
            Piece::Id => into.write_all(id(time, number).as_bytes())?,
            Piece::Key(key, true) => write!(into, "{key}{:03}", time % ACCOUNTS)?,
            Piece::Key(key, false) => write!(into, "{key}{time:03}")?,
        }
    }
    Ok(())
}

/// Makes an id that looks as if drawn, and is the same in every run.
fn id(time: usize, number: usize) -> String {
    let seed = u64::try_from(time.saturating_mul(1 << 20).saturating_add(number)).unwrap_or(0);
    let mixed = |seed: u64| {
        let one = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let two = (one ^ (one >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        two ^ (two >> 31)
    };
    let [high, low] = [1, 2].map(|it: u64| {
        mixed(seed.wrapping_mul(2).wrapping_add(it).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    });
    let digits = format!("{high:016x}{low:016x}");
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"é":"arn:aws:iam::123837392027:user/a","eventTime":"2023-07-10T23:42:18Z","eventID":"875240ac-e821-4fc6-a311-8c352a1d20f5","k":"AKIATFQR7NSCUXC3DDDP","s":"ASIATFQR7NSCUXC3DDDP","n":"ASIA"}"#;

    #[test]
    fn each_time_has_its_own_account_time_ids_and_sessions() {
        let mut written = Vec::new();
        write_event(&mut written, &pieces(LINE), 98, 3).unwrap();
        let written = String::from_utf8(written).unwrap();
        let id = id(98, 3);
        assert_eq!(
            written,
            format!(
                r#"{{"é":"arn:aws:iam::123838392030:user/a","eventTime":"2023-08-04T11:42:18Z","eventID":"{id}","k":"AKIATFQR7NSCUXC3D001","s":"ASIATFQR7NSCUXC3D098","n":"ASIA"}}"#
            )
        );
        assert_eq!(id.len(), 36);
        assert_ne!(id, super::id(98, 4));
    }
}
