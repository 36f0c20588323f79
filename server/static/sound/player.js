// An audio file as a source of PCM: decoded in the browser and handed over as if it were spoken now, or faster.

const SAMPLE_RATE = 16000;
const TICK_S = 0.05;
const AHEAD_S = 30;

export class FilePlayer {
  #timer = 0;

  /**
   * @param {File} file
   * @param {{speed: number, dual: boolean}} options dual: left is the clinician, right the patient
   * @param {{onEnd: () => void, pending_s: () => number}} listener
   */
  constructor(file, { speed, dual }, { onEnd, pending_s }) {
    Object.assign(this, { file, speed, dual, onEnd, pending_s });
    this.position = 0;
  }

  /** @returns {Promise<{sampleRate: number, channels: number, mode: string}>} */
  async open() {
    const decoder = new OfflineAudioContext(1, 1, SAMPLE_RATE); // it resamples what it decodes
    this.audio = await decoder.decodeAudioData(await this.file.arrayBuffer());
    this.dual &&= this.audio.numberOfChannels >= 2;
    // The server mixes two channels itself: their mean is silent where one is the inverse of the other.
    this.apart = this.dual || this.audio.numberOfChannels === 2;
    return { sampleRate: SAMPLE_RATE, channels: this.apart ? 2 : 1, mode: this.dual ? "dual" : "ambient" };
  }

  /** @param {(samples: Int16Array) => void} onSamples */
  start(onSamples) {
    this.onSamples = onSamples;
    this.resume();
  }

  async pause() {
    clearInterval(this.#timer);
  }

  resume() {
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#advance(((now - last) / 1000) * this.speed);
      last = now;
    }, TICK_S * 1000);
  }

  async close() {
    clearInterval(this.#timer);
  }

  #advance(seconds) {
    if (this.speed > 1 && this.pending_s() > AHEAD_S) return; // the server sets the pace
    const end = Math.min(this.audio.length, this.position + Math.round(seconds * SAMPLE_RATE));
    if (end > this.position) this.onSamples(this.#samples(this.position, end));
    this.position = end;
    if (end < this.audio.length) return;
    clearInterval(this.#timer);
    this.onEnd();
  }

  #samples(start, end) {
    const sources = Array.from({ length: this.audio.numberOfChannels }, (_, index) =>
      this.audio.getChannelData(index).subarray(start, end),
    );
    const channels = this.apart ? sources.slice(0, 2).map((source) => [source]) : [sources];
    const pcm = new Int16Array((end - start) * channels.length);
    channels.forEach((mixed, channel) => {
      for (let index = 0; index < end - start; index++) {
        let value = 0;
        for (const source of mixed) value += source[index];
        value = Math.round((value / mixed.length) * 32768);
        pcm[index * channels.length + channel] = Math.max(-32768, Math.min(32767, value));
      }
    });
    return pcm;
  }
}
