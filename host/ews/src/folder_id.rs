//! `t:FolderId` and `t:DistinguishedFolderId`.

use xml::{Element, Writer};

use crate::mailbox::Mailbox;

/// The distinguished folders in use here. The schema knows some seventy; all lower case.
pub mod distinguished {
    /// Where drafts lie until they are sent.
    pub const DRAFTS: &str = "drafts";
    /// Where mail waits for transport.
    pub const OUTBOX: &str = "outbox";
    /// Where copies of sent mail lie.
    pub const SENT_ITEMS: &str = "sentitems";
    /// Where mail arrives.
    pub const INBOX: &str = "inbox";
    /// Where deleted mail lies.
    pub const DELETED_ITEMS: &str = "deleteditems";
    /// The top of what a mail client shows.
    pub const MESSAGE_FOLDER_ROOT: &str = "msgfolderroot";
    /// The top of the mailbox.
    pub const ROOT: &str = "root";
    /// Where unwanted mail lies.
    pub const JUNK_EMAIL: &str = "junkemail";
    /// Where chat clients keep what was said.
    pub const CONVERSATION_HISTORY: &str = "conversationhistory";
}

/// Names a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderId {
    /// By an opaque id.
    Id {
        /// The folder.
        id: String,
        /// Its version.
        change_key: Option<String>,
    },
    /// By a name that every mailbox knows.
    Distinguished {
        /// One of [`distinguished`] or another of the schema's names.
        name: String,
        /// Whose folder; the caller's (or the impersonated user's) without. Only the primary
        /// address works (ews.md 1.1).
        mailbox: Option<Mailbox>,
    },
}

impl FolderId {
    /// A distinguished folder of the caller or of the impersonated user.
    #[must_use]
    pub fn distinguished(name: impl Into<String>) -> Self {
        Self::Distinguished { name: name.into(), mailbox: None }
    }

    /// A folder by id, whatever its version.
    #[must_use]
    pub fn id(id: impl Into<String>) -> Self {
        Self::Id { id: id.into(), change_key: None }
    }

    /// Writes `t:FolderId` or `t:DistinguishedFolderId`.
    pub fn write(&self, writer: &mut Writer) {
        match self {
            Self::Id { id, change_key } => {
                let mut attributes = vec![("Id", id.as_str())];
                attributes.extend(change_key.as_deref().map(|key| ("ChangeKey", key)));
                writer.empty("t:FolderId", &attributes);
            }
            Self::Distinguished { name, mailbox } => {
                writer.element("t:DistinguishedFolderId", &[("Id", name)], |writer| {
                    if let Some(mailbox) = mailbox {
                        mailbox.write(writer, "t:Mailbox");
                    }
                });
            }
        }
    }

    /// Reads either element; nothing for any other, and none without an `Id`.
    #[must_use]
    pub fn read(element: &Element) -> Option<Self> {
        let id = element.attribute("Id")?.trim().to_owned();
        match element.name.as_str() {
            "FolderId" | "ParentFolderId" => {
                let change_key = element.attribute("ChangeKey").map(|key| key.trim().to_owned());
                Some(Self::Id { id, change_key: change_key.filter(|key| !key.is_empty()) })
            }
            "DistinguishedFolderId" => {
                let mailbox = element.child("Mailbox").map(Mailbox::read);
                Some(Self::Distinguished { name: id, mailbox })
            }
            _ => None,
        }
    }

    /// Reads every folder id among the children of `element`.
    #[must_use]
    pub fn read_all(element: &Element) -> Vec<Self> {
        element.children().filter_map(Self::read).collect()
    }
}

/// Reads the one folder inside `m:SavedItemFolderId`, `m:ToFolderId` and the like.
pub(crate) fn read_target(operation: &Element, name: &str) -> Option<FolderId> {
    operation.child(name).and_then(|target| target.children().find_map(FolderId::read))
}

/// Writes a folder inside the element `name` if there is one.
pub(crate) fn write_target(writer: &mut Writer, name: &str, folder: Option<&FolderId>) {
    if let Some(folder) = folder {
        writer.element(name, &[], |writer| folder.write(writer));
    }
}
