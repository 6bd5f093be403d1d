//! Plays the conversation.

use std::time::Duration;

use anyhow::Result;
use lync::server::NewPost;
use tokio::sync::Semaphore;

use super::{
    conversation::{self, Line, Sort},
    ledger::Ledger,
};
use crate::{clock, embedded::Embedded};

/// Posts under way at once when played fast: as a busy pool would have them.
const UNDER_WAY_MAX: usize = 64;

/// The conversation on the stage of the embedded pool.
pub(super) struct Play<'e> {
    embedded: &'e Embedded,
    ledger: &'e Ledger,
    /// Whether each post carries its number, for counting.
    numbered: bool,
}

impl<'e> Play<'e> {
    pub(super) fn new(embedded: &'e Embedded, ledger: &'e Ledger, numbered: bool) -> Self {
        Self { embedded, ledger, numbered }
    }

    /// Plays with pauses; without `posts` again and again. `tell` prints what is said, `timed` with
    /// the calendar's time.
    pub(super) async fn slowly(
        &self,
        posts: Option<u32>,
        pace: Duration,
        tell: bool,
        timed: bool,
    ) -> Result<()> {
        let posts = posts.map_or(usize::MAX, |posts| usize::try_from(posts).unwrap_or(usize::MAX));
        for index in 0..posts {
            let line = conversation::line(index);
            self.post(index, &line).await?;
            if tell {
                let time = if timed { wall_clock() } else { String::new() };
                println!(
                    "{time}{:<10} {}: {}",
                    line.room,
                    line.author,
                    line.text.split(['\r', '\n']).next().unwrap_or_default()
                );
            }
            // The conversation begins again only after a pause.
            let last = index % conversation::length() == conversation::length() - 1;
            tokio::time::sleep(if last { pace * 10 } else { pace }).await;
            if tell && index % 10 == 9 {
                let time = if timed { wall_clock() } else { String::new() };
                println!("{time}           {} mails delivered so far", self.ledger.delivered());
            }
        }
        Ok(())
    }

    /// Plays as fast as the host takes posts.
    pub(super) async fn fast(&self, posts: u32) -> Result<()> {
        let under_way = Semaphore::new(UNDER_WAY_MAX);
        let taken = self.ledger.taken();
        for index in 0..usize::try_from(posts)? {
            while index.saturating_sub(*taken.borrow()) >= UNDER_WAY_MAX {
                taken.clone().changed().await?;
            }
            let _permit = under_way.acquire().await?;
            self.post(index, &conversation::line(index)).await?;
        }
        Ok(())
    }

    async fn post(&self, index: usize, line: &Line) -> Result<()> {
        let company = &self.embedded.company;
        let room = company.rooms.iter().find(|room| room.name == line.room);
        let Some(room) = room else { anyhow::bail!("the company has no room `{}`", line.room) };
        let numbered = |text: &str| match self.numbered {
            true => format!("{} {text}", super::ledger::number(index)),
            false => text.to_owned(),
        };
        self.ledger.posted(index, company, room, line.author);
        let post = NewPost {
            text: numbered(line.text),
            rtf: None,
            alert: line.sort == Sort::Alert,
            story_title: match line.sort {
                // A long digest shows the title of a story only.
                Sort::Story(title) => Some(numbered(title)),
                _ => None,
            },
        };
        self.embedded.pool.post(&company.room_uri(room), &company.sip(line.author), post).await?;
        Ok(())
    }
}

/// `Tue 07:40  `, as the calendar shows it.
fn wall_clock() -> String {
    let now = jiff::Timestamp::from_millisecond(clock::unix_ms()).unwrap_or_default();
    now.to_zoned(jiff::tz::TimeZone::system()).strftime("%a %H:%M  ").to_string()
}
