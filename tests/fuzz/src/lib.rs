//! What all fuzz targets share. Under `--cfg fuzzing` a target is explored by libFuzzer. Without, it
//! is a program that plays seeds and a number of variants of them, the same ones every time:
//! libFuzzer cannot promise that, for what it tries next hangs on addresses and on hash seeds.

use std::io::{Seek as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[cfg(fuzzing)]
pub use libfuzzer_sys;

/// Makes a target of what shall never panic, whatever the input.
#[macro_export]
macro_rules! target {
    (|$data:ident| $body:block) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|$data: &[u8]| $body);

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::play(|$data: &[u8]| $body)
        }
    };
}

/// What parsers take notice of.
const PIECES: [&[u8]; 32] = [
    b"\0",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"!",
    b"\"",
    b"#",
    b"%",
    b"&",
    b"'",
    b"(",
    b"*",
    b",",
    b"-1",
    b"/",
    b":",
    b";",
    b"<",
    b"=",
    b">",
    b"@",
    b"\\",
    b"{",
    b"}",
    b"\x7f",
    b"\xff",
    b"\xe2\x80\xa8",
    b"65536",
    b"99999999999999999999",
];
/// Changes to one variant.
const CHANGES_MAX: usize = 6;
/// Bytes of the longest variant.
const VARIANT_BYTES_MAX: usize = 1 << 16;

/// Plays what the command line names: how many variants, the folder of the seeds, and the file
/// that holds the input in hand, for whoever has to find out what stopped the program.
///
/// # Errors
/// If a file cannot be read or written, or an argument is missing.
pub fn play(target: impl Fn(&[u8])) -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [count, seeds, in_hand] = arguments.as_slice() else {
        return Err(io::Error::other("arguments: COUNT SEEDS FILE"));
    };
    let count: usize = count.parse().map_err(io::Error::other)?;
    let seeds = read(Path::new(seeds))?;
    // Written over, not anew: file systems hurry a file to the disk that was emptied before.
    let mut file = fs::File::create(in_hand)?;
    let mut run = |input: &[u8]| -> io::Result<()> {
        file.rewind()?;
        file.write_all(input)?;
        file.set_len(input.len() as u64)?;
        target(input);
        Ok(())
    };
    seeds.iter().try_for_each(|seed| run(seed))?;
    let mut random = Random(0);
    for seed in seeds.iter().cycle().take(count) {
        run(&variant(seed.clone(), &seeds, &mut random))?;
    }
    println!("{} seeds, {count} variants", seeds.len());
    fs::remove_file(in_hand)
}

/// The seeds in the order of their names, whatever the file system's is.
fn read(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    paths.iter().map(fs::read).collect()
}

fn variant(mut input: Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    for _ in 0..=random.below(CHANGES_MAX) {
        let place = random.range(input.len());
        match random.below(5) {
            0 => drop(input.drain(place)),
            1 => input.splice(place.start..place.start, random.piece().to_vec()).for_each(drop),
            2 => input.splice(place, random.piece().to_vec()).for_each(drop),
            3 => {
                let other = &seeds[random.below(seeds.len())];
                let taken = other[random.range(other.len())].to_vec();
                drop(input.splice(place, taken));
            }
            _ => {
                let bit = 1 << random.below(8);
                input.get_mut(place.start).into_iter().for_each(|byte| *byte ^= bit);
            }
        }
    }
    input.truncate(VARIANT_BYTES_MAX);
    input
}

/// Numbers that are always the same (SplitMix64, Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    /// A number below `bound`; 0 if that is 0.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % (bound.max(1) as u64)) as usize
    }

    /// A part of what is `length` long, mostly a short one.
    fn range(&mut self, length: usize) -> Range<usize> {
        let start = self.below(length);
        let most = 1 << self.below(12);
        let end = start + self.below(most);
        start..end.min(length)
    }

    fn piece(&mut self) -> &'static [u8] {
        PIECES[self.below(PIECES.len())]
    }
}
