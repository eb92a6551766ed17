/* One page to listen and rate: the reference, the stimuli with their scales, what is left to do. */
"use strict";

(() => {
  const { element, fill } = MssPlayer;
  const LISTEN = 0.5; // seconds for which a stimulus is played before it counts as heard
  const TICK = 0.1;

  /** The scale of a stimulus: `element`, and `show(rating)`, which may be undefined. */
  class Slider {
    constructor({ strings, letter, rate }) {
      this.strings = strings;
      this.input = element("input", {
        type: "range",
        className: "slider unrated",
        min: 0,
        max: 100,
        step: 1,
        value: 50,
        "aria-label": fill(strings.rate, { letter }),
        oninput: () => {
          this.busy = true; // it is being moved
          this.show(Number(this.input.value));
        },
        onchange: () => this.#rate(rate),
        // The place where it stands at first is chosen by a click or by Enter.
        onclick: () => {
          if (this.unrated || this.busy) this.#rate(rate);
        },
        // Moved to and fro, it does not change.
        onblur: () => {
          if (this.busy) this.#rate(rate);
        },
        onkeydown: ({ key }) => {
          if (key === "Enter") this.#rate(rate);
        },
      });
      this.output = element("span", { className: "value", "aria-hidden": "true" });
      this.element = element("div", { className: "scale" }, this.input, this.output);
    }

    #rate(rate) {
      this.busy = false;
      rate(Number(this.input.value));
    }

    show(rating) {
      const { strings } = this;
      this.unrated = rating === undefined;
      this.input.classList.toggle("unrated", this.unrated);
      if (!this.unrated) this.input.value = rating;
      const word = strings.mushra[Math.min(4, Math.floor(rating / 20))];
      this.output.textContent = this.unrated ? "–" : `${rating} ${word}`;
      const spoken = this.unrated ? strings.unrated : fill(strings.rated, { rating, word });
      this.input.setAttribute("aria-valuetext", spoken);
    }
  }

  /** Five radio buttons. */
  class Radios {
    constructor({ strings, letter, name, rate }) {
      this.inputs = strings.mos.map((_, index) =>
        element("input", {
          type: "radio",
          name,
          value: index + 1,
          onchange: () => rate(index + 1),
        }),
      );
      const labels = this.inputs.map((input, index) =>
        element(
          "label",
          {},
          input,
          element("b", {}, String(index + 1)),
          element("span", {}, strings.mos[index]),
        ),
      );
      const label = { role: "radiogroup", "aria-label": fill(strings.rate, { letter }) };
      this.element = element("div", { className: "radios", ...label }, ...labels);
    }

    show(rating) {
      this.inputs.forEach((input, index) => (input.checked = index + 1 === rating));
    }
  }

  const SCALES = { mushra: Slider, mos: Radios };

  /** A trial: its elements, and what is still to be done. Event "change": that may have changed. */
  class Trial extends EventTarget {
    /**
     * @param {object} trial of test.js
     * @param {AudioBuffer[]} buffers of the reference, if it has one, and the stimuli as shown
     * @param {{store: Store, strings: object, list: string, stimuli: string[]}} page the list of
     *   the store that takes the ratings, and the stimuli in the listener's order
     */
    constructor(trial, buffers, { store, strings, list, stimuli }) {
      super();
      Object.assign(this, { trial, store, strings, list, stimuli });
      this.ids = trial.reference ? [trial.reference, ...stimuli] : stimuli;
      this.player = new MssPlayer.Player(buffers);
      this.rows = stimuli.map((id, index) => this.#row(id, this.#letter(index)));
      const reference = element("div", { className: "row reference" });
      const root = element("div");
      const places = trial.reference ? [reference, ...this.rows] : this.rows;
      const shown = places.map((place, index) => ({ place, ...this.#button(index) }));
      this.transport = new MssPlayer.Transport(this.player, shown, {
        root,
        strings: strings.player,
      });
      for (const row of this.rows) row.append(row.scale.element);
      if (trial.reference) {
        const source = Listening.sourceName(strings, trial);
        reference.append(
          element("span", { className: "note" }, fill(strings.referenceIs, { source })),
        );
        root.append(reference);
      }
      root.append(...this.#head(), ...this.rows);
      this.element = root;
      this.clock = setInterval(() => this.#hear(), TICK * 1000);
      this.listening = new AbortController();
      store.addEventListener("change", () => this.show(), { signal: this.listening.signal });
      this.seconds = new Map();
      this.show();
    }

    remove() {
      clearInterval(this.clock);
      this.listening.abort();
      this.transport.remove();
      this.element.remove();
    }

    /** Names of what is to be heard, and of what is to be rated: letters, or the reference. */
    get left() {
      const { store, strings, trial, list } = this;
      const name = (id) =>
        id === trial.reference ? strings.reference : this.#letter(this.stimuli.indexOf(id));
      return {
        hear: this.ids.filter((id) => !store.heard(trial.trial, id)).map(name),
        rate: this.stimuli
          .filter((id) => store.rating(trial.trial, id, list) === undefined)
          .map(name),
      };
    }

    /** Shows the ratings of the store, which another tab may have changed. */
    show() {
      this.rows.forEach((row, index) => {
        const rating = this.store.rating(this.trial.trial, this.stimuli[index], this.list);
        if (!row.scale.busy) row.scale.show(rating);
      });
      const heard = this.ids.map((id) => this.store.heard(this.trial.trial, id));
      this.transport.buttons.forEach((button, index) =>
        button.classList.toggle("heard", heard[index]),
      );
      this.dispatchEvent(new Event("change"));
    }

    /** Moves the focus to the first thing that is left to do. */
    focusLeft() {
      const { store, trial, list } = this;
      const unheard = this.ids.findIndex((id) => !store.heard(trial.trial, id));
      if (unheard >= 0) return this.transport.buttons[unheard].focus();
      const unrated = this.stimuli.findIndex(
        (id) => store.rating(trial.trial, id, list) === undefined,
      );
      return this.rows[unrated]?.scale.element.querySelector("input").focus();
    }

    #letter(index) {
      return String.fromCharCode(65 + index);
    }

    #button(index) {
      const number = this.trial.reference ? index : index + 1;
      const key = number < 10 ? String(number) : undefined;
      if (number === 0) return { label: this.strings.reference, key };
      return { label: fill(this.strings.stimulus, { letter: this.#letter(number - 1) }), key };
    }

    #row(id, letter) {
      const { strings, store, trial, list } = this;
      const rate = (rating) => store.rate(trial.trial, id, { rating, list });
      const label = fill(strings.stimulus, { letter });
      const row = element("div", { className: "row", role: "group", "aria-label": label });
      row.scale = new SCALES[this.scaleName]({ strings, letter, name: id, rate });
      return row;
    }

    get scaleName() {
      return this.store.test.scale;
    }

    /** The words over the sliders. */
    #head() {
      if (this.scaleName !== "mushra") return [];
      const words = this.strings.mushra.map((word) => element("span", {}, word));
      const inner = element("div", { className: "words" }, ...words);
      return [element("div", { className: "head", "aria-hidden": "true" }, inner)];
    }

    #hear() {
      const { player, store, trial } = this;
      if (!player.playing) return;
      const id = this.ids[player.selected];
      this.seconds.set(id, (this.seconds.get(id) ?? 0) + TICK);
      if (this.seconds.get(id) < Math.min(LISTEN, player.duration / 2)) return;
      store.hear(trial.trial, id);
    }
  }

  Listening.Trial = Trial;
})();
