// One microphone, or two, as a source of PCM. A source has open(), start(onSamples), pause(), resume() and close().

const PREFERRED_HZ = 16000;
const HIGHEST_HZ = 48000;
const START_MS = 3000;
const FLUSH_MS = 500; // a context that the system has suspended answers nothing

/**
 * How the people in the room are heard. "one": one microphone for everybody. "stereo": one device, whose left channel is
 * the clinician and whose right one is the patient. "two": a device for each, the clinician's first. A device "" is the
 * system's own choice.
 * @typedef {{kind: "one" | "stereo" | "two", devices: string[]}} Choice
 */

/** @type {Choice} */
export const ONE = { kind: "one", devices: [""] };

export class Microphone {
  #streams = []; // one for each device
  #context = null;
  #inputs = []; // a node for each stream
  #target; // what the inputs feed: the worklet's node, or the node that puts two devices side by side
  #node;
  #listening = false;
  #flushed = () => {};

  /**
   * @param {Choice} choice
   * @param {{onLost: (device: number) => void, onMuted: (device: number, muted: boolean) => void}} listener told when a
   *   device goes away, or the system takes it (-1: all of them), and when the system mutes one
   */
  constructor(choice, { onLost, onMuted }) {
    Object.assign(this, { choice, onLost, onMuted });
    this.channels = choice.kind === "one" ? 1 : 2;
  }

  /** Which devices are heard, for one who opens them again. @returns {Choice} */
  get opened() {
    const devices = this.#streams.map((stream) => stream.getAudioTracks()[0].getSettings().deviceId ?? "");
    return { kind: this.choice.kind, devices };
  }

  /**
   * Asks for the microphone.
   * @param {number} [rate] samples a second that it has to have; without it, what suits the recogniser and the device
   * @returns {Promise<{sampleRate: number, channels: number, mode: string}>} Throws what the browser throws, and
   *   errors of its own: "NotSupportedError", "InvalidStateError" (not started), "OneChannelError", "SameDeviceError" and
   *   "RateError".
   */
  async open(rate) {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    if (!globalThis.AudioWorkletNode) throw new DOMException("", "NotSupportedError");
    for (const index of this.choice.devices.keys()) this.#streams[index] = await this.#ask(index);
    const { devices } = this.opened;
    if (devices.length === 2 && devices[0] && devices[0] === devices[1]) throw new DOMException("", "SameDeviceError");
    this.#context = this.#connect(rate);
    this.#context.onstatechange = () => {
      if (this.#listening && this.#context && this.#context.state !== "running") this.onLost(-1);
    };
    await this.#context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url));
    // Without a click on the page, which a reload does not have, some browsers let it wait for one.
    await Promise.race([this.#context.resume(), new Promise((resolve) => setTimeout(resolve, START_MS))]);
    if (this.#context.state !== "running") throw new DOMException("", "InvalidStateError");
    const mode = this.channels === 2 ? "dual" : "ambient";
    return { sampleRate: this.#context.sampleRate, channels: this.channels, mode };
  }

  /** @param {(samples: Int16Array) => void} onSamples gets them interleaved @param {boolean} [listening] or paused */
  start(onSamples, listening = true) {
    const { channels } = this;
    this.#node = new AudioWorkletNode(this.#context, "capture", {
      numberOfOutputs: 0,
      channelCount: channels,
      channelCountMode: "explicit",
      channelInterpretation: channels === 2 ? "discrete" : "speakers",
      processorOptions: { channels },
    });
    this.#node.port.onmessage = ({ data: { samples, flushed } }) => {
      if (this.#listening && samples.length) onSamples(samples);
      if (flushed) this.#flushed();
    };
    this.#target = this.#node;
    if (this.#streams.length === 2) {
      this.#target = this.#context.createChannelMerger(2);
      this.#target.connect(this.#node);
    }
    this.#inputs.forEach((input, index) => input.connect(this.#target, 0, index));
    this.#listening = listening;
    if (!listening) this.#mute(true);
  }

  /** Resolves when everything heard until now has been handed over; the microphone is then muted. */
  async pause() {
    await this.#flush();
    this.#listening = false;
    this.#mute(true);
  }

  /** Opens anew what was lost. Throws what the browser throws if it cannot be had. */
  async resume() {
    for (const [index, stream] of this.#streams.entries()) {
      if (stream.getAudioTracks()[0].readyState !== "ended") continue;
      this.#streams[index] = await this.#ask(index);
      this.#inputs[index].disconnect();
      this.#inputs[index] = this.#context.createMediaStreamSource(this.#streams[index]);
      this.#inputs[index].connect(this.#target, 0, index);
    }
    await this.#context.resume();
    this.#mute(false);
    this.#listening = true;
  }

  async close() {
    if (this.#listening) await this.#flush();
    this.#listening = false;
    for (const stream of this.#streams) {
      stream.getTracks().forEach((track) => {
        track.onended = track.onmute = track.onunmute = null;
        track.stop();
      });
    }
    const context = this.#context;
    this.#context = null; // closing twice is a fault to the browser
    await context?.close();
  }

  async #ask(index) {
    const stereo = this.choice.kind === "stereo";
    const id = this.choice.devices[index];
    // The recogniser is trained on plain rooms; the browser's cleaning is made for calls and clips quiet speakers.
    // Evening out the loudness mixes the channels of a stereo device in some browsers.
    const audio = { channelCount: stereo ? 2 : 1, echoCancellation: false, noiseSuppression: false, autoGainControl: !stereo };
    if (id) audio.deviceId = { exact: id };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    const [track] = stream.getAudioTracks();
    if (stereo && track.getSettings().channelCount === 1) {
      track.stop();
      throw new DOMException("", "OneChannelError");
    }
    track.onended = () => this.onLost(index);
    track.onmute = () => this.onMuted(index, true);
    track.onunmute = () => this.onMuted(index, false);
    return stream;
  }

  /** A context at 16 kHz, or at the device's own rate where the browser cannot resample a microphone (Firefox). */
  #connect(rate) {
    const preferred = new AudioContext({ sampleRate: rate ?? PREFERRED_HZ });
    try {
      this.#inputs = this.#streams.map((stream) => preferred.createMediaStreamSource(stream));
      return preferred;
    } catch {
      preferred.close();
    }
    if (rate) throw new DOMException("", "RateError");
    const { sampleRate } = this.#streams[0].getAudioTracks()[0].getSettings();
    const own = new AudioContext({ sampleRate: Math.min(sampleRate ?? HIGHEST_HZ, HIGHEST_HZ) });
    this.#inputs = this.#streams.map((stream) => own.createMediaStreamSource(stream));
    return own;
  }

  #mute(muted) {
    for (const stream of this.#streams) {
      stream.getAudioTracks().forEach((track) => {
        track.enabled = !muted;
      });
    }
  }

  #flush() {
    return new Promise((resolve) => {
      this.#flushed = resolve;
      this.#node.port.postMessage("flush");
      setTimeout(resolve, FLUSH_MS);
    });
  }
}
