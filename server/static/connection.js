// One consultation over a WebSocket (drtranscribe.v1): starts it, and takes it up again when the connection is lost.

import { Outbox } from "./outbox.js";

const SUBPROTOCOL = "drtranscribe.v1";
const RETRY_S = [0.3, 1, 2, 4, 8];
const BACKLOG_S = 600;
const DEAD_AFTER_S = 30; // no event for so long, though audio waits for an answer: the line is dead without a close
const NO_SUCH_SESSION = 4404;
const FINAL_CODES = new Set([1000, 1008, 1009, 4401, 4404, 4408]);

/**
 * States: "connecting" -> "open" <-> "reconnecting" -> "ended"; a session that never started goes to "ended" too.
 * The close code (1006: no answer) comes with "ended", the seconds until the next try with "reconnecting".
 * Where this is not the server's own page, the listener also has the `addresses` to try in turn, and a `WebSocket` that
 * shows a ticket.
 */
export class Connection {
  #socket = null;
  #session = null;
  #lastSeq = 0;
  #attempts = 0;
  #lostAt = 0;
  #heardAt = 0;
  #resumed = true;
  #retry = 0;
  #ended = false;
  #addresses = [null]; // null is the server that the page is of; the first one is tried next
  #unknown = 0; // servers in a row that do not know the session

  /**
   * @param {object} start the start_session message
   * @param {{onEvent: (event: object) => void, onState: (state: string, detail: object) => void}} listener
   */
  constructor(start, listener) {
    this.start = start;
    this.listener = listener;
    this.#addresses = [...(listener.addresses ?? [null])];
    this.outbox = new Outbox(start.audio.channels, BACKLOG_S * start.audio.sample_rate);
    this.watchdog = setInterval(() => this.#checkAlive(), 5000);
    this.online = () => this.#retry && this.#connect();
    addEventListener("online", this.online);
    this.#setState("connecting");
    this.#connect();
  }

  /** Seconds of audio that the server has not counted yet. */
  get pending_s() {
    return this.outbox.pending / this.start.audio.sample_rate;
  }

  /** @param {Int16Array} pcm */
  sendAudio(pcm) {
    this.outbox.addAudio(pcm);
    if (this.#open) this.#socket.send(pcm);
  }

  /** @param {object} message @param {string} answer type of the event that answers it: until then it is sent again */
  request(message, answer) {
    const numbered = this.outbox.addRequest(message, answer);
    if (this.#open) this.#send(numbered);
  }

  /** Says it if there is a connection, and again if that is lost before the answer. Returns whether there is one. */
  tell(message) {
    if (!this.#open) return false;
    this.#send(this.outbox.addRequest(message));
    return true;
  }

  end(code = 1000) {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.watchdog);
    clearTimeout(this.#retry);
    removeEventListener("online", this.online);
    this.#drop();
    this.#setState("ended", { code });
  }

  get #open() {
    return this.#socket?.readyState === WebSocket.OPEN && this.#session !== null && this.#resumed;
  }

  #setState(state, detail = {}) {
    this.state = state;
    this.listener.onState(state, detail);
  }

  #connect() {
    const WebSocket = this.listener.WebSocket ?? globalThis.WebSocket;
    clearTimeout(this.#retry);
    this.#retry = 0;
    const url = new URL(this.#addresses[0] ?? "ws", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    url.search = "";
    const socket = new WebSocket(url, [SUBPROTOCOL]);
    this.#socket = socket;
    socket.onopen = () => this.#greet();
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#lost(code);
  }

  #greet() {
    this.#heardAt = performance.now();
    if (!this.#session) return this.#send(this.start);
    const { session_id, resume_token } = this.#session;
    this.#send({ type: "resume_session", session_id, resume_token, last_seq: this.#lastSeq });
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #receive(text) {
    this.#heardAt = performance.now();
    const event = JSON.parse(text);
    if (event.type === "session_resumed") return this.#goOn(event.received_samples);
    if (this.#resumed && event.seq) { // an error before there is a session has none
      if (event.seq <= this.#lastSeq) return;
      this.#lastSeq = event.seq;
    }
    if (event.type === "session_started") {
      this.#session = event;
      this.#addresses.push(...(event.addresses ?? []));
      this.#setState("open");
    }
    if (event.type === "progress") this.outbox.acknowledge(event.received_samples, event.durable_samples);
    this.outbox.answered(event);
    this.listener.onEvent(event);
    if (event.type === "session_stopped") this.end();
  }

  #goOn(received) {
    this.#resumed = true;
    this.#attempts = this.#unknown = 0;
    for (const item of this.outbox.replay(received)) {
      if (item instanceof Int16Array) this.#socket.send(item);
      else this.#send(item);
    }
    this.#setState("open");
  }

  #lost(code) {
    if (this.#ended) return;
    this.#drop();
    const patience_s = this.#session?.limits?.resume_ttl_s ?? 120;
    if (this.state === "open") this.#lostAt = performance.now();
    const given_up = performance.now() - this.#lostAt > patience_s * 1000;
    if (code === NO_SUCH_SESSION) this.#unknown += 1;
    const elsewhere = code === NO_SUCH_SESSION && this.#unknown < this.#addresses.length;
    if (!this.#session || (FINAL_CODES.has(code) && !elsewhere) || given_up) return this.end(code);
    this.#resumed = false;
    this.#addresses.push(this.#addresses.shift());
    const round = Math.floor(this.#attempts++ / this.#addresses.length);
    const wait_s = RETRY_S[Math.min(round, RETRY_S.length - 1)];
    this.#retry = setTimeout(() => this.#connect(), wait_s * 1000);
    this.#setState("reconnecting", { wait_s });
  }

  #drop() {
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  #checkAlive() {
    const silent_s = (performance.now() - this.#heardAt) / 1000;
    if (this.#socket && this.state !== "connecting" && this.pending_s > 0 && silent_s > DEAD_AFTER_S) this.#lost(1006);
  }
}
