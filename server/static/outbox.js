// What was sent and may have to be sent again: audio that the server has not counted yet, and requests that it has not
// answered, in the order in which they were made. Pure.

export class Outbox {
  #entries = [];
  #sent = 0; // sample frames handed in since the start
  #held = 0; // of these, the ones whose audio is still here
  #acknowledged = 0;

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

  /** @param {object} message @param {string} answer type of the event that answers it */
  addRequest(message, answer) {
    this.#entries.push({ message, answer });
  }

  answered(type) {
    const index = this.#entries.findIndex((entry) => entry.answer === type);
    if (index >= 0) this.#entries.splice(index, 1);
  }

  /** The server has every sample frame before this one. */
  acknowledge(received) {
    this.#acknowledged = Math.max(this.#acknowledged, received);
    this.#entries = this.#entries.filter((entry) => {
      if (entry.message || entry.at + entry.length > received) return true;
      if (entry.pcm) this.#held -= entry.length;
      return false;
    });
  }

  /** Sample frames that the server has not counted yet. */
  get pending() {
    return this.#sent - this.#acknowledged;
  }

  /** Everything from sample frame `received` on, in order: Int16Array for audio, object for a request. */
  *replay(received) {
    this.acknowledge(received);
    for (const { message, at, length, pcm } of this.#entries) {
      if (message) yield message;
      else yield (pcm ?? new Int16Array(length * this.channels)).subarray(Math.max(0, received - at) * this.channels);
    }
  }
}
