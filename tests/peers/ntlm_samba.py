"""One end of an NTLM handshake, played by Samba's ntlm_auth, for tests/tests/ntlm_peers.rs.

usage: ntlm_samba.py client|server USER DOMAIN PASSWORD

Commands come in one a line, answers go out one a line; all data is base64, "-" is no data:

    step TOKEN|-  -> token TOKEN | done | refused WHY
    key           -> key SESSION_KEY | refused WHY

PASSWORD is what a client sends and what a server expects. ntlm_auth signs nothing, but tells the
session key that signatures would be made with.
"""

import subprocess
import sys

PROTOCOLS = {"client": "ntlmssp-client-1", "server": "squid-2.5-ntlmssp"}


class Helper:
    """ntlm_auth itself: two-letter commands in, two-letter answers out."""

    def __init__(self, role, user, domain, password):
        self.fresh = True
        self.process = subprocess.Popen(
            [
                "ntlm_auth",
                f"--helper-protocol={PROTOCOLS[role]}",
                f"--username={user}",
                f"--domain={domain}",
                f"--password={password}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
        )
        self.ask("SF NTLMSSP_FEATURE_SESSION_KEY NTLMSSP_FEATURE_SIGN NTLMSSP_FEATURE_SEAL")
        self.role = role

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        word, _, rest = self.process.stdout.readline().strip().partition(" ")
        return word, rest

    def step(self, token):
        # A client's first message asks, the others answer; a server's last one is "KK".
        if self.fresh:
            command = "YR" if token == "-" else f"YR {token}"
        else:
            command = f"TT {token}" if self.role == "client" else f"KK {token}"
        self.fresh = False
        word, rest = self.ask(command)
        if word in ("YR", "TT", "KK") or (word == "AF" and self.role == "client"):
            return f"token {rest}"
        return "done" if word == "AF" else f"refused {word} {rest}"

    def key(self):
        word, rest = self.ask("GK")
        return f"key {rest}" if word == "GK" else f"refused {word} {rest}"


def main():
    helper = Helper(*sys.argv[1:5])
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "step":
            print(helper.step(*arguments), flush=True)
        elif command == "key":
            print(helper.key(), flush=True)
        else:
            print("refused unknown command", flush=True)
    helper.process.stdin.close()
    helper.process.wait()


main()
