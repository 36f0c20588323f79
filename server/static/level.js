// The sound level, and a word when the microphone hears nothing at all.

import { byId } from "./dom.js";

const FLOOR_DB = -60;
const SHOWN_EVERY_S = 0.1;
const MUTED_PEAK = 4; // of 32768: a live microphone's own noise is above it
const MUTED_AFTER_S = 8;

export class Level {
  #power = 0;
  #samples = 0;
  #peak = 0;
  #silent_s = 0;

  /** @param {() => boolean} watched whether silence is worth a word now */
  constructor(watched) {
    this.watched = watched;
    this.meter = byId("level");
    this.bar = this.meter.firstElementChild;
  }

  /** @param {Int16Array} samples @param {number} rate of them a second */
  show(samples, rate) {
    for (const sample of samples) {
      this.#power += sample * sample;
      this.#peak = Math.max(this.#peak, Math.abs(sample));
    }
    this.#samples += samples.length;
    const seconds = this.#samples / rate;
    if (seconds < SHOWN_EVERY_S) return;
    const db = 10 * Math.log10(this.#power / this.#samples / 32768 ** 2 + 1e-12);
    this.#draw(Math.max(0, Math.min(1, 1 - db / FLOOR_DB)));
    this.#silent_s = this.#peak <= MUTED_PEAK ? this.#silent_s + seconds : 0;
    this.meter.dataset.silent = String(this.watched() && this.#silent_s > MUTED_AFTER_S);
    this.#power = this.#samples = this.#peak = 0;
  }

  clear() {
    this.#power = this.#samples = this.#peak = this.#silent_s = 0;
    this.meter.dataset.silent = "false";
    this.#draw(0);
  }

  #draw(share) {
    this.bar.style.setProperty("--share", share.toFixed(3));
    this.meter.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  }
}
