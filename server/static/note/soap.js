// The note of a consultation as SOAP, drawn from the findings by the rules of the server (server/record/soap.py and
// wording.py). A test compares the two. Pure.

import { has, say } from "../words/language.js";
import { DENIED, INLINE, LAYOUT, ORDERS, OTHER_ORDERS, PARTS, RANK, SHOWN_STAMPS, UNSAID } from "../findings/tables.js";

const NEGATIVE = /^(?:no|not|none|denies|never|without)(?![\p{L}\p{N}_])/iu;
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const UNSPEAKABLE = new RegExp(`(?![${SPACE}])[\\p{Cc}\\p{Cs}]`, "gu");
const SPACES = new RegExp(`[${SPACE}]+`, "g");

/** @returns {string} on one line, without control characters */
const plain = (text) => text.replace(UNSPEAKABLE, "").replace(SPACES, " ").replace(/^ | $/g, "");

const folded = (text) => text.toLowerCase().replaceAll("ß", "ss");

/** @param {number} seconds @returns {string} 75.3 -> "01:15", rounded down, so that a player starts before the words */
function stamp(seconds) {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const two = (number) => String(number).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}

/** @returns {string} the title of the part in which a finding stands: what the family has is never the patient's own */
export function place({ kind, temporality, experiencer, attributes }) {
  if (experiencer === "family") return "Family history";
  if (kind === "order") return ORDERS[folded(attributes.order_type ?? "")] ?? OTHER_ORDERS;
  if (kind === "medication" && temporality === "planned") return "Medication ordered";
  if (kind === "diagnosis" && temporality === "past") return "Past history";
  return PARTS[kind];
}

function named({ kind, text, attributes }) {
  let words = plain(text);
  for (const name of INLINE[kind] ?? []) {
    const value = plain(attributes[name] ?? "");
    if (value && !folded(words).includes(folded(value))) words += value === "%" ? value : ` ${value}`;
  }
  return words;
}

/** Name and status. */
function stated(finding) {
  const { kind, status } = finding;
  const text = named(finding);
  if (status === "possible") return folded(text).startsWith("possible") ? text : say("note.possible", { text });
  if (status === "present" || NEGATIVE.test(text)) return text;
  if (kind === "allergy" && folded(text).includes("allerg")) return say("note.denied.named", { text });
  return say(DENIED.includes(kind) ? `note.denied.${kind}` : "note.denied", { text });
}

function details({ kind, temporality, attributes }, unsaid) {
  const left = new Set([...(INLINE[kind] ?? []), ...unsaid]);
  const told = [];
  for (const [name, given] of Object.entries(attributes)) {
    const value = plain(given);
    if (name === "heard" && value) told.push(say("note.heard", { value }));
    else if (value && !left.has(name)) {
      const key = [`note.attribute.${name}`, `attribute.${name}`].find(has);
      told.push(`${key ? say(key) : name.replaceAll("_", " ")} ${value}`);
    }
  }
  if (temporality !== "current" && !left.has(temporality)) told.push(say(`note.${temporality}`));
  return told;
}

/** @returns {string} the whole finding but for its evidence: "denies fever", "possible pneumonia (location left lung)" */
export function phrase(finding, unsaid = []) {
  let text = stated(finding);
  if (finding.experiencer === "family" || finding.kind === "family_history") {
    text = `${plain(finding.attributes.relation ?? "") || say("note.family")}: ${text}`;
    unsaid = [...unsaid, "relation"];
  }
  const more = details(finding, unsaid);
  return more.length ? `${text} (${more.join("; ")})` : text;
}

/** @returns {string} when and by whom: "[00:12, 01:20 patient; 00:14 clinician]" */
function said({ evidence, source }) {
  const stamps = [...new Map(evidence.map((each) => [`${stamp(each.from_s)} ${each.speaker}`, each])).values()];
  stamps.sort((a, b) => a.from_s - b.from_s);
  const times = new Map();
  for (const { from_s, speaker } of stamps.slice(0, SHOWN_STAMPS)) {
    times.set(speaker, [...(times.get(speaker) ?? []), stamp(from_s)]);
  }
  const spoken = [...times].map(([speaker, at]) => at.join(", ") + (speaker === "unknown" ? "" : ` ${say(`note.${speaker}`)}`));
  if (stamps.length > SHOWN_STAMPS) spoken.push(say("note.more", { count: String(stamps.length - SHOWN_STAMPS) }));
  if (source === "clinician") spoken.push(say("note.reviewed"));
  return `[${spoken.join("; ")}]`;
}

/** @returns {string} who confirmed or edited it, and how it was heard before */
function judged({ judgement, original }) {
  const by = judgement?.by ? ` ${say("note.by", { name: plain(judgement.by) })}` : "";
  const what = original ? "edited" : by ? judgement.what : "";
  if (!what) return "";
  return `, ${say(`note.${what}`)}${by}${original ? `, ${say("note.heard", { value: phrase(original) })}` : ""}`;
}

/** @returns {string} codes of what is diagnosed, which nobody has settled */
function suggested({ status, codes }, part) {
  if (part !== "Diagnoses" || status === "absent") return "";
  const told = (codes ?? []).map(({ system, code }) => `${plain(system)} ${plain(code)}`).join(", ");
  return told && say("note.suggested", { codes: told });
}

/**
 * @param {{finding: object, judgement?: object, original?: object}[]} entries
 * @returns {{title: string, parts: {title: string, lines: {finding: object, text: string, said: string,
 *   suggested: string}[]}[]}[]} all four sections; of their parts those in which something stands
 */
export function soap(entries) {
  const placed = new Map();
  for (const entry of entries) {
    const part = place(entry.finding);
    placed.set(part, [...(placed.get(part) ?? []), entry]);
  }
  const lines = (part) =>
    [...placed.get(part)]
      .sort((a, b) => RANK[a.finding.status] - RANK[b.finding.status])
      .map((entry) => ({
        finding: entry.finding,
        text: phrase(entry.finding, UNSAID[part] ?? []),
        said: said(entry.finding) + judged(entry),
        suggested: suggested(entry.finding, part),
      }));
  return LAYOUT.map(([title, parts]) => ({
    title,
    parts: parts.filter((part) => placed.has(part)).map((part) => ({ title: part, lines: lines(part) })),
  }));
}
