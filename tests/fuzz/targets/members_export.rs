//! The administrator's list: read or refused, the same in UTF-16, and a refusal tells no address.
#![cfg_attr(fuzzing, no_main)]

use lync::members::{Export, ExportError};

fuzz::target!(|file| {
    let read = Export::read(file);
    if let Ok(text) = std::str::from_utf8(file)
        && !text.starts_with('\u{feff}')
    {
        let units = ['\u{feff}'].into_iter().chain(text.chars());
        let wide: Vec<u8> = units
            .flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(Export::read(&wide), read);
    }
    match read {
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
