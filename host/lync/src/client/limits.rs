//! Every bound and every time of a session, in one place.

use std::time::Duration;

/// Answer to any request but REGISTER: RFC 3261 timers B and F.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(32);
/// Answer to a REGISTER (dossier 1.4).
pub(super) const REGISTER_TIMEOUT: Duration = Duration::from_secs(60);
/// REGISTERs sent without an answer, or answered 504, before the session gives up.
pub(super) const REGISTER_TRIES_MAX: u32 = 6;
/// Pause after a 504.
pub(super) const REGISTER_PAUSE: Duration = Duration::from_secs(60);
/// How long before its end a registration is refreshed.
pub(super) const REFRESH_BEFORE: Duration = Duration::from_secs(30);
/// Assumed if the 200 names no `Expires`.
pub(super) const EXPIRES_DEFAULT: Duration = Duration::from_secs(900);
/// When a security association is made anew: five minutes before its eight hours are over.
pub(super) const RENEW_AFTER: Duration = Duration::from_secs(8 * 3600 - 300);
/// How long a sign-out waits for its answer.
pub(super) const SIGN_OUT_TIMEOUT: Duration = Duration::from_secs(5);

/// Silence after which a keep-alive is sent, until the server names another time.
pub(super) const KEEP_ALIVE_DEFAULT: Duration = Duration::from_secs(60);
/// What a server may ask for at least and at most.
pub(super) const KEEP_ALIVE_MIN: Duration = Duration::from_secs(5);
pub(super) const KEEP_ALIVE_MAX: Duration = Duration::from_secs(3600);

/// The provisioning document, be it in the answer or in a notification.
pub(super) const PROVISIONING_TIMEOUT: Duration = Duration::from_secs(32);

/// First pause after the chat service refused, and the longest; it doubles in between.
pub(super) const CHAT_PAUSE_FIRST: Duration = Duration::from_secs(5);
pub(super) const CHAT_PAUSE_MAX: Duration = Duration::from_secs(300);
/// First pause after the chat dialog was lost.
pub(super) const LOSS_PAUSE_FIRST: Duration = Duration::from_secs(1);
/// A BYE this soon after the first command, before any reply: the user is not provisioned.
pub(super) const EARLY_BYE: Duration = Duration::from_secs(10);
/// Session timer if the server names none: a dead dialog shall be noticed.
pub(super) const SESSION_EXPIRES_DEFAULT: Duration = Duration::from_secs(600);
/// The least session timer believed.
pub(super) const SESSION_EXPIRES_MIN: Duration = Duration::from_secs(10);
/// How long before the end of the session timer a failed UPDATE is tried again.
pub(super) const UPDATE_AGAIN_BEFORE: Duration = Duration::from_secs(10);

/// Reply to a command.
pub(super) const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a command without a reply is sent at most.
pub(super) const COMMAND_TRIES_MAX: u32 = 2;
/// How often a command is sent at most to a server that answers 503, and the pause in between.
pub(super) const COMMAND_BUSY_TRIES_MAX: u32 = 10;
pub(super) const COMMAND_PAUSE: Duration = Duration::from_secs(5);
/// Commands and posts sent and not yet done with.
pub(super) const COMMANDS_IN_FLIGHT_MAX: usize = 16;
/// Commands and posts waiting for their turn.
pub(super) const COMMANDS_WAITING_MAX: usize = 8192;
/// Posts remembered in case a reply still refuses them.
pub(super) const POSTS_REMEMBERED_MAX: usize = 64;

/// Rooms of one session.
pub(super) const ROOMS_MAX: usize = 4096;
/// Rooms joined by one command, and the pause between two.
pub(super) const JOIN_BATCH_MAX: usize = 16;
pub(super) const JOIN_PACE: Duration = Duration::from_secs(1);
/// After we were put out of a room: the first attempt to get back, and the further ones.
pub(super) const REJOIN_FIRST: Duration = Duration::from_secs(30);
pub(super) const REJOIN_NEXT: Duration = Duration::from_secs(300);
/// Silence after which a room's history is looked at: consecutive ids, others.
pub(super) const QUIET_DENSE: Duration = Duration::from_secs(900);
pub(super) const QUIET_SPARSE: Duration = Duration::from_secs(300);
/// People remembered as present in one room.
pub(super) const PRESENT_MAX: usize = 20_000;
/// Results of one query if the server does not say.
pub(super) const SEARCH_LIMIT_DEFAULT: u32 = 999;
/// Largest page of history ever asked for.
pub(super) const SEARCH_LIMIT_MAX: u32 = 10_000;

/// INFOs not answered yet because their posts are not confirmed.
pub(super) const INFOS_OPEN_MAX: usize = 1024;
/// Messages of ours held back while a security association is made anew.
pub(super) const HELD_MAX: usize = 1024;
/// Requests without an answer.
pub(super) const TRANSACTIONS_MAX: usize = 256;
