// What a join code gives: the room, and tickets for its sockets, each kept until shortly before it expires.

const EARLY_MS = 30_000; // a ticket that expires sooner is not used any more

/** The service refused; `code` is that of its error response, or "unreachable". */
export class Refused extends Error {
  constructor(status, code, message, retryAfterMs) {
    super(message || code);
    Object.assign(this, { status, code, retryAfterMs });
  }
}

/** Sends JSON and returns JSON. Raises `Refused` for an error response, and when nobody answers. */
export async function post(path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, "unreachable");
  }
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content;
  const { code = `http_${answer.status}`, message, retry_after_ms: retryAfterMs } = content.error ?? {};
  throw new Refused(answer.status, code, message, retryAfterMs);
}

/** Tickets of one person for one room. */
export class Access {
  /** `person`: `{display_name, speaks, hears}` of somebody who speaks, null of a listener. */
  constructor(joinCode, { person = null, guest = null, send = post, now = Date.now } = {}) {
    Object.assign(this, { joinCode, person, guest });
    this.room = null;
    this._send = send;
    this._now = now;
    this._kept = new Map();
  }

  /** Uses a ticket that a link had, as long as it lasts; nobody but who gave the link can give another. */
  use(ticket, room) {
    this._given = ticket;
    this.room = room;
  }

  /** Later tickets are for a person of this name. */
  rename(name) {
    if (this.person?.display_name) this.person = { ...this.person, display_name: name };
  }

  /** A ticket for a purpose; a new one if `fresh`. Speakers have one ticket for everything. */
  async ticket(purpose, { fresh = false, language } = {}) {
    if (this._given && fresh) throw new Refused(403, "forbidden");
    if (this._given) return this._given;
    const wanted = this.person ? "speak" : purpose;
    const key = language && !this.person ? `${wanted} ${language}` : wanted;
    const kept = this._kept.get(key);
    if (!fresh && kept && kept.expiresMs - EARLY_MS > this._now()) return kept.ticket;
    const body = { purpose: wanted, ...(language && !this.person ? { language } : {}) };
    if (this.person) Object.assign(body, this.person, this.guest ? { guest: this.guest } : {});
    const answer = await this._send(`/api/join/${encodeURIComponent(this.joinCode)}`, body);
    const { room_id, name, languages, media, save_transcript } = answer;
    this.room = { room_id, name, languages, media, save_transcript };
    if (answer.guest_key) this.guest = { participant_id: answer.participant_id, guest_key: answer.guest_key };
    this._kept.set(key, { ticket: answer.ticket, expiresMs: Date.parse(answer.expires_on) || this._now() + 60_000 });
    return answer.ticket;
  }

  /** The address of one of the room's sockets, for `Connection`. */
  async socketUrl(kind, query = {}, options = {}) {
    const ticket = await this.ticket(kind, options);
    const url = new URL(`/ws/${kind}/${encodeURIComponent(this.room.room_id)}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    // 4001 instead of a refused upgrade, whose reason browsers do not tell.
    url.search = new URLSearchParams({ ticket, close: "4001", ...query }).toString();
    return url.href;
  }
}
