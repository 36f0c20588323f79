// The note beside the findings, written while they come: as SOAP by the page, in other forms by the server.

import { copyText } from "../document/clipboard.js";
import { byId, element, put, tell, translate } from "../document/dom.js";
import { onLanguage, say } from "../words/language.js";
import { soap } from "./soap.js";
import { templates, written } from "./templates.js";
import { serverFault } from "../words/words.js";

const SOAP = "soap"; // the server has a template of this name too: it is the page's own that is shown
const SETTLED_MS = 1500; // findings come in bursts, and the server writes a note for each request

export class NoteView {
  #entries = [];
  #session = null;
  #base;
  #sections = []; // {title, blocks: {title, bullet, lines: {text, said, evidence}[]}[]}
  #selected = null; // the line, not its element: what is drawn anew keeps it
  #timer = 0;
  #asked = 0;

  /** @param {{onSelect: (evidence: object[]) => void}} listener the words of a line; none: nothing is selected */
  constructor({ onSelect }) {
    this.onSelect = onSelect;
    this.body = byId("note");
    this.choice = byId("template");
    this.choice.append(element("option", { value: SOAP, words: "note.soap" }));
    this.choice.addEventListener("change", () => this.#write());
    byId("copy-note").addEventListener("click", () => this.#copy(this.#text(this.#sections, true)));
    onLanguage(() => this.#write());
    this.#draw([]);
  }

  /**
   * Asks which other forms there are.
   * @param {string} session_id of the consultation that the note is of @param {string} [base] address of the server
   */
  async begin(session_id, base = document.baseURI) {
    this.#session = session_id;
    this.#base = base;
    const known = new Set([...this.choice.options].map(({ value }) => value));
    for (const { name, title } of await templates(base)) {
      if (!known.has(name)) this.choice.append(element("option", { value: name, textContent: title }));
    }
  }

  /** @param {{finding: object, judgement?: object, original?: object}[]} entries of the findings as they stand */
  show(entries) {
    this.#entries = entries;
    if (this.choice.value === SOAP) return this.#write();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#write(), SETTLED_MS);
  }

  clear() {
    this.#session = null;
    this.choice.value = SOAP;
    this.show([]);
  }

  deselect() {
    this.#mark(null);
  }

  async #write() {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    this.#hint("");
    if (this.choice.value === SOAP) return this.#draw(soap(this.#entries).map(shown));
    if (!this.#session) return this.#draw([]);
    if (!this.#entries.length) this.#hint("note.waiting");
    try {
      const note = await written(this.#session, this.choice.value, this.#base);
      if (asked !== this.#asked) return; // another form was chosen, or something was found, meanwhile
      this.#hint("");
      this.#draw(inSections(note));
    } catch (fault) {
      if (asked !== this.#asked) return;
      const message = fault.message && fault.code ? serverFault(fault) : say("unreached");
      tell(byId("note-hint"), say("note.unmade", { message }));
    }
  }

  #draw(sections) {
    this.#sections = sections;
    const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset.at : null;
    this.body.replaceChildren(...sections.map((section, index) => this.#section(section, index)));
    byId("note-empty").hidden = this.#entries.length > 0;
    this.body.hidden = this.#entries.length === 0;
    byId("copy-note").disabled = this.#entries.length === 0;
    translate(this.body);
    if (focused) this.body.querySelector(`[data-at="${focused}"]`)?.focus();
    this.#mark(this.#selected);
  }

  #section({ title, blocks }, index) {
    const node = element("section", {});
    if (title) {
      const label = say("note.copy_section_label", { section: title });
      const copy = element("button", { type: "button", className: "quiet", words: "note.copy_section", "aria-label": label });
      copy.dataset.at = `copy-${index}`;
      copy.addEventListener("click", () => this.#copy(this.#text([{ title, blocks }], false)));
      node.append(element("header", {}, element("h3", { textContent: title }), copy));
      node.setAttribute("aria-label", say("note.section_label", { section: title })); // a group of findings may have the same title
    }
    blocks.forEach((block, number) => {
      if (block.title) node.append(element("h4", { textContent: block.title }));
      const lines = block.lines.map((line, at) => element("li", {}, this.#line(line, `${index}-${number}-${at}`)));
      node.append(element("ul", {}, ...lines));
    });
    if (!blocks.length) node.append(element("p", { className: "empty", words: "note.nothing" }));
    return node;
  }

  #line(line, at) {
    const { text, said, evidence } = line;
    if (!evidence.length) return element("p", { className: "plain", textContent: text || "\u00a0" });
    const show = element("button", { type: "button", className: said ? "note-line bullet" : "note-line", dataset: { at, key: keyOf(line) }, textContent: text });
    if (said) show.append(" ", element("span", { className: "said-at", textContent: said }));
    show.addEventListener("click", () => {
      const again = this.#selected === keyOf(line);
      this.onSelect(again ? [] : evidence); // which deselects the finding in hand, and with it the line
      this.#mark(again ? null : keyOf(line));
    });
    return show;
  }

  #mark(key) {
    this.#selected = key;
    for (const line of this.body.querySelectorAll(".note-line")) line.setAttribute("aria-pressed", String(line.dataset.key === key));
  }

  #text(sections, whole) {
    const draft = whole && this.choice.value === SOAP ? [say("note.draft"), ""] : [];
    const lines = sections.flatMap(({ title, blocks }) => [
      ...(title ? [title] : []),
      ...(blocks.length ? blocks.flatMap(({ title: part, lines, bullet }) => [
        ...(part ? [part] : []),
        ...lines.map(({ text }) => (bullet ? `- ${text}` : text)),
      ]) : [say("note.nothing")]),
      "",
    ]);
    return `${[...draft, ...lines].join("\n").trim()}\n`;
  }

  async #copy(text) {
    this.#hint((await copyText(text)) ? "note.copied" : "copy.hint");
  }

  #hint(key) {
    put(byId("note-hint"), key);
  }
}

const keyOf = ({ text, evidence: [{ segment, start }] }) => `${segment} ${start} ${text}`;

/** A section of the page's own note in the words of the language in use. */
const shown = ({ title, parts }) => ({
  title: say(`note.${title}`),
  blocks: parts.map((part) => ({
    title: say(`note.${part.title}`),
    bullet: true,
    lines: part.lines.map(({ finding, text, said, suggested }) => ({
      text: suggested ? `${text} (${suggested})` : text,
      said,
      evidence: finding.evidence,
    })),
  })),
});

/** The server's lines: a heading begins a section. */
function inSections({ lines, findings }) {
  const proof = new Map(findings.map(({ id, evidence }) => [id, evidence]));
  const sections = [];
  for (const { text, findings: ids, heading } of lines) {
    if (heading || !sections.length) sections.push({ title: heading ? text : "", blocks: [] });
    const { blocks } = sections.at(-1);
    if (!blocks.length) blocks.push({ title: "", bullet: false, lines: [] });
    if (!heading) blocks[0].lines.push({ text, said: "", evidence: ids.flatMap((id) => proof.get(id)) });
  }
  for (const { blocks: [{ lines: shown }] } of sections) while (shown.length && !shown.at(-1).text) shown.pop();
  return sections;
}
