//! Reading and writing the common layout: fixed header fields, each of which may point into a
//! payload by length and offset (MS-NLMP 2.2).

use crate::Error;

/// Longest message that is read, in bytes. Real ones stay below 1 KiB, or a few with a long name.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// A message of the right type; every access checks its bounds.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn open(message: &'a [u8], kind: u32) -> Result<Self, Error> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(malformed(MESSAGE_BYTES_MAX, "an end of the message"));
        }
        let reader = Self(message);
        if reader.array(0, "signature")? != *SIGNATURE {
            return Err(malformed(0, "NTLMSSP signature"));
        }
        if reader.u32(8, "message type")? != kind {
            return Err(malformed(8, "another message type"));
        }
        Ok(reader)
    }

    pub(crate) fn array<const N: usize>(
        &self,
        at: usize,
        expected: &'static str,
    ) -> Result<[u8; N], Error> {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(malformed(at, expected))
    }

    pub(crate) fn u32(&self, at: usize, expected: &'static str) -> Result<u32, Error> {
        self.array(at, expected).map(u32::from_le_bytes)
    }

    /// Returns what the length and offset at `at` point to. An empty field points nowhere.
    pub(crate) fn payload(&self, at: usize, expected: &'static str) -> Result<Payload<'a>, Error> {
        let [low, high, _, _, offset @ ..] = self.array::<8>(at, expected)?;
        let length = usize::from(u16::from_le_bytes([low, high]));
        if length == 0 {
            return Ok(Payload { start: None, bytes: &[] });
        }
        let outside = malformed(at, expected);
        let start = usize::try_from(u32::from_le_bytes(offset)).map_err(|_| outside)?;
        let end = start.checked_add(length).ok_or(outside)?;
        let bytes = self.0.get(start..end).ok_or(outside)?;
        Ok(Payload { start: Some(start), bytes })
    }
}

/// A field's bytes, and where they start in the message; `None` for an empty field.
#[derive(Clone, Copy)]
pub(crate) struct Payload<'a> {
    pub(crate) start: Option<usize>,
    pub(crate) bytes: &'a [u8],
}

impl Payload<'_> {
    pub(crate) fn text(&self) -> Result<String, Error> {
        let (units, odd) = self.bytes.as_chunks::<2>();
        let text =
            String::from_utf16(&units.iter().map(|u| u16::from_le_bytes(*u)).collect::<Vec<_>>());
        match text {
            Ok(text) if odd.is_empty() => Ok(text),
            _ => Err(malformed(self.start.unwrap_or(0), "UTF-16LE text")),
        }
    }
}

/// Collects header and payload of a message side by side.
pub(crate) struct Writer {
    header: Vec<u8>,
    payload: Vec<u8>,
    header_bytes: usize,
}

impl Writer {
    /// `header_bytes` is where the payload will start.
    pub(crate) fn new(kind: u32, header_bytes: usize) -> Self {
        let mut header = Vec::with_capacity(header_bytes);
        header.extend(SIGNATURE);
        header.extend(kind.to_le_bytes());
        Self { header, payload: Vec::new(), header_bytes }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.header.extend(bytes);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends to the payload and returns the header field that points to it.
    pub(crate) fn store(&mut self, bytes: &[u8], name: &'static str) -> Result<[u8; 8], Error> {
        let too_long = |_| Error::TooLong(name);
        let [a, b] = u16::try_from(bytes.len()).map_err(too_long)?.to_le_bytes();
        let offset = self.header_bytes + self.payload.len();
        let [c, d, e, f] = u32::try_from(offset).map_err(too_long)?.to_le_bytes();
        self.payload.extend(bytes);
        // Length, room, offset.
        Ok([a, b, a, b, c, d, e, f])
    }

    pub(crate) fn finish(mut self) -> Result<Vec<u8>, Error> {
        debug_assert_eq!(self.header.len(), self.header_bytes, "header fields and their sum");
        self.header.append(&mut self.payload);
        if self.header.len() > MESSAGE_BYTES_MAX {
            return Err(Error::TooLong("message"));
        }
        Ok(self.header)
    }
}

pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(crate) const fn malformed(at: usize, expected: &'static str) -> Error {
    Error::Malformed { at, expected }
}
