// One consultation: the sound on its way from a source to the server, and what the record says about it.

import { Chunker } from "./chunker.js";
import { Connection } from "./connection.js";

const CHUNK_S = 3; // the protocol's default; the page's ?chunk_s= tries another

export class Consultation {
  #source;
  #chunker = null;
  #connection;
  #heard = 0; // sample frames

  /**
   * @param {object} source opened: see microphone.js
   * @param {{sampleRate: number, channels: number, mode: string}} format of its samples
   * @param {object} patient as start_session takes it
   * @param {string} wording of the consent
   * @param {{onEvent: (event: object) => void, onState: (state: string, detail: object) => void,
   *   onSamples: (samples: Int16Array, rate: number) => void}} listener
   */
  constructor(source, format, patient, wording, { onEvent, onState, onSamples }) {
    const audio = { encoding: "pcm_s16le", sample_rate: format.sampleRate, channels: format.channels };
    const start = { type: "start_session", audio, mode: format.mode, consent: true, consent_wording: wording };
    if (Object.keys(patient).length) start.patient = patient;
    /** What Save writes, but for segments and findings. The token that resumes the session is not for keeping. */
    this.record = { started_at: new Date().toISOString(), patient, audio };
    this.onSamples = onSamples;
    this.#source = source;
    this.#connection = new Connection(start, { onEvent, onState });
  }

  get heard_s() {
    return this.#heard / this.record.audio.sample_rate;
  }

  /** Seconds that the server has not counted yet. */
  get pending_s() {
    return this.#connection.pending_s;
  }

  /** @param {object} session the session_started event */
  begin({ session_id, models, limits }) {
    Object.assign(this.record, { session_id, models });
    const { sample_rate, channels } = this.record.audio;
    const largest_s = (limits?.max_frame_bytes ?? Infinity) / (2 * channels * sample_rate);
    const wanted_s = Number(new URLSearchParams(location.search).get("chunk_s")) || CHUNK_S;
    this.#chunker = new Chunker({ sampleRate: sample_rate, channels }, Math.min(wanted_s, largest_s), (pcm) =>
      this.#connection.sendAudio(pcm),
    );
    this.#source.start((samples) => {
      this.#heard += samples.length / channels;
      this.#chunker.push(samples);
      this.onSamples(samples, sample_rate * channels);
    });
  }

  async pause() {
    await this.#source.pause();
    this.#chunker.flush();
    this.#connection.request({ type: "pause_session" }, "session_paused");
  }

  /** Throws what the source throws when it cannot be heard again. */
  async resume() {
    await this.#source.resume();
    this.#connection.request({ type: "continue_session" }, "session_continued");
  }

  async stop() {
    await this.#source.close();
    this.#chunker.flush();
    this.#connection.request({ type: "stop_session" }, "session_stopped");
  }

  /** The patient takes the consent back: what is not sent yet never is, and the server erases the rest. */
  async withdraw() {
    await this.#source.close();
    this.#connection.request({ type: "withdraw_consent" }, "session_stopped");
  }

  /** Ends here, whether the server has answered or not. */
  abandon() {
    this.#connection.end(0);
  }

  /** The clinician's word about a finding. @returns {boolean} whether there was a connection to say it on */
  judge(type, finding_id) {
    return this.#connection.tell({ type, finding_id });
  }
}
