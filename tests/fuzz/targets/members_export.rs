//! The administrator's list: read or refused, and a refusal tells no address.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lync::members::{Export, ExportError};

fuzz_target!(|file: &[u8]| {
    match Export::read(file) {
        Ok(export) => {
            let entries: usize = export.rooms.iter().map(|room| room.entries.len()).sum();
            assert!(entries <= file.len());
        }
        Err(ExportError::At { line, what, .. }) => {
            let lines = file.iter().filter(|byte| **byte == b'\n').count();
            // UTF-16 has other line ends.
            assert!(
                line <= lines + 1
                    || file.starts_with(&[0xFF, 0xFE])
                    || file.starts_with(&[0xFE, 0xFF])
            );
            assert!(!what.contains('@'), "{what}");
        }
        Err(ExportError::TooLong { .. }) => {}
    }
});
