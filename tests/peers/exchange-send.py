#!/usr/bin/env python3
"""Sends one mail with exchangelib, to a person or a group, and reads it back from the sender's Sent Items;
prints that as one JSON object: subject, to, text, message_id, is_draft.

    pip install exchangelib
    exchange-send.py URL LOGIN PASSWORD MAILBOX TO SUBJECT TEXT [--ca FILE] [--auth basic|ntlm]
"""
import argparse
import json
import os


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("url", "login", "password", "mailbox", "to", "subject", "text"):
        parser.add_argument(name)
    parser.add_argument("--ca")
    parser.add_argument("--auth", default="basic", choices=("basic", "ntlm"))
    return parser.parse_args()


def main():
    asked = arguments()
    if asked.ca:
        os.environ["REQUESTS_CA_BUNDLE"] = asked.ca
    from exchangelib import BASIC, DELEGATE, NTLM, Account, Configuration, Credentials, FailFast, Message

    config = Configuration(
        service_endpoint=asked.url,
        credentials=Credentials(asked.login, asked.password),
        auth_type=NTLM if asked.auth == "ntlm" else BASIC,
        retry_policy=FailFast(),
    )
    account = Account(asked.mailbox, config=config, autodiscover=False, access_type=DELEGATE)
    Message(
        account=account, folder=account.sent, subject=asked.subject, body=asked.text, to_recipients=[asked.to]
    ).send_and_save()
    for sent in account.sent.filter(subject=asked.subject):
        print(json.dumps({
            "subject": sent.subject,
            "to": [to.email_address for to in sent.to_recipients or []],
            "text": sent.text_body,
            "message_id": sent.message_id,
            "is_draft": sent.is_draft,
        }))


main()
