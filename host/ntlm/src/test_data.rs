//! Published examples: of MS-NLMP 4.2.4, of a real OCS 2007 R2, and of the dossier's transcript.
#![expect(clippy::unwrap_used, reason = "tests stop at surprises")]

use crate::{Credentials, FileTime, flags};

/// `Plaintext` in UTF-16LE, the message of the published signatures.
pub(crate) const PLAINTEXT: &str = "50006c00610069006e007400650078007400";
pub(crate) const NLMP_TARGET_INFO: &str =
    "02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000";
pub(crate) const OCS_TARGET_INFO: &str = "02000a0043004f0053004d004f000100180043004f0053004d004f002d004f00430053002d005200\
    32000400160063006f0073006d006f002e006c006f00630061006c000300300063006f0073006d00\
    6f002d006f00630073002d00720032002e0063006f0073006d006f002e006c006f00630061006c00\
    0500160063006f0073006d006f002e006c006f00630061006c0000000000";
pub(crate) const OWN_TARGET_INFO: &str = "02000e0043004f004e0054004f0053004f00010010004c0059004e00430046004500300031000400\
    160063006f006e0074006f0073006f002e0063006f006d00030028006c0079006e00630066006500\
    300031002e0063006f006e0074006f0073006f002e0063006f006d000500160063006f006e007400\
    6f0073006f002e0063006f006d0007000800006faf0ec136cf0100000000";
/// 2014-03-03T09:15:02Z.
pub(crate) const OWN_TIME: FileTime = FileTime(0x01cf_36c1_0eaf_6f00);

/// One handshake, with everything that was published about it; bytes in hex.
pub(crate) struct Example {
    pub(crate) user: &'static str,
    pub(crate) domain: &'static str,
    pub(crate) password: &'static str,
    pub(crate) workstation: &'static str,
    pub(crate) offered_flags: u32,
    pub(crate) version: &'static str,
    pub(crate) server_challenge: &'static str,
    pub(crate) client_challenge: &'static str,
    pub(crate) time: FileTime,
    pub(crate) target_info: &'static str,
    pub(crate) response_key: &'static str,
    pub(crate) lm_response: &'static str,
    pub(crate) proof: &'static str,
    pub(crate) session_base_key: &'static str,
    pub(crate) exported_session_key: &'static str,
    pub(crate) client_sign_key: &'static str,
    pub(crate) client_seal_key: &'static str,
    pub(crate) server_sign_key: &'static str,
    pub(crate) server_seal_key: &'static str,
    pub(crate) challenge: &'static str,
    pub(crate) authenticate: &'static str,
}

impl Example {
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials {
            user: self.user.into(),
            domain: self.domain.into(),
            password: self.password.into(),
        }
    }

    pub(crate) fn entropy(&self) -> [u8; 24] {
        hex(&[self.client_challenge, self.exported_session_key].concat()).try_into().unwrap()
    }
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    assert!(odd.is_empty(), "whole bytes");
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(byte).collect()
}

pub(crate) const EXAMPLES: [Example; 3] = [
    Example {
        user: "User",
        domain: "Domain",
        password: "Password",
        workstation: "COMPUTER",
        offered_flags: 0xe288_8235,
        version: "0501280a0000000f",
        server_challenge: "0123456789abcdef",
        client_challenge: "aaaaaaaaaaaaaaaa",
        time: FileTime(0),
        target_info: NLMP_TARGET_INFO,
        response_key: "0c868a403bfd7a93a3001ef22ef02e3f",
        lm_response: "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa",
        proof: "68cd0ab851e51c96aabc927bebef6a1c",
        session_base_key: "8de40ccadbc14a82f15cb0ad0de95ca3",
        exported_session_key: "55555555555555555555555555555555",
        client_sign_key: "4788dc861b4782f35d43fd98fe1a2d39",
        client_seal_key: "59f600973cc4960a25480a7c196e4c58",
        server_sign_key: "d04d6f10741041d1d246d64188d7a8ad",
        server_seal_key: "9355f3a957c1583d25c4c2f11e40390e",
        challenge: "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef0000000000000000\
    2400240044000000060070170000000f53006500720076006500720002000c0044006f006d006100\
    69006e0001000c0053006500720076006500720000000000",
        authenticate: "4e544c4d5353500003000000180018006c00000054005400840000000c000c004800000008000800\
    54000000100010005c00000010001000d8000000358288e20501280a0000000f44006f006d006100\
    69006e00550073006500720043004f004d005000550054004500520086c35097ac9cec102554764a\
    57cccc19aaaaaaaaaaaaaaaa68cd0ab851e51c96aabc927bebef6a1c010100000000000000000000\
    00000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c0053006500\
    72007600650072000000000000000000c5dad2544fc9799094ce1ce90bc9d03e",
    },
    Example {
        user: "User",
        domain: "COSMO",
        password: "Pa$$word",
        workstation: "COSMO-OCS-R2",
        offered_flags: flags::SIP_CLIENT,
        version: "0502ce0e0000000f",
        server_challenge: "dd1baaf4e7e218d1",
        client_challenge: "d6ae875cb0fdaa41",
        time: FileTime(0x01ca_b927_179a_5159),
        target_info: OCS_TARGET_INFO,
        response_key: "164b086e00d2f393529fa3a98209f99e",
        lm_response: "a1e92efe4e078bf7c5c0049acc6166c2d6ae875cb0fdaa41",
        proof: "8dc0c800ae76eca606d2b9fbebd04731",
        session_base_key: "02959b1d938e14ccc8412639311cdd49",
        exported_session_key: "6742fbe37bb1946b49d86a525bd29a9b",
        client_sign_key: "ea5e87c195ae65338f7c023e7600690d",
        client_seal_key: "83013a189002d3abad49c4c8f605ecc8",
        server_sign_key: "0151fe94dba8c83f3c6a6e5444ae54b4",
        server_seal_key: "2a2e34e8d420c039e8f31cb9e8e0cd88",
        challenge: "4e544c4d53535000020000000000000038000000f38298e2dd1baaf4e7e218d10000000000000000\
    96009600380000000502ce0e0000000f02000a0043004f0053004d004f000100180043004f005300\
    4d004f002d004f00430053002d00520032000400160063006f0073006d006f002e006c006f006300\
    61006c000300300063006f0073006d006f002d006f00630073002d00720032002e0063006f007300\
    6d006f002e006c006f00630061006c000500160063006f0073006d006f002e006c006f0063006100\
    6c0000000000",
        authenticate: "4e544c4d53535000030000001800180072000000c600c6008a0000000a000a004800000008000800\
    52000000180018005a0000001000100050010000558298620502ce0e0000000f43004f0053004d00\
    4f00550073006500720043004f0053004d004f002d004f00430053002d0052003200a1e92efe4e07\
    8bf7c5c0049acc6166c2d6ae875cb0fdaa418dc0c800ae76eca606d2b9fbebd04731010100000000\
    000059519a1727b9ca01d6ae875cb0fdaa410000000002000a0043004f0053004d004f0001001800\
    43004f0053004d004f002d004f00430053002d00520032000400160063006f0073006d006f002e00\
    6c006f00630061006c000300300063006f0073006d006f002d006f00630073002d00720032002e00\
    63006f0073006d006f002e006c006f00630061006c000500160063006f0073006d006f002e006c00\
    6f00630061006c00000000000000000031cb739e1ca80a498591e8ae797115e4",
    },
    Example {
        user: "roombot",
        domain: "CONTOSO",
        password: "Sommer!2013",
        workstation: "ROOMBOT01",
        offered_flags: flags::SIP_CLIENT,
        version: "0501280a0000000f",
        server_challenge: "5a17c3d40e9b2f61",
        client_challenge: "1122334455667788",
        time: OWN_TIME,
        target_info: OWN_TARGET_INFO,
        response_key: "9222ab29e74e7a7a13c78afee76a51ac",
        lm_response: "5a63be3fb99709d1ba22b6594bea14171122334455667788",
        proof: "4a2a0cdea8efa6da5237643f384d0f08",
        session_base_key: "bf5f40ebe8d125d75d8a2e1a1de34e9b",
        exported_session_key: "c0ffee0123456789abcdef9876543210",
        client_sign_key: "20fb5601c6a04d3fff00e65e40b7f3cb",
        client_seal_key: "6363217d93c5836d05389a002da718d4",
        server_sign_key: "f7c6153965e09ba22fa890a94928294f",
        server_seal_key: "703360df7e3a5ae4ad58843fea8c169e",
        challenge: "4e544c4d53535000020000000000000038000000f38298e25a17c3d40e9b2f610000000000000000\
    96009600380000000601b11d0000000f02000e0043004f004e0054004f0053004f00010010004c00\
    59004e00430046004500300031000400160063006f006e0074006f0073006f002e0063006f006d00\
    030028006c0079006e00630066006500300031002e0063006f006e0074006f0073006f002e006300\
    6f006d000500160063006f006e0074006f0073006f002e0063006f006d0007000800006faf0ec136\
    cf0100000000",
        authenticate: "4e544c4d53535000030000001800180076000000c600c6008e0000000e000e00480000000e000e00\
    5600000012001200640000001000100054010000558298620501280a0000000f43004f004e005400\
    4f0053004f0072006f006f006d0062006f00740052004f004f004d0042004f005400300031005a63\
    be3fb99709d1ba22b6594bea141711223344556677884a2a0cdea8efa6da5237643f384d0f080101\
    000000000000006faf0ec136cf0111223344556677880000000002000e0043004f004e0054004f00\
    53004f00010010004c0059004e00430046004500300031000400160063006f006e0074006f007300\
    6f002e0063006f006d00030028006c0079006e00630066006500300031002e0063006f006e007400\
    6f0073006f002e0063006f006d000500160063006f006e0074006f0073006f002e0063006f006d00\
    07000800006faf0ec136cf0100000000000000002297f9c08ce3f2502c7d3282cb573655",
    },
];
