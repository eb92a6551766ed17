/* What a listener has done so far: in memory, in the browser's storage, and as a download. */
"use strict";

(() => {
  const now = () => `${new Date().toISOString().slice(0, 19)}Z`;
  const same = (a, b) => a.trial === b.trial && a.stimulus === b.stimulus;

  function browserStorage() {
    try {
      return window.localStorage;
    } catch {
      return null; // the browser forbids it
    }
  }

  function read(storage, key) {
    try {
      return JSON.parse(storage.getItem(key));
    } catch {
      return null; // denied, or not ours
    }
  }

  /** Of each stimulus the rating with the highest number. */
  function latest(...lists) {
    const found = [];
    for (const rating of lists.flat()) {
      const at = found.findIndex((other) => same(other, rating));
      if (at < 0) found.push(rating);
      else if (rating.number > found[at].number) found[at] = rating;
    }
    return found.sort((a, b) => a.number - b.number);
  }

  /**
   * The record of one listener. It is written at every change, and joined with what another tab
   * of the same listener has written. Event "change": the record or its safety has changed.
   *
   * The key of a test names the listener who was here last; a listener's record has a key of its
   * own, so that two listeners do not meet.
   */
  class Store extends EventTarget {
    constructor(test, wanted) {
      super();
      this.test = test;
      this.storage = browserStorage();
      this.key = `mss_keras-listening-${test.test}`;
      const last = read(this.storage, this.key)?.last;
      this.listener = [wanted, last].find(Store.isListener) ?? Listening.newListener();
      const stored = this.#stored();
      this.isNew = stored === null;
      this.record = {
        chosen: null, // the language, where the listener chose one
        language: "en",
        started: now(),
        step: 0,
        headphones: null,
        finished: false,
        heard: [],
        practice: [],
        ratings: [],
        kept: 0, // the highest number that the server has
        ...stored,
      };
      window.addEventListener("storage", ({ key }) => key === this.#own && this.#join());
      this.save();
    }

    static isListener(text) {
      return /^[0-9a-f]{32}$/.test(text ?? "");
    }

    get #own() {
      return `${this.key}-${this.listener}`;
    }

    /** Why ratings do not outlive the page: "storageFull", "storageDenied", or null if they do. */
    get danger() {
      return this.saved ? null : this.storage && this.full ? "storageFull" : "storageDenied";
    }

    /** Changes fields of the record. */
    set(fields) {
      Object.assign(this.record, fields);
      this.save();
    }

    save() {
      this.#join(false);
      try {
        this.storage.setItem(this.key, JSON.stringify({ last: this.listener }));
        this.storage.setItem(this.#own, JSON.stringify(this.record));
        this.saved = true;
      } catch (error) {
        this.saved = false;
        this.full =
          error.name === "QuotaExceededError" || error.name === "NS_ERROR_DOM_QUOTA_REACHED";
      }
      this.#changed();
    }

    /** The rating of a stimulus, or undefined. */
    rating(trial, stimulus, list = "ratings") {
      return this.record[list].find((rating) => same(rating, { trial, stimulus }))?.rating;
    }

    /** Keeps a rating; `list` is "practice" where it does not count. */
    rate(trial, stimulus, { rating, list = "ratings" }) {
      this.#join(false);
      const numbers = this.record[list].map((other) => other.number);
      const number = Math.max(0, list === "ratings" ? this.record.kept : 0, ...numbers) + 1;
      const made = { number, trial, stimulus, rating, at: now() };
      this.set({ [list]: latest(this.record[list], [made]) });
    }

    heard(trial, stimulus) {
      return this.record.heard.includes(`${trial} ${stimulus}`);
    }

    hear(trial, stimulus) {
      if (!this.heard(trial, stimulus))
        this.set({ heard: [...this.record.heard, `${trial} ${stimulus}`] });
    }

    /** Ratings that the server does not have. */
    get unsent() {
      return this.record.ratings.filter(({ number }) => number > this.record.kept);
    }

    /**
     * Joins what the server has. A rating of ours that is newer gets a number above all of its.
     * @param {object[]} theirs all changes that it has kept
     */
    joinServer(theirs) {
      const kept = Math.max(0, ...theirs.map(({ number }) => number));
      const newest = latest(theirs);
      const ours = this.record.ratings.filter((own) => {
        const other = newest.find((rating) => same(rating, own));
        return !other || own.at > other.at || (own.at === other.at && own.number > other.number);
      });
      let top = Math.max(kept, ...ours.map(({ number }) => number));
      const numbered = ours.map((own) =>
        own.number > kept ? own : { ...own, number: (top += 1) },
      );
      const others = newest.filter((rating) => !ours.some((own) => same(own, rating)));
      const plain = others.map(({ number, trial, stimulus, rating, at }) => ({
        number,
        trial,
        stimulus,
        rating,
        at,
      }));
      const heard = plain.map(({ trial, stimulus }) => `${trial} ${stimulus}`);
      this.set({
        kept,
        ratings: latest(plain, numbered),
        heard: [...new Set([...this.record.heard, ...heard])],
      });
    }

    /** The listener's ratings as the text of a JSON file. */
    json() {
      const { language, started, headphones, finished, ratings } = this.record;
      const { test, scale, simulated } = this.test;
      const file = {
        format: "mss_keras-ratings-1",
        test,
        listener: this.listener,
        scale,
        simulated,
      };
      return `${JSON.stringify({ ...file, language, started, headphones, finished, ratings }, null, 1)}\n`;
    }

    /** The same as CSV, a row for each rating. */
    csv() {
      const { test, scale, simulated } = this.test;
      const rows = this.record.ratings.map(({ number, trial, stimulus, rating, at }) =>
        [test, this.listener, scale, simulated, number, trial, stimulus, rating, at].join(","),
      );
      return ["test,listener,scale,simulated,number,trial,stimulus,rating,at", ...rows, ""].join(
        "\n",
      );
    }

    #stored() {
      const stored = read(this.storage, this.#own);
      const lists = [stored?.ratings, stored?.practice, stored?.heard];
      return lists.every(Array.isArray) ? stored : null;
    }

    /** Joins what another tab of this listener has stored. */
    #join(aloud = true) {
      const other = this.#stored();
      if (!other) return;
      const { record } = this;
      for (const list of ["ratings", "practice"]) record[list] = latest(record[list], other[list]);
      record.heard = [...new Set([...record.heard, ...other.heard])];
      record.finished ||= other.finished;
      record.headphones ??= other.headphones;
      if (!aloud) return;
      record.kept = Math.max(record.kept, other.kept ?? 0);
      this.#changed();
    }

    #changed() {
      this.dispatchEvent(new Event("change"));
    }
  }

  Listening.Store = Store;
})();
