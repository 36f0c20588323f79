// What this browser keeps of a visit until the server holds it, in IndexedDB: the session with the token that resumes it,
// the audio that is not durable on the server yet, and the requests that it has not answered. A page that was reloaded,
// or whose tab crashed, goes on from here. Everything is erased at the end of the visit.

const NAME = "drtranscribe";
const STORES = ["visits", "audio", "requests"];
const CLAIM_MS = 1500; // a page that is being reloaded lets go of its visit a moment after the new one has begun
const DEFAULT_TTL_S = 120;

const outcome = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const committed = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });

/** Every key that begins with this id. */
const of = (id) => IDBKeyRange.bound([id], [id, []]);

async function open() {
  if (!navigator.locks) throw new DOMException("", "SecurityError"); // no secure page: two tabs could take up one visit
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("visits", { keyPath: "session_id" });
    request.result.createObjectStore("audio", { keyPath: ["session_id", "at"] });
    request.result.createObjectStore("requests", { keyPath: ["session_id", "number"] });
  };
  return outcome(request);
}

/**
 * Takes a visit for this page, for as long as the page lives.
 * @returns {Promise<(() => void) | null>} lets go of it; null: another page has it
 */
function claim(id) {
  return new Promise((resolve) => {
    const held = () => new Promise((release) => resolve(release));
    const signal = AbortSignal.timeout(CLAIM_MS);
    navigator.locks.request(`${NAME} ${id}`, { signal }, held).catch(() => resolve(null));
  });
}

export class Visits {
  #db = null;

  get #opened() {
    return (this.#db ??= open());
  }

  /** For so long after the last sound the server waits for the page. */
  patience_s(visit) {
    return visit.limits?.resume_ttl_s ?? DEFAULT_TTL_S;
  }

  /**
   * Begins to keep a visit.
   * @param {object} visit {session_id, resume_token, limits, ...}: whatever the page needs to go on
   * @param {() => void} onRefused told once if the browser keeps nothing (private window, full disk)
   */
  begin(visit, onRefused) {
    const journal = new Journal(this.#opened, { ...visit, touched: Date.now(), numbered: 0 }, null, onRefused);
    journal.note({});
    return journal;
  }

  /**
   * The newest visit that was interrupted, which is then this page's own; older ones than the server waits for are erased.
   * @param {string} user the owner who is signed in: nobody is offered the visit of somebody else
   * @returns {Promise<{visit: object | null, expired: object[]}>}
   */
  async interrupted(user) {
    let db;
    try {
      db = await this.#opened;
    } catch {
      return { visit: null, expired: [] };
    }
    const visits = await outcome(db.transaction("visits").objectStore("visits").getAll());
    const expired = [];
    let found = null;
    for (const visit of visits.sort((a, b) => b.touched - a.touched)) {
      const late = Date.now() - visit.touched > this.patience_s(visit) * 1000;
      if (!late && (found || visit.user !== user)) continue;
      const release = await claim(visit.session_id);
      if (!release) continue;
      if (late) {
        await erase(db, visit.session_id);
        release();
        if (visit.user === user) expired.push(visit);
      } else found = { ...visit, release };
    }
    return { visit: found, expired };
  }

  /**
   * @param {object} visit from `interrupted`
   * @returns {Promise<object>} {visit, audio: [{at, pcm}], requests: [{number, at, message, answer}], journal}, in order
   */
  async takeUp({ release, ...visit }, onRefused) {
    const db = await this.#opened;
    const transaction = db.transaction(STORES);
    const rows = (name) => outcome(transaction.objectStore(name).getAll(of(visit.session_id)));
    const [audio, requests] = await Promise.all([rows("audio"), rows("requests")]);
    const journal = new Journal(this.#opened, visit, release, onRefused, audio);
    return { visit, audio, requests, journal };
  }

  /** Erases what no other page of this browser is at work on. */
  async eraseAll() {
    const db = await this.#opened;
    for (const id of await outcome(db.transaction("visits").objectStore("visits").getAllKeys())) {
      const release = await claim(id);
      if (!release) continue;
      await erase(db, id);
      release();
    }
  }
}

/** One visit, as it is written while it goes on. */
class Journal {
  #opened;
  #visit;
  #release;
  #onRefused;
  #starts; // of the audio that is kept, in sample frames
  #closed = false;

  constructor(opened, visit, release, onRefused, audio = []) {
    this.#opened = opened;
    this.#visit = visit;
    this.#release = release;
    this.#onRefused = onRefused;
    this.#starts = audio.map(({ at }) => at);
    if (!release) opened.then(() => claim(visit.session_id)).then((release) => this.#claimed(release), () => {});
  }

  /** @param {number} at its first sample frame in the session @param {Int16Array} pcm interleaved */
  audio(at, pcm) {
    const { session_id } = this.#visit;
    this.#starts.push(at);
    this.#visit.touched = Date.now();
    this.#write((store) => {
      store("audio").put({ session_id, at, pcm });
      store("visits").put(this.#visit);
    });
  }

  /** @param {{at: number, message: object, answer?: string}} entry as the outbox holds it */
  request({ at, message, answer }) {
    const { session_id } = this.#visit;
    this.#visit.numbered = message.request;
    this.#write((store) => {
      store("requests").put({ session_id, number: message.request, at, message, answer });
      store("visits").put(this.#visit);
    });
  }

  answered(number) {
    this.#write((store) => store("requests").delete([this.#visit.session_id, number]));
  }

  /** The server will not ask again for a sample frame before this one. */
  durable(position) {
    const kept = Math.max(0, this.#starts.findLastIndex((at) => at <= position));
    if (!kept) return;
    this.#starts.splice(0, kept);
    const { session_id } = this.#visit;
    const range = IDBKeyRange.bound([session_id], [session_id, this.#starts[0]], false, true);
    this.#write((store) => store("audio").delete(range));
  }

  /** @param {object} changes of what the page needs to go on */
  note(changes) {
    Object.assign(this.#visit, changes);
    this.#write((store) => store("visits").put(this.#visit));
  }

  /** Nothing that was said stays; what is left is enough to tell the server. */
  dropAudio() {
    this.#starts = [];
    this.#write((store) => store("audio").delete(of(this.#visit.session_id)));
  }

  /** Stops writing. What is kept can be taken up by any page of this browser. */
  leave() {
    this.#closed = true;
    this.#release?.();
  }

  async erase() {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await erase(await this.#opened, this.#visit.session_id);
    } catch {
      // Nothing was kept, or the browser has closed its store: the next page erases what is too old.
    }
    this.#release?.();
  }

  #claimed(release) {
    if (this.#closed) release?.();
    else this.#release = release;
  }

  #write(change) {
    if (this.#closed) return;
    this.#opened
      .then((db) => {
        if (this.#closed) return null;
        // Relaxed: a crash of the tab loses nothing, and no write waits for the disk.
        const transaction = db.transaction(STORES, "readwrite", { durability: "relaxed" });
        change((name) => transaction.objectStore(name));
        transaction.commit?.(); // now: the page may be going away
        return committed(transaction);
      })
      .catch(() => this.#refuse());
  }

  #refuse() {
    if (this.#closed) return;
    this.leave();
    this.#onRefused();
  }
}

async function erase(db, id) {
  const transaction = db.transaction(STORES, "readwrite");
  transaction.objectStore("visits").delete(id);
  for (const name of ["audio", "requests"]) transaction.objectStore(name).delete(of(id));
  await committed(transaction);
}
