//! Which landmarks still count, by their numbers, so that a start need not hear all that ever were.
//!
//! The ledger stays the truth: this only says which of its records to read. It is signed, with the chain
//! up to its last record, so that it is taken for this ledger alone; where it is missing, is not ours or
//! does not fit, every landmark is read as if there were none.

use std::path::PathBuf;

use bailiwick_model::Digest;

use super::{DurableAt, Inner, LedgerError, StoredRecord, layout::take, notary::Notary, now};
use crate::{
    Checkpoint, CheckpointKey,
    checkpoint::{Note, Purpose},
    file,
};

/// The landmarks up to a record that still count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    through: DurableAt,
    numbers: Vec<u64>,
}

impl Named {
    fn to_bytes(&self, key: &CheckpointKey) -> Vec<u8> {
        let list: Vec<u8> = self.numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
        let (seq, chain) = (self.through.seq, bound(&self.through.chain, &list));
        let note = Note::sign(Purpose::Landmarks, &Checkpoint { seq, chain, time: now() }, key);
        let len = u32::try_from(note.len()).unwrap_or(u32::MAX);
        [&len.to_le_bytes(), note.as_bytes(), &list].concat()
    }

    /// Reads what was signed; `chain` gives the chain up to a record.
    fn read(
        mut bytes: &[u8],
        key: &CheckpointKey,
        chain: impl FnOnce(u64) -> Option<Digest>,
    ) -> Option<Self> {
        let len = usize::try_from(u32::from_le_bytes(take(&mut bytes)?)).ok()?;
        let (note, list) = bytes.split_at_checked(len)?;
        let (notes, _) = Note::parse_all(std::str::from_utf8(note).ok()?).ok()?;
        let note = notes.first()?;
        if note.purpose != Purpose::Landmarks || !note.is_signed_by(key.public()) {
            return None;
        }
        let through = DurableAt { seq: note.checkpoint.seq, chain: chain(note.checkpoint.seq)? };
        if bound(&through.chain, list) != note.checkpoint.chain {
            return None;
        }
        let (numbers, rest) = list.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|it| u64::from_le_bytes(*it)).collect();
        let in_order = numbers.is_sorted_by(|one, next| one < next);
        (rest.is_empty() && in_order).then_some(Self { through, numbers })
    }
}

/// Binds a list to the chain up to its last record.
fn bound(chain: &Digest, list: &[u8]) -> Digest {
    Digest::of_parts(&[chain.as_bytes(), list])
}

impl Notary {
    fn path(&self) -> PathBuf {
        self.dir().join("landmarks")
    }

    /// Signs which landmarks count, and waits for the disk.
    fn sign_landmarks(&self, named: &Named) -> Result<(), LedgerError> {
        Ok(file::replace(&self.path(), &named.to_bytes(self.key()))?)
    }
}

impl Inner {
    /// Shows the landmarks that were named, and then all that came after those.
    pub(super) fn named_landmarks(
        &self,
        each: &mut dyn FnMut(StoredRecord),
    ) -> Result<u64, LedgerError> {
        let records = &self.shared.records;
        let chain = |seq| records.chain_of(seq).ok().flatten();
        let bytes = file::read_if_there(&self.notary.path())?;
        let named = bytes.and_then(|it| Named::read(&it, self.notary.key(), chain));
        let Some(Named { through, numbers }) = named else {
            records.landmarks(0, each)?;
            return Ok(0);
        };
        records.these(&numbers, each)?;
        records.landmarks(through.seq, each)?;
        Ok(u64::try_from(numbers.len()).unwrap_or(u64::MAX))
    }

    pub(super) fn name_landmarks(
        &self,
        through: DurableAt,
        numbers: &[u64],
    ) -> Result<(), LedgerError> {
        let numbers = numbers.to_vec();
        self.notary.sign_landmarks(&Named { through, numbers })
    }
}
