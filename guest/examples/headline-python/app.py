"""Counts only, for confidential rooms: how many messages, by how many people, between which times.

Does the same as `../headline` in Rust and `../headline-js`, byte for byte.
"""

import re

from componentize_py_types import Err
import wit_world
from wit_world.imports.types import Action_Keep, Action_Skip, Group, Importance, Kind_Gap, Mail, Wish

NAME_CHARS_MAX = 40
NOTE = "Confidential: the messages themselves are in the chat only."
HEAD = (
    '<table border="1" cellpadding="6" cellspacing="0" style="border-collapse:collapse"><tbody><tr>'
    + "".join(
        f'<th scope="col" align="left">{title}</th>'
        for title in ("Room", "Messages", "People", "First", "Last")
    )
    + "</tr>"
)
# What breaks, hides or turns a line.
ODD = re.compile(
    "[\x00-\x20\x7f-\xa0\u061c\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]+"
)


class WitWorld(wit_world.WitWorld):
    def plan(self, room, message, cohorts):
        off = [id for cohort in cohorts if cohort.wish == Wish.OFF for id in cohort.members]
        rest = [id for cohort in cohorts if cohort.wish != Wish.OFF for id in cohort.members]
        groups = [
            Group(Action_Keep(), "confidential: counts only", rest),
            Group(Action_Skip(), "asked for no mail", off),
        ]
        return [group for group in groups if group.members]

    def compose(self, edition):
        rows = [Row(room, edition.items) for room in edition.rooms]
        rows = [row for row in rows if row.items]
        if not rows:
            raise Err("nothing to tell")
        told = [message for row in rows for message in row.told]
        missed = missing([item for row in rows for item in row.items])
        place = rows[0].name if len(rows) == 1 else f"{len(rows)} rooms"
        subject = f"{count(len(told), 'new message', 'new messages')} in {place}"
        return Mail(
            subject=subject,
            preview=preview(told, missed),
            html=f"<p>{escape(subject)}.</p>{HEAD}{''.join(row.html() for row in rows)}"
            f"</tbody></table><p>{NOTE}</p>",
            text=f"{subject}.\n\n{''.join(row.text() for row in rows)}{NOTE}\n",
            listing=None,
            importance=Importance.NORMAL,
        )


class Row:
    """A room and what was said in it."""

    def __init__(self, room, items):
        self.name = name(room.name)
        self.items = [item.message for item in items if item.message.room == room.id]
        self.told = [message for message in self.items if not is_gap(message)]

    def cells(self):
        missed = missing(self.items)
        number = str(len(self.told)) + (f"; {missed}" if missed else "")
        first, last = ends(self.told) if self.told else ("-", "-")
        return number, str(people(self.told)), first, last

    def html(self):
        cells = "".join(f"<td>{cell}</td>" for cell in self.cells())
        return f'<tr><td dir="auto">{escape(self.name)}</td>{cells}</tr>'

    def text(self):
        number, authors, first, last = self.cells()
        return (
            f"{self.name}\n  Messages: {number}\n  People:   {authors}\n"
            f"  First:    {first}\n  Last:     {last}\n\n"
        )


def is_gap(message):
    return isinstance(message.kind, Kind_Gap)


def people(told):
    """An author is known by his id, else by his name."""
    return len(
        {
            message.author if message.author_person is None else message.author_person
            for message in told
        }
    )


def ends(told):
    """When the first and the last of these were said."""
    first = min(told, key=lambda message: message.sent.unix_ms)
    last = max(reversed(told), key=lambda message: message.sent.unix_ms)
    return time(first.sent), time(last.sent)


def missing(messages):
    gaps = [message.kind.value.missing for message in messages if is_gap(message)]
    if not gaps:
        return ""
    if None in gaps:
        return "messages were missed"
    return f"{count(sum(gaps), 'message was', 'messages were')} missed"


def preview(told, missed):
    if not told:
        return "Some messages were missed" if missed == "messages were missed" else missed
    first, last = ends(told)
    line = f"By {count(people(told), 'person', 'people')}, {first} to {last}"
    return f"{line}; {missed}" if missed else line


def count(number, one, many):
    return f"{number} {one if number == 1 else many}"


def time(moment):
    return (
        f"{moment.year:04}-{moment.month:02}-{moment.day:02}"
        f" {moment.hour:02}:{moment.minute:02}"
    )


def name(words):
    """On one line, and not too long; lengths are in code points."""
    words = ODD.sub(" ", words).strip(" ") or "a room"
    return words if len(words) <= NAME_CHARS_MAX else words[: NAME_CHARS_MAX - 1] + "…"


def escape(text):
    for sign, entity in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ('"', "&quot;"),
        ("'", "&#39;"),
    ):
        text = text.replace(sign, entity)
    return text
