// Compares the sound that arrives with the clock on the wall: what the clock has and the sound has not is a gap. A page
// that was frozen, a computer that slept and a driver that stalled all show here. Pure; times are in seconds.

const STALLED_AFTER_S = 4;
const SHORTEST_GAP_S = 1;
const STEADY_S = 0.3; // a page that was busy gets its sound late and in one piece: its lag shrinks from check to check
const FOLLOWED = 0.02; // of the rest at each check: two clocks never agree

export class Pace {
  #began;
  #heard_s = 0;
  #last;
  #lag_s = 0;
  #at_s = 0; // where the sound last broke off

  /** @param {number} now the wall clock */
  constructor(now) {
    this.#began = this.#last = now;
  }

  /** @param {number} seconds of sound that have arrived */
  heard(seconds, now) {
    if (now - this.#last > SHORTEST_GAP_S) this.#at_s = this.#heard_s;
    this.#heard_s += seconds;
    this.#last = now;
  }

  /**
   * To be called about once a second.
   * @returns {{stalled_s: number, gap: {at: number, seconds: number} | null}} for how long no sound has come (0 if that
   *   is no more than usual), and a gap that has just ended, `at` seconds of sound after the beginning
   */
  check(now) {
    const quiet_s = now - this.#last;
    const lag_s = now - this.#began - this.#heard_s;
    const steady = Math.abs(lag_s - this.#lag_s) < STEADY_S;
    this.#lag_s = lag_s;
    if (quiet_s > SHORTEST_GAP_S) return { stalled_s: quiet_s > STALLED_AFTER_S ? quiet_s : 0, gap: null };
    if (lag_s > SHORTEST_GAP_S && steady) {
      this.#began += lag_s;
      this.#lag_s = 0;
      return { stalled_s: 0, gap: { at: this.#at_s, seconds: lag_s } };
    }
    if (lag_s < 0) this.#began += lag_s;
    else if (lag_s < SHORTEST_GAP_S) this.#began += lag_s * FOLLOWED;
    return { stalled_s: 0, gap: null };
  }

  /** Nothing more is expected. @returns {{at: number, seconds: number} | null} the gap that lasts until now */
  end(now) {
    const stalled = now - this.#last > STALLED_AFTER_S;
    return stalled ? { at: this.#heard_s, seconds: now - this.#began - this.#heard_s } : null;
  }
}
