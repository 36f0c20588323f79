// What of the sound the server never gets, as gaps: what the outbox could not keep, and what was left at the end. Pure.

const SHORTEST_S = 1; // less is not worth a line

export class Missing {
  #told = 0; // sample frames that the outbox could not keep

  /**
   * @param {import("./outbox.js").Outbox} outbox @param {number} rate sample frames a second
   * @param {(gap: import("../sound/gaps.js").Gap) => void} onGap an earlier state of the same gap is replaced
   */
  constructor(outbox, rate, onGap) {
    Object.assign(this, { outbox, rate, onGap });
  }

  /** To be called after sound was handed to the outbox. */
  check() {
    const { holes } = this.outbox;
    const missing = holes.reduce((sum, { length }) => sum + length, 0);
    if (missing === this.#told) return;
    this.#told = missing;
    this.#tell(holes.at(-1), "network");
  }

  /** The connection has ended for good. @param {number} heard sample frames since the start, sent or not */
  end(heard) {
    const length = heard - this.outbox.sent + this.outbox.pending;
    if (length > SHORTEST_S * this.rate) this.#tell({ at: heard - length, length }, "unsent");
  }

  #tell({ at, length }, reason) {
    this.onGap({ at: at / this.rate, seconds: length / this.rate, reason });
  }
}
