// The note of a consultation in the sections of the server's own record, each line a finding. Pure.

import { sentence } from "../page/words.js";

const LAYOUT = [
  ["Subjective", ["Chief complaint", "Symptoms", "Past history", "Medication taken", "Allergies", "Family history", "Social history"]],
  ["Objective", ["Vital signs"]],
  ["Assessment", ["Diagnoses"]],
  ["Plan", ["Medication ordered", "Laboratory", "Imaging", "Referral", "Follow-up", "Other orders", "Advice"]],
];
const ORDERS = { medication: "Medication ordered", lab: "Laboratory", imaging: "Imaging", referral: "Referral", followup: "Follow-up" };
const KINDS = {
  chief_complaint: "Chief complaint",
  symptom: "Symptoms",
  past_history: "Past history",
  medication: "Medication taken",
  allergy: "Allergies",
  family_history: "Family history",
  social_history: "Social history",
  vital: "Vital signs",
  diagnosis: "Diagnoses",
  advice: "Advice",
};
const RANK = { present: 0, possible: 1, absent: 2 };
const SAID_BY_TITLE = { "Past history": "past", "Family history": "past", Advice: "planned" }; // need no word of their own

/** @returns {string|undefined} the title of the part in which a finding stands */
function place({ kind, temporality, experiencer, attributes = {} }) {
  if (experiencer === "family") return "Family history"; // what the family has is never the patient's own
  if (kind === "order") return ORDERS[attributes.order_type] ?? "Other orders";
  if (kind === "medication" && temporality === "planned") return "Medication ordered";
  if (kind === "diagnosis" && temporality === "past") return "Past history";
  return KINDS[kind];
}

function line(finding, title) {
  const { order_type, ...attributes } = finding.attributes ?? {};
  const planned = Object.values(ORDERS).includes(title) || title === "Other orders" ? "planned" : SAID_BY_TITLE[title];
  const temporality = finding.temporality === planned ? "current" : finding.temporality;
  return sentence({ ...finding, temporality, attributes: finding.kind === "order" ? attributes : finding.attributes });
}

/**
 * @param {object[]} findings
 * @returns {{title: string, text: string, parts: {title: string, text: string}[]}[]} the sections that hold something; a
 *   part's text has a line for each finding, a section's text the titles of its parts too
 */
export function sections(findings) {
  const placed = Map.groupBy(findings, place);
  return LAYOUT.map(([title, names]) => {
    const parts = names.filter((name) => placed.has(name)).map((name) => {
      const sorted = placed.get(name).toSorted((a, b) => RANK[a.status] - RANK[b.status]);
      return { title: name, text: sorted.map((finding) => line(finding, name)).join("\n") };
    });
    return { title, text: parts.map((part) => `${part.title}:\n${part.text}`).join("\n"), parts };
  }).filter(({ parts }) => parts.length);
}
