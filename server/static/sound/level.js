// The sound level of each channel.

import { byId } from "../document/dom.js";
import { powers, share } from "./loudness.js";

const SHOWN_EVERY_S = 0.1;

export class Level {
  #meters = [...byId("levels").querySelectorAll(".level")].map((meter) => ({ meter, power: 0 }));
  #frames = 0;

  /** @param {Int16Array} samples interleaved @param {number} rate of one channel, samples a second @param {number} channels */
  show(samples, rate, channels) {
    byId("levels").dataset.channels = String(channels);
    powers(samples, channels).forEach((power, channel) => (this.#meters[channel].power += power));
    this.#frames += samples.length / channels;
    if (this.#frames / rate < SHOWN_EVERY_S) return;
    for (const each of this.#meters.slice(0, channels)) this.#draw(each, share(each.power, this.#frames));
    this.#frames = 0;
  }

  clear() {
    this.#frames = 0;
    for (const each of this.#meters) this.#draw(each, 0);
  }

  #draw(each, share) {
    each.power = 0;
    each.meter.firstElementChild.style.setProperty("--share", share.toFixed(3));
    each.meter.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  }
}
