// What the server says about the sound and its store: a line for each, until what it says is over.

import { byId, element } from "../document/dom.js";
import { onLanguage } from "../words/language.js";
import { endedByNotice, endedByWords, lasts, noticeKey } from "./standing.js";
import { noticeWords } from "../words/words.js";

export class NoticesView {
  #rows = new Map(); // code and speaker -> {row, notice}

  constructor() {
    this.list = byId("notices");
    onLanguage(() => this.#rows.forEach(({ row, notice }) => (row.textContent = noticeWords(notice))));
  }

  /** @param {{code: string, message?: string, speaker?: string | number}} notice takes the place of the one of its code and speaker */
  apply(notice) {
    endedByNotice(notice).forEach((key) => this.#remove(key));
    if (!lasts(notice)) return;
    const row = element("li", { className: "notice", textContent: noticeWords(notice), dataset: { code: notice.code } });
    this.#rows.set(noticeKey(notice), { row, notice });
    this.list.append(row);
  }

  /** @param {object} segment */
  heard(segment) {
    endedByWords(segment).forEach((key) => this.#remove(key));
  }

  /** What the page itself has said is over. @param {string} code @param {string | number} [speaker] */
  over(code, speaker) {
    this.#remove(noticeKey({ code, speaker }));
  }

  clear() {
    this.#rows.clear();
    this.list.replaceChildren();
  }

  #remove(key) {
    this.#rows.get(key)?.row.remove();
    this.#rows.delete(key);
  }
}
