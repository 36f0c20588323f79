// How loud each channel is, and since when it has been silent. Pure.

const FLOOR_DB = -60;
const SILENT_PEAK = 4; // of 32768: the noise of a live microphone itself is louder

export class Loudness {
  /** @param {number} channels @param {number} rate sample frames a second */
  constructor(channels, rate) {
    this.rate = rate;
    this.shares = new Array(channels).fill(0); // 0 to 1, of each channel's last block
    this.silent_s = new Array(channels).fill(0);
  }

  /** @param {Int16Array} samples interleaved */
  hear(samples) {
    const channels = this.shares.length;
    const frames = samples.length / channels;
    for (let channel = 0; channel < channels; channel++) {
      let [power, peak] = [0, 0];
      for (let index = channel; index < samples.length; index += channels) {
        power += samples[index] ** 2;
        peak = Math.max(peak, Math.abs(samples[index]));
      }
      const db = 10 * Math.log10(power / frames / 32768 ** 2 + 1e-12);
      this.shares[channel] = Math.max(0, Math.min(1, 1 - db / FLOOR_DB));
      this.silent_s[channel] = peak <= SILENT_PEAK ? this.silent_s[channel] + frames / this.rate : 0;
    }
  }

  /** Forgets what was heard, after a pause or when a device was opened anew. */
  restart() {
    this.shares.fill(0);
    this.silent_s.fill(0);
  }
}
