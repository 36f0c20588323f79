// What the server says about the sound and its store: a line for each, until what it says is over.

import { byId, element } from "./dom.js";
import { onLanguage } from "./language.js";
import { noticeWords } from "./words.js";

export class NoticesView {
  #rows = new Map(); // code and speaker -> {row, notice}

  constructor() {
    this.list = byId("notices");
    onLanguage(() => this.#rows.forEach(({ row, notice }) => (row.textContent = noticeWords(notice))));
  }

  /** @param {{code: string, message?: string, speaker?: string | number}} notice takes the place of the one of its code and speaker */
  apply(notice) {
    const key = `${notice.code} ${notice.speaker ?? ""}`;
    this.#remove(key);
    if (notice.code === "store_caught_up") return this.#remove("store_behind ");
    const row = element("li", { className: "notice", textContent: noticeWords(notice), dataset: { code: notice.code } });
    this.#rows.set(key, { row, notice });
    this.list.append(row);
  }

  /** Words take back that nobody is heard; a final, that the sound looks wrong. @param {object} segment */
  heard({ text, final, speaker }) {
    if (!text) return;
    this.#remove("no_speech ");
    this.#remove(`no_speech ${speaker}`);
    if (final) this.#remove("audio_suspect ");
  }

  /** What the page itself has said is over. @param {string} code @param {string | number} [speaker] */
  over(code, speaker = "") {
    this.#remove(`${code} ${speaker}`);
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
