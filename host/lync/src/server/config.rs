//! How a pool presents itself.

use crate::Quirks;

/// The names and limits of one pool.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The SIP domain, for example `contoso.com`; also the name of the chat system in room URIs.
    pub domain: String,
    /// The NTLM domain, for example `CONTOSO`.
    pub netbios_domain: String,
    /// Full host name of the front end: the `targetname` of every signature.
    pub server_name: String,
    /// The chat URI that provisioning names: `requri` on it answers with [`PoolConfig::chat_uri`].
    pub pool_uri: String,
    /// The chat URI of the working dialog; may equal [`PoolConfig::pool_uri`].
    pub chat_uri: String,
    /// Idle time after which a dialog gets a BYE, in seconds; `None` leaves dialogs alone.
    pub session_expires_s: Option<u32>,
    /// How long a registration lasts, in seconds.
    pub register_expires_s: u32,
    /// The pause after which clients shall send CR LF CR LF, in seconds.
    pub keep_alive_s: u32,
    /// Which assumed wire forms are understood (dossier section 4).
    pub quirks: Quirks,
    /// The most rooms or posts that one reply holds.
    pub search_limit: u32,
    /// Longest text of a post, in UTF-8 bytes (dossier 5.5).
    pub message_bytes_max: u32,
    /// Longest text of a story, in UTF-8 bytes.
    pub story_bytes_max: u32,
    /// From this many participants on a room shows nobody's coming and going (dossier 4.9).
    pub large_room_participants: usize,
    /// Posts kept per room; the oldest go first.
    pub history_posts_max: usize,
}

impl PoolConfig {
    /// Posts kept per room unless configured otherwise.
    pub const HISTORY_POSTS_MAX: usize = 10_000;

    /// A pool for `domain` with the names and limits of the dossier's transcript (section 8).
    #[must_use]
    pub fn new(domain: &str) -> Self {
        let first_label = domain.split('.').next().unwrap_or(domain);
        Self {
            domain: domain.to_owned(),
            netbios_domain: first_label.to_ascii_uppercase(),
            server_name: format!("lyncfe01.{domain}"),
            pool_uri: format!("sip:GC-1-PersistentChatService-2@{domain}"),
            chat_uri: format!("sip:GC-1-PersistentChatService-2@{domain}"),
            session_expires_s: Some(1200),
            register_expires_s: 7200,
            keep_alive_s: 300,
            quirks: Quirks::embedded(),
            search_limit: 999,
            message_bytes_max: 512,
            story_bytes_max: 4096,
            large_room_participants: 75,
            history_posts_max: Self::HISTORY_POSTS_MAX,
        }
    }

    /// Whether an INVITE to this URI reaches the chat service.
    pub(super) fn is_chat_uri(&self, uri: &str) -> bool {
        uri.eq_ignore_ascii_case(&self.pool_uri) || uri.eq_ignore_ascii_case(&self.chat_uri)
    }

    /// The chat service's own Contact, the target of requests within a dialog.
    pub(super) fn chat_contact(&self) -> String {
        const OPAQUE: &str = "srvr:PersistentChat:kX2mQwE3T0qk1sVfZb7dNAAA";
        format!("sip:pchat01.{0}@{0};gruu;opaque={OPAQUE}", self.domain)
    }
}
