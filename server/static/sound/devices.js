// The choice of microphones in the form, and its place between consultations: how many there are, and which.

import { byId, element, put } from "../document/dom.js";
import { ONE } from "./microphone.js";

const KINDS = { one: ["microphone-1"], stereo: ["microphone-1"], two: ["microphone-1", "microphone-2"] };

export class Devices {
  #chosen = null; // for the next patient too

  /** @param {(fault: DOMException) => void} onFault gets what the browser throws when it does not show them */
  constructor(onFault) {
    this.onFault = onFault;
    this.kind = byId("speakers");
    this.selects = [byId("microphone-1"), byId("microphone-2")];
    for (const select of [this.kind, ...this.selects]) select.addEventListener("change", () => this.#choose());
    byId("show-microphones").addEventListener("click", () => this.#ask());
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.#list());
    this.#show();
    this.#list();
  }

  /** @returns {import("./microphone.js").Choice} */
  get choice() {
    const kind = this.kind.value in KINDS ? this.kind.value : ONE.kind;
    return { kind, devices: KINDS[kind].map((id) => byId(id).value) };
  }

  /** The form was emptied for the next patient: the microphones stay. */
  keep() {
    if (!this.#chosen) return;
    [this.kind, ...this.selects].forEach((select, index) => {
      select.value = this.#chosen[index];
    });
    this.#show();
  }

  #choose() {
    this.#show();
    this.#chosen = [this.kind, ...this.selects].map(({ value }) => value);
  }

  #show() {
    const two = this.kind.value === "two";
    byId("microphone-2-field").hidden = !two;
    put(byId("microphone-1-name"), two ? "setup.first_microphone" : "setup.which_microphone");
  }

  async #list() {
    const devices = (await navigator.mediaDevices?.enumerateDevices?.())?.filter(({ kind }) => kind === "audioinput") ?? [];
    const named = devices.filter(({ deviceId }) => deviceId && deviceId !== "default" && deviceId !== "communications");
    for (const select of this.selects) {
      const chosen = select.value;
      const options = named.map(({ deviceId, label }, index) => {
        const option = element("option", { value: deviceId, textContent: label });
        if (!label) put(option, "setup.unnamed_microphone", { number: index + 1 });
        return option;
      });
      select.replaceChildren(element("option", { value: "", words: "setup.system_microphone" }), ...options);
      if (named.some(({ deviceId }) => deviceId === chosen)) select.value = chosen;
    }
    const nameless = devices.length > 0 && devices.every(({ label }) => !label);
    byId("show-microphones").hidden = !nameless;
    put(byId("microphones-hint"), nameless ? "setup.microphones_hint" : "");
  }

  /** The browser names the devices to a page that it has let hear one. */
  async #ask() {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      await this.#list();
      stream.getTracks().forEach((track) => track.stop());
    } catch (fault) {
      this.onFault(fault);
    }
  }
}
