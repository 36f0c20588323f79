// What a panel that is opened later has to be told: the present state of what was said and found. Pure.

import { stillOffered } from "../page/findings/offered.js";
import { endedByNotice, endedByWords, lasts, noticeKey } from "../page/transcript/standing.js";

export class History {
  #finals = new Map();
  #partials = new Map();
  #findings = new Map(); // id -> {finding, judgement, heard: the finding before it was first edited}
  #notices = new Map();
  #omissions = null; // the last event of them, less what is a finding now
  #gaps = new Map();

  /** @param {object} event of the session's log */
  add(event) {
    if (event.type === "transcript") this.#transcript(event);
    else if (event.type === "extraction") {
      for (const { op, finding, judgement } of event.ops) {
        const before = this.#findings.get(finding.id);
        const heard = before?.heard ?? (judgement?.what === "edited" ? before?.finding : undefined);
        this.#findings.delete(finding.id);
        if (op !== "retract") this.#findings.set(finding.id, { finding, judgement: judgement ?? before?.judgement, heard });
      }
      if (this.#omissions) this.#omissions.items = stillOffered(this.#omissions.items, event.ops);
    } else if (event.type === "omissions") this.#omissions = { ...event };
    else if (event.type === "gap") this.#gaps.set(`${event.gap.reason} ${event.gap.at}`, event);
    else if (event.type === "notice") {
      this.#end(endedByNotice(event));
      if (lasts(event)) this.#notices.set(noticeKey(event), event);
    }
  }

  /** @returns {object[]} events that bring an empty panel up to date */
  get events() {
    const ops = [...this.#findings.values()].flatMap(({ finding, judgement, heard }) =>
      heard
        ? [{ op: "add", finding: heard }, { op: "update", finding, judgement: { ...judgement, what: "edited" } }]
        : [{ op: "add", finding, judgement }],
    );
    const found = ops.length ? [{ type: "extraction", ops }] : [];
    const offered = this.#omissions ? [this.#omissions] : [];
    return [...this.#finals.values(), ...this.#gaps.values(), ...this.#partials.values(), ...found, ...offered, ...this.#notices.values()];
  }

  clear() {
    for (const kept of [this.#finals, this.#gaps, this.#partials, this.#findings, this.#notices]) kept.clear();
    this.#omissions = null;
  }

  #transcript(event) {
    const { id, final, text } = event.segment;
    this.#partials.delete(id);
    if (!final) this.#partials.set(id, event);
    else if (text) this.#finals.set(id, event);
    this.#end(endedByWords(event.segment));
  }

  #end(keys) {
    for (const key of keys) this.#notices.delete(key);
  }
}
