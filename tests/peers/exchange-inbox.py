#!/usr/bin/env python3
"""Reads a mailbox with exchangelib, an EWS client that this project did not write, and prints one JSON
object per message, oldest first: subject, from, to, bcc, received, importance, categories, message_id,
references, in_reply_to, headers, html, text, is_draft.

    pip install exchangelib
    exchange-inbox.py URL LOGIN PASSWORD MAILBOX [--ca FILE] [--folder inbox|sent|drafts] [--auth basic|ntlm]
                      [--at-least N] [--patience SECONDS]

URL is the service endpoint (https://127.0.0.1:PORT/EWS/Exchange.asmx). With --ca, only that authority is
trusted. --at-least looks again until N messages are there, for at most the patience. exchangelib repeats a
request that is refused, a wrong password too, for that long; --patience 0 is one attempt.
"""
import argparse
import json
import time

from exchange_account import add_arguments, open_account

LOOK_AGAIN_S = 0.2


def arguments():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.add_argument("--folder", default="inbox", choices=("inbox", "sent", "drafts"))
    parser.add_argument("--at-least", type=int, default=0)
    parser.add_argument("--patience", type=int, default=20)
    return parser.parse_args()


def line(message):
    return {
        "subject": message.subject,
        "from": message.sender.email_address if message.sender else None,
        "to": [to.email_address for to in message.to_recipients or []],
        "bcc": [to.email_address for to in message.bcc_recipients or []],
        "received": message.datetime_received.isoformat() if message.datetime_received else None,
        "importance": message.importance,
        "categories": message.categories,
        "message_id": message.message_id,
        "references": message.references,
        "in_reply_to": message.in_reply_to,
        "headers": {header.name: header.value for header in message.headers or []},
        "html": str(message.body or ""),
        "text": message.text_body,
        "is_draft": message.is_draft,
    }


def main():
    asked = arguments()
    account = open_account(asked, asked.patience)
    folder = getattr(account, asked.folder)
    until = time.monotonic() + asked.patience
    while folder.all().count() < asked.at_least and time.monotonic() < until:
        time.sleep(LOOK_AGAIN_S)
    for message in folder.all().order_by("datetime_received"):
        print(json.dumps(line(message)), flush=True)


main()
