// Connects a participant to a room: the join socket, its messages, and the reason of its end.

import { FRAME_BYTES } from "./pcm.js";
import { closing, objection, refusal, UNREACHABLE } from "./refusals.js";

// Unsent bytes (a quarter of a second) beyond which frames are dropped, because late audio is useless.
const UNSENT_BYTES = FRAME_BYTES * 12;
// The server answers a plain request with 400 "no upgrade" if it would accept the socket.
const WOULD_BE_ACCEPTED = 400;

export class Refused extends Error {
  constructor({ title, advice }) {
    super(title);
    this.title = title;
    this.advice = advice;
  }
}

/** Return the address to join; `origin` is the page's own, http or https. */
export function joinAddress(origin, room, token) {
  const url = new URL(`/emulator/rooms/${encodeURIComponent(room)}/join`, origin);
  url.searchParams.set("token", token);
  return url;
}

/**
 * Check whether the server would accept the socket. Browsers hide why a WebSocket was refused; a plain request to the
 * same address passes the same checks and has a readable answer.
 */
export async function checkAdmission(url, fetch = globalThis.fetch) {
  let answer;
  try {
    answer = await fetch(url, { cache: "no-store" });
  } catch {
    throw new Refused(UNREACHABLE);
  }
  if (answer.status === WOULD_BE_ACCEPTED) return;
  const body = await answer.json().catch(() => null);
  throw new Refused(refusal(answer.status, body?.error?.message));
}

export class Room {
  #socket;
  #handlers;
  #left = false;
  #objection = null;
  /** Frames dropped because the network was too slow. */
  unsent = 0;

  /**
   * `handlers`: `joined(ownId)`, `roster(participants)`, `audio(bytes)`, and `ended(problem)` exactly once, with null
   * after `leave`.
   */
  constructor(url, displayName, handlers, WebSocket = globalThis.WebSocket) {
    this.#handlers = handlers;
    const address = new URL(url);
    address.protocol = address.protocol.replace("http", "ws");
    this.#socket = new WebSocket(address);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#tell({ type: "hello", display_name: displayName });
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#socket.onclose = ({ reason, code }) => {
      handlers.ended(this.#left ? null : (this.#objection ?? closing(reason, code)));
    };
  }

  /** Send a frame, or drop it if the network is too slow. */
  send(pcm) {
    if (this.#socket.readyState !== 1) return;
    if (this.#socket.bufferedAmount > UNSENT_BYTES) {
      this.unsent += 1;
      return;
    }
    this.#socket.send(pcm);
  }

  mute(muted) {
    this.#tell({ type: muted ? "mute" : "unmute" });
  }

  leave() {
    this.#left = true;
    this.#tell({ type: "leave" });
    this.#socket.close(1000, "left");
  }

  #tell(message) {
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  #receive(data) {
    if (typeof data !== "string") {
      this.#handlers.audio(data);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "joined") this.#handlers.joined(message.participant_id);
    else if (message.type === "roster") this.#handlers.roster(message.participants);
    else if (message.type === "error") this.#objection = objection(message.error);
  }
}
