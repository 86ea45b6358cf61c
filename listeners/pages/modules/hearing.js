// What somebody in a meeting hears: the balance of floor and interpretation, ducking, and never the interpretation
// of what they said themselves. No browser interface in it.

import { OWN_VOICES_ONLY } from "./frames.js";

const DUCKED = 0.15; // 16 dB down: one still hears that somebody speaks, and who
const REMEMBERED = 50; // own interpretations

/** Gains and frames of one listener. `isMe(speakerId)` says who is oneself; times are those of the server, in ms. */
export class Hearing {
  constructor({ language, isMe = () => false, balance = 0.5 } = {}) {
    Object.assign(this, { language, isMe, balance });
    this._suppressed = new Set(); // whose interpretation is heard right now
    this._own = []; // `{from, to}` of interpretations of oneself
  }

  /** Takes `suppress_original` and `restore_original`; says whether they are about what is heard here. */
  signal({ type, speaker_id: speaker, language, at_us: atUs }) {
    if (language !== this.language) return false;
    const atMs = (atUs ?? 0) / 1000;
    const begins = type === "suppress_original";
    if (this.isMe(speaker)) {
      const open = this._own.findLast((one) => one.to === Infinity);
      if (begins && !open) this._own.push({ from: atMs, to: Infinity });
      else if (!begins && open) open.to = atMs;
      if (this._own.length > REMEMBERED) this._own.shift();
      return true;
    }
    if (begins) this._suppressed.add(speaker);
    else this._suppressed.delete(speaker);
    return true;
  }

  /** The connection was lost: what was announced may have ended unheard. */
  reset() {
    this._suppressed.clear();
    for (const one of this._own) if (one.to === Infinity) one.to = 0;
  }

  /** Whether the interpretation of oneself is playing, so far as is known. */
  get ownInterpretation() {
    return this._own.some((one) => one.to === Infinity);
  }

  /** How loud floor and interpretation are, 0…1. Balance 0 is the floor alone, 1 the interpretation alone. */
  get gains() {
    const ducked = this._suppressed.size ? DUCKED : 1;
    return {
      floor: Math.min(1, 2 * (1 - this.balance)) * ducked,
      language: this.ownInterpretation ? 0 : Math.min(1, 2 * this.balance),
    };
  }

  get floorAudible() {
    return this.balance < 1;
  }

  /** Whether a frame of the language channel is played: voices that the floor brings too are not heard twice. */
  accepts({ flags, timestampMs }) {
    if (flags & OWN_VOICES_ONLY && this.floorAudible) return false;
    return !this._own.some(({ from, to }) => timestampMs >= from && timestampMs < to);
  }
}
