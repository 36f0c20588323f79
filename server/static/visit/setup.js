// The form before a consultation: where the sound comes from, who the patient is, and whether they agree.

import { byId, put } from "../document/dom.js";

export class SetupForm {
  /** @param {() => void} onStart */
  constructor(onStart) {
    this.form = byId("setup");
    this.form.addEventListener("input", () => this.#check());
    this.form.addEventListener("submit", (submission) => {
      submission.preventDefault();
      onStart();
    });
    this.#check();
  }

  /** @returns {File|null} null: the microphone */
  get file() {
    return this.form.elements.source.value === "file" ? byId("file").files[0] : null;
  }

  get playing() {
    return { speed: Number(byId("speed").value), dual: byId("dual").checked };
  }

  /** @returns {{name?: string, age?: number}} */
  get patient() {
    const patient = {};
    const name = byId("name").value.trim();
    const age = byId("age").valueAsNumber;
    if (name) patient.name = name;
    if (!Number.isNaN(age)) patient.age = age;
    return patient;
  }

  /** What the patient agreed to, in the words of the form: the record keeps them. */
  get wording() {
    return document.querySelector(".consent span").textContent;
  }

  /** For the next patient, who has to be asked again. */
  reset() {
    this.form.reset();
    this.#check();
    byId("consent").focus();
  }

  #check() {
    const wantsFile = this.form.elements.source.value === "file";
    byId("file-options").hidden = !wantsFile;
    byId("microphone-options").hidden = wantsFile;
    const file = wantsFile && !byId("file").files.length;
    const consent = !byId("consent").checked;
    byId("start").disabled = file || consent;
    const missing = file && consent ? "both" : file ? "file" : consent ? "consent" : "";
    put(byId("start-hint"), missing && `setup.missing.${missing}`);
  }
}
