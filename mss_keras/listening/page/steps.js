/* Steps of the test. Each is a function of the page, which it fills. */
"use strict";

(() => {
  const { element, fill } = MssPlayer;
  const { headphones } = Listening;
  const SAMPLE_RATE = 44100; // of noise and tones

  function button(text, onclick, className = "") {
    return element("button", { type: "button", className, onclick }, text);
  }

  function buttons(...made) {
    return element("p", { className: "buttons" }, ...made);
  }

  function paragraph(text) {
    return element("p", {}, text);
  }

  /** A message and a button, which are seen where the browser gives no sound. */
  function soundless(player, { strings }) {
    const texts = { ...MssPlayer.STRINGS, ...strings.player };
    const allow = button(texts.allow, () => player.play());
    const said = element("div", { className: "player-blocked", role: "alert", hidden: true });
    said.append(paragraph(texts.blocked), allow);
    player.addEventListener("blocked", () => (said.hidden = false));
    player.addEventListener("change", () => (said.hidden ||= player.playing));
    return said;
  }

  /** What is asked, and what is recorded. */
  function welcome(page) {
    const { strings, test, sender } = page;
    const numbers = { trials: test.trials.length, training: test.training.length };
    page.fill(strings.welcomeTitle, [
      paragraph(strings.welcomeStart),
      paragraph(test.scale === "mos" ? opinions(page) : strings.welcomeMushra),
      paragraph(fill(strings.welcomeLong, numbers)),
      paragraph(strings.welcomeQuiet),
      element("h2", {}, strings.consentTitle),
      paragraph(strings.consent),
      paragraph(sender ? strings.consentServer : strings.consentFile),
      buttons(button(strings.agree, () => page.next(), "main")),
    ]);
  }

  function opinions({ strings, test }) {
    const withReference = test.trials.some(({ reference }) => reference);
    return withReference ? `${strings.welcomeMos} ${strings.welcomeReference}` : strings.welcomeMos;
  }

  /** Noise to set the volume by; then the headphone check. */
  function volume(page) {
    const { strings } = page;
    const level = headphones.level(page.test);
    const noise = new MssPlayer.Player([headphones.noise(level, SAMPLE_RATE)]);
    const play = button(strings.playNoise, () => noise.toggle());
    noise.addEventListener("change", () => {
      play.textContent = noise.playing ? strings.stopNoise : strings.playNoise;
    });
    const parts = [
      paragraph(strings.volume),
      buttons(play),
      soundless(noise, page),
      buttons(
        button(
          strings.goOn,
          () => page.showPart(() => check(page, { index: 0, correct: 0 })),
          "main",
        ),
        skip(page),
      ),
    ];
    page.fill(strings.headphonesTitle, parts, () => noise.pause());
  }

  function skip(page) {
    return button(page.strings.skip, () => {
      page.store.set({ headphones: null });
      page.next();
    });
  }

  /** A trial of the headphone check: `index` of them are done, `correct` were right. */
  function check(page, { index, correct }) {
    const { strings, test, store } = page;
    // Each time that the check is repeated its trials are in another order.
    const { checks } = store.record;
    const words = ["headphones", ...(checks ? [checks] : [])];
    const pair = headphones.drawCheck(test.seed, store.listener, ...words)[index];
    const level = headphones.level(test);
    const tones = new MssPlayer.Player([headphones.tones(pair, level, SAMPLE_RATE)]);
    tones.setLoop({ on: false });
    const play = () => {
      tones.seek(0);
      tones.play();
    };
    const answered = (place) => {
      const done = { index: index + 1, correct: correct + (place === pair.soft ? 1 : 0) };
      if (done.index < headphones.TRIALS) return page.showPart(() => check(page, done));
      const result = { correct: done.correct, of: headphones.TRIALS };
      store.set({ headphones: result, checks: checks + 1 });
      return page.showPart(() => checked(page, done.correct));
    };
    const answers = strings.tone.map((text, place) => button(text, () => answered(place)));
    const hint = element("p", { className: "aside", role: "status" }, strings.tonesFirst);
    for (const answer of answers) answer.disabled = true;
    tones.addEventListener("change", () => {
      if (!tones.playing) return;
      hint.textContent = "";
      for (const answer of answers) answer.disabled = false;
    });
    const group = { className: "buttons", role: "group", "aria-label": strings.softest };
    const parts = [
      paragraph(strings.tones),
      buttons(button(strings.playTones, play, "main")),
      soundless(tones, page),
      paragraph(strings.softest),
      element("p", group, ...answers),
      hint,
      buttons(skip(page)),
    ];
    const title = fill(strings.tonesTitle, { number: index + 1, of: headphones.TRIALS });
    page.fill(title, parts, () => tones.pause());
  }

  function checked(page, correct) {
    const { strings } = page;
    const numbers = { correct, of: headphones.TRIALS };
    const good = correct >= headphones.ENOUGH;
    const repeat = good ? [] : [button(strings.repeat, () => page.showPart(() => volume(page)))];
    page.fill(strings.headphonesTitle, [
      paragraph(fill(good ? strings.checkGood : strings.checkBad, numbers)),
      buttons(
        ...repeat,
        button(strings.goOn, () => page.next(), "main"),
      ),
    ]);
  }

  function stimuliOf({ test, store }, trial) {
    return Listening.shuffled(trial.stimuli, test.seed, store.listener, trial.trial);
  }

  function load(page, { trial }) {
    const stimuli = stimuliOf(page, trial);
    return page.sounds.of(trial, trial.reference ? [trial.reference, ...stimuli] : stimuli);
  }

  /** A trial, when its sounds are there; those of the next one are loaded meanwhile. */
  async function rating(page, step) {
    const { strings, test, steps } = page;
    const { number, of } = step;
    const practice = step.list === "practice";
    const source = Listening.sourceName(strings, step.trial);
    const place = element("div", { className: "loading", role: "status" }, strings.loading);
    const ask = test.scale === "mos" ? strings.askMos : strings.askMushra;
    page.fill(fill(practice ? strings.trainingTitle : strings.trialTitle, { number, of, source }), [
      practice ? paragraph(strings.training) : progress(strings, { number, of }),
      paragraph(fill(ask, { source })),
      place,
    ]);
    try {
      const buffers = await load(page, step);
      if (!place.isConnected) return; // the listener has gone on
      rateable(page, buffers, { step, place });
    } catch (error) {
      if (place.isConnected) failed(page, place, error);
      return;
    }
    const next = steps[steps.indexOf(step) + 1];
    page.sounds.keep([step.trial, next.trial].filter(Boolean));
    if (next.trial) load(page, next).catch(() => {}); // told when it is shown
  }

  function progress(strings, { number, of }) {
    const label = fill(strings.progress, { number, of });
    return element("progress", { value: number - 1, max: of, "aria-label": label });
  }

  function failed(page, place, error) {
    const said = fill(page.strings.loadFailed, { what: error.message });
    const retry = () => {
      page.show();
      page.heading.focus();
    };
    const again = button(page.strings.again, retry, "main");
    place.replaceChildren(paragraph(said), again);
  }

  /** What is heard and rated in a trial, what is left to do, and the ways on and back. */
  function rateable(page, buffers, { step, place }) {
    const { strings, store, steps } = page;
    const stimuli = stimuliOf(page, step.trial);
    const shown = new Listening.Trial(step.trial, buffers, {
      store,
      strings,
      list: step.list,
      stimuli,
    });
    page.end = () => shown.remove();
    const left = element("p", { className: "left", role: "status" });
    const last = steps.indexOf(step) === steps.length - 2;
    const next = button(
      last ? strings.finish : strings.next,
      () => {
        if (next.getAttribute("aria-disabled") === "true") shown.focusLeft();
        else page.next();
      },
      "main",
    );
    const show = () => {
      const open = Object.entries(shown.left).filter(([, names]) => names.length > 0);
      const texts = open.map(([what, names]) =>
        fill(strings.left[what], { names: names.join(", ") }),
      );
      next.setAttribute("aria-disabled", open.length > 0);
      const said = texts.join(" ") || strings.complete;
      if (left.textContent !== said) left.textContent = said;
    };
    shown.addEventListener("change", show);
    show();
    place.replaceWith(
      shown.element,
      left,
      buttons(
        button(strings.back, () => page.back()),
        next,
      ),
    );
  }

  /** Thanks, and what becomes of the ratings. */
  function end(page) {
    const { strings, sender, store, test } = page;
    const said = element("p", { role: "status" });
    const show = () => {
      const sent = store.unsent.length ? strings.endUnsent : strings.endServer;
      const text = sender ? sent : strings.endFile;
      if (said.textContent !== text) said.textContent = text;
    };
    show();
    const listening = new AbortController();
    store.addEventListener("change", show, { signal: listening.signal });
    const again = button(strings.look, () => page.go(2 + test.training.length));
    const parts = [said, buttons(...page.downloads()), buttons(again)];
    page.fill(strings.endTitle, parts, () => listening.abort());
  }

  Listening.steps = { welcome, volume, trial: rating, end };
  Object.assign(Listening, { button, paragraph });
})();
