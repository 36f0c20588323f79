// The microphone as a source of PCM. A source has open(), start(onSamples), pause(), resume() and close().

const PREFERRED_HZ = 16000;
const HIGHEST_HZ = 48000;
const FLUSH_MS = 500; // a context that the system has suspended answers nothing

export class Microphone {
  #stream = null;
  #context = null;
  #input;
  #node;
  #listening = false;
  #flushed = () => {};

  /** @param {{onLost: () => void}} listener told when the device goes away, or the system takes it */
  constructor({ onLost }) {
    this.onLost = onLost;
  }

  /** Asks for the microphone. @returns {Promise<{sampleRate: number, channels: number, mode: string}>} */
  async open() {
    await this.#ask();
    this.#context = this.#connect();
    this.#context.onstatechange = () => {
      if (this.#listening && this.#context && this.#context.state !== "running") this.onLost();
    };
    await this.#context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url));
    await this.#context.resume();
    return { sampleRate: this.#context.sampleRate, channels: 1, mode: "ambient" };
  }

  /** @param {(samples: Int16Array) => void} onSamples */
  start(onSamples) {
    this.#node = new AudioWorkletNode(this.#context, "capture", { numberOfOutputs: 0, channelCount: 1 });
    this.#node.port.onmessage = ({ data: { samples, flushed } }) => {
      if (this.#listening && samples.length) onSamples(samples);
      if (flushed) this.#flushed();
    };
    this.#input.connect(this.#node);
    this.#listening = true;
  }

  /** Resolves when everything heard until now has been handed over; the microphone is then muted. */
  async pause() {
    await this.#flush();
    this.#listening = false;
    this.#mute(true);
  }

  /** Opens the microphone anew if it was lost. Throws what the browser throws if it cannot be had. */
  async resume() {
    if (this.#stream.getAudioTracks()[0].readyState === "ended") {
      await this.#ask();
      this.#input.disconnect();
      this.#input = this.#context.createMediaStreamSource(this.#stream);
      this.#input.connect(this.#node);
    }
    await this.#context.resume();
    this.#mute(false);
    this.#listening = true;
  }

  async close() {
    if (this.#listening) await this.#flush();
    this.#listening = false;
    this.#stream?.getTracks().forEach((track) => {
      track.onended = null;
      track.stop();
    });
    const context = this.#context;
    this.#context = null; // closing twice is a fault to the browser
    await context?.close();
  }

  async #ask() {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    this.#stream = await navigator.mediaDevices.getUserMedia({
      // The recogniser is trained on plain rooms; the browser's cleaning is made for calls and clips quiet speakers.
      audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true },
    });
    this.#stream.getAudioTracks()[0].onended = () => this.onLost();
  }

  /** A context at 16 kHz, or at the device's own rate where the browser cannot resample a microphone (Firefox). */
  #connect() {
    const preferred = new AudioContext({ sampleRate: PREFERRED_HZ });
    try {
      this.#input = preferred.createMediaStreamSource(this.#stream);
      return preferred;
    } catch {
      preferred.close();
    }
    const { sampleRate } = this.#stream.getAudioTracks()[0].getSettings();
    const own = new AudioContext({ sampleRate: Math.min(sampleRate ?? HIGHEST_HZ, HIGHEST_HZ) });
    this.#input = own.createMediaStreamSource(this.#stream);
    return own;
  }

  #mute(muted) {
    this.#stream.getAudioTracks().forEach((track) => {
      track.enabled = !muted;
    });
  }

  #flush() {
    return new Promise((resolve) => {
      this.#flushed = resolve;
      this.#node.port.postMessage("flush");
      setTimeout(resolve, FLUSH_MS);
    });
  }
}
