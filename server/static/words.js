// How things are said: times, findings, faults. Text only, no page.

/** @param {number} seconds @returns {string} 75.3 -> "1:15" */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, String(whole % 60).padStart(2, "0")];
  return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** Kinds of findings in the order in which a clinician reads them. */
export const KINDS = new Map([
  ["chief_complaint", "Chief complaint"],
  ["allergy", "Allergies"],
  ["symptom", "Symptoms"],
  ["vital", "Vital signs"],
  ["medication", "Medications"],
  ["past_history", "Past history"],
  ["family_history", "Family history"],
  ["social_history", "Social history"],
  ["diagnosis", "Diagnoses"],
  ["order", "Orders"],
  ["advice", "Advice"],
]);

export const SPEAKERS = { clinician: "Clinician", patient: "Patient" };

// These speak for themselves; the others need their name beside them.
const PLAIN = new Set(["dose", "frequency", "route", "form", "value", "unit", "duration", "order_type"]);

const LABELS = { maximum: "at most", check: "please check:" };

// Why the dose of a finding is in doubt, by the server's word for it.
const DOUBTS = {
  "no unit": "has no unit",
  "two units": "has two units",
  "two numbers": "has two numbers",
  "two amounts": "has two amounts",
  "a point or a comma": "has a sign that may be a decimal point or may part thousands",
  "beyond any dose": "is beyond any dose",
  "beyond the usual dose": "is beyond the usual dose of this medicine",
  unknown: "is in no list of medicines",
  "no amount": "is zero",
};

/** @param {string} check as in "dose: no unit; name: unknown" @returns {string} "the dose has no unit" */
function doubt(check) {
  return check.split("; ").map((one) => {
    const [, name, reason] = /^(\w+): (.*)$/.exec(one) ?? [];
    return reason in DOUBTS ? `the ${name} ${DOUBTS[reason]}` : one;
  }).join("; ");
}

/** @returns {{label: string, value: string}[]} */
export function attributes({ attributes = {} }) {
  return Object.entries(attributes)
    .filter(([, value]) => value)
    .map(([name, value]) => ({
      label: PLAIN.has(name) ? "" : (LABELS[name] ?? name.replaceAll("_", " ")),
      value: name === "check" ? doubt(String(value)) : String(value),
    }));
}

/** Words that change what a finding means: they stand before it. @returns {{name: string, text: string}[]} */
export function markers({ status, temporality, experiencer, attributes: { relation } = {} }) {
  const found = [];
  if (experiencer === "family" && !relation) found.push({ name: "family", text: "Family" });
  if (temporality === "past") found.push({ name: "past", text: "Past" });
  if (temporality === "planned") found.push({ name: "planned", text: "Planned" });
  if (status === "absent") found.push({ name: "absent", text: "No" });
  if (status === "possible") found.push({ name: "possible", text: "Possible" });
  return found;
}

/** @returns {string} one line: "No fever", "ibuprofen (400 mg, three times a day)" */
export function sentence(finding) {
  const details = attributes(finding).map(({ label, value }) => (label ? `${label.replace(/:$/, "")}: ${value}` : value));
  const words = [...markers(finding).map(({ text }) => text), finding.text].join(" ");
  return details.length ? `${words} (${details.join(", ")})` : words;
}

/** @param {DOMException} fault of getUserMedia @returns {string} */
export function microphoneFault({ name }) {
  if (name === "NotAllowedError")
    return "The browser may not use the microphone. Allow it in the address bar's site settings, then try again.";
  if (name === "NotFoundError") return "No microphone was found. Plug one in, then try again.";
  if (name === "NotReadableError")
    return "Another program is using the microphone. Close it there, then try again.";
  if (name === "SecurityError")
    return "Browsers give the microphone to secure pages only. Open this page over https://, or on this computer as http://localhost.";
  return "The microphone could not be opened. Check that it is connected, then try again.";
}

export const FILE_FAULT = "This file could not be read as audio. Choose a WAV, FLAC, MP3, M4A or Ogg file.";

/** @param {{message: string, retry_after_s?: number}} error event @returns {string} the server's words as sentences */
export function serverFault({ message, retry_after_s }) {
  const words = message.charAt(0).toUpperCase() + message.slice(1) + (/[.!?]$/.test(message) ? "" : ".");
  return retry_after_s ? `${words} Try again in ${count(Math.ceil(retry_after_s), "second")}.` : words;
}

const NOTICES = {
  audio_suspect: "The sound may be unusable:",
};

/** @param {{code: string, message: string}} notice event @returns {string} */
export function noticeWords({ code, message }) {
  return NOTICES[code] ? `${NOTICES[code]} ${message}.` : serverFault({ message });
}

const CLOSED = {
  1001: "The server is going down. Save what is here; start again when it is back.",
  1006: "The server did not answer. Check that it is running and that this computer is on its network, then try again.",
  1008: "The server did not understand this page. Reload it: the server may have been updated.",
  1009: "The server takes smaller pieces of audio than this page sends. Reload the page and try again.",
  1013: "The server is full. Try again in a moment.",
  4401: "The server does not know who you are any more: save what is here, if anything, and sign in again.",
  4404: "The server no longer has this consultation, so it cannot go on. Save what is here, then start a new one.",
  4408: "The consultation ended because nothing was heard for a long time. Save what is here.",
};

/** @param {number} code of the WebSocket's close @returns {string} */
export const closeFault = (code) =>
  CLOSED[code] ?? "The connection ended unexpectedly. Save what is here, then start a new consultation.";

export const STOPPED = {
  client: "Consultation finished.",
  idle: "Consultation ended by the server: nothing was heard for a long time.",
  limit: "Consultation ended by the server: it reached the longest time allowed.",
  shutdown: "Consultation ended by the server: it is shutting down.",
};
