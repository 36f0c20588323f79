// Watches the sound of a microphone while it is recorded, and says what is wrong with it while it happens.

import { Pace } from "./pace.js";
import { SilenceWatch } from "./silence.js";

const CHECK_MS = 1000;

export class SoundWatch {
  #pace;
  #silence;
  #timer = 0;
  #from_s = 0;
  #stalled = false;
  #lost = []; // {device, at: ms, heard_s}

  /**
   * @param {{sampleRate: number, channels: number}} format @param {number} devices 1 or 2
   * @param {{apply: (notice: object) => void, over: (code: string, speaker?: string) => void}} notices
   * @param {(gap: import("./gaps.js").Gap) => void} onGap an earlier state of the same gap is replaced
   * @param {string[]} [alone] why one speaker of two was not recorded, for each device: reasons of a gap
   * @param {boolean} [flows] whether the sound goes on, as silence, when both devices are gone; else it is paused
   */
  constructor(format, devices, notices, onGap, alone = ["device_0", "device_1"], flows = false) {
    Object.assign(this, { format, devices, notices, onGap, alone, flows });
  }

  /** @param {number} heard_s of the session's audio that was recorded before */
  start(heard_s) {
    this.stop(heard_s);
    this.#from_s = heard_s;
    this.#pace = new Pace(Date.now() / 1000);
    this.#silence = new SilenceWatch(this.format.channels, (channel, silent) => this.#tell("silent", channel, silent));
    this.#timer = setInterval(() => this.#check(), CHECK_MS);
  }

  /** @param {Int16Array} samples interleaved */
  hear(samples) {
    if (!this.#timer) return;
    const { channels, sampleRate } = this.format;
    this.#pace.heard(samples.length / channels / sampleRate, Date.now() / 1000);
    this.#silence.hear(samples, sampleRate);
  }

  muted(device, muted) {
    this.#tell("muted", device, muted);
  }

  /**
   * @param {number} device that is gone; -1: all are @param {number} heard_s until now
   * @returns {boolean} whether the other one is still heard
   */
  lost(device, heard_s) {
    const other = this.devices === 2 && device >= 0 && (this.flows || !this.#lost.length);
    this.#lost.push({ device: other ? device : -1, at: Date.now(), heard_s });
    if (other) this.#tell("lost", device, true);
    return other;
  }

  /** What was lost is heard again. @param {number} heard_s until now @param {number} [found] the device; else all are */
  found(heard_s, found) {
    const over = ({ device }) => found === undefined || device < 0 || device === found;
    this.#alone(heard_s, over);
    for (const { at } of this.#lost.filter(({ device }) => device < 0))
      this.onGap({ at: heard_s, seconds: (Date.now() - at) / 1000, reason: "device" });
    this.#lost = this.#lost.filter((lost) => !over(lost));
  }

  /** No sound is recorded any more, for now or for good. @param {number} heard_s until now */
  stop(heard_s) {
    if (this.#timer) {
      this.#gap(this.#pace.end(Date.now() / 1000));
      this.#alone(heard_s); // nothing may follow, and what follows may find it
    }
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#stalled = false;
  }

  /** Tells for how long the other one was heard alone. */
  #alone(heard_s, told = () => true) {
    for (const { device, heard_s: at } of this.#lost.filter(told))
      if (device >= 0 && heard_s > at) this.onGap({ at, seconds: heard_s - at, reason: this.alone[device] });
  }

  #check() {
    const { stalled_s, gap } = this.#pace.check(Date.now() / 1000);
    if (stalled_s && !this.#stalled) this.notices.apply({ code: "page_stalled" });
    if (!stalled_s && this.#stalled) this.notices.over("page_stalled");
    this.#stalled = stalled_s > 0;
    this.#gap(gap);
  }

  #gap(gap) {
    if (gap) this.onGap({ at: this.#from_s + gap.at, seconds: gap.seconds, reason: "stalled" });
  }

  #tell(what, channel, wrong) {
    const which = this.format.channels === 2 ? channel + 1 : 0;
    const code = `page_${what}`;
    if (wrong) this.notices.apply({ code, speaker: which });
    else this.notices.over(code, which);
  }
}
