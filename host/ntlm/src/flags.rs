//! Negotiate flags (MS-NLMP 2.2.2.5), and the sets that peers of ours expect.

/// Strings are UTF-16LE.
pub const UNICODE: u32 = 0x1;
/// Strings may be in the code page of the machine.
pub const OEM: u32 = 0x2;
/// The server is to name itself in the challenge.
pub const REQUEST_TARGET: u32 = 0x4;
/// Messages get signed.
pub const SIGN: u32 = 0x10;
/// Messages get encrypted.
pub const SEAL: u32 = 0x20;
/// No NEGOTIATE message, and signatures in any order (connection-less).
pub const DATAGRAM: u32 = 0x40;
/// LAN Manager session key; ignored beside extended session security.
pub const LM_KEY: u32 = 0x80;
/// NTLM at all.
pub const NTLM: u32 = 0x200;
/// A session key is wanted, whether or not messages get signed.
pub const ALWAYS_SIGN: u32 = 0x8000;
/// The target name of the challenge is a domain.
pub const TARGET_TYPE_DOMAIN: u32 = 0x1_0000;
/// The target name of the challenge is a server.
pub const TARGET_TYPE_SERVER: u32 = 0x2_0000;
/// Extended session security: signatures by HMAC-MD5.
pub const EXTENDED_SESSION_SECURITY: u32 = 0x8_0000;
/// The server may know who the client is, not act in its name.
pub const IDENTIFY: u32 = 0x10_0000;
/// The challenge carries target information, which NTLMv2 needs.
pub const TARGET_INFO: u32 = 0x80_0000;
/// The version field is filled in.
pub const VERSION: u32 = 0x200_0000;
/// Sealing keys of 128 bits.
pub const KEY_128: u32 = 0x2000_0000;
/// The client chooses the session key.
pub const KEY_EXCHANGE: u32 = 0x4000_0000;
/// Sealing keys of 56 bits.
pub const KEY_56: u32 = 0x8000_0000;

/// What our SIP client offers: to a Front End's `0xE29882F3` it answers `0x62988255`, as Office
/// Communicator does (dossier 2.3).
pub const SIP_CLIENT: u32 = UNICODE
    | REQUEST_TARGET
    | SIGN
    | DATAGRAM
    | NTLM
    | ALWAYS_SIGN
    | EXTENDED_SESSION_SECURITY
    | IDENTIFY
    | TARGET_INFO
    | VERSION
    | KEY_128
    | KEY_EXCHANGE;

/// What a Front End puts into its challenge, `0xE29882F3` (dossier 2.3).
pub const SIP_SERVER: u32 = 0xE298_82F3;

/// What our HTTP client offers. HTTP signs nothing, so neither signing nor a key of our own.
pub const HTTP_CLIENT: u32 = UNICODE
    | REQUEST_TARGET
    | NTLM
    | ALWAYS_SIGN
    | EXTENDED_SESSION_SECURITY
    | TARGET_INFO
    | VERSION
    | KEY_128
    | KEY_56;

/// What a client offers on a connection whose messages it will sign or seal.
pub const CONNECTION_CLIENT: u32 = HTTP_CLIENT | SIGN | SEAL | KEY_EXCHANGE;

/// All that our server grants on a connection, if the client asks for it.
pub const CONNECTION_SERVER: u32 = CONNECTION_CLIENT | IDENTIFY;
