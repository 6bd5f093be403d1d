//! Switches for wire forms that no source proves (dossier section 4, grade ASSUMED).

/// What the other side is taken to understand beyond the established forms.
///
/// The default is a real server: all off. [`Quirks::embedded`] is the pool of this project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// `cmd:x-getmembers` lists a room's members (dossier 4.15).
    pub members_command: bool,
    /// `cmd:getassociations` lists the rooms of a user (dossier 4.8).
    pub associations_command: bool,
    /// `cmd:bcbydate` and `cmd:bcbymsg` read history by time and by id (dossier 4.11).
    pub history_queries: bool,
}

impl Quirks {
    /// What the embedded pool understands.
    #[must_use]
    pub const fn embedded() -> Self {
        Self { members_command: true, associations_command: true, history_queries: true }
    }
}
