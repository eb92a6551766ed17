/* Sounds, from the files audio/ID.js. */
"use strict";

(() => {
  const awaited = new Map();

  /** What the files audio/ID.js call. */
  window.listeningAudio = (id, base64) => awaited.get(id)?.(base64);

  /** The sound of a stimulus: a script, since pages from a disk may read nothing else. */
  function loadAudio(id, sampleRate) {
    const text = new Promise((resolve, reject) => {
      awaited.set(id, resolve);
      const script = MssPlayer.element("script", { src: `audio/${encodeURIComponent(id)}.js` });
      script.onerror = () => reject(new Error(script.getAttribute("src")));
      script.onload = () => {
        script.remove();
        reject(new Error(id)); // it did not call, or it has resolved already
      };
      document.head.append(script);
    });
    return text.then((base64) => MssPlayer.decode(base64, sampleRate));
  }

  /** Sounds of the trial that is shown and of the next one. */
  class Sounds {
    #trials = new Map();

    of(trial, ids) {
      if (!this.#trials.has(trial)) {
        const loaded = Promise.all(ids.map((id) => loadAudio(id, trial.sample_rate)));
        loaded.catch(() => this.#trials.delete(trial));
        this.#trials.set(trial, loaded);
      }
      return this.#trials.get(trial);
    }

    keep(trials) {
      for (const trial of this.#trials.keys())
        if (!trials.includes(trial)) this.#trials.delete(trial);
    }
  }

  Listening.Sounds = Sounds;
})();
