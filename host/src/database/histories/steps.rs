//! What happens in each step, and how a history ends.

use std::time::Duration;

use bridge::{
    member::Wish,
    preference::Choice,
    receipt::{self, Receipt},
    schedule::Schedule,
};
use lync::server::{Faults, NewPost};

use super::{
    chance::Chance,
    model::post_id,
    script::{Kind, SCHEDULES, Step, ZONES},
    world::{AUTHOR, Alive, PEOPLE, ROOMS, World, address, roles, service, uri},
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR_MS: i64 = 3_600_000;
/// Rounds of the mail stage in which everything must have come to its end.
const ROUNDS_MAX: usize = 3_000;

impl World {
    pub(super) async fn step(&mut self, step: &Step) {
        self.chance = Chance(step.salt);
        self.tally.steps += 1;
        self.tell(|| format!("step {step:?}"));
        if self.live(step.kind).await.is_err() {
            self.rise_again().await;
        }
    }

    async fn live(&mut self, kind: Kind) -> Alive {
        self.note_arrivals();
        if self.chance.one_in(3) {
            self.connect().await?;
        }
        match kind {
            Kind::Post => self.posts().await?,
            Kind::Burst => {
                self.disconnect();
                (0..101 + self.chance.below(40)).for_each(|_| self.post(0));
                if self.chance.one_in(2) {
                    let keep = 1 + self.chance.below(30);
                    self.truncate(0, keep);
                }
            }
            Kind::Mail => {
                self.plan().await?;
                self.mail().await?;
            }
            Kind::Wait => self.wait().await?,
            Kind::Members => self.members().await?,
            Kind::Directory => self.directory().await?,
            Kind::Remove => self.remove().await?,
            Kind::Choose => self.choose().await?,
            Kind::Clock => self.set_clock(),
            Kind::Cut => match self.chance.below(3) {
                0 => self.disconnect(),
                _ => self.wire.breaks = Some(u32::try_from(self.chance.below(12)).unwrap()),
            },
            Kind::Restart => self.restart_pool(),
            Kind::Truncate => {
                if self.chance.one_in(2) {
                    self.disconnect();
                }
                let (room, keep) = (self.chance.below(ROOMS), self.chance.below(6));
                self.truncate(room, keep);
            }
            Kind::Bend => self.bend(),
            Kind::PutOut => self.put_out().await?,
            Kind::Mood => self.exchange.mood = self.chance.of(&[0, 1, 2, 2, 3, 6, 12]),
            Kind::Retry => self.retry().await?,
            Kind::Kill => {
                self.fuse = Some(u32::try_from(self.chance.below(40)).unwrap());
                if self.chance.one_in(2) {
                    // In the midst of a post's way into the database.
                    let room = self.chance.below(ROOMS);
                    self.post(room);
                    self.fuse = Some(u32::try_from(self.chance.below(6)).unwrap());
                }
            }
        }
        self.pump().await
    }

    /// One or more, with or without time for the host in between.
    async fn posts(&mut self) -> Alive {
        for _ in 0..1 + self.chance.below(4) {
            let room = self.chance.below(ROOMS);
            self.post(room);
            if !self.chance.one_in(3) {
                self.pump().await?;
            }
            let pause = Duration::from_millis(1 + self.chance.next() % 3_000);
            self.pass(pause).await?;
        }
        if self.chance.one_in(2) {
            self.plan().await?;
        }
        Ok(())
    }

    fn post(&mut self, room: usize) {
        self.tally.posts += 1;
        // No two at one moment: their order would be anybody's guess.
        self.clock.pass(Duration::from_millis(1));
        let now = self.clock.server();
        let number = self.pool.post(&uri(room), AUTHOR, NewPost::text("words"), now).unwrap();
        let sent_ms = i64::try_from(now.unix.as_millis()).unwrap();
        self.model.posted(room, number, sent_ms);
        self.tell(|| format!("post {number} in room {room}"));
    }

    async fn wait(&mut self) -> Alive {
        let seconds = match self.chance.below(4) {
            0 => self.chance.within(1, 60),
            1 => self.chance.within(60, 1_800),
            _ => self.chance.within(1_800, 30 * 3600),
        };
        self.pass(Duration::from_secs(seconds.unsigned_abs())).await
    }

    async fn members(&mut self) -> Alive {
        let (room, person) = (self.chance.below(ROOMS), self.chance.below(PEOPLE));
        if self.chance.one_in(4) {
            self.model.loses_or_finds_mailbox(person);
        } else {
            self.model.joins_or_leaves(room, person);
        }
        if self.chance.one_in(2) { self.directory().await } else { Ok(()) }
    }

    async fn remove(&mut self) -> Alive {
        let room = self.chance.below(ROOMS);
        let held = self.model.held(room);
        // What is young is what may still wait.
        let young = &held[held.len().saturating_sub(8)..];
        if young.is_empty() {
            return Ok(());
        }
        let number = self.chance.of(young);
        self.tally.removals += 1;
        self.pool.remove_message(&uri(room), number).unwrap();
        self.model.removed(room, number);
        if self.chance.one_in(2) {
            let id = post_id(room, number);
            self.effect()?;
            let now_ms = self.unix_ms();
            let ids = std::slice::from_ref(&id);
            self.host.database.remove_messages(ids, now_ms).await.unwrap();
            let why = self.host.database.whys(id.as_str(), None, 1).await.unwrap();
            if !why.is_empty() {
                self.model.removed_for_sure(&id);
            }
        }
        Ok(())
    }

    async fn choose(&mut self) -> Alive {
        let person = self.chance.below(PEOPLE);
        let schedule = Schedule::parse(self.chance.of(&SCHEDULES)).unwrap();
        let wish = self.chance.of(&[Wish::Instant, Wish::Digest, Wish::Digest, Wish::Off]);
        let choice = Choice {
            wish: Some(wish),
            schedule: Some(schedule),
            time_zone: Some(self.chance.of(&ZONES).to_owned()),
            ..Choice::default()
        };
        self.say(person, choice).await
    }

    fn set_clock(&mut self) {
        self.tally.clock_jumps += 1;
        // A request that is out while the clock jumps for longer than the host's patience may be
        // taken for dead too early. That limit is known; it is not looked for here.
        self.exchange.hurry();
        let by_ms = match self.chance.below(4) {
            0 => self.chance.within(-60_000, 60_000),
            1 => self.chance.within(-26 * HOUR_MS, 0),
            2 => self.chance.within(0, 60 * HOUR_MS),
            _ => self.chance.within(-HOUR_MS, HOUR_MS),
        };
        self.clock.set(by_ms);
    }

    fn restart_pool(&mut self) {
        self.tally.pool_restarts += 1;
        let now = self.clock.server();
        if self.chance.one_in(2) {
            self.pool.restart_chat(now);
        } else {
            self.pool.restart(now);
        }
    }

    fn truncate(&mut self, room: usize, keep: usize) {
        self.tally.truncations += 1;
        self.tell(|| format!("room {room} keeps {keep} posts"));
        for number in self.model.truncate(room, keep) {
            self.pool.remove_message(&uri(room), number).unwrap();
        }
    }

    fn bend(&mut self) {
        self.tally.pool_faults += 1;
        let few = 1 + u32::try_from(self.chance.below(2)).unwrap();
        let faults = &mut self.pool.faults;
        match self.chance.below(15) {
            0 => faults.duplicates += few,
            1 => faults.info_503 += few,
            2 => faults.info_481 += 1,
            3 => (faults.info_481, faults.stale_dialogs) = (1, 1),
            4 => faults.update_481 += 1,
            5 => faults.info_unanswered += 1,
            6 => faults.merged_replies += 1,
            7 => faults.requri_failures += few,
            8 => faults.join_failures += 1,
            9 => faults.reversed_histories += few,
            10 => (faults.slow_replies, faults.slow_by) = (few, 20 * SECOND),
            11 => (faults.early_posts, faults.slow_by) = (1, 5 * SECOND),
            12 => faults.missing_signatures += 1,
            13 => faults.id_gaps += few,
            _ => faults.silences += 1,
        }
    }

    async fn put_out(&mut self) -> Alive {
        let (room, inside) = (self.chance.below(ROOMS), self.chance.one_in(2));
        let now = self.clock.server();
        self.pool.set_member(&uri(room), service(), roles(inside), now).unwrap();
        self.pump().await
    }

    /// Nothing goes wrong any more.
    fn calm(&mut self) {
        self.fuse = None;
        self.exchange.mood = 0;
        self.pool.faults = Faults::default();
        let now = self.clock.server();
        for room in 0..ROOMS {
            self.pool.set_member(&uri(room), service(), roles(true), now).unwrap();
        }
        self.model.find_mailboxes();
    }

    /// Everything settles once all are well and time passes.
    pub(super) async fn settle(&mut self) {
        self.calm();
        self.disconnect();
        self.take_in().await.unwrap();
        // That the last posts of a room are missing only a later one can tell.
        for room in 0..ROOMS {
            self.post(room);
        }
        self.take_in().await.unwrap();
        self.run_down().await;
    }

    /// Time passes until nothing waits any more.
    async fn run_down(&mut self) {
        self.disconnect();
        for _ in 0..ROUNDS_MAX {
            self.mail().await.unwrap();
            let now_ms = self.unix_ms();
            let next_ms = self.host.database.next_due(now_ms).await.unwrap();
            let opens_ms = self.host.gate.opens_ms(now_ms);
            if let Some(next_ms) = next_ms.map(|next_ms| next_ms.max(opens_ms.unwrap_or(0))) {
                let wait_ms = u64::try_from(next_ms - now_ms).unwrap();
                self.clock.pass(Duration::from_millis(wait_ms));
                continue;
            }
            let retries = self.tally.retries;
            self.retry().await.unwrap();
            let counts = self.host.database.counts().await.unwrap();
            let ended = counts.kept == 0 && counts.waiting == 0 && counts.failed == 0;
            if ended && self.tally.retries == retries {
                return;
            }
            self.clock.pass(SECOND * 60);
        }
        panic!("it does not settle: {:?}", self.host.database.counts().await);
    }

    /// The host is in all rooms, has read them, and has planned what it read.
    async fn take_in(&mut self) -> Alive {
        for _ in 0..5 {
            self.connect().await?;
            if self.is_caught_up() {
                break;
            }
            self.pass(SECOND * 310).await?;
        }
        assert!(self.is_caught_up(), "the rooms are not joined again");
        self.pass(SECOND * 40).await?;
        self.directory().await?;
        loop {
            self.plan().await?;
            if (0..ROOMS).all(|room| !self.model.is_unplanned(room)) {
                return Ok(());
            }
        }
    }

    /// One more mail for everybody: it names what was withdrawn after the last one.
    pub(super) async fn farewell(&mut self) {
        self.check_arrivals().await;
        self.model.gather_all();
        for person in 0..PEOPLE {
            self.say(person, Choice::default()).await.unwrap();
        }
        self.connect().await.unwrap();
        self.directory().await.unwrap();
        self.post(0);
        self.pump().await.unwrap();
        self.plan().await.unwrap();
        self.run_down().await;
    }

    pub(super) async fn begin(&mut self) {
        for _ in 0..self.setup.before {
            let room = self.chance.below(ROOMS);
            self.post(room);
        }
        self.connect().await.unwrap();
        self.directory().await.unwrap();
    }

    /// Everything that must have arrived has, and nothing else.
    async fn check_arrivals(&mut self) {
        self.note_arrivals();
        if let Some((id, person, what)) = self.model.check() {
            let why = self.host.database.why(&id, &address(person)).await.unwrap();
            panic!("{what} was lost for {person}: {why:?}");
        }
    }

    pub(super) async fn check(&mut self) {
        self.check_arrivals().await;
        for person in 0..PEOPLE {
            let mails = self.exchange.mails().filter(|letter| letter.person == address(person));
            let receipts: Vec<Receipt> = mails.map(|letter| letter.receipt.clone()).collect();
            self.tally.mails += receipts.len() as u64;
            assert_eq!(receipt::check(&receipts, 1), [], "the receipts of {person}");
        }
        let counts = self.host.database.counts().await.unwrap();
        assert_eq!((counts.unplanned, counts.held, counts.failed), (0, 0, 0), "something waits");
    }
}
