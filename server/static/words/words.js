// How things are said: times, findings, faults. Text only, no page; the words themselves stand in words/.

import { has, say } from "./language.js";

/** @param {number} seconds @returns {string} 75.3 -> "1:15" */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, String(whole % 60).padStart(2, "0")];
  return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

/** Kinds of findings in the order in which a clinician reads them. */
export const KINDS = [
  "chief_complaint",
  "allergy",
  "symptom",
  "vital",
  "medication",
  "past_history",
  "family_history",
  "social_history",
  "diagnosis",
  "order",
  "advice",
];

/** @returns {string} "" for a channel that both speak on */
export const speakerWords = (speaker) => (has(`speaker.${speaker}`) ? say(`speaker.${speaker}`) : "");

// These speak for themselves; the others need their name beside them.
const PLAIN = new Set(["dose", "frequency", "route", "form", "value", "unit", "duration", "order_type"]);

const named = (key, name) => (has(key) ? say(key) : name.replaceAll("_", " "));

/** @returns {string} what an attribute is called */
export const attributeName = (name) => named(`attribute.${name}`, name);

/** @returns {string} what an attribute says; the types of orders are words of ours, the rest was said */
export const attributeValue = (name, value) => (name === "order_type" ? named(`order_type.${value}`, value) : value);

/** @param {string} check as in "dose: no unit; name: unknown" @returns {string} "the dose has no unit" */
function doubt(check) {
  return check.split("; ").map((one) => {
    const [, name, reason] = /^(\w+): (.*)$/.exec(one) ?? [];
    if (!has(`doubt.${reason}`)) return one;
    return say("doubt", { name: named(`doubt.${name}`, name), reason: say(`doubt.${reason}`) });
  }).join("; ");
}

/** @returns {{label: string, value: string}[]} */
export function attributes({ attributes = {} }) {
  return Object.entries(attributes)
    .filter(([, value]) => value)
    .map(([name, value]) => ({
      label: PLAIN.has(name) ? "" : attributeName(name),
      value: name === "check" ? doubt(String(value)) : attributeValue(name, String(value)),
    }));
}

/** Words that change what a finding means: they stand before it. @returns {{name: string, text: string}[]} */
export function markers({ status, temporality, experiencer, attributes: { relation } = {} }) {
  const found = [];
  if (experiencer === "family" && !relation) found.push("family");
  if (temporality === "past") found.push("past");
  if (temporality === "planned") found.push("planned");
  if (status === "absent") found.push("absent");
  if (status === "possible") found.push("possible");
  return found.map((name) => ({ name, text: say(`marker.${name}`) }));
}

/** @returns {string} one line: "No fever", "ibuprofen (400 mg, three times a day)" */
export function sentence(finding) {
  const details = attributes(finding).map(({ label, value }) => (label ? `${label.replace(/:$/, "")}: ${value}` : value));
  const words = [...markers(finding).map(({ text }) => text), finding.text].join(" ");
  return details.length ? `${words} (${details.join(", ")})` : words;
}

/** @param {DOMException} fault of getUserMedia @returns {string} key of what to do */
export const microphoneFault = ({ name }) => (has(`microphone.${name}`) ? `microphone.${name}` : "microphone.other");

/** @returns {string} the server's words as a sentence */
const asSentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");

// What the server says of a page that does not fit it, of an older version perhaps: one that is loaded again does.
const MISFITS = new Set([
  "bad_last_event_id",
  "bad_last_seq",
  "invalid_audio",
  "invalid_language",
  "invalid_message",
  "message_too_complex",
  "no_session",
  "not_json",
  "session_already_started",
  "too_many_refusals",
  "unknown_format",
  "unknown_type",
]);

/** @returns {string} key of what an error's code means */
function errorKey(code) {
  if (MISFITS.has(code)) return "closed.1008";
  return code === "frame_too_large" ? "closed.1009" : `error.${code}`;
}

/** @returns {string} what is missing, with its times where the server names them, in seconds; or `key` without them */
function missing(key, message) {
  const named = [...message.matchAll(/(\d+(?:\.\d+)?) s\b/g)].map(([, seconds]) => Number(seconds));
  if (!has(`${key}.spans`) || !named.length) return say(key);
  return say(`${key}.spans`, { seconds: named[0], from: clock(named[0]), to: clock(named.at(-1)) });
}

/** @returns {string} what a key says, or the server's own sentence where the page does not know what it is told */
const coded = (key, message) => (has(key) ? missing(key, message) : asSentence(message));

/** @param {{code?: string, message: string, retry_after_s?: number}} error event or answer @returns {string} */
export function serverFault({ code, message, retry_after_s }) {
  const words = coded(errorKey(code), message);
  return retry_after_s ? `${words} ${say("retry", { seconds: Math.ceil(retry_after_s) })}` : words;
}

/** @param {{code: string, message?: string, speaker?: string | number}} notice event, or one of the page itself @returns {string} */
export function noticeWords({ code, message = "", speaker }) {
  const key = `notice.${code}`;
  return coded(speaker && has(`${key}.${speaker}`) ? `${key}.${speaker}` : key, message);
}

/** @param {number} code of the WebSocket's close @returns {string} key of what to do */
export const closeFault = (code) => (has(`closed.${code}`) ? `closed.${code}` : "closed.other");

/** @param {string} reason of session_stopped @returns {string} key of what happened */
export const stopped = (reason) => (has(`stopped.${reason}`) ? `stopped.${reason}` : "stopped.client");
