// The note in the side panel: each section and part with a button that puts it where the caret stands in the record. The
// whole and each section can be copied too, for fields that take no text from here.

import { copyText } from "../page/document/clipboard.js";
import { byId, element } from "../page/document/dom.js";
import { say } from "../page/words/language.js";
import { hostPattern } from "../settings/settings.js";
import { WORDS } from "../words.js";
import { putInto } from "./insertion.js";
import { sections } from "./note.js";

export class NoteView {
  #origin = null; // of the frame that Chrome has to be asked for
  #sections = [];

  constructor() {
    byId("allow-frame").addEventListener("click", () => this.#allow());
    byId("copy-note").addEventListener("click", () => this.#copy(this.#whole));
    this.show([]);
  }

  /** @param {{finding: object, judgement?: object, original?: object}[]} entries */
  show(entries) {
    this.#sections = sections(entries);
    const drawn = this.#sections.map(({ title, text, parts }) =>
      element("section", { className: "section" },
        element("header", {}, element("h3", { textContent: title }), this.#copying(title, text), this.#button(title, text, WORDS.putAll(title))),
        ...parts.map((part) =>
          element("div", { className: "part" },
            element("header", {}, element("h4", { textContent: part.title }), this.#button(part.title, part.text, WORDS.put)),
            element("p", { textContent: part.text, dir: "auto" }),
          ),
        ),
      ),
    );
    const empty = element("p", { className: "empty", textContent: WORDS.noteEmpty });
    byId("record-note").replaceChildren(...(drawn.length ? drawn : [empty]));
    byId("copy-note").hidden = !drawn.length;
    if (!drawn.length) this.#tell("", "");
  }

  get #whole() {
    return [say("note.draft"), ...this.#sections.map(({ title, text }) => `${title}\n${text}`)].join("\n\n");
  }

  #copying(title, text) {
    const label = say("note.copy_section_label", { section: title });
    const button = element("button", { type: "button", className: "quiet", words: "note.copy_section", "aria-label": label });
    button.addEventListener("click", () => this.#copy(text));
    return button;
  }

  async #copy(text) {
    const copied = await copyText(text);
    this.#tell(copied ? "placed" : "refused", say(copied ? "note.copied" : "copy.hint"));
  }

  #button(title, text, label) {
    const button = element("button", { type: "button", textContent: label, "aria-label": WORDS.putAll(title) });
    button.addEventListener("click", () => this.#put(title, text));
    return button;
  }

  /** What was shown when the button was pressed is what goes in. */
  async #put(title, text) {
    this.#tell("", "");
    const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
    let outcome;
    try {
      outcome = await putInto(tab.id, text);
    } catch {
      return this.#tell("refused", WORDS.notInvited);
    }
    if (outcome.placed) return this.#tell("placed", WORDS.placed(title));
    const words = WORDS.refusals[outcome.refused];
    this.#tell("refused", typeof words === "function" ? words(outcome) : words, outcome.origin);
  }

  async #allow() {
    const granted = await chrome.permissions.request({ origins: [hostPattern(this.#origin)] });
    this.#tell(granted ? "" : "refused", granted ? "" : WORDS.frameRefused);
  }

  #tell(outcome, text, origin = null) {
    this.#origin = origin;
    byId("put").dataset.outcome = outcome;
    byId("put").textContent = text;
    byId("allow-frame").hidden = !origin;
  }
}
