// What the clinician takes away: a file, or text for the clipboard. Nothing is stored in the browser.

import { gapText } from "../sound/gaps.js";
import { language, say } from "../words/language.js";
import { recordOf } from "./templates.js";
import { clock, KINDS, sentence, serverFault, speakerWords } from "../words/words.js";

/** @param {object} record as app.js gathers it: patient, segments, findings … */
export function save(record) {
  keepAs(new Blob([JSON.stringify(record, null, 2)], { type: "application/json" }), record, ".json");
}

/**
 * The note that the server draws. It forgets the consultation some minutes after its end.
 * @param {object} record @param {"pdf" | "fhir"} format @param {string} ending of the file's name
 * @returns {Promise<string>} what became of it: "" if it is in the downloads
 */
export async function saveNote(record, format, ending) {
  try {
    const answer = await recordOf(record.session_id, { format });
    keepAs(await answer.blob(), record, ending);
    return "";
  } catch (fault) {
    if (fault instanceof Error) return say("summary.unreached");
    return say("summary.no_record", { message: serverFault(fault) });
  }
}

function keepAs(blob, { started_at }, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  // The name of a file shows in many places: it holds a time, never a patient.
  link.download = `consultation-${started_at.slice(0, 16).replace(/[T:]/g, "-")}${ending}`;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** @returns {string} the findings by kind, then the transcript */
export function asText({ patient, started_at, findings, segments, gaps = [] }) {
  const who = [patient?.name, patient?.age && say("text.years", { age: patient.age })].filter(Boolean).join(", ");
  const begun = new Date(started_at).toLocaleString(language());
  const lines = [say("text.consultation", { time: begun }), ...(who ? [say("text.patient", { patient: who })] : []), ""];
  for (const kind of KINDS) {
    const ofKind = findings.filter((finding) => finding.kind === kind);
    if (ofKind.length) lines.push(say(`kind.${kind}`), ...ofKind.map((finding) => `- ${sentence(finding)}`), "");
  }
  lines.push(say("transcript.title"));
  const spoken = (speaker) => (speakerWords(speaker) ? `${speakerWords(speaker)}: ` : "");
  const told = [
    ...segments.map(({ start, speaker, text }) => ({ start, text: `${spoken(speaker)}${text}` })),
    ...gaps.map((gap) => ({ start: gap.at, text: `(${gapText(gap)})` })),
  ];
  for (const { start, text } of told.sort((a, b) => a.start - b.start)) lines.push(`[${clock(start)}] ${text}`);
  return `${lines.join("\n")}\n`;
}
