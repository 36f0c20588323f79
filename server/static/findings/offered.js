// What was said and stands in no finding, while it is offered to the clinician. Pure.

const place = ({ segment, start, end }) => `${segment} ${start} ${end}`;

/**
 * @param {object[]} items that are offered @param {{op: string, finding: object}[]} ops of an extraction event
 * @returns {object[]} those whose words are no finding now
 */
export function stillOffered(items, ops) {
  const words = new Set(ops.filter(({ op }) => op !== "retract").flatMap(({ finding }) => finding.evidence.map(place)));
  return items.filter(({ evidence }) => !evidence.every((quote) => words.has(place(quote))));
}

/** @returns {object} the message that takes an item into the note, with its words */
export function addition({ kind, text, status, temporality, experiencer, attributes, evidence }) {
  const fields = { kind, text, status, temporality, experiencer, attributes };
  const quotes = evidence.map(({ segment, quote, start }) => ({ segment, quote, start }));
  return { type: "add_finding", fields, evidence: quotes };
}
