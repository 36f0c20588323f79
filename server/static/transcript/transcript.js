// The transcript on the page: finals in order of time, and the words still being heard in lighter ink below them.

import { byId, element, reveal } from "../document/dom.js";
import { gapText } from "../sound/gaps.js";
import { onLanguage } from "../words/language.js";
import { clock, speakerWords } from "../words/words.js";

const NEAR_END_PX = 60;

export class TranscriptView {
  #finals = new Map(); // id -> {segment, row, words}
  #partials = new Map(); // id -> row
  #gaps = new Map(); // id -> {gap, row, words}
  #following = true;
  #evidence = [];

  /** @param {(list: HTMLElement) => import("./speakers.js").Speakers} [correcting] without it, speakers stay as heard */
  constructor(correcting) {
    this.pane = byId("transcript");
    this.finalList = byId("finals");
    this.partialList = byId("partials");
    this.latest = byId("latest");
    this.speakers = correcting?.(this.finalList) ?? null;
    onLanguage(() => this.#gaps.forEach(({ gap, words }) => (words.textContent = gapText(gap))));
    this.pane.addEventListener("scroll", () => {
      const below = this.pane.scrollHeight - this.pane.scrollTop - this.pane.clientHeight;
      this.#follow(below < NEAR_END_PX);
    });
    this.latest.addEventListener("click", () => {
      this.#follow(true);
      this.#scroll();
    });
  }

  /** @returns {object[]} the final segments in order of time, with who spoke them */
  get segments() {
    const segments = [...this.finalList.querySelectorAll(".segment")].map((row) => this.#finals.get(row.dataset.id).segment);
    return segments.map((segment) => ({ ...segment, speaker: this.#speaker(segment) }));
  }

  /** @param {{at: number, seconds: number, reason: string}} gap takes the place of an earlier state of itself */
  gap(gap) {
    const id = `${gap.reason} ${gap.at}`;
    this.#gaps.get(id)?.row.remove();
    const words = element("p", { className: "words", textContent: gapText(gap) });
    const time = element("time", { textContent: clock(gap.at) });
    const row = element("li", { className: "gap", dataset: { id, start: gap.at } }, time, words);
    this.#gaps.set(id, { gap, row, words });
    this.#place(row, gap.at);
  }

  /** @param {object} segment a partial is replaced by the next of its id; a final never changes; an empty one is nothing */
  apply(segment) {
    if (this.#finals.has(segment.id)) return;
    const { row, words } = this.#row(segment);
    const partial = this.#partials.get(segment.id);
    if (!segment.final) {
      if (partial) partial.replaceWith(row);
      else this.partialList.append(row);
      this.#partials.set(segment.id, row);
    } else {
      partial?.remove();
      this.#partials.delete(segment.id);
      if (!segment.text) return; // takes back a partial that was no speech
      this.#place(row, segment.start);
      this.#finals.set(segment.id, { segment, row, words });
    }
    byId("transcript-empty").hidden = true;
    this.#scroll();
  }

  #place(row, start) {
    let before = this.finalList.lastElementChild; // nearly always the place: an hour has thousands of rows
    while (before && Number(before.dataset.start) > start) before = before.previousElementSibling;
    if (before) before.after(row);
    else this.finalList.prepend(row);
    byId("transcript-empty").hidden = true;
    this.#scroll();
  }

  /** Drops what was never finished, at the end of a consultation. */
  dropPartials() {
    this.partialList.replaceChildren();
    this.#partials.clear();
  }

  clear() {
    this.dropPartials();
    this.finalList.replaceChildren();
    this.#finals.clear();
    this.#gaps.clear();
    this.#evidence = [];
    this.#follow(true);
    byId("transcript-empty").hidden = false;
  }

  /**
   * Marks the words that prove a finding, in place of those marked before.
   * @param {{segment: string, start: number, end: number}[]} evidence @param {boolean} show scrolls there
   */
  highlight(evidence, show) {
    const touched = new Set([...this.#evidence, ...evidence].map(({ segment }) => segment));
    this.#evidence = evidence;
    for (const id of touched) this.#mark(id);
    const first = this.finalList.querySelector("mark");
    if (first && show) {
      this.#follow(false);
      reveal(first);
    }
  }

  #row(segment) {
    const words = element("p", { className: "words", textContent: segment.text, dir: "auto" });
    const said = element("div", { className: "said" }, words);
    if (speakerWords(segment.speaker)) said.prepend(this.#label(segment));
    const time = element("time", { textContent: clock(segment.start) });
    const dataset = { id: segment.id, start: segment.start, speaker: this.#speaker(segment) };
    return { row: element("li", { className: "segment", dataset }, time, said), words };
  }

  #label(segment) {
    if (segment.final && this.speakers) return this.speakers.label(segment);
    return element("span", { className: "speaker", words: `speaker.${segment.speaker}` });
  }

  #speaker(segment) {
    return this.speakers?.of(segment) ?? segment.speaker;
  }

  #mark(id) {
    const final = this.#finals.get(id);
    if (!final) return;
    const characters = Array.from(final.segment.text); // the server counts characters, JavaScript UTF-16 units
    const spans = this.#evidence.filter(({ segment }) => segment === id).sort((a, b) => a.start - b.start);
    const parts = [];
    let at = 0;
    for (const { start, end } of spans) {
      const from = Math.max(at, start);
      if (end <= from) continue;
      parts.push(characters.slice(at, from).join(""));
      parts.push(element("mark", { textContent: characters.slice(from, end).join("") }));
      at = end;
    }
    final.words.replaceChildren(...parts, characters.slice(at).join(""));
  }

  #follow(following) {
    this.#following = following;
    this.latest.hidden = following;
  }

  #scroll() {
    if (this.#following) this.pane.scrollTop = this.pane.scrollHeight;
  }
}
