//! The text of signed heads: written, read and checked.

use bailiwick_model::{Digest, Timestamp};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Checkpoint,
    key::{CheckpointKey, CheckpointPublicKey, KEY_NAME},
};

/// What a signed text says of a ledger. They start differently, so that a signature made for
/// one never counts as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// So many records there were.
    Head,
    /// Up to this record retention took the oldest.
    Base,
    /// Up to this record these landmarks still count.
    Landmarks,
}

impl Purpose {
    const fn origin(self) -> &'static str {
        match self {
            Self::Head => "bailiwick/ledger",
            Self::Base => "bailiwick/ledger/base",
            Self::Landmarks => "bailiwick/ledger/landmarks",
        }
    }
}

/// A text is not one of signed heads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why} near `{near}`")]
pub struct NoteError {
    why: &'static str,
    near: String,
}

/// One signed text.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    /// What it says it is.
    pub(crate) purpose: Purpose,
    /// What it says.
    pub(crate) checkpoint: Checkpoint,
    signed: String,
    signatures: Vec<Vec<u8>>,
}

impl Note {
    /// Writes and signs one text.
    pub(crate) fn sign(purpose: Purpose, checkpoint: &Checkpoint, key: &CheckpointKey) -> String {
        let Checkpoint { seq, chain, time } = checkpoint;
        let chain = STANDARD.encode(chain.as_bytes());
        let signed = format!("{}\n{seq}\n{chain}\ntime {time}\n", purpose.origin());
        let mut signature = key.public().id().to_vec();
        signature.extend(key.sign(&signed));
        format!("{signed}\n\u{2014} {KEY_NAME} {}\n", STANDARD.encode(signature))
    }

    /// Says whether `key` signed it, as it stands here.
    pub(crate) fn is_signed_by(&self, key: &CheckpointPublicKey) -> bool {
        let id = key.id();
        self.signatures.iter().any(|it| {
            it.strip_prefix(&id).is_some_and(|signature| key.verifies(&self.signed, signature))
        })
    }

    /// Reads all texts, and says how many bytes of complete ones there are: the last one may
    /// have been cut while it was written, and then it is left out.
    pub(crate) fn parse_all(text: &str) -> Result<(Vec<Self>, usize), NoteError> {
        let mut notes = Vec::new();
        let mut rest = text.trim_start_matches('\n');
        while !rest.is_empty() {
            match Self::parse_first(rest) {
                Ok(Some((note, after))) => {
                    notes.push(note);
                    rest = after.trim_start_matches('\n');
                }
                Ok(None) => break,
                // Zeros are what a torn page leaves; heads are synced one by one, so that only
                // the last can be torn.
                Err(_) if rest.contains('\0') => break,
                Err(error) => return Err(error),
            }
        }
        Ok((notes, text.len().saturating_sub(rest.len())))
    }

    /// Reads the first text; none if it ends too early.
    fn parse_first(text: &str) -> Result<Option<(Self, &str)>, NoteError> {
        let Some((signed, mut rest)) = text.split_once("\n\n") else {
            return Ok(None);
        };
        let mut signatures = Vec::new();
        while let Some(line) = rest.strip_prefix("\u{2014} ") {
            let Some((line, after)) = line.split_once('\n') else {
                return Ok(None);
            };
            let (_, body) = line.split_once(' ').ok_or_else(|| wrong("no signature", line))?;
            signatures.push(STANDARD.decode(body).map_err(|_| wrong("no base64", line))?);
            rest = after;
        }
        match (signatures.is_empty(), "\u{2014} ".starts_with(rest)) {
            (true, true) => Ok(None),
            (true, false) => Err(wrong("no signature line", rest)),
            (false, _) => {
                let (purpose, checkpoint) = parse_body(signed)?;
                let signed = format!("{signed}\n");
                Ok(Some((Self { purpose, checkpoint, signed, signatures }, rest)))
            }
        }
    }
}

fn parse_body(text: &str) -> Result<(Purpose, Checkpoint), NoteError> {
    let mut lines = text.split('\n');
    let mut next = || lines.next().ok_or_else(|| wrong("a line is missing", text));
    let origin = next()?;
    let purpose = [Purpose::Head, Purpose::Base, Purpose::Landmarks]
        .into_iter()
        .find(|it| it.origin() == origin)
        .ok_or_else(|| wrong("an unknown first line", origin))?;
    let seq = next()?;
    let seq = seq.parse().map_err(|_| wrong("no number of records", seq))?;
    let chain = next()?;
    let bytes = STANDARD.decode(chain).ok().and_then(|it| it.try_into().ok());
    let chain = Digest::from_bytes(bytes.ok_or_else(|| wrong("no chain", chain))?);
    let time = next()?;
    let time: Option<Timestamp> = time.strip_prefix("time ").and_then(|it| it.parse().ok());
    let time = time.ok_or_else(|| wrong("no time", text))?;
    Ok((purpose, Checkpoint { seq, chain, time }))
}

fn wrong(why: &'static str, near: &str) -> NoteError {
    NoteError { why, near: near.chars().take(60).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> CheckpointKey {
        let dir = tempfile::tempdir().unwrap();
        CheckpointKey::load_or_create(&dir.path().join("checkpoint.pem")).unwrap()
    }

    fn checkpoint(seq: u64) -> Checkpoint {
        let time = Timestamp::from_millis(1_785_000_000_000);
        Checkpoint { seq, chain: Digest::of(&seq.to_be_bytes()), time }
    }

    #[test]
    fn a_head_reads_as_it_was_written() {
        let key = key();
        let text = Note::sign(Purpose::Head, &checkpoint(7), &key);
        let start = "bailiwick/ledger\n7\n";
        assert!(text.starts_with(start), "{text}");
        let middle = "\ntime 2026-07-25T17:20:00.000Z\n\n\u{2014} bailiwick/ledger ";
        assert!(text.contains(middle), "{text}");
        let (notes, complete) = Note::parse_all(&text).unwrap();
        assert_eq!((notes.len(), complete), (1, text.len()));
        assert_eq!(notes[0].checkpoint, checkpoint(7));
        assert!(notes[0].is_signed_by(key.public()));
    }

    #[test]
    fn a_text_cut_anywhere_loses_only_its_last_head() {
        let key = key();
        let first = Note::sign(Purpose::Head, &checkpoint(1), &key) + "\n";
        let second = Note::sign(Purpose::Head, &checkpoint(2), &key);
        let both = format!("{first}{second}");
        for cut in (first.len()..both.len()).filter(|cut| both.is_char_boundary(*cut)) {
            let (notes, complete) = Note::parse_all(both.get(..cut).unwrap()).unwrap();
            assert_eq!((notes.len(), complete), (1, first.len()), "cut at {cut}");
        }
    }

    #[test]
    fn no_altered_text_keeps_its_signature() {
        let other = key();
        let key = key();
        let text = Note::sign(Purpose::Head, &checkpoint(3), &key);
        for place in (0..text.len()).filter(|place| text.as_bytes()[*place].is_ascii()) {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(bytes).unwrap();
            let signed = Note::parse_all(&changed)
                .is_ok_and(|(notes, _)| notes.iter().any(|it| it.is_signed_by(key.public())));
            // Who signed is told by the key's number, not by the name beside it.
            let named = text.rfind(KEY_NAME).unwrap();
            assert!(!signed || (named..named + KEY_NAME.len()).contains(&place), "{changed}");
        }
        let (notes, _) = Note::parse_all(&text).unwrap();
        assert!(!notes[0].is_signed_by(other.public()));
    }

    #[test]
    fn a_head_is_never_taken_for_a_base() {
        let key = key();
        let head = Note::sign(Purpose::Head, &checkpoint(3), &key);
        let forged = head.replacen("bailiwick/ledger\n", "bailiwick/ledger/base\n", 1);
        let (notes, _) = Note::parse_all(&forged).unwrap();
        assert_eq!(notes[0].purpose, Purpose::Base);
        assert!(!notes[0].is_signed_by(key.public()));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["hello\n\nworld\n", "a\nb\nc\n\n\u{2014} x\n", "a\n\n\u{2014} x !!\n"] {
            assert!(Note::parse_all(text).is_err(), "{text}");
        }
    }
}
