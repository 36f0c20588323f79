// Gathers samples of any length into chunks of one length: what goes to the server as one binary frame.

const SHORTEST_FRAME_S = 0.02;
const PART_S = 0.5;

export class Chunker {
  /**
   * @param {{sampleRate: number, channels: number}} format
   * @param {number} chunk_s
   * @param {(pcm: Int16Array) => void} onChunk gets an array of its own each time
   * @param {(pcm: Int16Array, offset: number) => void} [onPart] gets every half second of a chunk before the chunk is
   *   complete, with its place in it in sample frames
   */
  constructor({ sampleRate, channels }, chunk_s, onChunk, onPart = () => {}) {
    this.chunk = new Int16Array(Math.round(chunk_s * sampleRate) * channels);
    this.shortest = Math.round(SHORTEST_FRAME_S * sampleRate) * channels;
    this.part = Math.round(PART_S * sampleRate) * channels;
    this.filled = this.told = 0;
    Object.assign(this, { channels, onChunk, onPart });
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
      else if (this.filled - this.told >= this.part) this.#tell(this.filled);
    }
  }

  /** Sends what is left; the protocol's shortest frame is 20 ms, so a shorter rest is filled up with silence. */
  flush() {
    if (this.filled) this.#emit(Math.max(this.filled, Math.min(this.shortest, this.chunk.length)));
  }

  /** Tells the part that was begun. */
  keep() {
    this.#tell(this.filled);
  }

  #emit(length) {
    this.chunk.fill(0, this.filled);
    this.#tell(length);
    this.onChunk(this.chunk.slice(0, length));
    this.filled = this.told = 0;
  }

  #tell(upto) {
    if (upto === this.told) return;
    this.onPart(this.chunk.slice(this.told, upto), this.told / this.channels);
    this.told = upto;
  }
}
