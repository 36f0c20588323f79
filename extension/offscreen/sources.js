// The microphone, and in dual mode the tab's sound, as one source of PCM: channel 0 is the clinician, channel 1 the
// patient. A source has open(), start(onSamples), pause(), resume() and close(), as the page's microphone has.

import { powers, share } from "../page/sound/loudness.js";

const SAMPLE_RATE = 16000;
const FLUSH_MS = 500; // a context that the system has suspended answers nothing

export class Sources {
  #microphone = null; // MediaStream
  #tab = null;
  #context = null;
  #playback = null;
  #nodes = [];
  #worklet = null;
  #listening = false;
  #flushed = () => {};

  /**
   * @param {{streamId: string|null, deviceId: string}} wanted streamId: of the tab in dual mode, null in ambient mode
   * @param {{onTrouble: (name: string, on: boolean) => void, onMuted: (muted: boolean) => void,
   *   onLevel: (shares: number[]) => void}} listener troubles: "microphone" (gone), "tab" (closed), "suspended"; onMuted:
   *   the system has muted the microphone
   */
  constructor({ streamId, deviceId }, { onTrouble, onMuted, onLevel }) {
    Object.assign(this, { streamId, deviceId, onTrouble, onMuted, onLevel });
    this.channels = this.dual ? 2 : 1;
    this.devices = () => this.gone(0) && this.#listening && this.reopen().catch(() => {});
  }

  get dual() {
    return this.streamId !== null;
  }

  /** @returns {Promise<object>} the format of the samples @throws what the browser throws when a device cannot be had */
  async open() {
    // The tab goes first: the id of its stream is valid for a few seconds only.
    if (this.dual) await this.#openTab();
    await this.#openMicrophone();
    this.#context = new AudioContext({ sampleRate: SAMPLE_RATE });
    this.#context.onstatechange = () => {
      if (this.#listening) this.onTrouble("suspended", this.#context?.state !== "running");
    };
    await this.#context.audioWorklet.addModule(new URL("./interleave.js", import.meta.url));
    await this.#context.resume();
    navigator.mediaDevices.addEventListener("devicechange", this.devices);
    return { sampleRate: SAMPLE_RATE, channels: this.channels, mode: this.dual ? "dual" : "ambient" };
  }

  /** @param {(samples: Int16Array) => void} onSamples */
  start(onSamples) {
    const options = { numberOfInputs: this.channels, numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" };
    this.#worklet = new AudioWorkletNode(this.#context, "interleave", options);
    this.#worklet.port.onmessage = ({ data: { samples, flushed } }) => {
      if (this.#listening && samples.length) {
        this.onLevel(powers(samples, this.channels).map((power) => share(power, samples.length / this.channels)));
        onSamples(samples);
      }
      if (flushed) this.#flushed();
    };
    this.#connect(0, this.#microphone);
    if (this.dual) this.#connect(1, this.#tab);
    this.#listening = true;
  }

  /** Resolves when everything heard until now has been handed over. The tab stays audible, the microphone is muted. */
  async pause() {
    await this.#flush();
    this.#listening = false;
    this.#mute(true);
    this.onLevel(new Array(this.channels).fill(0));
  }

  async resume() {
    if (this.gone(0)) await this.reopen();
    await this.#context.resume();
    this.#mute(false);
    this.#listening = true;
  }

  /** Takes up the microphone again after it was lost. @throws what the browser throws if it cannot be had */
  async reopen() {
    await this.#openMicrophone();
    this.#connect(0, this.#microphone);
    this.onTrouble("microphone", false);
  }

  async close() {
    if (this.#listening) await this.#flush();
    this.#listening = false;
    navigator.mediaDevices.removeEventListener("devicechange", this.devices);
    for (const stream of [this.#microphone, this.#tab]) {
      stream?.getTracks().forEach((track) => {
        track.onended = track.onmute = track.onunmute = null;
        track.stop();
      });
    }
    const contexts = [this.#context, this.#playback];
    this.#context = this.#playback = null; // closing twice is a fault to the browser
    for (const context of contexts) await context?.close();
  }

  /** Whether the system has muted the microphone. */
  get muted() {
    return this.#microphone.getAudioTracks()[0].muted;
  }

  /** @param {number} channel @returns {boolean} whether its device was unplugged, or its tab closed */
  gone(channel) {
    return [this.#microphone, this.#tab][channel]?.getAudioTracks()[0].readyState === "ended";
  }

  async #openTab() {
    const wanted = { mandatory: { chromeMediaSource: "tab", chromeMediaSourceId: this.streamId } };
    this.#tab = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    this.#tab.getAudioTracks()[0].onended = () => this.onTrouble("tab", true);
    // A captured tab goes silent for its user. This context plays it in full quality; the recogniser's has 16 kHz.
    this.#playback = new AudioContext();
    this.#playback.createMediaStreamSource(this.#tab).connect(this.#playback.destination);
    await this.#playback.resume();
  }

  async #openMicrophone() {
    // In dual mode the patient's voice comes out of the loudspeakers: the echo must not count as the clinician's words.
    const wanted = { channelCount: 1, echoCancellation: this.dual, noiseSuppression: false, autoGainControl: true };
    if (this.deviceId) wanted.deviceId = { ideal: this.deviceId };
    this.#microphone = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    const [track] = this.#microphone.getAudioTracks();
    track.onended = () => this.onTrouble("microphone", true);
    track.onmute = () => this.onMuted(true);
    track.onunmute = () => this.onMuted(false);
  }

  #connect(input, stream) {
    this.#nodes[input]?.disconnect();
    this.#nodes[input] = this.#context.createMediaStreamSource(stream);
    this.#nodes[input].connect(this.#worklet, 0, input);
  }

  #mute(muted) {
    this.#microphone.getAudioTracks().forEach((track) => {
      track.enabled = !muted;
    });
  }

  #flush() {
    return new Promise((resolve) => {
      this.#flushed = resolve;
      this.#worklet?.port.postMessage("flush");
      setTimeout(resolve, FLUSH_MS);
    });
  }
}
