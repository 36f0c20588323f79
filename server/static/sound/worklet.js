// Runs in the audio thread: turns its input into blocks of signed 16-bit samples, interleaved.

const BLOCK_SAMPLES = 2048;

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions: { channels } }) {
    super();
    this.channels = channels;
    this.block = new Int16Array(BLOCK_SAMPLES * channels);
    this.filled = 0;
    this.port.onmessage = () => this.post(true);
  }

  process([input]) {
    if (!input.length) return true; // no input while the microphone is being opened
    for (let index = 0; index < input[0].length; index++) {
      for (let channel = 0; channel < this.channels; channel++) {
        const value = Math.round(input[channel][index] * 32768);
        this.block[this.filled++] = Math.max(-32768, Math.min(32767, value));
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

registerProcessor("capture", Capture);
