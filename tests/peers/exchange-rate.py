#!/usr/bin/env python3
"""Measures how fast exchangelib sends, the way the host does it: each mail is saved as a draft from MIME,
then sent. Prints one JSON object: count, mime_bytes, and mails per second one at a time (a request saves
one, a request sends one) and in bulk (a request saves many, a request sends many).

    pip install exchangelib
    exchange-rate.py URL LOGIN PASSWORD MAILBOX --ca FILE [--count N] [--to ADDRESS] [--mime FILE]
                     [--chunk N] [--auth basic|ntlm]

The mails go to MAILBOX unless --to says otherwise. --mime takes the text of a mail from a file; without it
a mail of the size of the shipped guest's is made up. Message-ID, From and To are set for each mail.
"""
import argparse
import email
import email.message
import email.policy
import json
import time

from exchange_account import add_arguments, open_account

ROW = "<tr><td style=\"padding:8px 16px;font-family:Segoe UI,Arial,sans-serif;font-size:14px\">{}</td></tr>"
WORDS = "The build on main is green again; the flaky test was a clock that went backwards. "


def arguments():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--to")
    parser.add_argument("--mime")
    parser.add_argument("--chunk", type=int, default=10)
    return parser.parse_args()


def template(path):
    if path:
        with open(path, "rb") as file:
            return email.message_from_binary_file(file, policy=email.policy.SMTP)
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["Subject"] = "[Build] Ravi Menon: main is green again"
    mail.set_content(WORDS * 4)
    mail.add_alternative("<html><body><table>" + ROW.format(WORDS) * 20 + "</table></body></html>", subtype="html")
    return mail


def mimes(mail, count, sender, to, run):
    for name in ("From", "To", "Message-ID"):
        del mail[name]
    for number in range(count):
        head = f"From: <{sender}>\r\nTo: <{to}>\r\nMessage-ID: <rate-{run}-{number}@{sender.split('@')[1]}>\r\n"
        yield head.encode() + mail.as_bytes()


def main():
    asked = arguments()
    account = open_account(asked)
    from exchangelib import Message

    drafts = account.drafts
    # Connection, version and folders are found out once and not counted.
    before = account.sent.all().count()
    mail = template(asked.mime)

    def messages(run):
        made = mimes(mail, asked.count, asked.mailbox, asked.to or asked.mailbox, f"{run}-{time.time_ns()}")
        return [Message(account=account, folder=drafts, mime_content=mime) for mime in made]

    single = messages("single")
    begun = time.perf_counter()
    for message in single:
        message.save()
        message.send()
    single_s = time.perf_counter() - begun

    bulk = messages("bulk")
    begun = time.perf_counter()
    saved = account.bulk_create(folder=drafts, items=bulk, chunk_size=asked.chunk)
    account.bulk_send(ids=saved, chunk_size=asked.chunk)
    bulk_s = time.perf_counter() - begun

    sent = account.sent.all().count() - before
    if sent != 2 * asked.count:
        raise SystemExit(f"sent {sent} of {2 * asked.count} mails")
    print(json.dumps({
        "count": asked.count,
        "mime_bytes": len(single[0].mime_content),
        "single_mails_per_s": round(asked.count / single_s, 1),
        "bulk_mails_per_s": round(asked.count / bulk_s, 1),
        "bulk_chunk": asked.chunk,
    }))


main()
