// Evens out when sound arrives: what a `playout.worklet.js` plays from. No browser interface in it.

const FADE_MS = 5; // against clicks where sound begins, breaks off or is left out

/**
 * Samples in, samples out. Waits for `targetMs` before it plays; runs dry → silence, and a larger target; holds more
 * than `mostMs` → the oldest is left out.
 */
export class JitterBuffer {
  constructor({ rate = 24_000, targetMs = 60, largestTargetMs = 240, mostMs = 1200 } = {}) {
    Object.assign(this, { rate, largestTargetMs });
    this.targetMs = targetMs;
    this.held = 0; // samples
    this.dry = 0; // times it ran dry while somebody was heard
    this.left_out = 0; // samples
    this._most = (mostMs * rate) / 1000;
    this._fade = Math.round((FADE_MS * rate) / 1000);
    this._pieces = [];
    this._offset = 0;
    this._playing = false;
    this._ending = false;
    this._rise = 0; // samples of the fade-in already played
    this._last = 0;
  }

  get heldMs() {
    return (1000 * this.held) / this.rate;
  }

  push(samples) {
    if (!samples.length) return;
    this._pieces.push(samples);
    this.held += samples.length;
    this._ending = false;
    if (this.held > this._most) this._leaveOut(this.held - (this.targetMs * this.rate) / 1000);
  }

  /** Frames were lost, or a pause was before the next: fade in where the sound goes on. */
  gap() {
    this._rise = 0;
  }

  /** Nothing more is coming for now: play what is there without waiting. */
  end() {
    this._ending = true;
  }

  /** Forgets what has not been played. */
  flush() {
    this._pieces = [];
    this._offset = 0;
    this.held = 0;
    this._playing = false;
    this._rise = 0;
  }

  /** Fills a block. Says whether any of it is sound. */
  pull(output) {
    if (!this._playing && this.held > 0 && (this._ending || this.held >= (this.targetMs * this.rate) / 1000)) {
      this._playing = true;
      this._rise = 0;
    }
    let filled = 0;
    while (this._playing && filled < output.length && this._pieces.length) {
      const piece = this._pieces[0];
      const count = Math.min(output.length - filled, piece.length - this._offset);
      output.set(piece.subarray(this._offset, this._offset + count), filled);
      filled += count;
      this._offset += count;
      this.held -= count;
      if (this._offset === piece.length) {
        this._pieces.shift();
        this._offset = 0;
      }
    }
    for (let n = 0; n < filled && this._rise < this._fade; n += 1, this._rise += 1) output[n] *= this._rise / this._fade;
    if (filled) this._last = output[filled - 1];
    this._fall(output, filled);
    if (this._playing && !this._pieces.length) {
      this._playing = false;
      if (!this._ending) {
        this.dry += 1;
        this.targetMs = Math.min(this.largestTargetMs, this.targetMs + 20);
      }
    }
    return filled > 0;
  }

  _fall(output, from) {
    for (let n = from; n < output.length; n += 1) {
      this._last *= 0.95; // 2 ms to a tenth at 24 kHz
      if (Math.abs(this._last) < 1e-4) this._last = 0;
      output[n] = this._last;
    }
  }

  _leaveOut(count) {
    let left = Math.floor(count);
    this.left_out += left;
    this.held -= left;
    while (left > 0) {
      const here = this._pieces[0].length - this._offset;
      if (here > left) {
        this._offset += left;
        break;
      }
      left -= here;
      this._pieces.shift();
      this._offset = 0;
    }
    this.gap();
  }
}
