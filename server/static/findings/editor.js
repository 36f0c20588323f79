// The form in which a clinician changes a finding: Enter saves, Escape leaves.

import { element, put, tell } from "../document/dom.js";
import { ATTRIBUTES, ORDER_TYPES } from "./tables.js";
import { sentence } from "../words/words.js";

const STATUSES = ["present", "absent", "possible"];
const LONGEST = 500; // characters of a text or of an attribute, as the server takes them
const UNTOUCHED = new Set(["heard", "check"]); // what was heard, and what is in doubt, is not for writing

/** @returns {string[]} the attributes that are offered: those of the kind, and others that the finding has */
const offered = ({ kind, attributes }) =>
  [...new Set([...ATTRIBUTES[kind], ...Object.keys(attributes)])].filter((name) => !UNTOUCHED.has(name));

/**
 * What `edit_finding` has to say so that the finding becomes what the clinician wrote. Pure.
 * @param {object} finding @param {{text: string, status: string, attributes: Record<string, string>}} written
 * @returns {object} the fields that differ; attributes are always whole
 */
export function changes(finding, { text, status, attributes }) {
  const fields = {};
  if (text !== finding.text) fields.text = text;
  if (status !== finding.status) fields.status = status;
  const before = finding.attributes;
  const changed = Object.keys(attributes).filter((name) => attributes[name] !== (before[name] ?? ""));
  if (!changed.length && !("text" in fields && before.check)) return fields;
  const after = Object.fromEntries(Object.entries({ ...before, ...attributes }).filter(([, value]) => value));
  // A doubt is about what was heard: what the clinician writes in its place settles it.
  const settled = [...changed, ...("text" in fields ? ["name"] : [])];
  const doubts = (before.check ?? "").split("; ").filter((one) => one && !settled.includes(one.split(":")[0]));
  if (doubts.length) after.check = doubts.join("; ");
  else delete after.check;
  if (JSON.stringify(after) !== JSON.stringify(before)) fields.attributes = after;
  return fields;
}

/** @param {object} original @returns {object} what `edit_finding` has to say so that the finding is as it was heard */
export const restored = ({ kind, text, status, temporality, experiencer, attributes }) =>
  ({ kind, text, status, temporality, experiencer, attributes });

export class FindingEditor {
  /**
   * @param {object} finding
   * @param {{onSave: (fields: object) => void, onLeave: () => void}} listener
   */
  constructor(finding, { onSave, onLeave }) {
    this.request = 0; // the number of the change that the server has not answered yet
    this.finding = finding;
    this.onSave = onSave;
    this.onLeave = onLeave;
    this.text = element("input", { value: finding.text, maxLength: LONGEST, autocomplete: "off" });
    this.status = select(STATUSES, "edit", finding.status);
    this.attributes = new Map(offered(finding).map((name) => [name, field(name, finding.attributes[name] ?? "")]));
    this.fault = element("p", { className: "fault", role: "alert" });
    const save = element("button", { type: "submit", className: "primary", words: "edit.save" });
    const cancel = element("button", { type: "button", words: "edit.cancel" });
    cancel.addEventListener("click", () => onLeave());
    this.node = element(
      "form",
      { className: "editor", autocomplete: "off", noValidate: true, "aria-label": sentence(finding) },
      labelled("edit.text", this.text),
      labelled("edit.status", this.status),
      ...[...this.attributes].map(([name, input]) => labelled(`attribute.${name}`, input)),
      this.fault,
      element("p", { className: "buttons" }, save, cancel),
      element("p", { className: "hint", words: "edit.keys" }),
    );
    this.node.addEventListener("submit", (submission) => {
      submission.preventDefault();
      this.#save();
    });
    this.node.addEventListener("keydown", (press) => this.#press(press));
  }

  focus() {
    this.text.focus();
    this.text.select();
  }

  /** Holds still until the server has answered the change of that number. */
  wait(request) {
    this.request = request;
    this.#lock(true);
  }

  /** The change was not taken: what was written stays. @param {(node: HTMLElement) => void} explain writes why */
  refuse(explain) {
    this.request = 0;
    this.#lock(false);
    explain(this.fault);
    this.text.focus();
  }

  #save() {
    const text = this.text.value.trim();
    if (!/[\p{L}\p{N}]/u.test(text)) return this.refuse((node) => put(node, "edit.empty"));
    const attributes = Object.fromEntries([...this.attributes].map(([name, input]) => [name, input.value.trim()]));
    const fields = changes(this.finding, { text, status: this.status.value, attributes });
    tell(this.fault, "");
    if (Object.keys(fields).length) this.onSave(fields);
    else this.onLeave();
  }

  #press(press) {
    if (press.key === "Escape") {
      press.stopPropagation(); // the finding stays in hand
      this.onLeave();
    } else if (press.key === "Enter" && press.target.tagName === "SELECT") {
      press.preventDefault();
      this.node.requestSubmit();
    }
  }

  #lock(locked) {
    for (const control of this.node.elements) control.disabled = locked;
  }
}

function labelled(words, input) {
  return element("label", { className: "field" }, element("span", { words }), input);
}

function select(values, words, chosen) {
  const options = values.map((value) => element("option", value ? { value, words: `${words}.${value}` } : { value }));
  const node = element("select", {}, ...options);
  node.value = chosen;
  return node;
}

function field(name, value) {
  if (name === "order_type" && ["", ...ORDER_TYPES].includes(value)) return select(["", ...ORDER_TYPES], name, value);
  return element("input", { value, maxLength: LONGEST, autocomplete: "off" });
}
