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
   * @param {(gap: import("./gaps.js").Gap) => void} onGap
   */
  constructor(format, devices, notices, onGap) {
    Object.assign(this, { format, devices, notices, onGap });
  }

  /** @param {number} heard_s of the session's audio that was recorded before */
  start(heard_s) {
    this.stop();
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
    const other = this.devices === 2 && device >= 0 && !this.#lost.length;
    this.#lost.push({ device: other ? device : -1, at: Date.now(), heard_s });
    if (other) this.#tell("lost", device, true);
    return other;
  }

  /** What was lost is heard again. @param {number} heard_s until now */
  found(heard_s) {
    for (const { device, at, heard_s: from_s } of this.#lost) {
      if (device < 0) this.onGap({ at: heard_s, seconds: (Date.now() - at) / 1000, reason: "device" });
      else if (heard_s > from_s) this.onGap({ at: from_s, seconds: heard_s - from_s, reason: `device_${device}` });
    }
    this.#lost = [];
  }

  stop() {
    if (this.#timer) this.#gap(this.#pace.end(Date.now() / 1000));
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#stalled = false;
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
