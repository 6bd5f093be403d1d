//! Ids as Exchange hands them out: opaque base64, nothing in them for a client to read.
//!
//! An id carries the number of the store's run: an id that a client kept over a restart of this
//! in-memory store is unknown rather than another item's.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Bytes of an id before base64.
const ID_BYTES: usize = 29;
/// Bytes of a change key before base64.
const CHANGE_BYTES: usize = 12;

const ITEM: u8 = 1;
const FOLDER: u8 = 2;
const ATTACHMENT: u8 = 3;

/// What an id names. Mailboxes are numbered as in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    /// An item by its key, unique in the mailbox and never used again.
    Item { mailbox: u32, key: u64 },
    /// A folder by its number in the mailbox.
    Folder { mailbox: u32, number: u32 },
    /// An attachment by its number in the item.
    Attachment { mailbox: u32, key: u64, number: u32 },
}

/// Why an id was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdError {
    /// Not one of ours at all.
    Malformed,
    /// From another run of the store.
    Foreign,
}

impl Id {
    /// The text that stands in an `Id` attribute.
    pub(crate) fn encode(self, instance: u64) -> String {
        let (kind, mailbox, key, number) = match self {
            Self::Item { mailbox, key } => (ITEM, mailbox, key, 0),
            Self::Folder { mailbox, number } => (FOLDER, mailbox, 0, number),
            Self::Attachment { mailbox, key, number } => (ATTACHMENT, mailbox, key, number),
        };
        let mut bytes = Vec::with_capacity(ID_BYTES);
        bytes.push(kind);
        bytes.extend_from_slice(&instance.to_le_bytes());
        bytes.extend_from_slice(&mailbox.to_le_bytes());
        bytes.extend_from_slice(&key.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        let check = check(&bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        STANDARD.encode(bytes)
    }

    /// Reads an `Id` attribute; white space around it does not count.
    pub(crate) fn decode(text: &str, instance: u64) -> Result<Self, IdError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| IdError::Malformed)?;
        let bytes: [u8; ID_BYTES] = bytes.try_into().map_err(|_| IdError::Malformed)?;
        let [kind, rest @ ..] = bytes;
        let mut fields = Fields(&rest);
        let of = u64::from_le_bytes(fields.take());
        let mailbox = u32::from_le_bytes(fields.take());
        let key = u64::from_le_bytes(fields.take());
        let number = u32::from_le_bytes(fields.take());
        let told = u32::from_le_bytes(fields.take());
        if bytes.split_last_chunk::<4>().map(|(before, _)| check(before)) != Some(told) {
            return Err(IdError::Malformed);
        }
        if of != instance {
            return Err(IdError::Foreign);
        }
        match kind {
            ITEM => Ok(Self::Item { mailbox, key }),
            FOLDER => Ok(Self::Folder { mailbox, number }),
            ATTACHMENT => Ok(Self::Attachment { mailbox, key, number }),
            _ => Err(IdError::Malformed),
        }
    }
}

/// The text of a `ChangeKey` attribute for the `change`th write of a mailbox.
pub(crate) fn encode_change(change: u64) -> String {
    let mut bytes = Vec::with_capacity(CHANGE_BYTES);
    bytes.extend_from_slice(b"CQAA");
    bytes.extend_from_slice(&change.to_be_bytes());
    STANDARD.encode(bytes)
}

/// Reads a `ChangeKey`; `None` if it is none of ours (`ErrorInvalidChangeKey`).
pub(crate) fn decode_change(text: &str) -> Option<u64> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    let bytes: [u8; CHANGE_BYTES] = bytes.try_into().ok()?;
    let change = bytes.strip_prefix(b"CQAA")?;
    Some(u64::from_be_bytes(change.try_into().ok()?))
}

/// Takes fixed pieces off the front; the caller's array is long enough by its type.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((piece, rest)) => {
                self.0 = rest;
                *piece
            }
            None => [0; N],
        }
    }
}

/// FNV-1a, 32 bit: tells a mistyped id from one that no longer exists.
fn check(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back() {
        for id in [
            Id::Item { mailbox: 7, key: u64::MAX },
            Id::Folder { mailbox: 0, number: 3 },
            Id::Attachment { mailbox: 1, key: 2, number: 3 },
        ] {
            assert_eq!(Id::decode(&format!(" {}\n", id.encode(9)), 9), Ok(id));
        }
    }

    #[test]
    fn strange_ids_are_told_apart() {
        let id = Id::Item { mailbox: 7, key: 1 }.encode(9);
        assert_eq!(Id::decode(&id, 8), Err(IdError::Foreign));
        assert_eq!(Id::decode("DUMMY", 9), Err(IdError::Malformed));
        assert_eq!(Id::decode(&id.replace('A', "B"), 9), Err(IdError::Malformed));
    }

    #[test]
    fn change_keys_come_back() {
        assert_eq!(decode_change(&encode_change(77)), Some(77));
        assert_eq!(decode_change("AAAA"), None);
    }
}
