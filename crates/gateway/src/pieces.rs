//! What has come of a body. Most come in one piece, which is kept as it is.

use bytes::Bytes;

/// The pieces so far.
#[derive(Debug, Default)]
pub(crate) enum Pieces {
    /// Nothing yet.
    #[default]
    None,
    /// The first.
    One(Bytes),
    /// More than one, put together.
    Many(Vec<u8>),
}

impl Pieces {
    /// Says how many bytes they are.
    pub(crate) const fn size(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(only) => only.len(),
            Self::Many(all) => all.len(),
        }
    }

    /// Adds the next one.
    pub(crate) fn and(self, piece: Bytes) -> Self {
        match self {
            Self::None => Self::One(piece),
            Self::One(first) => Self::Many([first, piece].concat()),
            Self::Many(mut before) => {
                before.extend_from_slice(&piece);
                Self::Many(before)
            }
        }
    }

    /// Gives all of them.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::One(piece) => piece,
            Self::Many(pieces) => pieces.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_together_in_order() {
        let mut pieces = Pieces::default();
        for (piece, size) in [("one", 3), ("", 3), ("two", 6)] {
            pieces = pieces.and(Bytes::from_static(piece.as_bytes()));
            assert_eq!(pieces.size(), size);
        }
        assert_eq!(pieces.into_bytes(), "onetwo");
        assert_eq!(Pieces::None.into_bytes(), "");
    }
}
