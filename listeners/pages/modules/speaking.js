// What a speaker's page knows: its ticket, and what follows from the room's state and the microphone's. Pure.

/** The room and the expiry that a ticket names, `{roomId, expiresMs}`; null if it is none. The service alone can check it. */
export function readTicket(ticket) {
  try {
    const [version, payload, signature] = ticket.split(".");
    const claims = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
    if (version !== "v1" || !signature || typeof claims.r !== "string" || claims.p !== "speak") return null;
    return { roomId: claims.r, expiresMs: claims.x * 1000 };
  } catch {
    return null;
  }
}

/** The six digits of the session that a speaker's link names; null if it names none. Such a session waits for its speaker. */
export const sessionOf = (query) => new URLSearchParams(query).get("session");

/** The ticket in the part of an address behind `#`, which no server is sent. */
export const ticketOf = (hash) => new URLSearchParams(hash.replace(/^#/, "")).get("ticket");

/**
 * What the page shows: `state` of the pill, what the large button does, whether one can stop, and what the hint says.
 *
 * `room`: created, active, paused or ended. `microphone`: off, opening, on, paused or lost (the connection is).
 * `commands`: the speaker starts, pauses and ends the session itself, not the microphone alone.
 */
export function deskOf(room, microphone, commands = false) {
  if (room === "ended") return { state: "ended", action: null, canStop: false, hint: "ended" };
  const canStop = commands || microphone !== "off";
  if (microphone === "opening") return { state: room, action: null, canStop, hint: "opening" };
  if (microphone === "lost") return { state: room, action: "pause", canStop, hint: "lost" };
  if (microphone === "paused") return { state: "paused", action: "resume", canStop, hint: "paused" };
  if (microphone === "on") {
    const held = room === "paused"; // by whoever organises the meeting
    return { state: room, action: held && commands ? "resume" : "pause", canStop, hint: held ? "held" : "on" };
  }
  return { state: room, action: commands && room === "paused" ? "resume" : "start", canStop, hint: "ready" };
}

/** Listeners by language, most first. */
export const audienceOf = (byLanguage) =>
  Object.entries(byLanguage ?? {})
    .filter(([, count]) => count > 0)
    .sort(([one, few], [other, many]) => many - few || one.localeCompare(other));
