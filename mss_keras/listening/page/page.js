/* The test as a listener sees it: from the welcome to the last page. */
"use strict";

(() => {
  const { element, fill } = MssPlayer;
  const { steps, button, paragraph } = Listening;

  function numbered(trials, list) {
    const of = trials.length;
    return trials.map((trial, index) => ({
      show: steps.trial,
      trial,
      list,
      number: index + 1,
      of,
    }));
  }

  /** The page of a listener; `steps` of it are welcome, volume, trials and end. */
  class Page {
    constructor(test, store, sender) {
      Object.assign(this, { test, store, sender, sounds: new Listening.Sounds() });
      const trials = Listening.shuffled(test.trials, test.seed, store.listener, "trials");
      this.steps = [
        { show: steps.welcome },
        { show: steps.volume },
        ...numbered(test.training, "practice"),
        ...numbered(trials, "ratings"),
        { show: steps.end },
      ];
      this.#resume();
      this.#frame();
      store.addEventListener("change", () => this.#status());
      sender?.addEventListener("change", () => this.#status());
      window.addEventListener("beforeunload", (event) => this.#leaving(event));
      this.show();
    }

    get strings() {
      return Listening.STRINGS[this.language];
    }

    get language() {
      return Listening.languageOf(this.store.record.chosen);
    }

    get step() {
      return this.steps[this.store.record.step];
    }

    /** Where a browser that knows nothing is told of ratings by the server, it goes on with them. */
    #resume() {
      const { record } = this.store;
      if (!(record.step in this.steps)) record.step = 0;
      if (record.step > 0 || record.ratings.length === 0) return;
      const open = this.steps.findIndex(
        ({ trial, list }) =>
          list === "ratings" &&
          trial.stimuli.some((id) => this.store.rating(trial.trial, id) === undefined),
      );
      this.store.set({ step: open < 0 ? this.steps.length - 1 : open });
    }

    go(step) {
      this.part = null;
      this.store.set({
        step,
        finished: this.store.record.finished || step === this.steps.length - 1,
      });
      this.show();
      this.heading.focus();
      window.scrollTo(0, 0);
    }

    next() {
      this.go(this.store.record.step + 1);
    }

    back() {
      this.go(this.store.record.step - 1);
    }

    // What surrounds each step.

    #frame() {
      this.banner = element("p", { className: "banner" });
      this.title = element("p", { className: "title" });
      this.alerts = element("div", { role: "alert" });
      this.main = element("main");
      this.footer = element("footer");
      this.header = element("header", {}, this.title, this.#languages());
      document.body.append(this.banner, this.header, this.alerts, this.main, this.footer);
    }

    #languages() {
      const select = element("select", {
        onchange: () => {
          this.store.set({ chosen: select.value });
          this.show();
        },
      });
      for (const [name, { language }] of Object.entries(Listening.STRINGS))
        select.append(element("option", { value: name, lang: name }, language));
      this.select = select;
      this.selectLabel = element("span", { className: "aside" });
      return element("label", {}, this.selectLabel, select);
    }

    /** Shows the step at which the listener is. */
    show() {
      const { strings, test } = this;
      document.documentElement.lang = this.language;
      this.select.value = this.language;
      this.selectLabel.textContent = strings.chooseLanguage;
      this.title.textContent = test.title;
      const banners = ["simulated", "demonstration"].filter((name) => test[name]);
      this.banner.textContent = banners.map((name) => strings[name]).join(" ");
      this.banner.hidden = banners.length === 0;
      this.#footer();
      this.store.set({ language: this.language });
      if (this.part) this.part();
      else this.step.show(this, this.step);
    }

    /** Shows a part of a step, which is shown again in another language. */
    showPart(part) {
      this.part = part;
      part();
      this.heading.focus();
    }

    /**
     * Fills the page with a heading and elements.
     * @param {string} title
     * @param {(Node|string)[]} parts
     * @param {() => void} [end] ends what plays in it, when something else is shown
     */
    fill(title, parts, end = () => {}) {
      this.end?.();
      this.end = end;
      this.heading = element("h1", { tabIndex: -1 }, title);
      this.main.replaceChildren(this.heading, ...parts);
      document.title = `${title} – ${this.test.title}`;
    }

    #footer() {
      const { strings, store } = this;
      this.count = element("p", { className: "count" });
      this.sending = element("p", { className: "sending", role: "status" });
      const listener = fill(strings.listener, { listener: store.listener.slice(0, 8) });
      this.footer.replaceChildren(
        element("h2", {}, strings.ratings),
        this.count,
        this.sending,
        element("p", { className: "buttons" }, ...this.downloads()),
        element(
          "p",
          { className: "buttons aside" },
          listener,
          button(strings.newListener, () => this.#another()),
        ),
      );
      this.#status();
    }

    /** Buttons that download the ratings so far. */
    downloads() {
      const { strings, store } = this;
      const name = () => `ratings-${this.test.test}-${store.listener}`;
      return [
        button(strings.downloadJson, () =>
          download(`${name()}.json`, store.json(), "application/json"),
        ),
        button(strings.downloadCsv, () => download(`${name()}.csv`, store.csv(), "text/csv")),
      ];
    }

    #another() {
      Listening.keepInAddress(Listening.newListener());
      location.reload();
    }

    #status() {
      const { strings, store, sender } = this;
      const count = store.record.ratings.length;
      const unsent = sender ? store.unsent.length : 0;
      this.count.textContent = store.danger
        ? ""
        : fill(sender && !unsent ? strings.sent : strings.saved, { count });
      const refused = sender?.refused && fill(strings.refused, { why: sender.refused });
      this.sending.textContent = unsent ? fill(strings.unsent, { count: unsent }) : "";
      this.sending.hidden = unsent === 0;
      const danger = store.danger && strings[store.danger];
      const said = [danger, refused].filter(Boolean);
      if (this.saidLast === said.join()) return;
      this.saidLast = said.join();
      const buttons = said.length
        ? [element("p", { className: "buttons" }, ...this.downloads())]
        : [];
      this.alerts.replaceChildren(...said.map((text) => element("p", {}, text)), ...buttons);
    }

    #leaving(event) {
      const { ratings } = this.store.record;
      const unsent = this.sender && this.store.unsent.length > 0;
      if (ratings.length > 0 && (this.store.danger || unsent)) event.preventDefault();
    }
  }

  function download(name, text, type) {
    const href = URL.createObjectURL(new Blob([text], { type }));
    element("a", { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10000);
  }

  async function start() {
    const test = window.LISTENING_TEST;
    if (test?.format !== 1) {
      const languages = Object.values(Listening.STRINGS);
      document.body.append(
        element("main", {}, ...languages.map((language) => paragraph(language.missing))),
      );
      return;
    }
    const store = new Listening.Store(test, await Listening.whoListens(test));
    Listening.keepInAddress(store.listener);
    // An address that is changed may name another listener.
    window.addEventListener("hashchange", () => location.reload());
    const sender = window.LISTENING_SERVER ? new Listening.Sender(store) : null;
    await sender?.load();
    new Page(test, store, sender);
  }

  start();
})();
