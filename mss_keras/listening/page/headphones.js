/*
 * The headphone check of Woods, Siegel, Traer and McDermott, "Headphone screening to facilitate
 * web-based auditory experiments" (2017): of three tones one is softer by 6 dB and another one is
 * in antiphase on the two ears. Through loudspeakers the antiphase tone is the softest; through
 * headphones it is not.
 */
"use strict";

(() => {
  const FREQUENCY = 200; // Hz
  const TONE = 1; // seconds
  const GAP = 0.5;
  const RAMP = 0.1;
  const RMS = 0.052; // on each ear: noise on both then has about -23 LUFS
  const SOFTER = 10 ** (-6 / 20);

  /** Trials of the check, and how many of them are to be right. */
  const TRIALS = 6;
  const ENOUGH = 5;

  /** For each trial the place of the soft tone and of the one in antiphase: each pair once. */
  function drawCheck(...words) {
    const pairs = [0, 1, 2].flatMap((soft) => [0, 1, 2].map((antiphase) => ({ soft, antiphase })));
    return Listening.shuffled(
      pairs.filter((pair) => pair.soft !== pair.antiphase),
      ...words,
    );
  }

  /** RMS of noise and tones on each ear that are as loud as the stimuli of a test. */
  function level({ lufs, trials }) {
    // One channel is heard on both ears, and measured as if it was on one.
    const ears = trials[0]?.channels === 1 ? 2 : 1;
    return RMS * 10 ** ((lufs + 23) / 20) * Math.sqrt(ears);
  }

  /** The three tones of a trial as an AudioBuffer; `rms` is that of the two louder ones. */
  function tones({ soft, antiphase }, rms, sampleRate) {
    const length = Math.round((3 * TONE + 2 * GAP) * sampleRate);
    const buffer = new AudioBuffer({ numberOfChannels: 2, length, sampleRate });
    const [left, right] = [buffer.getChannelData(0), buffer.getChannelData(1)];
    for (let place = 0; place < 3; place += 1) {
      const start = Math.round(place * (TONE + GAP) * sampleRate);
      const peak = rms * Math.SQRT2 * (place === soft ? SOFTER : 1);
      for (let at = 0; at < TONE * sampleRate; at += 1) {
        const edge = Math.min(at / sampleRate, TONE - at / sampleRate) / RAMP;
        const fade = Math.sin((Math.PI / 2) * Math.min(1, edge)) ** 2;
        const value = peak * fade * Math.sin((2 * Math.PI * FREQUENCY * at) / sampleRate);
        left[start + at] = value;
        right[start + at] = place === antiphase ? -value : value;
      }
    }
    return buffer;
  }

  /** Pink noise (Kellet's filter): five seconds, to be looped. */
  function noise(rms, sampleRate) {
    const length = 5 * sampleRate;
    const buffer = new AudioBuffer({ numberOfChannels: 1, length, sampleRate });
    const values = buffer.getChannelData(0);
    const random = Listening.generator("noise");
    let [a, b, c] = [0, 0, 0];
    for (let at = 0; at < length; at += 1) {
      const white = 2 * random() - 1;
      a = 0.99765 * a + 0.099046 * white;
      b = 0.963 * b + 0.2965164 * white;
      c = 0.57 * c + 1.0526913 * white;
      values[at] = a + b + c + 0.1848 * white;
    }
    const power = values.reduce((sum, value) => sum + value ** 2, 0) / length;
    values.forEach((value, at) => (values[at] = (value * rms) / Math.sqrt(power)));
    return buffer;
  }

  Listening.headphones = { TRIALS, ENOUGH, drawCheck, level, tones, noise };
})();
