// One consultation: its sources, its connection, and what the panels are told about it.
// Phases: starting -> listening <-> paused -> finishing -> ended; or failed (nothing began), or erased.

import { Consultation } from "../page/consultation.js";
import { closeFault, microphoneFault, serverFault } from "../page/words.js";
import { Door } from "../door.js";
import { WORDS } from "../words.js";
import { History } from "./history.js";
import { Sources } from "./sources.js";

const RUNNING = new Set(["starting", "listening", "paused", "finishing"]);
const REPEATED = new Set(["already_paused", "not_paused", "session_stopping"]); // answers to what was sent twice
const NOT_AUTHORISED = 4401;
const NO_SUCH_SESSION = 4404;
const NO_ANSWER = 1006;

export class Visit {
  #sources;
  #door;
  #consultation = null;
  #history = new History();
  #fault = ""; // the server's own words about why it closes
  #withdrawn = false;

  /**
   * @param {{mode: string, wording: string, streamId: string|null, settings: object}} order of the service worker
   * @param {(message: object) => void} tell sends to every panel
   */
  constructor({ mode, wording, streamId, settings }, tell) {
    Object.assign(this, { mode, wording, settings, tell });
    this.state = { phase: "starting", mode, connection: "idle", heard_s: 0, lag_ms: null, troubles: {}, summary: null };
    this.#door = new Door(settings);
    this.#sources = new Sources({ streamId, deviceId: settings.microphone }, {
      onTrouble: (name, on) => this.#onTrouble(name, on),
      onLevel: (shares) => tell({ kind: "level", shares, heard_s: this.#consultation?.heard_s ?? 0 }),
    });
  }

  get running() {
    return RUNNING.has(this.state.phase);
  }

  /** @returns {Promise<{fault?: string, page?: string}>} what kept it from starting */
  async start() {
    this.#set({ phase: "starting", connection: "connecting" });
    let format;
    try {
      format = await this.#sources.open();
    } catch (refused) {
      const fault = refused.name === "NotAllowedError" ? WORDS.microphoneDenied : microphoneFault(refused);
      return this.#fail(fault, refused.name === "NotAllowedError" ? "microphone" : undefined);
    }
    let addresses;
    try {
      addresses = await this.#door.open();
    } catch (refused) {
      return this.#fail(refused.message, refused.code === NOT_AUTHORISED ? "options" : undefined);
    }
    const door = { addresses, ticket: (url) => this.#door.ticket(url), chunk_s: this.settings.chunk_s };
    return new Promise((resolve) => {
      this.begun = resolve;
      this.#consultation = new Consultation(this.#sources, format, {}, this.wording, {
        onEvent: (event) => this.#onEvent(event),
        onState: (state, detail) => this.#onState(state, detail),
        onSamples: () => {},
      }, door);
    });
  }

  /** @returns {object[]} the messages that bring a new panel up to date */
  recall() {
    return [...this.#history.events.map((event) => ({ kind: "event", event })), { kind: "state", state: this.state }];
  }

  /** @param {object} message of a panel */
  take(message) {
    const { phase } = this.state;
    const running = phase === "listening" || phase === "paused";
    if (message.do === "stop" && phase === "finishing") this.#consultation.abandon();
    else if (message.do === "stop" && running) this.#stop();
    else if (message.do === "pause" && phase === "listening") this.#pause();
    else if (message.do === "continue" && phase === "paused") this.#continue();
    else if (message.do === "microphone" && running) this.#reopen();
    else if (message.do === "withdraw" && running) this.#withdraw();
    else if (message.do === "judge" && running) this.#consultation.judge(...message.judgement);
    else if (message.do === "close" && message.trouble in this.state.troubles) this.#trouble(message.trouble, null);
  }

  #set(changed) {
    const { phase } = this.state;
    Object.assign(this.state, changed);
    this.tell({ kind: "state", state: this.state });
    if (this.state.phase !== phase || phase === "starting")
      chrome.runtime.sendMessage({ to: "worker", do: "badge", phase: this.state.phase }).catch(() => {});
  }

  /** @param {string|null} text null: it is over */
  #trouble(name, text) {
    const troubles = { ...this.state.troubles };
    if ((troubles[name] ?? null) === text) return;
    if (text === null) delete troubles[name];
    else troubles[name] = text;
    this.#set({ troubles });
  }

  #onTrouble(name, on) {
    const text = WORDS.troubles[name][this.mode] ?? WORDS.troubles[name];
    this.#trouble(name, on && this.running ? text : null);
    if (name === "microphone" && on && this.mode === "ambient") this.#pause();
  }

  #onEvent(event) {
    if (event.type === "session_started") {
      this.#set({ phase: "listening" });
      this.#consultation.begin(event);
      this.begun({});
    } else if (event.type === "progress") this.state.lag_ms = event.lag_ms;
    else if (event.type === "error") this.#onFault(event);
    else if (event.type === "session_stopped") return this.#finish(event);
    this.#history.add(event);
    this.tell({ kind: "event", event });
  }

  #onFault(event) {
    if (REPEATED.has(event.code)) return;
    if (event.fatal) this.#fault = serverFault(event);
    else this.#trouble("server", serverFault(event));
  }

  #onState(connection, { code }) {
    if (connection !== "ended") {
      if (connection === "open") this.#fault = "";
      return this.#set({ connection });
    }
    const refused = code === NOT_AUTHORISED || code === NO_ANSWER ? this.#door.fault : "";
    const why = this.#fault || refused || (code === NO_ANSWER ? WORDS.cut(location.origin) : closeFault(code));
    if (this.state.phase === "starting") this.begun(this.#fail(why, code === NOT_AUTHORISED ? "options" : undefined));
    else if (this.#withdrawn) this.#forget(code === NO_SUCH_SESSION);
    else if (this.running) {
      if (code !== 0) this.#trouble("server", why);
      this.#finish({ reason: "connection_lost", audio_s: this.#consultation.heard_s });
    }
  }

  #fail(fault, page) {
    this.#sources.close();
    this.#set({ phase: "failed", connection: "idle", troubles: {} });
    return { fault, page };
  }

  async #pause() {
    if (this.state.phase !== "listening") return;
    this.#set({ phase: "paused" });
    await this.#consultation.pause();
  }

  async #continue() {
    try {
      await this.#consultation.resume();
      if (this.state.phase === "paused") this.#set({ phase: "listening" });
    } catch (refused) {
      this.#trouble("microphone", microphoneFault(refused));
    }
  }

  async #reopen() {
    try {
      await this.#sources.reopen();
    } catch (refused) {
      this.#trouble("microphone", microphoneFault(refused));
    }
  }

  async #stop() {
    this.#set({ phase: "finishing" });
    await this.#consultation.stop();
  }

  async #withdraw() {
    this.#withdrawn = true;
    this.#set({ phase: "finishing" });
    await this.#consultation.withdraw();
  }

  #finish({ reason, audio_s }) {
    if (reason === "withdrawn") return this.#forget(true);
    this.#sources.close();
    const { server } = this.state.troubles;
    this.#set({ phase: "ended", connection: "idle", troubles: server ? { server } : {}, summary: { reason, audio_s } });
  }

  /** @param {boolean} told whether the server said that it has erased the consultation */
  #forget(told) {
    this.#sources.close();
    this.#history.clear();
    this.tell({ kind: "reset" });
    this.#set({ phase: "erased", connection: "idle", troubles: { server: told ? WORDS.erased : WORDS.erasedHere }, summary: null });
  }
}
