/*
 * What a page shows of a player: MssPlayer.Transport, its buttons, position slider and shortcuts
 * for mouse, keyboard and screen reader.
 */
"use strict";

(() => {
  /**
   * An element with properties, attributes (names with a hyphen, `role`, `for`) and children.
   * Texts stay texts: nothing is read as HTML.
   */
  function element(tag, properties = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (/-|^role$|^for$/.test(name)) made.setAttribute(name, value);
      else made[name] = value;
    }
    made.append(...children);
    return made;
  }

  /** What a transport says; a page in another language hands in its own. */
  const STRINGS = {
    play: "Play",
    pause: "Pause",
    playing: "Playing",
    paused: "Paused",
    position: "Position",
    seconds: "{at} of {all} seconds",
    unit: "s",
    stimuli: "What you hear",
    loop: "Loop",
    loopStart: "From here",
    loopEnd: "To here",
    loopAll: "Whole",
    loopPart: "Loops from {start} to {end} seconds",
    blocked:
      "Your browser does not give sound yet. Press the button; if nothing is heard then, check that a sound device is there and not in use.",
    allow: "Allow sound",
    keys: "Keys",
    keysOn: "Use these keys",
    keysHelp: [
      ["P, Space", "play or pause (Space: unless a button has the focus)"],
      ["← →", "a second back or on (unless a slider or a choice has the focus)"],
      ["L", "loop or not"],
      ["I, O", "the loop starts or ends here"],
    ],
    keysStimuli: "what is heard",
  };

  let active = null; // the transport that was used last: keys are its
  let keysWanted = true; // until somebody switches them off, for all of the page

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  // Keys that the focused element wants for itself.
  const TAKEN = [
    ["input[type=text], input[type=number], textarea, select, [contenteditable]", /./],
    ["button, summary, a, input[type=checkbox], input[type=radio]", /^ $/],
    ["input[type=range], input[type=radio]", /^Arrow/],
  ];

  /** The key's name; where letters are not Latin, as with a Korean keyboard, by its place. */
  function keyOf({ key, code }) {
    if (key.length === 1 && /^[ -~]$/.test(key)) return key.toLowerCase();
    return code.startsWith("Key") ? code.slice(3).toLowerCase() : key;
  }

  /** Buttons, a position slider and shortcuts; `element` holds them. */
  class Transport {
    /**
     * @param {Player} player
     * @param {{label: string, key?: string, place?: Element}[]} stimuli in the order of the
     *   player's buffers: label, shortcut, and where the button stands (default: in the transport)
     * @param {object} options
     * @param {Element} options.root what the transport is appended to
     * @param {object} [options.strings] see STRINGS
     */
    constructor(player, stimuli, { root, strings = {} }) {
      this.player = player;
      this.stimuli = stimuli;
      this.strings = { ...STRINGS, ...strings };
      this.buttons = stimuli.map((stimulus, index) => this.#stimulus(stimulus, index));
      this.element = element("div", { className: "player" }, ...this.#rows());
      root.append(this.element);
      this.listeners = new AbortController();
      const { signal } = this.listeners;
      player.addEventListener("change", () => this.#show(), { signal });
      player.addEventListener("blocked", () => (this.blocked.hidden = false), { signal });
      document.addEventListener("keydown", (event) => this.#key(event), { signal });
      for (const part of [this.element, ...this.buttons])
        part.addEventListener("focusin", () => (active = this), { signal });
      active ??= this;
      this.#show();
    }

    /** Stops the sound and the shortcuts, and takes the transport out of the page. */
    remove() {
      this.player.pause();
      this.listeners.abort();
      if (active === this) active = null;
      for (const part of [this.element, ...this.buttons]) part.remove();
    }

    #rows() {
      const { strings, player } = this;
      const button = (className, text, click) =>
        element("button", { type: "button", className, onclick: click }, text);
      this.play = button("player-play", strings.play, () => player.toggle());
      this.play.setAttribute("aria-keyshortcuts", "P");
      this.loop = button("player-loop", strings.loop, () => this.#loop());
      this.loop.setAttribute("aria-keyshortcuts", "L");
      this.slider = this.#slider();
      this.part = element("span", { className: "player-part", "aria-hidden": "true" });
      this.time = element("span", { className: "player-time", "aria-hidden": "true" });
      const edges = [
        [strings.loopStart, () => player.setLoop({ on: true, start: player.position })],
        [strings.loopEnd, () => player.setLoop({ on: true, end: player.position })],
        [strings.loopAll, () => player.setLoop({ on: true, start: 0, end: player.duration })],
      ].map(([text, click]) => button("player-edge", text, click));
      this.said = element("p", { className: "player-said", role: "status" });
      const allow = button("player-allow", strings.allow, () => player.play());
      this.blocked = element(
        "div",
        { className: "player-blocked", role: "alert", hidden: true },
        element("p", {}, strings.blocked),
        allow,
      );
      const track = element("span", { className: "player-track" }, this.slider, this.part);
      const loops = element("div", {
        className: "player-loops",
        role: "group",
        "aria-label": strings.loop,
      });
      loops.append(this.loop, ...edges);
      return [
        element("div", { className: "player-row" }, this.play, track, this.time),
        element("div", { className: "player-row" }, loops, this.#help()),
        ...this.#group(),
        this.blocked,
        this.said,
      ];
    }

    #slider() {
      const { player, strings } = this;
      return element("input", {
        type: "range",
        className: "player-place",
        min: 0,
        max: player.duration,
        step: 0.1,
        "aria-label": strings.position,
        oninput: (event) => player.seek(Number(event.target.value)),
      });
    }

    #stimulus({ label, key }, index) {
      const hint = key ? [element("kbd", { "aria-hidden": "true" }, key)] : [];
      const made = element(
        "button",
        { type: "button", className: "player-stimulus", onclick: () => this.#select(index) },
        element("span", {}, label),
        ...hint,
      );
      if (key) made.setAttribute("aria-keyshortcuts", key);
      this.stimuli[index].place?.append(made);
      return made;
    }

    /** The stimulus buttons that have no place elsewhere. */
    #group() {
      const here = this.buttons.filter((_, index) => !this.stimuli[index].place);
      const group = {
        className: "player-stimuli",
        role: "group",
        "aria-label": this.strings.stimuli,
      };
      return here.length ? [element("div", group, ...here)] : [];
    }

    #help() {
      const { strings } = this;
      const keyed = this.stimuli.map(({ key }) => key).filter(Boolean);
      const rows = [...strings.keysHelp];
      if (keyed.length) rows.push([`${keyed[0]} – ${keyed.at(-1)}`, strings.keysStimuli]);
      const keysOn = element("input", {
        type: "checkbox",
        checked: keysWanted,
        onchange: ({ target }) => {
          keysWanted = target.checked;
        },
      });
      return element(
        "details",
        { className: "player-keys" },
        element("summary", {}, strings.keys),
        element("label", {}, keysOn, ` ${strings.keysOn}`),
        element(
          "dl",
          {},
          ...rows.flatMap(([key, does]) => [element("dt", {}, key), element("dd", {}, does)]),
        ),
      );
    }

    /** A stimulus that is asked for is to be heard, too. */
    #select(index) {
      this.player.select(index);
      if (!this.player.playing) this.player.play();
      this.said.textContent = this.stimuli[index].label;
    }

    #loop() {
      this.player.setLoop({ on: !this.player.loop.on });
    }

    #show() {
      const { player, strings } = this;
      const { on, start, end } = player.loop;
      if (this.shown !== undefined && this.shown !== player.playing)
        this.said.textContent = player.playing ? strings.playing : strings.paused;
      this.shown = player.playing;
      if (player.playing) {
        this.blocked.hidden = true;
        active = this;
      }
      this.play.textContent = player.playing ? strings.pause : strings.play;
      this.play.classList.toggle("player-playing", player.playing);
      this.loop.setAttribute("aria-pressed", on);
      const whole = start === 0 && end === player.duration;
      this.part.hidden = !on || whole;
      this.part.style.left = `${(100 * start) / player.duration}%`;
      this.part.style.width = `${(100 * (end - start)) / player.duration}%`;
      this.loop.title = fill(strings.loopPart, { start: start.toFixed(1), end: end.toFixed(1) });
      this.buttons.forEach((button, index) =>
        button.setAttribute("aria-pressed", index === player.selected),
      );
      this.#tick(true);
      if (player.playing && !this.ticking) this.#ticks();
    }

    #ticks() {
      this.ticking = true;
      const next = () => {
        this.#tick(false);
        this.ticking = this.player.playing && this.element.isConnected;
        if (this.ticking) requestAnimationFrame(next);
      };
      requestAnimationFrame(next);
    }

    /** The place; `aloud` where a screen reader is to know it, which is not all the time. */
    #tick(aloud) {
      const { player, strings } = this;
      const [at, all] = [player.position.toFixed(1), player.duration.toFixed(1)];
      this.slider.value = player.position;
      this.time.textContent = `${at} / ${all} ${strings.unit}`;
      if (aloud) this.slider.setAttribute("aria-valuetext", fill(strings.seconds, { at, all }));
    }

    #key(event) {
      const { player } = this;
      if (
        active !== this ||
        !keysWanted ||
        event.repeat ||
        event.ctrlKey ||
        event.altKey ||
        event.metaKey
      )
        return;
      if (TAKEN.some(([wants, keys]) => event.target.matches?.(wants) && keys.test(event.key)))
        return;
      const pressed = keyOf(event);
      const stimulus = this.stimuli.findIndex(({ key }) => key === pressed);
      const actions = {
        " ": () => player.toggle(),
        p: () => player.toggle(),
        l: () => this.#loop(),
        i: () => player.setLoop({ on: true, start: player.position }),
        o: () => player.setLoop({ on: true, end: player.position }),
        ArrowLeft: () => player.seek(player.position - 1),
        ArrowRight: () => player.seek(player.position + 1),
      };
      const act = stimulus >= 0 ? () => this.#select(stimulus) : actions[pressed];
      if (!act) return;
      event.preventDefault();
      act();
    }
  }

  Object.assign(MssPlayer, { STRINGS, element, fill, Transport });
})();
