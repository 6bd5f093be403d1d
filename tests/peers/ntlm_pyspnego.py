"""One end of an NTLM handshake, played by pyspnego (pure Python), for tests/tests/ntlm_peers.rs.

usage: ntlm_pyspnego.py client|server USER DOMAIN PASSWORD [CHANNEL_BINDING]

Commands come in one a line, answers go out one a line; all data is base64, "-" is no data:

    step TOKEN|-             -> token TOKEN | done | refused WHY
    sign MESSAGE             -> signature SIGNATURE
    verify MESSAGE SIGNATURE -> ok | refused WHY

PASSWORD is what a client sends and what a server expects. CHANNEL_BINDING is the application data
of the TLS channel.
"""

import base64
import os
import sys
import tempfile

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError


def context(role, user, domain, password, binding=None):
    common = {
        "hostname": "chat.example",
        "service": "HTTP",
        "protocol": "ntlm",
        "options": spnego.NegotiateOptions.use_ntlm,
        "context_req": spnego.ContextReq.integrity | spnego.ContextReq.confidentiality,
    }
    if binding is not None:
        application_data = base64.b64decode(binding)
        common["channel_bindings"] = GssChannelBindings(application_data=application_data)
    if role == "client":
        return spnego.client(f"{domain}\\{user}", password, **common)
    return spnego.server(**common)


def encode(data):
    return base64.b64encode(data).decode()


def answer(peer, command, arguments):
    data = [None if argument == "-" else base64.b64decode(argument) for argument in arguments]
    try:
        if command == "step":
            token = peer.step(data[0])
            return f"token {encode(token)}" if token else "done"
        if command == "sign":
            return f"signature {encode(peer.sign(data[0]))}"
        if command == "verify":
            peer.verify(*data)
            return "ok"
    except SpnegoError as error:
        return f"refused {type(error).__name__}"
    return "refused unknown command"


def main():
    _, user, domain, password = sys.argv[1:5]
    # A server looks its users up in a file.
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as users:
        users.write(f"{domain}:{user}:{password}\n")
        users.flush()
        os.environ["NTLM_USER_FILE"] = users.name
        peer = context(*sys.argv[1:])
        for line in sys.stdin:
            command, *arguments = line.split()
            print(answer(peer, command, arguments), flush=True)


main()
