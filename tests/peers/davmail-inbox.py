#!/usr/bin/env python3
"""Reads an inbox through DavMail, which speaks IMAP here and EWS to the server; prints the subject and the
plain text of each message as one JSON object a line.

    davmail-inbox.py PORT LOGIN PASSWORD
"""
import email
import email.policy
import imaplib
import json
import sys

TIMEOUT_S = 30


def main():
    port, login, password = sys.argv[1:]
    imap = imaplib.IMAP4("127.0.0.1", int(port), timeout=TIMEOUT_S)
    imap.login(login, password)
    imap.select("INBOX", readonly=True)
    for uid in imap.uid("search", None, "ALL")[1][0].split():
        fetched = imap.uid("fetch", uid, "(BODY.PEEK[])")[1]
        mail = email.message_from_bytes(fetched[0][1], policy=email.policy.default)
        text = mail.get_body(("plain",)) or mail.get_body(("html",))
        print(json.dumps({"subject": mail["subject"], "text": text.get_content() if text else ""}), flush=True)
    imap.logout()


main()
