// Tells when a channel carries no sound at all: a microphone that is muted, unplugged or dead sends one constant value.
// A quiet room does not: a live microphone's own noise is above it. Pure.

const SILENT_AFTER_S = 8;
const DEAD_RANGE = 4; // of 65,536: the lowest bits of some converters go on by themselves

export class SilenceWatch {
  #channels;

  /** @param {number} channels @param {(channel: number, silent: boolean) => void} onChange */
  constructor(channels, onChange) {
    this.onChange = onChange;
    this.#channels = Array.from({ length: channels }, () => ({ low: 0, high: 0, seconds: 0, silent: false }));
  }

  /** @param {Int16Array} samples interleaved @param {number} rate of one channel, samples a second */
  hear(samples, rate) {
    const count = this.#channels.length;
    this.#channels.forEach((channel, index) => {
      if (!channel.seconds) channel.low = channel.high = samples[index];
      for (let at = index; at < samples.length; at += count) {
        channel.low = Math.min(channel.low, samples[at]);
        channel.high = Math.max(channel.high, samples[at]);
      }
      const dead = channel.high - channel.low <= DEAD_RANGE;
      channel.seconds = dead ? channel.seconds + samples.length / count / rate : 0;
      const silent = channel.seconds >= SILENT_AFTER_S;
      if (silent !== channel.silent) this.onChange(index, silent);
      channel.silent = silent;
    });
  }
}
