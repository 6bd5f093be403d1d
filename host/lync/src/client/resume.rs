//! Reading one room without loss and without repeats (dossier 6.2). No I/O: posts and pages of
//! history go in, [`Step`]s come out.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use super::inbound::InfoId;
use super::post::Post;

/// Posts asked for when a room that was read before is joined again.
const PAGE_FIRST: u32 = 50;
/// Asked for beyond a jump in the ids, in case posts arrive meanwhile.
const PROBE_EXTRA: u64 = 10;
/// Asked for when a quiet room is checked: ids that only order tell less.
const RECHECK_DENSE: u32 = 1;
const RECHECK_SPARSE: u32 = 10;
/// Posts a page must hold before it tells whether ids are consecutive.
const DENSITY_POSTS_MIN: usize = 5;
/// Live posts held back while history is on its way; what comes beyond is read from history.
const BUFFER_POSTS_MAX: usize = 512;
/// Text held back so.
const BUFFER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Posts that are remembered to recognise their repeats: by id, and those without one by key.
pub(super) const SEEN_MAX: usize = 512;

/// A post, and the INFO that brought it if it came live.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) post: Post,
    pub(super) info: Option<InfoId>,
}

impl Arrival {
    /// By number; those without one last, by time.
    fn order(&self) -> (u64, Duration) {
        (self.post.id.unwrap_or(u64::MAX), self.post.sent)
    }
}

/// What the session is to do, in order.
#[derive(Debug)]
pub(super) enum Step {
    /// Ask for the last so many posts.
    Ask(u32),
    /// The room was never read before: what it holds up to this id is not handed over.
    Begin(u64),
    /// Give the post to the caller.
    Hand(Box<Arrival>),
    /// This post needs no commit: it counts as confirmed.
    Skip(InfoId),
    /// Posts are missing and cannot be had.
    Gap { from: u64, to: Option<u64> },
    /// History and live posts have met.
    CaughtUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not joined.
    Out,
    Asking(Asked),
    Live,
}

/// The page of history that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    count: u32,
    /// Length of the page before, if that was not enough.
    shorter: Option<usize>,
    /// Whether the room counts as caught up afterwards.
    announce: bool,
    /// The live post that told of a jump: the page should hold it.
    target: Option<u64>,
    /// Whether a page of this size failed before.
    retried: bool,
}

impl Asked {
    fn new(count: u32, announce: bool) -> Self {
        Self { count, shorter: None, announce, target: None, retried: false }
    }

    /// Whether a page of so many posts is less than was asked for.
    fn is_short(&self, posts: usize) -> bool {
        posts < usize::try_from(self.count).unwrap_or(usize::MAX)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Density {
    Unknown,
    /// Ids are consecutive: a jump means a loss or a deletion.
    Dense,
    /// Ids only order and identify.
    Sparse,
}

/// How far one room has been read.
#[derive(Debug)]
pub(super) struct Resume {
    last_id: Option<u64>,
    /// Posts asked for if nothing was ever read.
    history_first: u32,
    /// Most posts the server gives at once.
    limit: u32,
    history: bool,
    phase: Phase,
    density: Density,
    buffer: Vec<Arrival>,
    buffer_bytes: usize,
    /// The buffer ran over: history must be asked again.
    missed: bool,
    /// Keys of posts without an id, oldest first.
    seen: VecDeque<String>,
    /// Ids handed over, all above `floor`. Nothing at or below the floor is handed over any more.
    handed: BTreeSet<u64>,
    floor: u64,
}

impl Resume {
    /// `seen` are the keys of posts without an id that were read before, oldest first.
    pub(super) fn new(
        last_id: Option<u64>,
        seen: impl IntoIterator<Item = String>,
        history_first: u32,
        limit: u32,
    ) -> Self {
        let mut resume = Self {
            last_id,
            history_first,
            limit: limit.max(1),
            history: true,
            phase: Phase::Out,
            density: Density::Unknown,
            buffer: Vec::new(),
            buffer_bytes: 0,
            missed: false,
            seen: VecDeque::new(),
            handed: BTreeSet::new(),
            floor: last_id.unwrap_or(0),
        };
        seen.into_iter().for_each(|key| resume.remember(key));
        resume
    }

    pub(super) fn set_limit(&mut self, limit: u32) {
        self.limit = limit.max(1);
    }

    /// We are no longer in the room. Gives the INFOs of posts held back: history will have the
    /// posts, but nobody will confirm these.
    #[must_use = "the server waits for their answers"]
    pub(super) fn leave(&mut self) -> Vec<InfoId> {
        self.phase = Phase::Out;
        self.buffer_bytes = 0;
        self.missed = false;
        self.buffer.drain(..).filter_map(|held| held.info).collect()
    }

    /// The room was joined; `logged` tells whether it keeps history.
    pub(super) fn join(&mut self, logged: bool) -> Vec<Step> {
        self.history = logged;
        if !logged {
            return self.settle(Vec::new(), None, true, true);
        }
        // Without history wanted one post is asked for all the same: it tells where we begin, so
        // that what is posted while we are away next is missed by nobody.
        let first = self.history_first.max(1);
        let count = if self.was_read() { PAGE_FIRST } else { first };
        vec![self.ask(Asked::new(count, true))]
    }

    /// Whether there is a place to go on from.
    fn was_read(&self) -> bool {
        self.last_id.is_some() || !self.seen.is_empty()
    }

    /// A post came live.
    pub(super) fn live(&mut self, arrival: Arrival) -> Vec<Step> {
        if self.phase != Phase::Live {
            return self.hold(arrival);
        }
        if self.jumps(std::slice::from_ref(&arrival), self.last_id).is_empty() {
            return self.deliver(vec![arrival]);
        }
        let mut steps = self.hold(arrival);
        steps.extend(self.probe(false));
        steps
    }

    /// The numbers left out between `reach` and the posts, which are in order, and before which of
    /// them; none where that means nothing.
    fn jumps(&self, posts: &[Arrival], reach: Option<u64>) -> Vec<Jump> {
        let Some(mut reach) = reach.filter(|_| self.history && self.density != Density::Sparse)
        else {
            return Vec::new();
        };
        let mut jumps = Vec::new();
        for (before, arrival) in posts.iter().enumerate() {
            let Some(id) = arrival.post.id else { continue };
            if id > reach.saturating_add(1) {
                jumps.push(Jump { before, from: reach + 1, to: id - 1 });
            }
            reach = reach.max(id);
        }
        jumps
    }

    /// Asks for what the posts held back tell of.
    fn probe(&mut self, announce: bool) -> Option<Step> {
        let target = self.buffer.iter().filter_map(|held| held.post.id).max()?;
        let distance = target.saturating_sub(self.last_id.unwrap_or(0));
        let count = u32::try_from(distance.saturating_add(PROBE_EXTRA)).unwrap_or(u32::MAX);
        Some(self.ask(Asked { target: Some(target), ..Asked::new(count, announce) }))
    }

    fn hold(&mut self, arrival: Arrival) -> Vec<Step> {
        let bytes = arrival.post.bytes();
        let full = self.buffer.len() >= BUFFER_POSTS_MAX
            || self.buffer_bytes.saturating_add(bytes) > BUFFER_BYTES_MAX;
        if full && self.history {
            self.missed = true;
            return arrival.info.map(Step::Skip).into_iter().collect();
        }
        self.buffer_bytes = self.buffer_bytes.saturating_add(bytes);
        self.buffer.push(arrival);
        Vec::new()
    }

    /// A page of history came, in any order; `skipped` more entries of it could not be read.
    pub(super) fn page(&mut self, mut posts: Vec<Post>, skipped: usize) -> Vec<Step> {
        let Phase::Asking(asked) = self.phase else {
            return Vec::new();
        };
        let mut ids: Vec<u64> = posts.iter().filter_map(|post| post.id).collect();
        ids.sort_unstable();
        self.learn_density(&ids);
        // Numbers where there were none: what was read before cannot be found among them.
        let numbered_now = self.last_id.is_none() && !self.seen.is_empty() && !ids.is_empty();
        let first_ever = !self.was_read() && (self.history_first == 0 || posts.is_empty());
        if numbered_now || first_ever {
            return self.begin(&ids, &posts, asked);
        }
        let mut steps = Vec::new();
        let length = posts.len().saturating_add(skipped);
        let coverage = if ids.is_empty() {
            posts.sort_by_key(|post| post.sent);
            self.overlap(&mut posts, length, asked)
        } else {
            self.coverage(&ids, length, asked)
        };
        match coverage {
            Coverage::Whole => {}
            Coverage::More(count) => {
                let more = Asked { count, shorter: Some(length), retried: false, ..asked };
                return vec![self.ask(more)];
            }
            Coverage::Gap => steps.extend(self.gap(ids.first().copied())),
        }
        let reach = self.last_id.max(ids.last().copied());
        // History does not hold what it was asked for: asking again will not help.
        let is_lost = asked.target.is_some_and(|target| ids.last().is_none_or(|id| *id < target));
        let page = posts.into_iter().map(|post| Arrival { post, info: None }).collect();
        steps.extend(self.settle(page, reach, asked.announce, is_lost));
        steps
    }

    /// The first page ever shows where the room stands; what came live meanwhile is ours.
    fn begin(&mut self, ids: &[u64], posts: &[Post], asked: Asked) -> Vec<Step> {
        let live = |id: &u64| self.buffer.iter().any(|held| held.post.id == Some(*id));
        let place = match (ids.iter().rfind(|id| !live(id)), ids.first()) {
            (Some(last), _) => Some(*last),
            (None, Some(first)) => Some(first.saturating_sub(1)),
            // Nothing was ever said; posts without ids tell no place.
            (None, None) => posts.is_empty().then_some(0),
        };
        self.last_id = place;
        self.floor = place.unwrap_or(0);
        self.seen.clear();
        let held = |post: &&Post| self.buffer.iter().any(|held| held.post.key == post.key);
        let passed = posts.iter().filter(|post| post.id.is_none() && !held(post));
        let passed: Vec<_> = passed.map(|post| post.key.clone()).collect();
        passed.into_iter().for_each(|key| self.remember(key));
        let mut steps: Vec<_> = place.map(Step::Begin).into_iter().collect();
        steps.extend(self.settle(Vec::new(), place, asked.announce, false));
        steps
    }

    /// History was refused or did not come.
    pub(super) fn page_failed(&mut self) -> Vec<Step> {
        let Phase::Asking(asked) = self.phase else {
            return Vec::new();
        };
        // A quiet room that could not be checked has missed nothing that anybody knows of.
        let is_recheck = !asked.announce && self.buffer.is_empty() && !self.missed;
        if is_recheck {
            return self.settle(Vec::new(), self.last_id, asked.announce, true);
        }
        // The server may have been busy for a moment.
        if !asked.retried {
            return vec![self.ask(Asked { retried: true, ..asked })];
        }
        // A page may be too large for the server (dossier section 10, no. 15).
        if asked.count > PAGE_FIRST {
            let smaller = Asked { count: asked.count / 2, shorter: Some(0), ..asked };
            return vec![self.ask(smaller)];
        }
        let first = self.buffer.iter().filter_map(|held| held.post.id).min();
        let mut steps: Vec<_> = self.gap(first).into_iter().collect();
        self.missed = false;
        let reach = self.last_id.max(first);
        steps.extend(self.settle(Vec::new(), reach, asked.announce, true));
        steps
    }

    /// The room was quiet for long: is there anything we were not told?
    pub(super) fn recheck(&mut self) -> Vec<Step> {
        if self.phase != Phase::Live || !self.history || !self.was_read() {
            return Vec::new();
        }
        let count = if self.is_sparse() { RECHECK_SPARSE } else { RECHECK_DENSE };
        vec![self.ask(Asked::new(count, false))]
    }

    /// Whether a jump tells nothing: ids that only order, or none at all.
    pub(super) fn is_sparse(&self) -> bool {
        self.density == Density::Sparse || self.last_id.is_none()
    }

    fn ask(&mut self, mut asked: Asked) -> Step {
        asked.count = asked.count.clamp(1, self.limit);
        self.phase = Phase::Asking(asked);
        Step::Ask(asked.count)
    }

    /// Dossier 6.2: at least five posts, single holes allowed.
    fn learn_density(&mut self, ids: &[u64]) {
        if ids.len() < DENSITY_POSTS_MIN {
            return;
        }
        let mut pairs = ids.iter().zip(ids.iter().skip(1));
        let dense = pairs.all(|(a, b)| b.saturating_sub(*a) <= 2);
        self.density = if dense { Density::Dense } else { Density::Sparse };
    }

    /// Whether the page reaches back to what was read. Where history begins after that, what lies
    /// between is gone (dossier 6.2).
    fn coverage(&self, ids: &[u64], posts: usize, asked: Asked) -> Coverage {
        let (Some(last), Some(first)) = (self.last_id, ids.first()) else {
            return Coverage::Whole;
        };
        if *first <= last.saturating_add(1) {
            return Coverage::Whole;
        }
        match self.more(posts, asked) {
            Coverage::Gap if last == 0 && asked.is_short(posts) && !self.begins_at_1(*first) => {
                Coverage::Whole
            }
            other => other,
        }
    }

    /// Whether numbers below the first ones of a room that was empty stood for posts: they do if
    /// the room is counted by itself. Numbers that only order may begin anywhere.
    fn begins_at_1(&self, first: u64) -> bool {
        match self.density {
            Density::Dense => true,
            Density::Sparse => false,
            Density::Unknown => first <= u64::from(self.limit),
        }
    }

    /// Of a page without ids, in order of time: what lies before the first post known was read
    /// long ago, and goes. Without one the page does not reach back far enough.
    fn overlap(&self, page: &mut Vec<Post>, posts: usize, asked: Asked) -> Coverage {
        let known = page.iter().position(|post| self.seen.contains(&post.key));
        if let Some(known) = known {
            page.drain(..known);
        }
        if known.is_some() || page.is_empty() || self.seen.is_empty() {
            return Coverage::Whole;
        }
        self.more(posts, asked)
    }

    fn more(&self, posts: usize, asked: Asked) -> Coverage {
        // A page as short as the one before: asking for more does not help.
        let stuck = asked.is_short(posts) && asked.shorter.is_some_and(|before| before >= posts);
        if asked.count >= self.limit || stuck || asked.shorter == Some(0) {
            return Coverage::Gap;
        }
        Coverage::More(asked.count.saturating_mul(2).max(PAGE_FIRST))
    }

    /// `first` is the first id that is there again. Where there are no ids, 0 stands for "some".
    fn gap(&self, first: Option<u64>) -> Option<Step> {
        if self.last_id.is_none() && !self.seen.is_empty() {
            return Some(Step::Gap { from: 0, to: None });
        }
        let from = self.last_id?.checked_add(1)?;
        match first {
            Some(first) if first <= from => None,
            first => Some(Step::Gap { from, to: first.map(|first| first - 1) }),
        }
    }

    /// Hands over a page and what was held back meanwhile; then the room is live. Up to `reach`
    /// numbers left out are known for holes. Where the posts held back jump beyond it, history is
    /// asked once more, or if that `is_lost` already, the jump is a gap.
    fn settle(
        &mut self,
        page: Vec<Arrival>,
        reach: Option<u64>,
        announce: bool,
        is_lost: bool,
    ) -> Vec<Step> {
        let mut arrivals = std::mem::take(&mut self.buffer);
        arrivals.sort_by_key(Arrival::order);
        let mut steps = Vec::new();
        let jumps = self.jumps(&arrivals, reach);
        if is_lost {
            steps.extend(jumps.iter().map(|jump| Step::Gap { from: jump.from, to: Some(jump.to) }));
        } else if let Some(jump) = jumps.first() {
            self.buffer = arrivals.split_off(jump.before);
        }
        self.buffer_bytes = self.buffer.iter().map(|held| held.post.bytes()).sum();
        // Live ones first: of two equal posts the one with an INFO to answer is handed over.
        arrivals.extend(page);
        steps.extend(self.deliver(arrivals));
        self.phase = Phase::Live;
        if let Some(probe) = self.probe(announce) {
            steps.push(probe);
        } else if std::mem::take(&mut self.missed) {
            steps.push(self.ask(Asked::new(PAGE_FIRST, announce)));
        } else if announce {
            steps.push(Step::CaughtUp);
        }
        steps
    }

    fn deliver(&mut self, mut arrivals: Vec<Arrival>) -> Vec<Step> {
        arrivals.sort_by_key(Arrival::order);
        let mut steps = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            if self.is_new(&arrival.post) {
                steps.push(Step::Hand(Box::new(arrival)));
            } else {
                steps.extend(arrival.info.map(Step::Skip));
            }
        }
        steps
    }

    /// Whether the post was not handed over before; remembers it.
    fn is_new(&mut self, post: &Post) -> bool {
        if let Some(id) = post.id {
            return self.is_new_id(id);
        }
        let new = !self.seen.contains(&post.key);
        if new {
            self.remember(post.key.clone());
        }
        new
    }

    /// A post may come late where a jump was not probed: then it is the one that was missed.
    fn is_new_id(&mut self, id: u64) -> bool {
        let Some(last) = self.last_id else {
            self.floor = id.saturating_sub(1);
            self.last_id = Some(id);
            return self.handed.insert(id);
        };
        self.last_id = Some(last.max(id));
        let late = self.density == Density::Sparse && id > self.floor;
        if id <= last && !late {
            return false;
        }
        let new = self.handed.insert(id);
        if self.handed.len() > SEEN_MAX {
            self.floor = self.handed.pop_first().unwrap_or(self.floor);
        }
        new
    }

    fn remember(&mut self, key: String) {
        if self.seen.len() >= SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back(key);
    }
}

/// Numbers left out before a post.
#[derive(Debug)]
struct Jump {
    /// The post's place.
    before: usize,
    from: u64,
    to: u64,
}

enum Coverage {
    Whole,
    More(u32),
    Gap,
}

#[cfg(test)]
mod tests;
