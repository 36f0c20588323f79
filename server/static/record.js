// What the clinician takes away: a file, or text for the clipboard. Nothing is stored in the browser.

import { clock, KINDS, sentence, SPEAKERS } from "./words.js";

/** @param {object} record as app.js gathers it: patient, segments, findings … */
export function save(record) {
  const blob = new Blob([JSON.stringify(record, null, 2)], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  // The name of a file shows in many places: it holds a time, never a patient.
  link.download = `consultation-${record.started_at.slice(0, 16).replace(/[T:]/g, "-")}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** @returns {string} the findings by kind, then the transcript */
export function asText({ patient, started_at, findings, segments }) {
  const who = [patient?.name, patient?.age && `${patient.age} years`].filter(Boolean).join(", ");
  const lines = [`Consultation of ${new Date(started_at).toLocaleString()}`, ...(who ? [`Patient: ${who}`] : []), ""];
  for (const [kind, title] of KINDS) {
    const ofKind = findings.filter((finding) => finding.kind === kind);
    if (ofKind.length) lines.push(title, ...ofKind.map((finding) => `- ${sentence(finding)}`), "");
  }
  lines.push("Transcript");
  for (const { start, speaker, text } of segments) {
    lines.push(`[${clock(start)}] ${SPEAKERS[speaker] ? `${SPEAKERS[speaker]}: ` : ""}${text}`);
  }
  return `${lines.join("\n")}\n`;
}
