"""An account of an Exchange server for exchangelib, the same for all scripts that use it."""
import os


def add_arguments(parser, *more):
    """URL LOGIN PASSWORD MAILBOX, what else the script asks for, [--ca FILE] [--auth basic|ntlm]."""
    for name in ("url", "login", "password", "mailbox", *more):
        parser.add_argument(name)
    parser.add_argument("--ca")
    parser.add_argument("--auth", default="basic", choices=("basic", "ntlm"))


def open_account(asked, patience=0):
    """The account; a refused request is repeated for `patience` seconds."""
    if asked.ca:
        # exchangelib reads the variable when it is loaded.
        os.environ["REQUESTS_CA_BUNDLE"] = asked.ca
    from exchangelib import BASIC, DELEGATE, NTLM, Account, Configuration, Credentials, FailFast, FaultTolerance

    config = Configuration(
        service_endpoint=asked.url,
        credentials=Credentials(asked.login, asked.password),
        auth_type=NTLM if asked.auth == "ntlm" else BASIC,
        retry_policy=FaultTolerance(max_wait=patience) if patience else FailFast(),
    )
    return Account(asked.mailbox, config=config, autodiscover=False, access_type=DELEGATE)
