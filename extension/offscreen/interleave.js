// Runs in the audio thread: turns one mono input for each speaker into blocks of interleaved signed 16-bit samples.

const BLOCK_FRAMES = 2048;

class Interleave extends AudioWorkletProcessor {
  constructor({ numberOfInputs }) {
    super();
    this.channels = numberOfInputs;
    this.block = new Int16Array(BLOCK_FRAMES * numberOfInputs);
    this.filled = 0;
    this.port.onmessage = () => this.post(true);
  }

  process(inputs) {
    const frames = Math.max(...inputs.map(([channel]) => channel?.length ?? 0));
    for (let frame = 0; frame < frames; frame++) {
      for (const [channel] of inputs) {
        const value = channel ? channel[frame] : 0; // nothing is connected while a device is being opened
        this.block[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(value * 32768)));
      }
      if (this.filled === this.block.length) this.post(false);
    }
    return true;
  }

  post(flushed) {
    const samples = this.block.slice(0, this.filled);
    this.port.postMessage({ samples, flushed }, [samples.buffer]);
    this.filled = 0;
  }
}

registerProcessor("interleave", Interleave);
