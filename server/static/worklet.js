// Runs in the audio thread: turns the microphone's first channel into blocks of signed 16-bit samples.

const BLOCK_SAMPLES = 2048;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Int16Array(BLOCK_SAMPLES);
    this.filled = 0;
    this.port.onmessage = () => this.post(true);
  }

  process([[channel]]) {
    if (!channel) return true; // no input while the microphone is being opened
    for (const value of channel) {
      this.block[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(value * 32768)));
      if (this.filled === BLOCK_SAMPLES) this.post(false);
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
