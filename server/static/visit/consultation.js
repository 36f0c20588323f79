// One consultation: the sound on its way from a source to the server, and what the record says about it.

import { addition } from "../findings/offered.js";
import { Chunker } from "../sound/chunker.js";
import { Connection } from "./connection.js";
import { Missing } from "./missing.js";

const CHUNK_S = 3; // the protocol's default; the page's ?chunk_s= tries another

/** A source without sound, for a visit that is only brought to its end. */
export const NOTHING = { start() {}, async pause() {}, async resume() {}, async close() {} };

export class Consultation {
  #source;
  #chunker = null;
  #connection;
  #journal = null;
  #began;
  #kept;
  #heard = 0; // sample frames
  #missing;

  /**
   * @param {object} source opened: see microphone.js
   * @param {{sampleRate: number, channels: number, mode: string}} format of its samples
   * @param {{patient: object, wording: string, user: string, choice: object | null}} began patient as start_session
   *   takes it, wording of the consent, the owner who is signed in, and the microphones (null: a file)
   * @param {{onEvent: (event: object) => void, onState: (state: string, detail: object) => void,
   *   onSamples: (samples: Int16Array, rate: number, channels: number) => void, onGap: (gap: object) => void,
   *   onUnkept: () => void}} listener `onUnkept`: the browser keeps nothing for a page that comes after this one
   * @param {import("./visits.js").Visits} visits
   * @param {object} [kept] the visit that an earlier page began
   */
  constructor(source, format, began, listener, visits, kept) {
    const { sampleRate: sample_rate, channels, mode } = format;
    const audio = { encoding: "pcm_s16le", sample_rate, channels };
    const start = { type: "start_session", audio, mode, consent: true, consent_wording: began.wording };
    if (Object.keys(began.patient).length) start.patient = began.patient;
    /** What Save writes, but for segments and findings. The token that resumes the session is not for keeping. */
    this.record = kept?.visit.record ?? { started_at: new Date().toISOString(), patient: began.patient, audio, gaps: [] };
    Object.assign(this, { listener, visits });
    this.#source = source;
    this.#began = began;
    this.#kept = kept;
    this.#journal = kept?.journal ?? null;
    this.#connection = new Connection(start, listener, kept);
    this.#missing = new Missing(this.#connection.outbox, sample_rate, (gap) => this.gap(gap));
  }

  get heard_s() {
    return this.#heard / this.record.audio.sample_rate;
  }

  /** Seconds that the server has not counted yet. */
  get pending_s() {
    return this.#connection.pending_s;
  }

  /** @param {object} session the session_started event @param {boolean} [listening] or paused from the beginning */
  begin({ session_id, resume_token, models, limits, addresses }, listening = true) {
    const { outbox } = this.#connection;
    Object.assign(this.record, { session_id, models });
    if (this.#kept) this.#takeUp(listening);
    else {
      const { user, choice } = this.#began;
      const visit = { session_id, resume_token, limits, addresses, user, choice, record: this.record };
      this.#journal = outbox.keeper = this.visits.begin(visit, this.listener.onUnkept);
    }
    const { sample_rate, channels } = this.record.audio;
    const largest_s = (limits?.max_frame_bytes ?? Infinity) / (2 * channels * sample_rate);
    const wanted_s = Number(new URLSearchParams(location.search).get("chunk_s")) || CHUNK_S;
    this.#chunker = new Chunker(
      { sampleRate: sample_rate, channels },
      Math.min(wanted_s, largest_s),
      (pcm) => this.#send(pcm),
      (part, offset) => this.#journal.audio(outbox.sent + offset, part),
    );
    this.#source.start((samples) => {
      this.#heard += samples.length / channels;
      this.#chunker.push(samples);
      this.listener.onSamples(samples, sample_rate, channels);
    }, listening);
  }

  /** The page goes away: what was recorded until now is for the next one. */
  keep() {
    this.#chunker?.keep();
  }

  async pause() {
    await this.#source.pause();
    this.#chunker.flush();
    this.#journal.note({ paused: true });
    this.#connection.request({ type: "pause_session" }, "session_paused");
  }

  /** Throws what the source throws when it cannot be heard again. */
  async resume() {
    await this.#source.resume();
    this.#journal.note({ paused: false });
    this.#connection.request({ type: "continue_session" }, "session_continued");
  }

  /** Asks what was said and not noted, before the end: the session pauses, and no more sound follows. */
  async review() {
    await this.#source.close();
    this.#chunker.flush();
    this.#journal.note({ paused: true });
    this.#connection.request({ type: "pause_session" }, "session_paused");
    this.#connection.request({ type: "review_note" }, "omissions");
  }

  /** Takes an omission into the note, with its words. @returns {boolean} whether there was a connection to say it on */
  add(item) {
    return this.#connection.tell(addition(item));
  }

  leaveOut(omission_id) {
    return this.#connection.tell({ type: "leave_out", omission_id });
  }

  async stop() {
    await this.#source.close();
    this.#chunker.flush();
    this.#journal.note({ ending: "stop" });
    this.#connection.request({ type: "stop_session" }, "session_stopped");
  }

  /** The patient takes the consent back: what is not sent yet never is, and the server erases the rest. */
  async withdraw() {
    await this.#source.close();
    const { started_at, audio, session_id } = this.record;
    this.#journal.dropAudio();
    this.#journal.note({ ending: "withdraw", record: { started_at, audio, session_id, patient: {}, gaps: [] } });
    this.#connection.request({ type: "withdraw_consent" }, "session_stopped");
  }

  /** Ends here, whether the server has answered or not. @param {number} [code] the server's reason */
  abandon(code = 0) {
    this.#connection.end(code);
  }

  /** The connection has ended before the consultation: tells what the server never got. */
  cut() {
    this.#missing.end(this.#heard);
  }

  /** The owner who was signed in when the visit began. */
  get user() {
    return this.#kept?.visit.user ?? this.#began.user;
  }

  /** Goes on where the server had refused to: somebody has signed in again. */
  retry() {
    this.#connection.retry();
  }

  /** Waits for somebody to sign in again. */
  refuse() {
    this.#connection.refuse();
  }

  /**
   * The visit is over: the browser forgets it.
   * @param {boolean} [resumable] the server still has it, for one who signs in again: it is left to be taken up
   */
  async over(resumable = false) {
    if (resumable) this.#journal?.leave();
    else await this.#journal?.erase();
  }

  /** @param {{at: number, seconds: number, reason: string}} gap in the recording, told and kept; an earlier state of it is replaced */
  gap(gap) {
    const rest = this.record.gaps.filter(({ at, reason }) => at !== gap.at || reason !== gap.reason);
    this.record.gaps = [...rest, gap];
    this.#journal?.note({ record: this.record });
    this.listener.onGap(gap);
  }

  /** @param {Record<string, string>} speakers who spoke each segment whose speaker the clinician has corrected */
  nameSpeakers(speakers) {
    this.record.speakers = { ...speakers };
    this.#journal?.note({ record: this.record });
  }

  /** The clinician's word about a finding. @returns {number} of the message; 0: there was no connection to say it on */
  judge(message) {
    return this.#connection.tell(message);
  }

  /** Tells what is missing between the earlier page and this one. */
  #takeUp(listening) {
    const { touched, ending } = this.#kept.visit;
    this.#heard = this.#connection.outbox.sent;
    this.record.gaps.forEach((gap) => this.listener.onGap(gap));
    if (listening && !ending) this.gap({ at: this.heard_s, seconds: (Date.now() - touched) / 1000, reason: "page" });
  }

  #send(pcm) {
    this.#connection.sendAudio(pcm);
    this.#missing.check();
  }
}
