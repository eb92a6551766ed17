/* What a listener has done so far: in memory, in the browser's storage, and as a download. */
"use strict";

(() => {
  const now = () => new Date().toISOString();
  const second = (time) => `${time.slice(0, 19)}Z`;
  const place = ({ trial, stimulus }) => `${trial} ${stimulus}`;
  const same = (a, b) => a.trial === b.trial && a.stimulus === b.stimulus;
  const moment = ({ at }) => at.replace("Z", ""); // whole seconds come before their parts

  const keyOf = ({ test }) => `mss_keras-listening-${test}`;

  /** Whether a rating was made after another one of the stimulus. */
  const isNewer = (one, other) =>
    moment(one) > moment(other) || (moment(one) === moment(other) && one.number > other.number);

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

  /** Of each stimulus the rating that was made last. */
  function latest(...lists) {
    const found = [];
    for (const rating of lists.flat()) {
      const at = found.findIndex((other) => same(other, rating));
      if (at < 0) found.push(rating);
      else if (isNewer(rating, found[at])) found[at] = rating;
    }
    return found.sort((a, b) => a.number - b.number);
  }

  /** Of each stimulus the higher of two numbers. */
  function highest(one, other) {
    const places = Object.keys({ ...one, ...other });
    return Object.fromEntries(
      places.map((name) => [name, Math.max(one[name] ?? 0, other[name] ?? 0)]),
    );
  }

  /**
   * The record of one listener. It is written at every change, and joined with what another tab
   * of the same listener has written. Event "change": the record or its safety has changed.
   *
   * The key of a test names the listener who was here last; a listener's record has a key of its
   * own, so that two listeners do not meet.
   */
  class Store extends EventTarget {
    constructor(test, listener) {
      super();
      this.test = test;
      this.storage = browserStorage();
      this.key = keyOf(test);
      this.listener = listener;
      const stored = this.#stored();
      this.record = {
        chosen: null, // the language, where the listener chose one
        language: "en",
        started: second(now()),
        step: 0,
        headphones: null,
        checks: 0, // of headphones, from the first answer to the last
        finished: false,
        heard: [],
        practice: [],
        ratings: [],
        kept: 0, // the highest number that the server has, of any browser of the listener
        sent: {}, // of each stimulus the highest number that the server has from here
        ...stored,
      };
      window.addEventListener("storage", ({ key }) => key === this.#own && this.#join());
      this.set({});
    }

    static isListener(text) {
      return /^[0-9a-f]{32}$/.test(text ?? "");
    }

    /** Whether this browser has a record of a listener. */
    static knows(test, listener) {
      return read(browserStorage(), `${keyOf(test)}-${listener}`) !== null;
    }

    /** The listener who was here last, or null. */
    static last(test) {
      const last = read(browserStorage(), keyOf(test))?.last;
      return Store.isListener(last) ? last : null;
    }

    get #own() {
      return `${this.key}-${this.listener}`;
    }

    /** Why ratings do not outlive the page: "storageFull", "storageDenied", or null if they do. */
    get danger() {
      return this.saved ? null : this.storage && this.full ? "storageFull" : "storageDenied";
    }

    /** Changes fields of the record, after it has taken what another tab has written. */
    set(fields) {
      this.#join(false);
      Object.assign(this.record, fields);
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
      const others = this.record[list];
      const kept = list === "ratings" ? this.record.kept : 0;
      const number = Math.max(0, kept, ...others.map((other) => other.number)) + 1;
      const before = others.find((other) => same(other, { trial, stimulus }));
      const made = { number, trial, stimulus, rating, at: now() };
      if (before && !isNewer(made, before)) made.at = before.at; // the clock was put back
      this.set({ [list]: latest(others, [made]) });
    }

    heard(trial, stimulus) {
      return this.record.heard.includes(place({ trial, stimulus }));
    }

    hear(trial, stimulus) {
      if (this.heard(trial, stimulus)) return;
      this.#join(false);
      this.set({ heard: [...this.record.heard, place({ trial, stimulus })] });
    }

    /** Ratings that the server does not have. */
    get unsent() {
      const { ratings, sent } = this.record;
      return ratings.filter((rating) => !(sent[place(rating)] >= rating.number));
    }

    /**
     * The server has ratings of ours.
     * @param {object[]} ratings as they were sent
     * @param {number} kept the highest number that it has
     */
    acknowledge(ratings, kept) {
      const sent = Object.fromEntries(ratings.map((rating) => [place(rating), rating.number]));
      this.set({
        kept: Math.max(this.record.kept, kept),
        sent: highest(this.record.sent, sent),
      });
    }

    /**
     * Joins what the server has: of each stimulus the rating that was made last counts. One of
     * ours that the server does not have gets a number above all of its.
     * @param {object[]} theirs the last rating of each stimulus that it has kept
     */
    joinServer(theirs) {
      this.#join(false);
      const kept = Math.max(0, ...theirs.map(({ number }) => number));
      const plain = theirs.map(({ number, trial, stimulus, rating, at }) => ({
        number,
        trial,
        stimulus,
        rating,
        at,
      }));
      const unsent = this.unsent;
      const ours = this.record.ratings.filter((own) => {
        const other = plain.find((rating) => same(rating, own));
        if (!other) return true;
        if (moment(own) !== moment(other)) return moment(own) > moment(other);
        return own.rating !== other.rating && (own.number > other.number || unsent.includes(own));
      });
      let top = Math.max(kept, ...ours.map(({ number }) => number));
      const numbered = ours.map((own) =>
        own.number > kept ? own : { ...own, number: (top += 1) },
      );
      const others = plain.filter((rating) => !ours.some((own) => same(own, rating)));
      this.set({
        kept,
        sent: Object.fromEntries(plain.map((rating) => [place(rating), rating.number])),
        ratings: latest(others, numbered),
        heard: [...new Set([...this.record.heard, ...plain.map(place)])],
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
      record.kept = Math.max(record.kept, other.kept ?? 0);
      record.sent = highest(record.sent, other.sent ?? {});
      if (!aloud) return; // what this tab has changed stays
      record.headphones = other.headphones;
      this.#changed();
    }

    #changed() {
      this.dispatchEvent(new Event("change"));
    }
  }

  Listening.Store = Store;
})();
