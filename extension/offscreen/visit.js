// One consultation: its sources, its connection, and what the panels are told about it.
// Phases: starting -> listening <-> paused -> checking -> finishing -> ended; or failed (nothing began), or erased.

import "../language.js";
import { addition } from "../page/findings/offered.js";
import { Chunker } from "../page/sound/chunker.js";
import { SoundWatch } from "../page/sound/soundwatch.js";
import { Connection } from "../page/visit/connection.js";
import { Missing } from "../page/visit/missing.js";
import { language, say } from "../page/words/language.js";
import { microphoneFault, serverFault } from "../page/words/words.js";
import { signOf } from "../badge.js";
import { Door } from "../door.js";
import { WORDS } from "../words.js";
import { History } from "./history.js";
import { Sources } from "./sources.js";

const RUNNING = new Set(["starting", "listening", "paused", "checking", "finishing"]);
const OPEN = new Set(["listening", "paused", "checking"]); // in which findings can be judged and consent withdrawn
const CHECK_MS = 20_000; // for the server to say what was said and not noted: then the consultation ends without it
const UNSEEN_MS = 120_000; // without a panel nobody checks the note: then the consultation ends as it stands
const ASK_MS = 10_000; // whether a panel is there that shows what is offered
const REPEATED = new Set(["already_paused", "not_paused", "session_stopping"]); // answers to what was sent twice
// The troubles of the sound by what the page's watch calls them: of one channel, of the clinician's, of the patient's.
const SOUND = {
  page_stalled: ["stalled"],
  page_silent: ["microphone_silent", "microphone_silent", "tab_silent"],
  page_muted: ["microphone_muted", "microphone_muted"],
};
const ALONE = ["microphone", "tab"]; // the reasons of a gap of one speaker
const OF_SOUND = new Set([...Object.values(SOUND).flat(), "suspended"]); // they end with a pause, and begin anew after it
const NOT_AUTHORISED = 4401;
const NO_SUCH_SESSION = 4404;
const NO_ANSWER = 1006;
const FULL = 1013;

export class Visit {
  #sources;
  #door;
  #owner; // of the key that began it
  #until = 0; // the time of the clock to which the server waits for another key
  #connection = null;
  #chunker = null;
  #watch = null;
  #missing = null;
  #audio = null; // as start_session declares it
  #heard = 0; // sample frames
  #judged = new Map(); // number of a request -> the panel's own number of it
  #history = new History();
  #fault = ""; // the server's own words about why it closes
  #withdrawn = false;
  #shown = ""; // by the icon
  #offered = 0; // cards of what was said and not noted
  #checkTimer = 0;
  #unseenTimer = 0;
  #askTimer = 0;
  #closing = null;

  /**
   * @param {{mode: string, wording: string, streamId: string|null, settings: object}} order of the service worker
   * @param {(message: object) => void} tell sends to every panel
   */
  constructor({ mode, wording, streamId, settings }, tell) {
    Object.assign(this, { mode, wording, settings, tell });
    this.state = { phase: "starting", mode, connection: "idle", heard_s: 0, lag_ms: null, troubles: {}, summary: null, checked: false };
    this.#door = new Door(settings);
    this.#sources = new Sources({ streamId, deviceId: settings.microphone }, {
      onTrouble: (name, on) => this.#onTrouble(name, on),
      onMuted: (muted) => this.state.phase === "listening" && this.#watch.muted(0, muted),
      onLevel: (shares) => tell({ kind: "level", shares, heard_s: this.heard_s }),
    });
  }

  get running() {
    return RUNNING.has(this.state.phase);
  }

  /** What the icon shows: see badge.js. */
  get sign() {
    return signOf(this.state);
  }

  /** The code of the language that it speaks. */
  get language() {
    return language();
  }

  /** Seconds of sound since the start. */
  get heard_s() {
    return this.#audio ? this.#heard / this.#audio.sample_rate : 0;
  }

  /** @returns {Promise<{fault?: string, page?: string}>} what kept it from starting */
  async start() {
    this.#set({ phase: "starting", connection: "connecting" });
    try {
      const { sampleRate, channels } = await this.#sources.open();
      this.#audio = { encoding: "pcm_s16le", sample_rate: sampleRate, channels };
    } catch (refused) {
      return this.#fail(heard(refused), refused.name === "NotAllowedError" ? "microphone" : undefined);
    }
    let addresses;
    try {
      addresses = await this.#door.open();
      this.#owner = this.#door.owner;
    } catch (refused) {
      return this.#fail(refused.message, refused.code === NOT_AUTHORISED ? "options" : undefined);
    }
    const start = { type: "start_session", audio: this.#audio, mode: this.mode, consent: true, consent_wording: this.wording };
    return new Promise((resolve) => {
      this.begun = resolve;
      this.#connection = new Connection(start, {
        onEvent: (event) => this.#onEvent(event),
        onState: (state, detail) => this.#onState(state, detail),
        addresses,
        WebSocket: this.#door.WebSocket,
      });
      this.#missing = new Missing(this.#connection.outbox, this.#audio.sample_rate, (gap) => this.#gap(gap));
    });
  }

  /**
   * New settings were saved: the next connection is made with their key, and at once where the last one was refused.
   * @param {object} settings
   */
  async renew(settings) {
    if (!this.running) return;
    this.#door.take(settings);
    try {
      await this.#door.open();
    } catch (refused) {
      if (refused.code === NOT_AUTHORISED && this.state.connection === "refused") return this.#askForKey(refused.message);
    }
    this.#connection?.retry();
  }

  /** @returns {object[]} the messages that bring a new panel up to date */
  recall() {
    return [...this.#history.events.map((event) => ({ kind: "event", event })), { kind: "state", state: this.state }];
  }

  /** @param {object} message of a panel */
  take(message) {
    const { phase } = this.state;
    const running = phase === "listening" || phase === "paused";
    if (message.do === "stop" && phase === "finishing") this.#connection.end(0);
    else if (message.do === "stop" && phase === "checking") this.#stop();
    else if (message.do === "stop" && running) this.#check();
    else if (message.do === "pause" && phase === "listening") this.#pause();
    else if (message.do === "continue" && phase === "paused") this.#continue();
    else if (message.do === "microphone" && running) this.#reopen();
    else if (message.do === "withdraw" && OPEN.has(phase)) this.#withdraw();
    else if (message.do === "judge" && OPEN.has(phase)) this.#judge(message);
    else if (message.do === "add" && OPEN.has(phase)) this.#connection.tell(addition(message.item));
    else if (message.do === "leave" && OPEN.has(phase)) this.#connection.tell({ type: "leave_out", omission_id: message.id });
    else if (message.do === "here" && phase === "checking" && this.state.checked) this.#seen();
    else if (message.do === "close" && message.trouble === "server") this.#trouble("server", null);
  }

  #set(changed) {
    const { phase } = this.state;
    Object.assign(this.state, changed);
    if (this.state.phase !== phase) this.#heed();
    if (phase === "checking" && this.state.phase !== phase) {
      clearTimeout(this.#unseenTimer);
      clearInterval(this.#askTimer);
    }
    this.tell({ kind: "state", state: this.state });
    const { sign, language } = this;
    if (this.#shown === sign) return;
    this.#shown = sign;
    chrome.runtime.sendMessage({ to: "worker", do: "badge", sign, language }).catch(() => {});
  }

  /** @param {string|null} text null: it is over */
  #trouble(name, text) {
    const troubles = { ...this.state.troubles };
    if ((troubles[name] ?? null) === text) return;
    if (text === null) delete troubles[name];
    else troubles[name] = text;
    this.#set({ troubles });
  }

  /** Watches the sound anew, while it is recorded. */
  #heed() {
    const standing = Object.entries(this.state.troubles).filter(([name]) => !OF_SOUND.has(name));
    this.state.troubles = Object.fromEntries(standing);
    if (this.state.phase === "listening") {
      this.#watch.start(this.heard_s);
      if (this.#sources.muted) this.#watch.muted(0, true);
    } else this.#watch?.stop(this.heard_s);
  }

  #onTrouble(name, on) {
    if (on && !this.running) return;
    if (name === "microphone") this.#onMicrophone(on);
    if (name === "tab" && on) {
      this.#watch?.lost(1, this.heard_s);
      this.#trouble("tab_silent", null);
    }
    this.#trouble(name, on ? this.#words(name) : null);
    if (name === "microphone" && on && this.mode === "ambient") this.#pause();
  }

  #onMicrophone(lost) {
    if (lost) this.#watch?.lost(0, this.heard_s);
    else this.#watch?.found(this.heard_s, 0);
    for (const name of ["microphone_silent", "microphone_muted"]) this.#trouble(name, null);
    if (this.state.phase === "listening" && !lost) this.#heed(); // of another device nothing is known yet
  }

  /** @param {string} code of the page's watch @param {number} [speaker] 1: the clinician's channel, 2: the patient's */
  #onSound(code, on, speaker = 0) {
    const name = SOUND[code]?.[speaker]; // it also tells a lost device, which is told here already
    if (!name || (on && code === "page_silent" && this.#sources.gone(Math.max(0, speaker - 1)))) return;
    this.#trouble(name, on ? this.#words(name) : null);
  }

  #words(name) {
    return WORDS.troubles[name][this.mode] ?? WORDS.troubles[name];
  }

  #gap(gap) {
    const event = { type: "gap", gap };
    this.#history.add(event);
    this.tell({ kind: "event", event });
  }

  #onEvent(event) {
    if (event.type === "session_started") {
      this.#listen(event.limits);
      this.#set({ phase: "listening" });
      this.begun({});
    } else if (event.type === "progress") this.state.lag_ms = event.lag_ms;
    else if (event.type === "omissions") this.#offered = event.items.length;
    else if (event.type === "error") this.#onFault(event);
    else if (event.type === "session_stopped") return this.#finish(event);
    this.#history.add(event);
    this.tell({ kind: "event", event: { ...event, request: this.#judged.get(event.request) } });
    if (event.type === "omissions" && this.#checkTimer) this.#compared();
  }

  #listen(limits) {
    const { sample_rate, channels } = this.#audio;
    const largest_s = (limits?.max_frame_bytes ?? Infinity) / (2 * channels * sample_rate);
    const chunk_s = Math.min(this.settings.chunk_s, largest_s);
    this.#chunker = new Chunker({ sampleRate: sample_rate, channels }, chunk_s, (pcm) => {
      this.#connection.sendAudio(pcm);
      this.#missing.check();
    });
    const notices = {
      apply: ({ code, speaker }) => this.#onSound(code, true, speaker),
      over: (code, speaker) => this.#onSound(code, false, speaker),
    };
    const format = { sampleRate: sample_rate, channels };
    this.#watch = new SoundWatch(format, channels, notices, (gap) => this.#gap(gap), ALONE, true);
    for (const channel of [0, 1]) if (this.#sources.gone(channel)) this.#watch.lost(channel, 0); // before it was watched
    this.#sources.start((samples) => {
      this.#heard += samples.length / channels;
      this.#watch.hear(samples);
      this.#chunker.push(samples);
    });
  }

  /** The panel numbers what it says by itself: the answer bears its number again. */
  #judge({ number, judgement }) {
    const told = this.#connection.tell(judgement);
    if (told) this.#judged.set(told, number);
  }

  #onFault(event) {
    if (REPEATED.has(event.code)) return;
    if (event.code === "unknown_type" && this.state.phase === "checking") return this.#compared(); // an older server, which compares nothing
    if (event.fatal) this.#fault = serverFault(event);
    else this.#trouble("server", serverFault(event));
  }

  #onState(connection, { code, left_s }) {
    if (connection === "refused") return this.#refused(code, left_s);
    if (connection !== "ended") {
      if (connection === "open") {
        this.#fault = "";
        this.#trouble("key", null);
      }
      return this.#set({ connection });
    }
    const refused = code === NOT_AUTHORISED || code === NO_ANSWER ? this.#door.fault : "";
    const why = this.#fault || refused || closed(code);
    if (this.state.phase === "starting") this.begun(this.#fail(why, code === NOT_AUTHORISED ? "options" : undefined));
    else if (!this.running) return; // the session's last event has told already
    else if (this.#withdrawn) this.#forget(code === NO_SUCH_SESSION);
    else {
      if (code !== 0) this.#trouble("server", why);
      this.#missing.end(this.#heard);
      this.#finish({ reason: "connection_lost", audio_s: this.heard_s });
    }
  }

  /** The server does not give out the consultation: it waits for another key, unless it has it no more. */
  #refused(code, left_s) {
    const others = code === NO_SUCH_SESSION && this.#door.owner !== this.#owner;
    if (code === NO_SUCH_SESSION && !others) return this.#connection.end(code);
    this.#fault = "";
    this.#until = Date.now() + left_s * 1000;
    this.#set({ connection: "refused" });
    this.#askForKey(others ? WORDS.keyOfOther : this.#door.fault || WORDS.keyRefused);
  }

  #askForKey(why) {
    const time = new Date(this.#until).toLocaleTimeString(language(), { timeStyle: "medium" });
    this.#trouble("key", `${why} ${WORDS.keyAwaited(time)}`);
  }

  #fail(fault, page) {
    this.#sources.close();
    this.#set({ phase: "failed", connection: "idle", troubles: {} });
    return { fault, page };
  }

  async #pause() {
    if (this.state.phase !== "listening") return;
    this.#set({ phase: "paused" });
    await this.#sources.pause();
    this.#chunker.flush();
    this.#connection.request({ type: "pause_session" }, "session_paused");
  }

  async #continue() {
    try {
      await this.#sources.resume();
      this.#trouble("microphone", null);
      this.#connection.request({ type: "continue_session" }, "session_continued");
      if (this.state.phase === "paused") this.#set({ phase: "listening" });
    } catch (refused) {
      this.#trouble("microphone", heard(refused));
    }
  }

  async #reopen() {
    try {
      await this.#sources.reopen();
    } catch (refused) {
      this.#trouble("microphone", heard(refused));
    }
  }

  /** Asks what was said and not noted, before the end: the session pauses, and no more sound follows. */
  async #check() {
    this.#checkTimer = setTimeout(() => this.#compared(), CHECK_MS);
    if (this.#sources.gone(0)) this.#watch.found(this.heard_s, 0); // not found: the gap lasts until here
    this.#set({ phase: "checking" });
    await this.#close();
    if (this.state.phase !== "checking") return; // it was finished or withdrawn, or the connection ended, meanwhile
    this.#connection.request({ type: "pause_session" }, "session_paused");
    this.#connection.request({ type: "review_note" }, "omissions");
  }

  /** The consultation ends, or waits for the clinician to look at what is offered. */
  #compared() {
    clearTimeout(this.#checkTimer);
    this.#checkTimer = 0;
    if (this.state.phase !== "checking") return;
    if (!this.#offered) return this.#stop();
    this.#set({ checked: true });
    this.#seen();
    this.#askTimer = setInterval(() => this.tell({ kind: "ask" }), ASK_MS);
  }

  /** A panel shows what is offered. */
  #seen() {
    clearTimeout(this.#unseenTimer);
    this.#unseenTimer = setTimeout(() => this.#stop(), UNSEEN_MS);
  }

  /** Hands over what was heard until now, once. */
  #close() {
    this.#closing ??= this.#sources.close().then(() => this.#withdrawn || this.#chunker.flush());
    return this.#closing;
  }

  async #stop() {
    this.#set({ phase: "finishing" });
    await this.#close();
    this.#connection.request({ type: "stop_session" }, "session_stopped");
  }

  async #withdraw() {
    this.#withdrawn = true;
    this.#set({ phase: "finishing" });
    await this.#sources.close();
    this.#connection.request({ type: "withdraw_consent" }, "session_stopped");
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
    this.#watch.stop(this.heard_s);
    this.#history.clear();
    this.tell({ kind: "reset" });
    this.#set({ phase: "erased", connection: "idle", troubles: { server: say(told ? "withdraw.done" : "withdraw.untold") }, summary: null });
  }
}

/** @param {number} code of the WebSocket's close @returns {string} what to do */
const closed = (code) => WORDS.closed[code] ?? (code === FULL ? say("closed.1013") : WORDS.closedOtherwise);

/** @param {DOMException} refused of getUserMedia @returns {string} what to do */
const heard = (refused) => (refused.name === "NotAllowedError" ? WORDS.microphoneDenied : say(microphoneFault(refused)));
