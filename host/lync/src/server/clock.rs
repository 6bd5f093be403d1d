//! What happens because time passes.

use std::time::{Duration, Instant};

use super::{Pool, chat::DialogId, faults::take};
use crate::{
    Now,
    xccos::{Command, CommandId, Reply},
};

/// How long a request of ours may stay without answer: timer F of RFC 3261.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(32);
/// Commands and replies that may be late at once (fault); more are not delayed.
const DELAYED_MAX: usize = 1024;

/// Why [`Pool::handle_timeout`] has to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolTimer {
    /// A registration was not refreshed.
    Registration,
    /// A dialog was not refreshed: its client is taken for dead (session timer).
    Session,
    /// A request of the pool was not answered within 32 s.
    Answer,
    /// Something slow is due (fault).
    Delay,
}

/// Something slow.
#[derive(Debug)]
pub(super) struct Delayed {
    due: Instant,
    dialog_id: DialogId,
    what: Late,
}

#[derive(Debug)]
enum Late {
    Command(CommandId, Command),
    Reply(Reply),
}

impl Pool {
    /// Carries out a command, now or late (fault).
    pub(super) fn command_soon(
        &mut self,
        dialog_id: DialogId,
        command_id: CommandId,
        command: Command,
        now: Now,
    ) {
        if self.delayed.len() >= DELAYED_MAX || !take(&mut self.faults.slow_replies) {
            return self.command(dialog_id, command_id, command, now);
        }
        self.delay(dialog_id, Late::Command(command_id, command), now);
    }

    /// Sends the reply to a join, now or late (fault).
    pub(super) fn join_reply(&mut self, dialog_id: DialogId, reply: Reply, now: Now) {
        if self.delayed.len() >= DELAYED_MAX || !take(&mut self.faults.early_posts) {
            return self.reply(dialog_id, reply, now);
        }
        self.delay(dialog_id, Late::Reply(reply), now);
    }

    fn delay(&mut self, dialog_id: DialogId, what: Late, now: Now) {
        let due = now.instant + self.faults.slow_by;
        self.delayed.push(Delayed { due, dialog_id, what });
    }

    pub(super) fn next_timer(&self) -> Option<(Instant, PoolTimer)> {
        let registrations = self.registrations.values();
        let registrations = registrations.map(|there| (there.until, PoolTimer::Registration));
        let sessions = self.dialogs.values().filter_map(|dialog| dialog.idle_until);
        let sessions = sessions.map(|until| (until, PoolTimer::Session));
        let answers = self.dialogs.values().flat_map(|dialog| dialog.unanswered.values());
        let answers = answers.map(|waiting| (waiting.sent + ANSWER_TIMEOUT, PoolTimer::Answer));
        let delays = self.delayed.iter().map(|late| (late.due, PoolTimer::Delay));
        registrations.chain(sessions).chain(answers).chain(delays).min_by_key(|(at, _)| *at)
    }

    pub(super) fn run_timers(&mut self, now: Now) {
        self.run_delayed(now);
        let over = self.registrations.iter().filter(|(_, there)| there.until <= now.instant);
        let over: Vec<_> = over.map(|(endpoint, _)| endpoint.clone()).collect();
        for endpoint in over {
            self.unregister(&endpoint, now);
        }
        let dead = self.dialogs.iter().filter(|(_, dialog)| {
            let waiting = dialog.unanswered.values();
            let oldest = waiting.map(|waiting| waiting.sent + ANSWER_TIMEOUT).min();
            [dialog.idle_until, oldest].into_iter().flatten().any(|until| until <= now.instant)
        });
        let dead: Vec<_> = dead.map(|(dialog_id, _)| *dialog_id).collect();
        for dialog_id in dead {
            self.hang_up(dialog_id, now);
        }
    }

    fn run_delayed(&mut self, now: Now) {
        let due: Vec<_> = self.delayed.extract_if(.., |late| late.due <= now.instant).collect();
        for Delayed { dialog_id, what, .. } in due {
            match what {
                Late::Command(command_id, command) => {
                    self.command(dialog_id, command_id, command, now);
                }
                Late::Reply(reply) => self.reply(dialog_id, reply, now),
            }
        }
    }
}
