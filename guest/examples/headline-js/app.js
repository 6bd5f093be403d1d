// Counts only, for confidential rooms: how many messages, by how many people, between which times.
// Does the same as `../headline` in Rust and `../headline-python`, byte for byte.

const NAME_CHARS_MAX = 40;
const NOTE = "Confidential: the messages themselves are in the chat only.";
const TITLES = ["Room", "Messages", "People", "First", "Last"];
const HEAD =
  '<table border="1" cellpadding="6" cellspacing="0" style="border-collapse:collapse"><tbody><tr>' +
  TITLES.map((title) => `<th scope="col" align="left">${title}</th>`).join("") +
  "</tr>";
// What breaks, hides or turns a line.
const ODD = /[\u0000-\u0020\u007f-\u00a0\u061c\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]+/g;

export function plan(room, message, cohorts) {
  const ids = (chosen) => chosen.flatMap((cohort) => Array.from(cohort.members));
  const groups = [
    {
      action: { tag: "keep" },
      reason: "confidential: counts only",
      members: ids(cohorts.filter((cohort) => cohort.wish !== "off")),
    },
    {
      action: { tag: "skip" },
      reason: "asked for no mail",
      members: ids(cohorts.filter((cohort) => cohort.wish === "off")),
    },
  ];
  return groups.filter((group) => group.members.length > 0);
}

export function compose(edition) {
  const rows = edition.rooms.map((room) => row(room, edition.items)).filter((one) => one.all.length > 0);
  if (rows.length === 0) throw "nothing to tell";
  const told = rows.flatMap((one) => one.told);
  const missed = missing(rows.flatMap((one) => one.all));
  const place = rows.length === 1 ? rows[0].name : `${rows.length} rooms`;
  const subject = `${count(told.length, "new message", "new messages")} in ${place}`;
  return {
    subject,
    preview: preview(told, missed),
    html: `<p>${escape(subject)}.</p>${HEAD}${rows.map(html).join("")}</tbody></table><p>${NOTE}</p>`,
    text: `${subject}.\n\n${rows.map(text).join("")}${NOTE}\n`,
    listing: undefined,
    importance: "normal",
  };
}

/** A room and what was said in it. */
function row(room, items) {
  const all = items.map((item) => item.message).filter((message) => message.room === room.id);
  return { name: name(room.name), all, told: all.filter((message) => !isGap(message)) };
}

function cells({ all, told }) {
  const missed = missing(all);
  const [first, last] = told.length > 0 ? ends(told) : ["-", "-"];
  return [missed ? `${told.length}; ${missed}` : `${told.length}`, `${people(told)}`, first, last];
}

function html(one) {
  const rest = cells(one).map((cell) => `<td>${cell}</td>`);
  return `<tr><td dir="auto">${escape(one.name)}</td>${rest.join("")}</tr>`;
}

function text(one) {
  const [number, authors, first, last] = cells(one);
  return (
    `${one.name}\n  Messages: ${number}\n  People:   ${authors}\n` +
    `  First:    ${first}\n  Last:     ${last}\n\n`
  );
}

function isGap(message) {
  return message.kind.tag === "gap";
}

/** An author is known by his id, else by his name. */
function people(told) {
  return new Set(told.map((message) => message.authorPerson ?? message.author)).size;
}

/** When the first and the last of these were said. */
function ends(told) {
  let [first, last] = [told[0].sent, told[0].sent];
  for (const { sent } of told) {
    if (sent.unixMs < first.unixMs) first = sent;
    if (sent.unixMs >= last.unixMs) last = sent;
  }
  return [time(first), time(last)];
}

function missing(messages) {
  const gaps = messages.filter(isGap).map((message) => message.kind.val.missing);
  if (gaps.length === 0) return "";
  if (gaps.some((number) => number == null)) return "messages were missed";
  const sum = gaps.reduce((sum, number) => sum + number, 0);
  return `${count(sum, "message was", "messages were")} missed`;
}

function preview(told, missed) {
  if (told.length === 0) return missed === "messages were missed" ? "Some messages were missed" : missed;
  const [first, last] = ends(told);
  const line = `By ${count(people(told), "person", "people")}, ${first} to ${last}`;
  return missed ? `${line}; ${missed}` : line;
}

function count(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}

function time({ year, month, day, hour, minute }) {
  const two = (number) => String(number).padStart(2, "0");
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}`;
}

/** On one line, and not too long; lengths are in code points. */
function name(words) {
  const line = words.replace(ODD, " ").replace(/^ | $/g, "") || "a room";
  const chars = Array.from(line);
  return chars.length <= NAME_CHARS_MAX ? line : chars.slice(0, NAME_CHARS_MAX - 1).join("") + "…";
}

function escape(text) {
  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (sign) => entities[sign]);
}
