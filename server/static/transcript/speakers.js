// Corrections of who spoke: a press on the label of a final gives its words to the other speaker, on this page and in what
// it writes. The protocol has no message for that: the server's record keeps the speaker of the channel.

import { element } from "../document/dom.js";
import { say } from "../words/language.js";

const OTHER = { clinician: "patient", patient: "clinician" };

export class Speakers {
  #corrected = {}; // id of a segment -> who spoke it, where that was heard wrongly
  #current = null; // the one label that Tab reaches: the arrows lead to the others, of which an hour has thousands

  /** @param {HTMLElement} list of the finals @param {() => void} onChange */
  constructor(list, onChange) {
    list.addEventListener("click", ({ target }) => {
      const label = target.closest("button.speaker");
      if (!label) return;
      this.#toggle(label.closest(".segment"), label);
      onChange();
    });
    list.addEventListener("focusin", ({ target }) => target.matches("button.speaker") && this.#reach(target));
    list.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!step || !event.target.matches("button.speaker")) return;
      event.preventDefault();
      const labels = [...list.querySelectorAll("button.speaker")];
      labels[labels.indexOf(event.target) + step]?.focus();
    });
  }

  /** @returns {Record<string, string>} who spoke each segment whose speaker was corrected */
  get corrected() {
    return this.#corrected;
  }

  /** @param {Record<string, string>} [corrected] of an earlier page of this visit; none: another visit begins */
  restore(corrected = {}) {
    this.#corrected = { ...corrected };
    this.#current = null;
  }

  /** @param {{id: string, speaker: string}} segment @returns {string} who spoke it, as far as anybody knows */
  of({ id, speaker }) {
    return this.#corrected[id] ?? speaker;
  }

  /** @param {object} finding @returns {object} the same, whose words name who spoke them */
  inEvidence(finding) {
    if (!Object.keys(this.#corrected).length) return finding;
    const evidence = finding.evidence.map((each) => ({ ...each, speaker: this.of({ id: each.segment, speaker: each.speaker }) }));
    return { ...finding, evidence };
  }

  /** @param {{id: string, speaker: string}} segment a final of one of the two @returns {HTMLElement} its label */
  label(segment) {
    const label = element("button", { type: "button", className: "speaker", dataset: { heard: segment.speaker }, tabIndex: -1 });
    this.#say(label, this.of(segment));
    if (!this.#current || this.#current !== document.activeElement) this.#reach(label);
    return label;
  }

  #reach(label) {
    if (this.#current) this.#current.tabIndex = -1;
    this.#current = label;
    label.tabIndex = 0;
  }

  #toggle(row, label) {
    const speaker = OTHER[row.dataset.speaker];
    row.dataset.speaker = speaker;
    if (speaker === label.dataset.heard) delete this.#corrected[row.dataset.id];
    else this.#corrected[row.dataset.id] = speaker;
    this.#say(label, speaker);
  }

  #say(label, speaker) {
    const { heard } = label.dataset;
    label.replaceChildren(element("span", { words: `speaker.${speaker}` }));
    if (speaker !== heard) label.append(" ", element("span", { className: "corrected", words: "speaker.corrected" }));
    label.dataset.wordsTitle = `speaker.change.${OTHER[speaker]}`;
    label.title = say(label.dataset.wordsTitle);
  }
}
