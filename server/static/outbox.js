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
    this.lost = 0; // sample frames that became silence
  }

  /** @param {Int16Array} pcm interleaved */
  addAudio(pcm) {
    const length = pcm.length / this.channels;
    this.#entries.push({ at: this.#sent, length, pcm });
    this.#sent += length;
    this.#held += length;
    for (const entry of this.#entries) {
      if (this.#held <= this.limit) break;
      if (!entry.pcm) continue;
      this.#held -= entry.length;
      this.lost += entry.length;
      entry.pcm = null;
    }
  }

  /**
   * @param {object} message @param {string} [answer] type of the event that answers it, of a server without numbers
   * @returns {object} the message with a number: a server takes one of the same number once, however often it is sent
   */
  addRequest(message, answer) {
    const numbered = { ...message, request: ++this.#requests };
    this.#entries.push({ at: this.#sent, message: numbered, answer });
    return numbered;
  }

  /** @param {object} event by its number, or else by its type, it answers a request */
  answered({ type, request }) {
    const index = this.#entries.findIndex((entry) =>
      request ? entry.message?.request === request : entry.answer === type,
    );
    if (index >= 0) this.#entries.splice(index, 1);
  }

  /** The server has every sample frame before `received`, and will not ask again for one before `durable`. */
  acknowledge(received, durable = received) {
    this.#received = Math.max(this.#received, received);
    this.#entries = this.#entries.filter((entry) => {
      if (entry.message ? entry.at >= durable || entry.answer : entry.at + entry.length > durable) return true;
      if (entry.pcm) this.#held -= entry.length;
      return false;
    });
  }

  /** Sample frames that the server has not counted yet. */
  get pending() {
    return this.#sent - this.#received;
  }

  /** Everything from sample frame `received` on, in order: Int16Array for audio, object for a request. */
  *replay(received) {
    this.#received = received;
    for (const { message, at, length, pcm } of this.#entries) {
      if (message) yield message;
      else if (at + length > received)
        yield (pcm ?? new Int16Array(length * this.channels)).subarray(Math.max(0, received - at) * this.channels);
    }
  }
}
