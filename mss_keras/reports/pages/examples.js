/*
 * Examples: the sounds of a grid as one player, with a large spectrogram of the one that is heard.
 *
 * Sounds are decoded when an example is first played, and those of other examples are dropped
 * then: all of a page would not fit a phone's memory.
 */
"use strict";

(() => {
  const { element } = MssPlayer;
  const { codec, folder, range } = document.currentScript.dataset;
  const KINDS = { flac: "FLAC", opus: "Ogg Opus" };
  const TYPES = { flac: "audio/flac", opus: "audio/ogg" };
  const ENDINGS = { flac: "flac", opus: "opus" };
  /** Hz and seconds of which axes have labels. */
  const HERTZ = [50, 100, 200, 500, 1000, 2000, 5000, 10000];
  const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

  const HOW =
    "A click on a sound plays it, at the place where another plays; a click into the large spectrogram goes there.";

  const awaited = new Map(); // names of sounds whose files are being read

  /** What the files of sounds call. */
  window.mssSound = (name, base64) => awaited.get(name)?.resolve(base64);

  /** A sound in base64: from the page, or from a script beside it: pages from a disk read no more. */
  function read(name) {
    if (!folder) return Promise.resolve(document.getElementById(`sound-${name}`).textContent);
    if (awaited.has(name)) return awaited.get(name).sound; // sounds that are alike have one file
    const waiting = {};
    waiting.sound = new Promise((resolve, reject) => {
      waiting.resolve = resolve;
      const src = `${encodeURIComponent(folder)}/${name}.js`;
      const script = element("script", { src });
      script.onload = script.onerror = () => {
        script.remove();
        awaited.delete(name); // else its text would stay
        reject(new Missing()); // it did not call, or it has resolved already
      };
      document.head.append(script);
    });
    awaited.set(name, waiting);
    return waiting.sound;
  }

  class Missing extends Error {}

  /** A player whose sounds are decoded when it is first played. */
  class LazyPlayer extends MssPlayer.Player {
    static all = [];
    static wanted = null; // the one that was asked to play last

    #loaded = null;

    /**
     * @param {string[]} sounds names
     * @param {{rate: number, seconds: number, progress: function(number): void}} options
     */
    constructor(sounds, { rate, seconds, progress }) {
      super(LazyPlayer.#absent(sounds, rate, seconds));
      Object.assign(this, { sounds, rate, seconds, progress });
      LazyPlayer.all.push(this);
    }

    // In place of buffers until they are there: what a player that is silent asks for.
    static #absent(sounds, rate, seconds) {
      return sounds.map(() => ({ sampleRate: rate, duration: seconds }));
    }

    async play() {
      LazyPlayer.wanted = this;
      this.context.resume().catch(() => {}); // in the event of the click, as some browsers want it
      for (const other of LazyPlayer.all) if (other !== this) other.drop();
      this.#loaded ??= this.#load();
      const loading = this.#loaded;
      try {
        const buffers = await loading;
        if (this.#loaded !== loading) return false; // dropped in the meantime
        this.buffers = buffers;
      } catch (error) {
        if (this.#loaded === loading) this.#fail(error);
        return false;
      }
      return LazyPlayer.wanted === this ? super.play() : false;
    }

    #fail(error) {
      this.#loaded = null;
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    }

    pause() {
      if (LazyPlayer.wanted === this) LazyPlayer.wanted = null;
      super.pause();
    }

    /** Forgets its sounds. */
    drop() {
      this.pause();
      this.#loaded = null;
      this.buffers = LazyPlayer.#absent(this.sounds, this.rate, this.seconds);
    }

    async #load() {
      let done = 0;
      let over = false;
      const all = this.sounds.map(async (name, index) => {
        const buffer = await this.#decoded(name, index);
        if (!over) this.progress((done += 1));
        return buffer;
      });
      this.progress(done);
      try {
        return await Promise.all(all);
      } finally {
        over = true; // the others may go on where one has failed
        this.progress(null);
      }
    }

    async #decoded(name, index) {
      const base64 = await read(name);
      try {
        return await MssPlayer.decode(base64, this.rate);
      } catch (cause) {
        throw Object.assign(new Error("cannot be decoded", { cause }), { index, base64 });
      }
    }
  }

  /** What is seen of an example: the large spectrogram, its axes, and the player's buttons. */
  class Example {
    constructor(root) {
      this.root = root;
      this.cells = [...root.querySelectorAll(".stimulus")];
      const { rate, seconds, low, high } = root.dataset;
      Object.assign(this, { seconds: Number(seconds), low: Number(low), high: Number(high) });
      this.player = new LazyPlayer(
        this.cells.map(({ dataset }) => dataset.sound),
        { rate: Number(rate), seconds: this.seconds, progress: (done) => this.#progress(done) },
      );
      this.pictures = this.cells.map((cell) => cell.querySelector("img").src);
      root.querySelector(".heard").append(...this.#view());
      const stimuli = this.cells.map((place, index) => ({
        label: this.#name(index),
        key: index < 9 ? String(index + 1) : undefined,
        place,
      }));
      this.transport = new MssPlayer.Transport(this.player, stimuli, {
        root: root.querySelector(".heard"),
        strings: { keysStimuli: "what is heard, in this order" },
      });
      this.transport.buttons.forEach((button, index) => this.#fill(button, index));
      this.player.addEventListener("change", () => this.#show());
      this.player.addEventListener("failed", ({ detail }) => this.#fail(detail));
      this.#show();
    }

    #name(index) {
      const { row, column } = this.cells[index].dataset;
      return column ? `${row}, ${column}` : row;
    }

    /** The cell becomes its button; a screen reader hears the row, too. */
    #fill(button, index) {
      const cell = this.cells[index];
      const { row, column, note } = cell.dataset;
      const name = element("span", { className: "name" }, column || row);
      if (column) name.prepend(element("span", { className: "unseen" }, `${row}, `));
      button.querySelector("span").replaceWith(name);
      if (note) button.append(element("span", { className: "note" }, note));
      button.prepend(cell.querySelector(".picture"));
      cell.replaceChildren(button);
    }

    #view() {
      this.title = element("span", { className: "heard-name" });
      this.image = element("img", {});
      this.head = element("span", { className: "head" });
      this.plot = element("div", { className: "plot" }, this.image, this.head);
      this.plot.addEventListener("pointerdown", (event) => this.#point(event));
      this.plot.addEventListener("pointermove", (event) => {
        if (event.buttons & 1) this.#point(event);
      });
      this.state = element("span", { className: "state", role: "status" });
      this.problem = element("div", { className: "problem", role: "alert", hidden: true });
      const view = element("div", { className: "view" }, this.#hertz(), this.plot, this.#time());
      const heading = element("p", { className: "heading" }, this.title, this.state);
      return [heading, view, this.#legend(), this.problem];
    }

    #hertz() {
      const axis = element("div", { className: "hertz", "aria-hidden": "true" });
      for (const hertz of HERTZ.filter((x) => x >= this.low && x <= this.high)) {
        const text = hertz < 1000 ? `${hertz} Hz` : `${hertz / 1000} kHz`;
        const label = element("span", {}, text);
        const share = Math.log(hertz / this.low) / Math.log(this.high / this.low);
        label.style.bottom = `${100 * share}%`;
        axis.append(label);
      }
      return axis;
    }

    #time() {
      const axis = element("div", { className: "seconds", "aria-hidden": "true" });
      const step = STEPS.find((x) => this.seconds / x <= 7) ?? this.seconds;
      for (let at = 0; at * step <= this.seconds; at += 1) {
        const share = (at * step) / this.seconds;
        const className = at === 0 ? "first" : share > 0.97 ? "last" : "";
        const label = element("span", { className }, `${Number((at * step).toFixed(1))} s`);
        label.style.left = `${100 * share}%`;
        axis.append(label);
      }
      return axis;
    }

    #legend() {
      const bar = element("span", { className: "bar" });
      const parts = [`−${range} dB`, bar, "0 dB (loudest here)"];
      return element("p", { className: "legend", "aria-hidden": "true" }, ...parts);
    }

    #point(event) {
      const { left, width } = this.plot.getBoundingClientRect();
      this.player.seek(((event.clientX - left) / width) * this.seconds);
      event.preventDefault();
    }

    #show() {
      const { player } = this;
      if (this.shown !== player.selected) {
        this.shown = player.selected;
        this.title.textContent = this.#name(player.selected);
        this.image.src = this.pictures[player.selected];
        this.image.alt = `Spectrogram of ${this.#name(player.selected)}`;
      }
      this.#tick();
      if (player.playing && !this.ticking) this.#ticks();
    }

    #ticks() {
      this.ticking = true;
      const next = () => {
        this.#tick();
        this.ticking = this.player.playing;
        if (this.ticking) requestAnimationFrame(next);
      };
      requestAnimationFrame(next);
    }

    #tick() {
      this.root.style.setProperty("--at", `${(100 * this.player.position) / this.seconds}%`);
    }

    #progress(done) {
      if (done === 0) this.problem.hidden = true;
      this.state.textContent =
        done === null ? "" : `Decoding sounds: ${done} of ${this.cells.length}`;
    }

    #fail(error) {
      const { index, base64 } = error;
      const texts =
        error instanceof Missing
          ? [`The sounds are in the folder ${folder}, which is not beside this file: put it there.`]
          : [
              `This browser cannot decode ${KINDS[codec]} (${this.#name(index ?? 0)}). `,
              "Open the page in a current Chromium, Firefox or Safari, or save the sound and open it in another program: ",
            ];
      this.problem.replaceChildren(element("p", {}, ...texts));
      if (base64) {
        const href = `data:${TYPES[codec]};base64,${base64}`;
        const name = `${this.#name(index)}.${ENDINGS[codec]}`;
        this.problem.firstChild.append(element("a", { href, download: name }, "save it"), ".");
      }
      this.problem.hidden = false;
    }
  }

  window.mssExamples = [...document.querySelectorAll(".example:has(.stimulus)")].map(
    (root) => new Example(root),
  );
  window.mssExamples[0]?.root.querySelector(".heard").before(element("p", { className: "how" }, HOW));
})();
