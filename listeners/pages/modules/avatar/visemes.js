// From speech to mouth shapes: which of a few shapes a piece of speech asks for, and how a mouth moves between them. Pure.

import { crossingHertz, levelOf, vowelOf } from "./formants.js";

/** Mouth shapes: how far the jaw is open (0 to 1), how wide the lips are (-1 round, 1 spread), how much teeth shows. */
export const SHAPES = {
  rest: { open: 0, wide: 0, teeth: 0 },
  closed: { open: 0, wide: -0.15, teeth: 0 }, // m, b, p, and the short gaps between syllables
  hiss: { open: 0.16, wide: 0.35, teeth: 1 }, // s, f, sh
  ah: { open: 1, wide: 0.1, teeth: 0.35 },
  eh: { open: 0.6, wide: 0.6, teeth: 0.6 },
  ee: { open: 0.3, wide: 1, teeth: 0.9 },
  oh: { open: 0.65, wide: -0.6, teeth: 0 },
  oo: { open: 0.34, wide: -1, teeth: 0 },
};

const SILENT_DB = -50; // below that nothing is said, however quiet the speaker
const QUIET_DB = 26; // below the loudest of the last seconds: a gap
const FORGETS_DB_PER_S = 4; // how fast the loudest is forgotten
const HISS_HZ = 2600;
const WIDE_HZ = 650; // first formant of an open jaw, and of one that is half open
const HALF_HZ = 420;
const FRONT_HZ = 1500; // second formant of front vowels
const HOLD_S = 0.045; // a shape that is asked for shorter than that is not shown: the mouth would tremble
const REST_AFTER_S = 0.25; // a gap longer than that is a pause
const OPENS_S = 0.045; // time constants: lips open faster than they close
const CLOSES_S = 0.08;
const STILL = 0.004; // differences that nobody sees

/** Name the shape of 20 to 45 ms of speech: samples from -1 to 1. `loudest` is the level of the loudest of late, in dB. */
export function shapeOf(samples, rate, loudest = levelOf(samples)) {
  const level = levelOf(samples);
  if (level < SILENT_DB || level < loudest - QUIET_DB) return "closed";
  if (crossingHertz(samples, rate) > HISS_HZ) return "hiss";
  const { firstHertz, secondHertz } = vowelOf(samples, rate);
  if (firstHertz > WIDE_HZ) return "ah";
  const half = firstHertz > HALF_HZ;
  return secondHertz > FRONT_HZ ? (half ? "eh" : "ee") : half ? "oh" : "oo";
}

/** A mouth that follows speech. Times are in seconds and only grow. */
export class Mouth {
  constructor() {
    this.open = 0;
    this.wide = 0;
    this.teeth = 0;
    this.name = "rest";
    this._loudest = -30;
    this._asked = "rest";
    this._askedAt = 0;
    this._saidAt = -Infinity;
    this._at = null;
  }

  /** Move towards what the samples ask for, or to rest without any. Returns whether the mouth has changed. */
  follow(samples, rate, now) {
    const passed = this._at === null ? 0 : Math.min(0.1, now - this._at);
    this._at = now;
    let asked = "rest";
    let force = 1;
    if (samples !== null) {
      const level = levelOf(samples);
      this._loudest = Math.max(level, SILENT_DB + 10, this._loudest - FORGETS_DB_PER_S * passed);
      asked = shapeOf(samples, rate, this._loudest);
      if (asked !== "closed") this._saidAt = now;
      else if (now - this._saidAt > REST_AFTER_S) asked = "rest";
      force = Math.min(1, Math.max(0.35, 1 + (level - this._loudest + 4) / 24)); // quiet syllables open less
    }
    if (asked !== this._asked) {
      this._asked = asked;
      this._askedAt = now;
    }
    if (now - this._askedAt >= HOLD_S || asked === "closed" || this.name === "rest") this.name = asked;
    return this._move(SHAPES[this.name], force, passed);
  }

  _move(goal, force, passed) {
    const before = [this.open, this.wide, this.teeth];
    const open = goal.open * force;
    const share = 1 - Math.exp(-passed / (open > this.open ? OPENS_S : CLOSES_S));
    const towards = (value, wanted) => (Math.abs(wanted - value) < STILL ? wanted : value + (wanted - value) * share);
    this.open = towards(this.open, open);
    this.wide = towards(this.wide, goal.wide);
    this.teeth = towards(this.teeth, goal.teeth);
    return this.open !== before[0] || this.wide !== before[1] || this.teeth !== before[2];
  }
}
