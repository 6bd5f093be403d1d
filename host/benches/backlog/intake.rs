//! Posts a second onto the disk, one commit after the other with what has come meanwhile, as a
//! connection does it; on this disk, and on one that takes 2 ms more to be sure.

use std::{path::Path, process::Command, time::Instant};

use host::database::Database;
use tokio::{runtime::Runtime, sync::mpsc};

use super::{
    process::{self, Conditions, child, figure, medians},
    town,
};

/// Posts in one commit at most. The host takes the last (`COMMIT_POSTS_MAX` in `chat/drive.rs`).
const BATCHES: [usize; 5] = [1, 8, 64, 512, 4096];
const ROOMS: usize = 500;
/// Commits of one run, and its posts at most.
const COMMITS: usize = 400;
const POSTS_MAX: usize = 80_000;

const SLOW_DISK: &str = include_str!("slow_disk.c");

pub(crate) fn measure() {
    let library = process::directory();
    let slow = Conditions { preload: slow_disk(library.path()), ..Conditions::default() };
    for batch in BATCHES {
        let posts = (batch * COMMITS).min(POSTS_MAX);
        let rate = |conditions: &Conditions| {
            let measured = medians(process::runs(5), || {
                let directory = process::directory();
                let path = directory.path().to_str().unwrap().to_owned();
                child("intake", &[path, batch.to_string(), posts.to_string()], conditions)
            });
            (figure(&measured, "posts_a_s"), figure(&measured, "work_us"))
        };
        let (fast, work_us) = rate(&Conditions::default());
        match slow.preload {
            Some(_) => println!(
                "intake: at most {batch} posts a commit, {ROOMS} rooms: {fast:.0} posts/s; {:.0} with 2 ms more a sync; {work_us:.0} us of work a post",
                rate(&slow).0
            ),
            None => println!("intake: at most {batch} posts a commit: {fast:.0} posts/s"),
        }
    }
}

/// Compiles what makes the disk slow; `None` without a C compiler.
fn slow_disk(directory: &Path) -> Option<std::path::PathBuf> {
    let (source, library) = (directory.join("slow_disk.c"), directory.join("slow_disk.so"));
    std::fs::write(&source, SLOW_DISK).unwrap();
    let compile = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    match compile {
        Ok(status) if status.success() => Some(library),
        _ => {
            println!("intake: no C compiler `cc`: the slow disk is not measured");
            None
        }
    }
}

pub(crate) fn run(arguments: &[String]) {
    let [directory, batch, posts] = arguments else { return };
    let (batch, posts): (usize, usize) = (batch.parse().unwrap(), posts.parse().unwrap());
    let messages: Vec<_> = (0..posts)
        .map(|n| (town::message(n % ROOMS, n / ROOMS), Some((n / ROOMS) as u64)))
        .collect();
    Runtime::new().unwrap().block_on(async {
        let database = Database::open(Path::new(directory)).await.unwrap();
        let (sender, mut incoming) = mpsc::channel(batch);
        let (begun, before_s) = (Instant::now(), process::processor_s());
        tokio::spawn(async move {
            for message in messages {
                sender.send(message).await.unwrap();
            }
        });
        let (mut fresh, mut kept) = (Vec::with_capacity(batch), 0);
        while incoming.recv_many(&mut fresh, batch).await > 0 {
            kept += database.commit_messages(std::mem::take(&mut fresh)).await.unwrap().len();
        }
        let took_s = begun.elapsed().as_secs_f64();
        assert_eq!(kept, posts);
        let work_us = (process::processor_s() - before_s) * 1e6 / posts as f64;
        process::tell(&[("posts_a_s", posts as f64 / took_s), ("work_us", work_us)]);
        database.close().await;
    });
}
