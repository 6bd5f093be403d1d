//! SIPE, driven by `tests/peers/sipe-client.c`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::{Program, Served, User, peer, target_directory};

/// When a client ends by itself, should a test forget it.
const CLIENT_S: &str = "60";

/// How SIPE connects.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport {
    Tcp,
    Tls,
}

impl Transport {
    fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// Signs in to the pool, joins the room and says this.
pub(crate) fn start(
    served: &Served,
    transport: Transport,
    user: &User,
    room: &str,
    text: &str,
) -> Program {
    let word = transport.word();
    let mut command = Command::new(client());
    command.arg(user.sip.strip_prefix("sip:").unwrap()).args([&user.login, &user.password]);
    command.args([served.text(&format!("sip_{word}")), word, room, CLIENT_S, text]);
    // It keeps what it is told to trust here, and nothing outlives the build folder.
    command.env("TMPDIR", target_directory().join("tmp"));
    Program::start(&mut command)
}

fn client() -> &'static Path {
    static CLIENT: OnceLock<PathBuf> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let directory = target_directory().join("tmp");
        std::fs::create_dir_all(&directory).unwrap();
        // Two tests may compile at once: each its own file, renamed when whole.
        let (ready, own) = (
            directory.join("sipe-client"),
            directory.join(format!("sipe-client-{}", std::process::id())),
        );
        let flags = Command::new("pkg-config")
            .args(["--cflags", "--libs", "purple", "glib-2.0", "libxml-2.0"])
            .output()
            .unwrap_or_else(|error| panic!("pkg-config: {error}"));
        assert!(flags.status.success(), "{}", String::from_utf8_lossy(&flags.stderr));
        let flags = String::from_utf8(flags.stdout).unwrap();
        let compiled = Command::new("cc")
            .args(["-w", "-rdynamic", "-o"])
            .args([own.as_path(), &peer("sipe-client.c")])
            .args(flags.split_whitespace())
            .arg("-ldl")
            .status()
            .unwrap();
        assert!(compiled.success(), "sipe-client.c does not compile");
        std::fs::rename(own, &ready).unwrap();
        ready
    })
}
