// What was sent and may have to be sent again: audio that is not durable on the server yet, and requests that it has not
// answered, in the order in which they were made. Pure.

export class Outbox {
  #entries = [];
  #sent = 0; // sample frames handed in since the start
  #held = 0; // of these, the ones whose audio is still here
  #received = 0;
  #requests = 0;

  /**
   * @param {number} channels
   * @param {number} limit sample frames to hold at most; older ones are kept as silence of the same length, so that the
   *   times of everything later stay right
   */
  constructor(channels, limit) {
    this.channels = channels;
    this.limit = limit;
    this.holes = []; // [{at, length}] in sample frames: audio that the server never had and that became silence
    this.keeper = null; // a Journal (visits.js), which is told what comes and what goes
  }

  /** The sample frame after the last one that was handed in. */
  get sent() {
    return this.#sent;
  }

  /**
   * Goes on with what an earlier page has kept.
   * @param {{visit: {numbered: number}, audio: {at: number, pcm: Int16Array}[],
   *   requests: {number: number, at: number, message: object, answer?: string}[], journal: object}} kept both in order
   */
  restore({ visit, audio, requests, journal }) {
    this.#requests = visit.numbered;
    this.#sent = audio[0]?.at ?? 0;
    const waiting = [...requests];
    for (const { at, pcm } of audio) {
      while (waiting.length && waiting[0].at <= at) this.#entries.push(waiting.shift());
      if (at > this.#sent) this.#add({ at: this.#sent, length: at - this.#sent, pcm: null }); // its writing failed
      this.#add({ at, length: pcm.length / this.channels, pcm });
    }
    this.#entries.push(...waiting);
    this.keeper = journal;
  }

  /** @param {Int16Array} pcm interleaved */
  addAudio(pcm) {
    this.#add({ at: this.#sent, length: pcm.length / this.channels, pcm });
    for (const entry of this.#entries) {
      if (this.#held <= this.limit) break;
      if (!entry.pcm) continue;
      this.#held -= entry.length;
      entry.pcm = null;
      if (entry.at + entry.length > this.#received) this.#hole(entry);
      this.keeper?.durable(entry.at + entry.length); // no use to keep it longer than here
    }
  }

  /**
   * @param {object} message @param {string} [answer] type of the event that answers it, of a server without numbers
   * @returns {object} the message with a number: a server takes one of the same number once, however often it is sent
   */
  addRequest(message, answer) {
    const numbered = { ...message, request: ++this.#requests };
    const entry = { at: this.#sent, message: numbered, answer };
    this.#entries.push(entry);
    this.keeper?.request(entry);
    return numbered;
  }

  /** @param {object} event by its number, or else by its type, it answers a request */
  answered({ type, request }) {
    const index = this.#entries.findIndex((entry) =>
      request ? entry.message?.request === request : entry.answer === type,
    );
    if (index < 0) return;
    const [{ message }] = this.#entries.splice(index, 1);
    this.keeper?.answered(message.request);
  }

  /** The server has every sample frame before `received`, and will not ask again for one before `durable`. */
  acknowledge(received, durable = received) {
    this.#received = Math.max(this.#received, received);
    this.#entries = this.#entries.filter((entry) => {
      if (entry.message ? entry.at >= durable || entry.answer : entry.at + entry.length > durable) return true;
      if (entry.pcm) this.#held -= entry.length;
      if (entry.message) this.keeper?.answered(entry.message.request);
      return false;
    });
    this.keeper?.durable(durable);
  }

  /** Sample frames that the server has not counted yet. */
  get pending() {
    return this.#sent - this.#received;
  }

  /** Everything from sample frame `received` on, in order: Int16Array for audio, object for a request. */
  *replay(received) {
    this.#received = received;
    this.#sent = Math.max(this.#sent, received); // an earlier page may have sent what it could not keep
    for (const { message, at, length, pcm } of this.#entries) {
      if (message) yield message;
      else if (at + length > received)
        yield (pcm ?? new Int16Array(length * this.channels)).subarray(Math.max(0, received - at) * this.channels);
    }
  }

  #add(entry) {
    this.#entries.push(entry);
    this.#sent = entry.at + entry.length;
    if (entry.pcm) this.#held += entry.length;
  }

  #hole({ at, length }) {
    const last = this.holes.at(-1);
    if (last && last.at + last.length === at) last.length += length;
    else this.holes.push({ at, length });
  }
}
