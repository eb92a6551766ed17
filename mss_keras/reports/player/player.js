/*
 * Stimuli on one clock: all are started together and each has a gain of its own, so that
 * switching between them while they play has no gap and no drift.
 *
 *   MssPlayer.decode       bytes or base64 of a sound file to an AudioBuffer
 *   MssPlayer.Take         the graph of one start, in a real or an offline context
 *   MssPlayer.Player       play, pause, seek, loop, select; knows no page
 *
 * transport.js adds what is seen of it.
 */
"use strict";

window.MssPlayer = (() => {
  /** Seconds of a cross-fade. It is linear: stimuli are alike, and would swell at equal power. */
  const FADE = 0.008;
  /** Seconds from a command to its effect, in which all of the graph learns of it. */
  const LEAD = 0.02;
  /** Seconds that a loop has at least. */
  const SHORTEST = 0.05;
  /** Seconds after which a context that was asked to run counts as blocked. */
  const PATIENCE = 1;

  const contexts = new Map();
  let heard = null; // the player that was heard last: a page has one sound at a time

  /** The AudioContext of a sample rate: one for the whole page, made at the first call. */
  function contextFor(sampleRate) {
    if (!contexts.has(sampleRate)) contexts.set(sampleRate, new AudioContext({ sampleRate }));
    return contexts.get(sampleRate);
  }

  /**
   * A sound file as an AudioBuffer. Browsers scale 16-bit samples by 2⁻¹⁵ or by 1 / 32767.
   * @param {string|ArrayBuffer} file its bytes, or their base64
   * @param {number} sampleRate Hz, the file's own, or it is resampled
   * @returns {Promise<AudioBuffer>} rejected where it is no sound file
   */
  function decode(file, sampleRate) {
    const bytes = typeof file === "string" ? bytesOf(file) : file.slice(0);
    // An offline context decodes before a listener has allowed sound.
    return new OfflineAudioContext(1, 1, sampleRate).decodeAudioData(bytes);
  }

  function bytesOf(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
    return bytes.buffer;
  }

  /** The time of a frame, such that time × rate is the frame exactly; else browsers interpolate. */
  function timeOf(frame, rate) {
    const near = [1, 1 + Number.EPSILON, 1 - Number.EPSILON].map((ulp) => (frame / rate) * ulp);
    return near.find((time) => time * rate === frame) ?? near[0];
  }

  function ramp(gain, [from, to], [start, end]) {
    gain.setValueAtTime(from, start);
    gain.linearRampToValueAtTime(to, end);
  }

  /** One start of all stimuli. It fades in and out, and is never started again. */
  class Take {
    /**
     * @param {BaseAudioContext} context
     * @param {AudioBuffer[]} buffers of one sample rate, the context's; the shortest ends all
     * @param {object} how
     * @param {number} [how.when] time of the context at which it starts, in seconds
     * @param {number} [how.offset] place in the buffers from which it plays, in seconds
     * @param {?{start: number, end: number}} [how.loop] what is repeated, in seconds
     * @param {number} [how.selected] the stimulus that is heard at first
     * @param {AudioNode} [how.destination]
     */
    constructor(context, buffers, how = {}) {
      const { when = 0, offset = 0, loop = null, selected = 0 } = how;
      const rate = context.sampleRate;
      const grid = (seconds) => timeOf(Math.round(seconds * rate), rate);
      Object.assign(this, { rate, grid, selected, when: grid(when), offset: grid(offset) });
      this.end = Math.min(...buffers.map((buffer) => buffer.duration));
      this.loop = loop && { start: grid(loop.start), end: grid(Math.min(loop.end, this.end)) };
      this.output = new GainNode(context, { gain: 0 });
      this.output.connect(how.destination ?? context.destination);
      this.gains = buffers.map((_, index) => {
        const gain = new GainNode(context, { gain: index === selected ? 1 : 0 });
        gain.connect(this.output);
        return gain;
      });
      this.sources = buffers.map((buffer, index) => this.#source(context, buffer, index));
      for (const source of this.sources) source.start(this.when, this.offset);
      if (!this.loop) for (const source of this.sources) source.stop(grid(this.#endTime()));
      const fade = this.#fade(this.when);
      ramp(this.output.gain, [0, 1], fade);
      [, this.open] = fade; // it has faded in
      this.free = this.when; // no cross-fade runs from here on
    }

    // Start and end: the same number where one fade ends and another starts, or a browser would
    // take the start of the one to be before the end of the other, and jump.
    #fade(time) {
      const start = this.grid(time);
      return [start, this.grid(start + FADE)];
    }

    #source(context, buffer, index) {
      const source = new AudioBufferSourceNode(context, { buffer, loop: this.loop !== null });
      if (this.loop) Object.assign(source, { loopStart: this.loop.start, loopEnd: this.loop.end });
      source.connect(this.gains[index]);
      return source;
    }

    #endTime() {
      return this.when + this.end - this.offset;
    }

    /** Place in the buffers at a time of the context, in seconds. */
    position(time) {
      // In frames: remainders of seconds are not exact.
      const frames = (seconds) => Math.round(seconds * this.rate);
      const place = frames(this.offset) + Math.max(0, frames(time - this.when));
      if (!this.loop) return Math.min(place / this.rate, this.end);
      const [start, end] = [frames(this.loop.start), frames(this.loop.end)];
      return (place < end ? place : start + ((place - start) % (end - start))) / this.rate;
    }

    /** Cross-fades to a stimulus. A fade that runs is let finish, so that the gains add up to 1. */
    select(index, time) {
      if (index === this.selected) return;
      const fade = this.#fade(Math.max(time, this.free));
      ramp(this.gains[this.selected].gain, [1, 0], fade);
      ramp(this.gains[index].gain, [0, 1], fade);
      [, this.free] = fade;
      this.selected = index;
    }

    /** Fades out. */
    stop(time) {
      const fade = this.#fade(Math.max(time, this.open));
      ramp(this.output.gain, [1, 0], fade);
      for (const source of this.sources) source.stop(fade[1]);
    }
  }

  /**
   * Plays one of several stimuli at a time, all at the same place. It pauses any other player.
   *
   * Events: "change" (whatever a page shows has changed) and "blocked" (the browser gives no
   * sound until `play` is called by a click or key, or there is no sound device).
   */
  class Player extends EventTarget {
    #take = null;
    #place = 0;
    #wanted = false;

    /** @param {AudioBuffer[]} buffers of one sample rate; the shortest ends all */
    constructor(buffers) {
      super();
      this.buffers = buffers;
      this.sampleRate = buffers[0].sampleRate;
      this.duration = Math.min(...buffers.map((buffer) => buffer.duration));
      this.selected = 0;
      this.loop = { on: true, start: 0, end: this.duration };
    }

    /** The AudioContext, which pages of one sample rate share; made when it is first needed. */
    get context() {
      return contextFor(this.sampleRate);
    }

    get playing() {
      return this.#take !== null;
    }

    /** Place in the stimuli, in seconds. */
    get position() {
      return this.#take ? this.#take.position(this.context.currentTime) : this.#place;
    }

    /**
     * Plays from where it stands.
     * @returns {Promise<boolean>} whether there is sound
     */
    async play() {
      this.#wanted = true;
      if (heard !== this) heard?.pause();
      heard = this;
      const running = await this.#run();
      if (!this.#wanted) return false;
      if (!running) return this.#block();
      if (!this.#take) this.#start();
      this.#watch(this.#take);
      this.#changed();
      return true;
    }

    pause() {
      this.#wanted = false;
      if (!this.#take) return;
      this.#place = this.position;
      this.#drop();
      this.#changed();
    }

    toggle() {
      if (this.playing) this.pause();
      else this.play();
    }

    /** Goes to a place, in seconds. */
    seek(seconds) {
      const last = this.loop.on ? this.loop.end : this.duration;
      const place = Math.max(0, Math.min(seconds, this.duration));
      this.#place = place < last ? place : this.loop.on ? this.loop.start : 0;
      if (this.#take) this.#start();
      this.#changed();
    }

    /** Makes a stimulus heard, at the place where the one before was. */
    select(index) {
      this.selected = index;
      this.#take?.select(index, this.context.currentTime + LEAD);
      this.#changed();
    }

    /**
     * Changes some of `on`, `start` and `end` (seconds). A start behind the end moves that to the
     * end of all, and an end before the start moves that to 0.
     * @param {{on?: boolean, start?: number, end?: number}} change
     */
    setLoop(change) {
      const on = change.on ?? this.loop.on;
      let { start, end } = { ...this.loop, ...change };
      const shortest = Math.min(SHORTEST, this.duration);
      if (end - start < shortest && change.start !== undefined) end = this.duration;
      else if (end - start < shortest) start = 0;
      end = Math.max(shortest, Math.min(end, this.duration));
      start = Math.max(0, Math.min(start, end - shortest));
      this.loop = { on, start, end };
      if (this.#take) this.#start(true);
      this.#changed();
    }

    async #run() {
      try {
        const { context } = this;
        const late = new Promise((resolve) => setTimeout(resolve, PATIENCE * 1000));
        if (context.state !== "running") await Promise.race([context.resume(), late]);
        return context.state === "running";
      } catch {
        return false; // a browser without sound
      }
    }

    #block() {
      this.pause();
      this.dispatchEvent(new Event("blocked"));
      return false;
    }

    // A clock that stands still, though it is said to run, has no device.
    #watch(take) {
      const before = this.context.currentTime;
      const check = () => {
        if (this.#take === take && this.context.currentTime === before) this.#block();
      };
      setTimeout(check, PATIENCE * 1000);
    }

    /** Starts a take from #place, or where the one that runs will be; the two are cross-faded. */
    #start(onward = false) {
      const before = this.#take;
      const { buffers, context, loop, selected } = this;
      let lead = LEAD;
      let take;
      do {
        take?.output.disconnect();
        const when = Math.max(context.currentTime + lead, before?.open ?? 0);
        let offset = onward ? before.position(when) : this.#place;
        if (loop.on && offset >= loop.end) offset = loop.start;
        take = new Take(context, buffers, { when, offset, loop: loop.on ? loop : null, selected });
        lead *= 2; // a stalled page was too late: its stimuli may have started one by one
      } while (context.currentTime >= take.when && lead < 1);
      before?.stop(take.when);
      this.#take = take;
      take.sources[0].onended = () => this.#ended(take);
    }

    #ended(take) {
      if (this.#take !== take) return;
      this.#take = null;
      this.#place = 0;
      this.#wanted = false;
      this.#changed();
    }

    #drop() {
      this.#take.stop(this.context.currentTime + LEAD);
      this.#take = null;
    }

    #changed() {
      this.dispatchEvent(new Event("change"));
    }
  }

  return { decode, Take, Player };
})();
