// The findings on the page, grouped by kind, each with the words that prove it.

import { byId, element } from "./dom.js";
import { attributes, clock, KINDS, markers, sentence } from "./words.js";

export class FindingsView {
  #findings = new Map(); // id -> {finding, row}
  #groups = new Map(); // kind -> {section, list}
  #selected = null;

  /** @param {{onSelect: (finding: object|null, show: boolean) => void, onJudge?: (type: string, id: string) => boolean}} listener without `onJudge` for who only watches */
  constructor(listener) {
    this.listener = listener;
    this.counter = byId("findings-count");
    for (const [kind, title] of KINDS) {
      const list = element("ul", { className: "finding-list" });
      const heading = element("h3", { textContent: title, id: `kind-${kind}` });
      const section = element("section", { hidden: true, dataset: { kind }, "aria-labelledby": heading.id }, heading, list);
      this.#groups.set(kind, { section, list });
      byId("groups").append(section);
    }
  }

  /** @returns {object[]} in the order of the page */
  get findings() {
    return [...byId("groups").querySelectorAll(".finding")].map((row) => this.#findings.get(row.dataset.id).finding);
  }

  /** @param {{op: "add"|"update"|"retract", finding: object}[]} ops */
  apply(ops) {
    for (const { op, finding } of ops) {
      if (op === "retract") this.#remove(finding.id);
      else this.#put(finding);
    }
    this.#refresh();
  }

  clear() {
    for (const id of [...this.#findings.keys()]) this.#remove(id);
    this.#refresh();
  }

  /** A finding can be judged only while the server listens. */
  freeze() {
    byId("groups")
      .querySelectorAll(".judge")
      .forEach((judge) => judge.remove());
  }

  /** A judgement that the server did not take may be made again. */
  unlock() {
    byId("groups")
      .querySelectorAll(".judge button")
      .forEach((button) => {
        button.disabled = false;
      });
  }

  deselect() {
    if (this.#selected) this.#select(null, false);
  }

  #put(finding) {
    const group = this.#groups.get(finding.kind);
    if (!group) return; // a kind that a newer server may know
    const old = this.#findings.get(finding.id);
    const row = this.#row(finding);
    const focused = old?.row.contains(document.activeElement);
    if (old?.finding.kind === finding.kind) old.row.replaceWith(row);
    else {
      old?.row.remove();
      group.list.append(row);
    }
    this.#findings.set(finding.id, { finding, row });
    if (focused) row.querySelector("button").focus();
    if (this.#selected === finding.id) this.#select(finding.id, false);
  }

  #remove(id) {
    if (this.#selected === id) this.#select(null, false);
    this.#findings.get(id)?.row.remove();
    this.#findings.delete(id);
  }

  #refresh() {
    for (const { section, list } of this.#groups.values()) section.hidden = list.children.length === 0;
    byId("findings-empty").hidden = this.#findings.size > 0;
    this.counter.textContent = this.#findings.size || "";
  }

  #select(id, show) {
    this.#selected = id;
    for (const [other, { row }] of this.#findings)
      row.querySelector(".show").setAttribute("aria-pressed", String(other === id));
    this.listener.onSelect(id && this.#findings.get(id).finding, show);
  }

  #row(finding) {
    const line = element("span", { className: "line" });
    for (const { name, text } of markers(finding)) {
      line.append(element("span", { className: "marker", dataset: { name }, textContent: text }), " ");
    }
    line.append(element("span", { className: "what", textContent: finding.text }));
    if (finding.source === "clinician") line.append(" ", element("span", { className: "confirmed", textContent: "Confirmed" }));
    const show = element("button", { type: "button", className: "show", "aria-pressed": "false" }, line);
    const details = attributes(finding).map(({ label, value }) =>
      element("span", { className: "detail" }, ...(label ? [element("span", { className: "label", textContent: label }), " "] : []), value),
    );
    if (details.length) show.append(element("span", { className: "details" }, ...details));
    for (const { quote, from_s } of finding.evidence) {
      const words = element("q", { textContent: quote });
      show.append(element("span", { className: "quote" }, words, " ", element("time", { textContent: clock(from_s) })));
    }
    show.addEventListener("click", () => this.#select(this.#selected === finding.id ? null : finding.id, true));
    const dataset = { id: finding.id, status: finding.status, source: finding.source };
    return element("li", { className: "finding", dataset }, show, ...(this.listener.onJudge ? [this.#judge(finding)] : []));
  }

  #judge(finding) {
    const judge = element("span", { className: "judge" });
    if (finding.source !== "clinician") judge.append(this.#judgement("confirm_finding", "Confirm", finding, judge));
    judge.append(this.#judgement("dismiss_finding", "Remove", finding, judge));
    return judge;
  }

  /** The row changes when the server's answer comes, not before: what is shown is what the record holds. */
  #judgement(type, textContent, finding, judge) {
    const button = element("button", { type: "button", textContent, "aria-label": `${textContent}: ${sentence(finding)}` });
    button.addEventListener("click", () => {
      if (!this.listener.onJudge(type, finding.id)) return;
      judge.querySelectorAll("button").forEach((other) => {
        other.disabled = true;
      });
    });
    return button;
  }
}
