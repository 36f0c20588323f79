// Gathers samples of any length into chunks of one length: what goes to the server as one binary frame.

const SHORTEST_FRAME_S = 0.02;

export class Chunker {
  /**
   * @param {{sampleRate: number, channels: number}} format
   * @param {number} chunk_s
   * @param {(pcm: Int16Array) => void} onChunk gets an array of its own each time
   */
  constructor({ sampleRate, channels }, chunk_s, onChunk) {
    this.chunk = new Int16Array(Math.round(chunk_s * sampleRate) * channels);
    this.shortest = Math.round(SHORTEST_FRAME_S * sampleRate) * channels;
    this.filled = 0;
    this.onChunk = onChunk;
  }

  /** @param {Int16Array} samples interleaved */
  push(samples) {
    let taken = 0;
    while (taken < samples.length) {
      const part = samples.subarray(taken, taken + this.chunk.length - this.filled);
      this.chunk.set(part, this.filled);
      this.filled += part.length;
      taken += part.length;
      if (this.filled === this.chunk.length) this.#emit(this.filled);
    }
  }

  /** Sends what is left; the protocol's shortest frame is 20 ms, so a shorter rest is filled up with silence. */
  flush() {
    if (this.filled) this.#emit(Math.max(this.filled, Math.min(this.shortest, this.chunk.length)));
  }

  #emit(length) {
    this.chunk.fill(0, this.filled);
    this.onChunk(this.chunk.slice(0, length));
    this.filled = 0;
  }
}
