// The findings on the page, grouped by kind, each with the words that prove it.

import { byId, element, put, tell } from "../document/dom.js";
import { FindingEditor, restored } from "./editor.js";
import { onLanguage, say } from "../words/language.js";
import { proof, statement } from "./statement.js";
import { attributes, KINDS, sentence, serverFault } from "../words/words.js";

// What makes two states of a finding the same to a clinician.
const said = ({ kind, text, status, temporality, experiencer, attributes }) =>
  JSON.stringify([kind, text, status, temporality, experiencer, Object.entries(attributes).sort()]);

export class FindingsView {
  #entries = new Map(); // id -> {finding, judgement, original, row, editor}
  #groups = new Map(); // kind -> {section, list}
  #selected = null;
  #frozen = false;

  /**
   * @param {{onSelect: (finding: object|null, show: boolean) => void, onJudge?: (message: object) => number,
   *   onGone?: () => void, onChange?: () => void}} listener onJudge gives the number of the message, 0 where there is no
   *   connection; without it nothing can be judged. onGone: a finding was taken back while it was edited; onChange:
   *   after all of an event
   */
  constructor(listener) {
    this.listener = listener;
    this.counter = byId("findings-count");
    for (const kind of KINDS) {
      const list = element("ul", { className: "finding-list" });
      const heading = element("h3", { words: `kind.${kind}`, id: `kind-${kind}` });
      const section = element("section", { hidden: true, dataset: { kind }, "aria-labelledby": heading.id }, heading, list);
      this.#groups.set(kind, { section, list });
      byId("groups").append(section);
    }
    onLanguage(() => this.#entries.forEach((entry) => entry.editor || this.#redraw(entry)));
  }

  /** @returns {object[]} in the order of the page */
  get findings() {
    return this.entries.map(({ finding }) => finding);
  }

  /** @returns {{finding: object, judgement?: object, original?: object}[]} in the order of the page; `original` is what
   *    was heard, where somebody has changed it */
  get entries() {
    return [...byId("groups").querySelectorAll(".finding")].map((row) => this.#entries.get(row.dataset.id));
  }

  /** @returns {boolean} whether a change is written and not saved */
  get editing() {
    return [...this.#entries.values()].some(({ editor }) => editor);
  }

  /**
   * @param {{op: "add"|"update"|"retract", finding: object, judgement?: object}[]} ops
   * @param {number} [request] of the message that they answer
   */
  apply(ops, request) {
    for (const { op, finding, judgement } of ops) {
      if (op === "retract") this.#retract(finding.id);
      else this.#put(finding, judgement, request);
    }
    this.#refresh();
  }

  clear() {
    for (const id of [...this.#entries.keys()]) this.#remove(id);
    this.#frozen = false;
    this.#refresh();
  }

  /** A finding can be judged only while the server listens. */
  freeze() {
    this.#frozen = true;
    for (const entry of this.#entries.values()) {
      entry.editor = null;
      this.#redraw(entry);
    }
  }

  /** A judgement that the server did not take may be made again. @param {object} error event
   *  @returns {boolean} whether it is told beside what was written */
  refused(error) {
    byId("groups")
      .querySelectorAll(".judge button")
      .forEach((button) => {
        button.disabled = false;
      });
    const entry = [...this.#entries.values()].find(({ editor }) => editor && editor.request && editor.request === error.request);
    entry?.editor.refuse((node) => tell(node, serverFault(error)));
    return entry !== undefined;
  }

  deselect() {
    if (this.#selected) this.#select(null, false);
  }

  #put(finding, judgement, request) {
    const group = this.#groups.get(finding.kind);
    if (!group) return; // a kind that a newer server may know
    const entry = this.#entries.get(finding.id) ?? { row: element("li") };
    const before = entry.finding;
    if (judgement?.what === "edited" && before) entry.original ??= before;
    if (entry.original && said(entry.original) === said(finding)) delete entry.original; // it was restored
    Object.assign(entry, { finding, ...(judgement && { judgement }) });
    this.#entries.set(finding.id, entry);
    if (entry.row.parentNode !== group.list) group.list.append(entry.row);
    const answered = entry.editor && request && entry.editor.request === request;
    if (entry.editor && !answered) return; // what is being written stays; the rest is shown after it
    if (answered) this.#leave(entry);
    else this.#redraw(entry);
  }

  #retract(id) {
    const entry = this.#entries.get(id);
    if (entry?.editor) this.listener.onGone?.();
    this.#remove(id);
  }

  #remove(id) {
    if (this.#selected === id) this.#select(null, false);
    this.#entries.get(id)?.row.remove();
    this.#entries.delete(id);
  }

  #refresh() {
    for (const { section, list } of this.#groups.values()) section.hidden = list.children.length === 0;
    byId("findings-empty").hidden = this.#entries.size > 0;
    this.counter.textContent = this.#entries.size || "";
    this.listener.onChange?.();
  }

  #select(id, show) {
    this.#selected = id;
    for (const [other, { row }] of this.#entries)
      row.querySelector(".show").setAttribute("aria-pressed", String(other === id));
    this.listener.onSelect(id && this.#entries.get(id).finding, show);
  }

  #redraw(entry) {
    const focused = entry.row.contains(document.activeElement);
    const row = this.#row(entry);
    entry.row.replaceWith(row);
    entry.row = row;
    if (focused) row.querySelector("button").focus();
    if (this.#selected === entry.finding.id) this.#select(this.#selected, false);
  }

  #row(entry) {
    const { finding, original } = entry;
    const line = statement(finding);
    if (original) line.append(" ", element("span", { className: "edited", words: "finding.edited" }));
    else if (finding.source === "clinician") line.append(" ", element("span", { className: "confirmed", words: "finding.confirmed" }));
    const show = element("button", { type: "button", className: "show", "aria-pressed": "false" }, line);
    const details = attributes(finding).map(({ label, value }) =>
      element("span", { className: "detail" }, ...(label ? [element("span", { className: "label", textContent: label }), " "] : []), value),
    );
    if (details.length) show.append(element("span", { className: "details" }, ...details));
    if (original) {
      const label = element("span", { className: "label", words: "finding.original" });
      show.append(element("span", { className: "original" }, label, " ", sentence(original)));
    }
    show.append(...proof(finding));
    show.addEventListener("click", () => this.#select(this.#selected === finding.id ? null : finding.id, true));
    const dataset = { id: finding.id, status: finding.status, source: finding.source };
    const row = element("li", { className: "finding", dataset }, show);
    if (!this.#frozen && this.listener.onJudge) row.append(this.#judge(entry));
    return row;
  }

  #judge(entry) {
    const { finding, original } = entry;
    const judge = element("span", { className: "judge" });
    const send = (message) => () => {
      if (!this.listener.onJudge({ ...message, finding_id: finding.id })) return;
      judge.querySelectorAll("button").forEach((button) => {
        button.disabled = true; // the row changes when the server's answer comes: what is shown is what the record holds
      });
    };
    const add = (words, act) => {
      const label = say("finding.judge", { action: say(words), finding: sentence(finding) });
      const button = element("button", { type: "button", words, "aria-label": label, dataset: { act: words } });
      button.addEventListener("click", act);
      judge.append(button, " ");
    };
    if (finding.source !== "clinician") add("finding.confirm", send({ type: "confirm_finding" }));
    add("finding.edit", () => this.#edit(entry));
    if (original) add("finding.restore", send({ type: "edit_finding", fields: restored(original) }));
    add("finding.remove", send({ type: "dismiss_finding" }));
    return judge;
  }

  #edit(entry) {
    const { id } = entry.finding;
    const editor = new FindingEditor(entry.finding, {
      onSave: (fields) => {
        const request = this.listener.onJudge({ type: "edit_finding", finding_id: id, fields });
        if (request) editor.wait(request);
        else editor.refuse((node) => put(node, "edit.unsent"));
      },
      onLeave: () => this.#leave(entry),
    });
    entry.editor = editor;
    entry.row.querySelector(".judge").replaceWith(editor.node);
    editor.node.scrollIntoView({ block: "nearest" });
    editor.focus();
  }

  /** Closes the editor and shows the finding as it now is. */
  #leave(entry) {
    entry.editor = null;
    this.#redraw(entry);
    entry.row.querySelector(".show").focus();
  }
}
