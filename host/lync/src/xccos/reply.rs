//! What a server answers (dossier 4.1).

use xml::{Element, Writer};

use super::{
    assumed,
    command::Command,
    data::Data,
    reading::{Reading, attribute, child},
};

/// The code of success; every other is a failure.
pub const CODE_OK: u16 = 200;
/// What a missing or unreadable code counts as.
pub const CODE_MISSING: u16 = 500;
/// The text of success.
pub const TEXT_OK: &str = "SUCCESS_OK";

/// Which command a reply answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CommandId {
    /// The `envid` of the command's envelope.
    pub envid: String,
    /// The command's `seqid` in it.
    pub seqid: String,
}

/// A reply. Match it by `command`, not by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The name without `rpl:`, in lower case.
    pub name: String,
    /// What it answers; empty parts if the server does not say.
    pub command: CommandId,
    /// [`CODE_OK`] or a failure.
    pub code: u16,
    /// The server's words for it, fit to be shown.
    pub text: String,
    /// What was asked for.
    pub data: Data,
}

impl Reply {
    /// The reply to a command that went well.
    #[must_use]
    pub fn success(command: &Command, id: CommandId, data: Data) -> Self {
        Self::new(command.reply_name(), id, CODE_OK, TEXT_OK, data)
    }

    /// The reply to a command that failed, with a code of our own making.
    #[must_use]
    pub fn failure(name: &str, id: CommandId, cause: assumed::Cause) -> Self {
        Self::new(name, id, cause.code(), cause.text(), Data::empty())
    }

    /// A reply of these parts.
    #[must_use]
    pub fn new(name: &str, command: CommandId, code: u16, text: &str, data: Data) -> Self {
        Self { name: name.to_ascii_lowercase(), command, code, text: text.to_owned(), data }
    }

    /// Whether the command went well.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.code == CODE_OK
    }

    /// Whether a command of this name is answered so: the same name, or one of the exceptions
    /// `getservinfo` and `getftok`.
    #[must_use]
    pub fn answers(&self, command_name: &str) -> bool {
        let common = |name: &str| match name.to_ascii_lowercase().as_str() {
            "getservinfo" => "getserverinfo".to_owned(),
            "getfutok" | "getfdtok" => "getftok".to_owned(),
            name => name.to_owned(),
        };
        common(&self.name) == common(command_name)
    }

    /// The address that `requri` asked for, whatever the code.
    #[must_use]
    pub fn service_uri(&self) -> Option<&str> {
        self.data.users().find_map(|user| user.uri.as_deref()).map(str::trim)
    }

    pub(super) fn decode(name: &str, element: &Element, reading: &mut Reading<'_>) -> Self {
        reading.unknown(element, &["id", "seqid"], &["commandid", "resp", "data"]);
        let command = child(element, "commandid");
        let part = |name| command.and_then(|command| attribute(command, name)).unwrap_or_default();
        let resp = child(element, "resp");
        let code = resp.and_then(|resp| attribute(resp, "code")?.trim().parse().ok());
        Self {
            name: name.to_ascii_lowercase(),
            command: CommandId {
                envid: part("envid").trim().to_owned(),
                seqid: part("seqid").trim().to_owned(),
            },
            code: code.unwrap_or(CODE_MISSING),
            text: resp.map(|resp| resp.text().trim().to_owned()).unwrap_or_default(),
            data: Data::decode(child(element, "data"), reading),
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer, seqid: &str) {
        let id = format!("rpl:{}", self.name);
        writer.element("rpl", &[("id", id.as_str()), ("seqid", seqid)], |inside| {
            let command = [("seqid", self.command.seqid.as_str()), ("envid", &self.command.envid)];
            inside.empty("commandid", &command);
            inside.element("resp", &[("code", &self.code.to_string())], |resp| {
                resp.text(&self.text);
            });
            self.data.encode(inside);
        });
    }
}
