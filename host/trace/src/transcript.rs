//! The file: what stands in it, and how it is written.

use lync::Quirks;

use crate::forms::Forms;

/// The first line, with the version of the format.
pub const FORMAT: &str = "chat-digest transcript 1";
/// Bytes of the longest transcript: the recorder ends there, the reader takes no more.
pub const FILE_BYTES_MAX: usize = 64 << 20;
/// Bytes of the longest message that is written whole; of a longer one only the head is.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Which server a message went to or came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// SIP with the pool.
    Chat,
    /// EWS with Exchange.
    Exchange,
}

impl Side {
    /// The word in the file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Exchange => "exchange",
        }
    }
}

/// Who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// We did.
    Out,
    /// The server did.
    In,
    /// Nobody: the recorder says that something is missing here.
    Mark,
}

impl Direction {
    /// The sign in the file.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Out => '>',
            Self::In => '<',
            Self::Mark => '!',
        }
    }
}

/// What the reader of a transcript has to know first. Never an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The program and its version.
    pub program: String,
    /// Operating system and processor.
    pub platform: String,
    /// The switches in force for wire forms that no source proves.
    pub quirks: Quirks,
    /// Posts of history asked for in a room that was never read.
    pub history_first: u32,
    /// Whether the chat service's address stands in the configuration.
    pub chat_server: bool,
}

/// One message, redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who sent it.
    pub direction: Direction,
    /// Milliseconds since the recording began.
    pub at_ms: u64,
    /// Which server.
    pub side: Side,
    /// Which connection to it.
    pub connection: u32,
    /// Head, an empty line, body; lines end LF.
    pub message: String,
    /// The line of the file that the entry begins at; 0 for one that was not read.
    pub line: usize,
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Entries written.
    pub entries: u64,
    /// Pieces that could not be written, since the writer did not keep up.
    pub lost: u64,
    /// Whether the file had reached [`FILE_BYTES_MAX`].
    pub full: bool,
}

/// A whole transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// What stands first.
    pub head: Head,
    /// The messages in order.
    pub entries: Vec<Entry>,
    /// What nobody knew, and what was merely assumed.
    pub forms: Forms,
    /// How it ended.
    pub end: End,
}

/// The names of the switches, as the configuration has them.
pub(crate) const SWITCHES: [&str; 3] =
    ["members_command", "associations_command", "history_queries"];

impl Head {
    /// The first lines of the file, with the empty one behind them.
    #[must_use]
    pub fn write(&self) -> String {
        let Quirks { members_command, associations_command, history_queries } = self.quirks;
        let on = [members_command, associations_command, history_queries];
        let names = SWITCHES.iter().zip(on).filter(|(_, on)| *on).map(|(name, _)| *name);
        let mut names: Vec<_> = names.collect();
        if names.is_empty() {
            names.push("none");
        }
        format!(
            "{FORMAT}\nprogram: {}\nplatform: {}\nswitches: {}\nfirst-history: {}\nchat-server: {}\n\n",
            plain(&self.program),
            plain(&self.platform),
            names.join(" "),
            self.history_first,
            if self.chat_server { "configured" } else { "provisioned" }
        )
    }
}

impl Entry {
    /// The entry as it stands in the file, with the empty line behind it.
    #[must_use]
    pub fn write(&self) -> String {
        let Self { at_ms, connection, .. } = self;
        let mut text =
            format!("{} {at_ms} {} {connection}\n", self.direction.sign(), self.side.word());
        for line in self.message.split('\n') {
            let line = plain(line);
            text.push_str(if line.is_empty() { "|" } else { "| " });
            text.push_str(&line);
            text.push('\n');
        }
        text.push('\n');
        text
    }

    /// What stands before the first empty line, and what behind it.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        self.message.split_once("\n\n").unwrap_or((&self.message, ""))
    }
}

impl End {
    /// The last line of the file.
    #[must_use]
    pub fn write(&self) -> String {
        let full = if self.full { "full" } else { "whole" };
        format!("= end\n{} entries, {} lost, {full}\n", self.entries, self.lost)
    }
}

impl Transcript {
    /// The whole file.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = self.head.write();
        self.entries.iter().for_each(|entry| text.push_str(&entry.write()));
        text.push_str(&self.forms.write());
        text.push_str(&self.end.write());
        text
    }
}

/// A line cannot hold what would end it, nor what a terminal would obey, nor end in blanks.
fn plain(line: &str) -> String {
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim_end().to_owned()
}
