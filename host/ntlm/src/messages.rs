use crate::wire::{Payload, Reader, Writer, malformed, utf16};
use crate::{Error, FileTime, ServerNames, TargetInfo, flags};

const NEGOTIATE: u32 = 1;
const CHALLENGE: u32 = 2;
const AUTHENTICATE: u32 = 3;

/// Where the payload of an AUTHENTICATE message starts if it has no integrity code.
pub(crate) const AUTHENTICATE_HEADER_BYTES: usize = 72;
/// Where the integrity code stands: 16 bytes, the payload behind them.
pub(crate) const MIC_AT: usize = AUTHENTICATE_HEADER_BYTES;
/// Where the payload starts behind an integrity code.
pub(crate) const MIC_HEADER_BYTES: usize = 88;

/// Which Windows a message claims to come from (MS-NLMP 2.2.2.10). Nobody depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub [u8; 8]);

impl Version {
    /// 5.1, as the published examples have it.
    pub const CLIENT: Self = Self([5, 1, 0x28, 0x0a, 0, 0, 0, 15]);
    /// 6.1, Windows Server 2008 R2.
    pub const SERVER: Self = Self([6, 1, 0xb1, 0x1d, 0, 0, 0, 15]);
}

/// Builds the client's first message on a connection. Datagram mode has none.
///
/// Source: MS-NLMP 2.2.1.1.
pub fn negotiate(flags: u32) -> Vec<u8> {
    let mut message = b"NTLMSSP\0".to_vec();
    message.extend(NEGOTIATE.to_le_bytes());
    message.extend(flags.to_le_bytes());
    message.extend([0; 16]);
    message.extend(Version::CLIENT.0);
    message
}

/// The client's first message, as the server reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiate {
    /// What the client offers, see [`flags`].
    pub flags: u32,
}

impl Negotiate {
    /// Reads the flags; names of domain and workstation, if any, do not matter.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is no NEGOTIATE message.
    pub fn parse(message: &[u8]) -> Result<Self, Error> {
        let reader = Reader::open(message, NEGOTIATE)?;
        Ok(Self { flags: reader.u32(12, "flags")? })
    }
}

/// What goes into a challenge.
#[derive(Debug, Clone)]
pub struct ChallengeParameters {
    /// What the server agrees to, see [`flags`].
    pub flags: u32,
    /// Eight bytes that nobody can foretell.
    pub server_challenge: [u8; 8],
    /// Name of the server or its domain; may be empty.
    pub target_name: String,
    /// Names and time of the server.
    pub target_info: TargetInfo,
    /// Sent if the flags say so.
    pub version: Version,
}

impl ChallengeParameters {
    /// A Front End's challenge, for SIP: no NEGOTIATE came before it.
    pub fn datagram(names: &ServerNames, server_challenge: [u8; 8], time: FileTime) -> Self {
        Self {
            flags: flags::SIP_SERVER,
            server_challenge,
            target_name: String::new(),
            target_info: TargetInfo::of_server(names, Some(time)),
            version: Version::SERVER,
        }
    }

    /// A web server's challenge: grants what the client offers and we support.
    pub fn connection(
        offered: &Negotiate,
        names: &ServerNames,
        server_challenge: [u8; 8],
        time: FileTime,
    ) -> Self {
        let ours = flags::UNICODE
            | flags::NTLM
            | flags::EXTENDED_SESSION_SECURITY
            | flags::TARGET_INFO
            | flags::TARGET_TYPE_DOMAIN;
        Self {
            flags: offered.flags & flags::CONNECTION_SERVER | ours,
            target_name: names.netbios_domain.clone(),
            ..Self::datagram(names, server_challenge, time)
        }
    }
}

/// The server's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// What the server agrees to, see [`flags`].
    pub flags: u32,
    /// The number the client's proof depends on.
    pub server_challenge: [u8; 8],
    /// Names and time of the server.
    pub target_info: TargetInfo,
}

impl Challenge {
    /// Reads a challenge.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is cut, points outside itself or is another message.
    ///
    /// Source: MS-NLMP 2.2.1.2.
    pub fn parse(message: &[u8]) -> Result<Self, Error> {
        let reader = Reader::open(message, CHALLENGE)?;
        reader.payload(12, "target name")?;
        Ok(Self {
            flags: reader.u32(20, "flags")?,
            server_challenge: reader.array(24, "server challenge")?,
            target_info: TargetInfo::parse(reader.payload(40, "target information")?.bytes)?,
        })
    }

    /// Builds a challenge.
    ///
    /// # Errors
    /// [`Error::TooLong`] if names do not fit.
    pub fn build(parameters: &ChallengeParameters) -> Result<Vec<u8>, Error> {
        let mut writer = Writer::new(CHALLENGE, 56);
        let target_name = writer.store(&utf16(&parameters.target_name), "target name")?;
        let target_info = writer.store(&parameters.target_info.bytes()?, "target information")?;
        writer.bytes(&target_name);
        writer.u32(parameters.flags);
        writer.bytes(&parameters.server_challenge);
        writer.bytes(&[0; 8]);
        writer.bytes(&target_info);
        writer.bytes(&version(parameters.flags, parameters.version));
        writer.finish()
    }
}

/// The client's answer, as the server reads it. Nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticate {
    /// What both sides use from here on, see [`flags`].
    pub flags: u32,
    /// Whom the client claims to be.
    pub user: String,
    /// The domain of that user; empty for `user@domain` names.
    pub domain: String,
    /// The machine the client claims to run on.
    pub workstation: String,
    pub(crate) nt_response: Vec<u8>,
    pub(crate) session_key: Vec<u8>,
    /// `None` if the payload leaves no room for one.
    pub(crate) mic: Option<[u8; 16]>,
}

impl Authenticate {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is cut, points outside itself or is another message, and
    /// [`Error::Unsupported`] if its text is not in Unicode.
    ///
    /// Source: MS-NLMP 2.2.1.3.
    pub fn parse(message: &[u8]) -> Result<Self, Error> {
        let reader = Reader::open(message, AUTHENTICATE)?;
        let flags = reader.u32(60, "flags")?;
        if flags & flags::UNICODE == 0 {
            return Err(Error::Unsupported("Unicode"));
        }
        let fields = [
            reader.payload(12, "LM response")?,
            reader.payload(20, "NT response")?,
            reader.payload(28, "domain")?,
            reader.payload(36, "user")?,
            reader.payload(44, "workstation")?,
            reader.payload(52, "session key")?,
        ];
        let [_, nt_response, domain, user, workstation, session_key] = &fields;
        Ok(Self {
            flags,
            user: user.text()?,
            domain: domain.text()?,
            workstation: workstation.text()?,
            nt_response: nt_response.bytes.to_vec(),
            session_key: session_key.bytes.to_vec(),
            mic: mic(&reader, &fields)?,
        })
    }
}

/// Nothing says whether an answer has the integrity code's field but where its payload starts.
fn mic(reader: &Reader<'_>, fields: &[Payload<'_>]) -> Result<Option<[u8; 16]>, Error> {
    let payload_start = fields.iter().filter_map(|field| field.start).min();
    match payload_start {
        Some(start) if start < 64 => Err(malformed(start, "header field")),
        Some(start) if start >= MIC_HEADER_BYTES => {
            reader.array(MIC_AT, "integrity code").map(Some)
        }
        _ => Ok(None),
    }
}

/// The parts of an answer that the client computed.
pub(crate) struct AuthenticateFields<'a> {
    pub(crate) flags: u32,
    pub(crate) user: &'a str,
    pub(crate) domain: &'a str,
    pub(crate) workstation: &'a str,
    pub(crate) lm_response: &'a [u8; 24],
    pub(crate) nt_response: &'a [u8],
    pub(crate) session_key: &'a [u8],
    pub(crate) version: Version,
    /// Leaves room for an integrity code, zero for now.
    pub(crate) mic: bool,
}

impl AuthenticateFields<'_> {
    /// Writes the payload in the order of working clients: names, responses, key (dossier 2.3).
    pub(crate) fn build(&self) -> Result<Vec<u8>, Error> {
        let header_bytes = if self.mic { MIC_HEADER_BYTES } else { AUTHENTICATE_HEADER_BYTES };
        let mut writer = Writer::new(AUTHENTICATE, header_bytes);
        let domain = writer.store(&utf16(self.domain), "domain")?;
        let user = writer.store(&utf16(self.user), "user")?;
        let workstation = writer.store(&utf16(self.workstation), "workstation")?;
        let lm_response = writer.store(self.lm_response, "LM response")?;
        let nt_response = writer.store(self.nt_response, "NT response")?;
        let session_key = writer.store(self.session_key, "session key")?;
        for field in [lm_response, nt_response, domain, user, workstation, session_key] {
            writer.bytes(&field);
        }
        writer.u32(self.flags);
        writer.bytes(&version(self.flags, self.version));
        if self.mic {
            writer.bytes(&[0; 16]);
        }
        writer.finish()
    }
}

fn version(flags: u32, version: Version) -> [u8; 8] {
    if flags & flags::VERSION == 0 { [0; 8] } else { version.0 }
}
