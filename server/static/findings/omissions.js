// What was said and stands in no finding: a card for each, to take into the note or to leave out.

import { element } from "../document/dom.js";
import { onLanguage, say } from "../words/language.js";
import { stillOffered } from "./offered.js";
import { proof, statement } from "./statement.js";

export class OmissionsView {
  #rows = new Map(); // id -> {item, row}
  #frozen = false;

  /**
   * @param {{onSelect: (evidence: object[], show: boolean) => void, onAdd?: (item: object) => boolean,
   *   onLeave?: (id: string) => boolean}} listener without `onAdd` the cards are only shown
   * @param {Element} below what stands below the cards
   */
  constructor(listener, below = document.querySelector(".panes")) {
    this.listener = listener;
    this.list = element("ul", { className: "finding-list" });
    const title = element("h2", { words: "omissions.title", id: "omissions-title" });
    const hint = listener.onAdd ? [element("p", { className: "hint", words: "omissions.hint" })] : [];
    this.section = element("section", { id: "omissions", className: "omissions", hidden: true, tabIndex: -1 }, title, ...hint, this.list);
    this.section.setAttribute("aria-labelledby", title.id);
    below.before(this.section);
    onLanguage(() => this.apply({ items: this.items }));
  }

  /** @returns {object[]} what is offered and was neither added nor left out */
  get items() {
    return [...this.#rows.values()].map(({ item }) => item);
  }

  /** @param {{items: object[]}} event the whole list, in place of the one before */
  apply({ items }) {
    this.#empty();
    for (const item of items) {
      const row = this.#row(item);
      this.#rows.set(item.id, { item, row });
      this.list.append(row);
    }
    this.section.hidden = items.length === 0;
  }

  /** Takes the cards away whose words are a finding now. @param {{op: string, finding: object}[]} ops */
  added(ops) {
    const left = new Set(stillOffered(this.items, ops));
    for (const item of this.items) if (!left.has(item)) this.#remove(item.id);
  }

  focus() {
    this.section.focus();
  }

  /** Nothing can be added any more. */
  freeze() {
    this.#frozen = true;
    for (const judge of this.list.querySelectorAll(".offer")) judge.remove();
  }

  /** What the server did not take may be tried again. */
  unlock() {
    for (const button of this.list.querySelectorAll(".offer button")) button.disabled = false;
  }

  clear() {
    this.#frozen = false;
    this.#empty();
  }

  #empty() {
    this.#rows.clear();
    this.list.replaceChildren();
    this.section.hidden = true;
  }

  #remove(id) {
    const row = this.#rows.get(id)?.row;
    const next = row?.nextElementSibling ?? row?.previousElementSibling;
    const focused = row?.contains(document.activeElement);
    row?.remove();
    this.#rows.delete(id);
    this.section.hidden = this.#rows.size === 0;
    if (focused) next?.querySelector("button").focus();
  }

  #row(item) {
    const heard = item.evidence.length === 1 && item.evidence[0].quote === item.text; // no more than the sentence is known
    const show = element("button", { type: "button", className: "show" });
    if (!heard) show.append(statement(item));
    show.append(...proof(item));
    show.addEventListener("click", () => this.listener.onSelect(item.evidence, true));
    const row = element("li", { className: "finding omission", dataset: { id: item.id, status: item.status } }, show);
    if (this.listener.onAdd && !this.#frozen) row.append(this.#offer(item));
    return row;
  }

  #offer(item) {
    const offer = element("span", { className: "offer" });
    const button = (words, act) => {
      const label = say("finding.judge", { action: say(words), finding: item.text });
      const made = element("button", { type: "button", words, "aria-label": label });
      made.addEventListener("click", () => {
        if (!act()) return;
        for (const other of offer.children) other.disabled = true;
      });
      offer.append(made);
    };
    button("omissions.add", () => this.listener.onAdd(item));
    button("omissions.leave", () => this.listener.onLeave(item.id));
    return offer;
  }
}
