#!/usr/bin/env python3
"""Sends one mail with exchangelib, to a person or a group, and reads it back from the sender's Sent Items;
prints that as one JSON object: subject, to, text, message_id, is_draft.

    pip install exchangelib
    exchange-send.py URL LOGIN PASSWORD MAILBOX TO SUBJECT TEXT [--ca FILE] [--auth basic|ntlm]
"""
import argparse
import json

from exchange_account import add_arguments, open_account


def arguments():
    parser = argparse.ArgumentParser()
    add_arguments(parser, "to", "subject", "text")
    return parser.parse_args()


def main():
    asked = arguments()
    account = open_account(asked)
    from exchangelib import Message

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
