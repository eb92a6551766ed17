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
  const AMPLITUDE = 0.25;
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

  /** The three tones of a trial as an AudioBuffer. */
  function tones({ soft, antiphase }, sampleRate) {
    const length = Math.round((3 * TONE + 2 * GAP) * sampleRate);
    const buffer = new AudioBuffer({ numberOfChannels: 2, length, sampleRate });
    const [left, right] = [buffer.getChannelData(0), buffer.getChannelData(1)];
    for (let place = 0; place < 3; place += 1) {
      const start = Math.round(place * (TONE + GAP) * sampleRate);
      const level = AMPLITUDE * (place === soft ? SOFTER : 1);
      for (let at = 0; at < TONE * sampleRate; at += 1) {
        const edge = Math.min(at / sampleRate, TONE - at / sampleRate) / RAMP;
        const fade = Math.sin((Math.PI / 2) * Math.min(1, edge)) ** 2;
        const value = level * fade * Math.sin((2 * Math.PI * FREQUENCY * at) / sampleRate);
        left[start + at] = value;
        right[start + at] = place === antiphase ? -value : value;
      }
    }
    return buffer;
  }

  /** Noise for setting the volume: white, as loud (RMS) as the tones, two seconds to be looped. */
  function noise(sampleRate) {
    const length = 2 * sampleRate;
    const buffer = new AudioBuffer({ numberOfChannels: 1, length, sampleRate });
    const random = Listening.generator("noise");
    const peak = AMPLITUDE * Math.sqrt(3 / 2);
    buffer.getChannelData(0).forEach((_, at, values) => (values[at] = peak * (2 * random() - 1)));
    return buffer;
  }

  Listening.headphones = { TRIALS, ENOUGH, drawCheck, tones, noise };
})();
