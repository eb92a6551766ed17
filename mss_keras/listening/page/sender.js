/* Ratings on their way to the server of `listen --serve`. */
"use strict";

(() => {
  const FIRST_WAIT = 1000; // ms before the second attempt; doubled by each failure
  const LONGEST_WAIT = 30000;
  const TIMEOUT = 10000;
  const FIRST_TIMEOUT = 4000; // of what the page waits for
  const MOST = 200; // ratings at once: browsers send 64 KiB of a page that is closed

  async function ask(address, { timeout = TIMEOUT, ...options }) {
    const signal = AbortSignal.timeout(timeout);
    const answer = await fetch(address, { cache: "no-store", signal, ...options });
    return { status: answer.status, body: await answer.json() };
  }

  /** The last rating of each stimulus that the server has of a listener. */
  async function ratingsOf(listener) {
    const { status, body } = await ask(`ratings/${listener}`, { timeout: FIRST_TIMEOUT });
    if (status !== 200) throw new Error(body.error);
    return body.ratings;
  }

  /**
   * Sends each rating at once, and again until the server has it. What the server has already
   * is asked for first, so that numbers go on above it. Event "change": `refused` has changed.
   */
  class Sender extends EventTarget {
    constructor(store) {
      super();
      this.store = store;
      this.refused = null; // what the server says is wrong
      this.known = false; // whether the server's ratings are here
      this.wait = FIRST_WAIT;
      store.addEventListener("change", () => this.#soon(0));
      window.addEventListener("online", () => this.#soon(0));
    }

    /** Asks for the ratings that the server has; false where it does not answer. */
    async load() {
      try {
        const ratings = await ratingsOf(this.store.listener);
        this.known = true;
        this.store.joinServer(ratings);
      } catch {
        this.known = false; // asked again before ratings are sent
      }
      return this.known;
    }

    #soon(wait) {
      const due = Date.now() + wait;
      if (this.busy || this.store.unsent.length === 0 || this.due <= due) return;
      clearTimeout(this.timer);
      this.due = due;
      this.timer = setTimeout(() => this.#send(), wait);
    }

    #later() {
      this.#soon(this.wait);
      this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
    }

    async #send() {
      this.due = Infinity;
      this.busy = true;
      const sent = (this.known || (await this.load())) && (await this.#post());
      this.busy = false;
      if (sent) this.#soon(0);
      else this.#later();
    }

    async #post() {
      const { store } = this;
      const ratings = store.unsent.slice(0, MOST);
      if (ratings.length === 0) return true;
      const { listener } = store;
      const { test } = store.test;
      try {
        const { status, body } = await ask("ratings", {
          method: "POST",
          keepalive: true,
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ test, listener, ratings }),
        });
        this.#refuse(status === 200 ? null : (body.error ?? null));
        if (status !== 200 || !Number.isInteger(body.kept)) return false;
        this.wait = FIRST_WAIT;
        store.acknowledge(ratings, body.kept);
        // Another browser of the listener rates, too, or ratings got other numbers there.
        if (body.kept > ratings.at(-1).number) await this.load();
        return true;
      } catch {
        this.known = false; // the network is away, or the server; others may rate meanwhile
        return false;
      }
    }

    #refuse(why) {
      if (this.refused === why) return;
      this.refused = why;
      this.dispatchEvent(new Event("change"));
    }
  }

  Object.assign(Listening, { Sender, ratingsOf });
})();
