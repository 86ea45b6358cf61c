// What the console shows, computed from what the API answers. Pure.

const SPANS = 5; // of the last utterances, of which the middle one is shown
export const FINAL_STATES = ["spoken", "caption_only", "not_needed", "abandoned"];

/** Names of the participants by every id under which the API may speak of them. */
export function namesOf(room) {
  const names = new Map();
  for (const { participant_id: id, acs_user_id: raw, display_name: name } of room.participants) {
    names.set(id, name);
    names.set(`web:${id}`, name);
    if (raw) names.set(raw, name);
  }
  return names;
}

export function middleOf(values) {
  if (!values?.length) return null;
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** Rows of lanes: who is interpreted into what, by which engine, and how late. Spans in ms, null while not known. */
export function laneRows(interpreter, names) {
  return interpreter.lanes.map((lane) => ({
    key: `${lane.speaker_id} ${lane.target}`,
    speaker: names.get(lane.speaker_id) ?? lane.speaker_id,
    source: lane.source,
    target: lane.target,
    state: lane.state,
    engine: lane.engine,
    reason: lane.reason,
    spanMs: middleOf(lane.ear_voice_spans_ms?.slice(-SPANS)),
    waiting: lane.waiting,
  }));
}

/** The ledger: how many utterances ended how, and each of them, the newest first. */
export function ledgerOf(transcript, names) {
  const texts = new Map();
  for (const line of transcript.items) texts.set(`${line.utterance_id} ${line.language}`, line.text);
  const counts = Object.fromEntries(FINAL_STATES.map((state) => [state, 0]));
  const rows = [];
  for (const entry of transcript.passages) {
    if (entry.kind !== "utterance") continue;
    counts[entry.state] = (counts[entry.state] ?? 0) + 1;
    rows.push({
      key: `${entry.utterance_id} ${entry.target}`,
      closedAtMs: entry.closed_at_ms,
      speaker: names.get(entry.speaker_id) ?? entry.speaker_id,
      source: entry.source,
      target: entry.target,
      state: entry.state,
      reason: entry.reason,
      faults: entry.faults ?? [],
      spanMs: entry.ear_voice_span_ms,
      text: texts.get(`${entry.utterance_id} ${entry.target}`) ?? "",
    });
  }
  rows.sort((one, other) => other.closedAtMs - one.closedAtMs);
  return { counts, rows };
}

/** What can be done with an interpreter in a state: `{start, stop, pause, resume, hush}`, each true or false. */
export function allowedActions(status) {
  const on = ["waiting", "connecting", "interpreting", "interrupted", "paused"].includes(status);
  return {
    start: !on && status !== "stopping",
    stop: on,
    pause: on && status !== "paused",
    resume: status === "paused",
    hush: status === "interpreting",
  };
}

/** Tone of a status, of a lane's state or of a final state: which colour its pill has. */
export function toneOf(state) {
  if (["interpreting", "open", "spoken"].includes(state)) return "good";
  if (["paused", "connecting", "waiting", "interrupted", "stopping", "caption_only"].includes(state)) return "floor";
  return ["failed", "refused", "abandoned"].includes(state) ? "problem" : "";
}

/** Body of the request that creates a room. What was left as it is by default is not sent. */
export function newRoomBody({ name, languages, mode, media, guests, participants }) {
  const body = { name, languages };
  if (mode) body.mode = mode;
  if (media === "web") body.media = "web";
  if (!guests) body.settings = { guests: false };
  const people = participants.filter((one) => one.name.trim());
  if (people.length > 0) {
    body.participants = people.map(({ name: person, role, speaks, hears }) => ({
      display_name: person,
      role,
      speaks,
      ...(hears ? { hears } : {}),
    }));
  }
  return body;
}

/** Addresses to share. A code is a lookup, no credential. */
export function linksOf(room, origin) {
  return { join: `${origin}/join/${room.join_code}`, listen: `${origin}/listen/${room.join_code}` };
}

/** Rows of a glossary as terms: without empty ones, and without empty translations. */
export function termsOf(rows) {
  return rows
    .filter(({ term }) => term.trim())
    .map(({ term, translations }) => ({
      term: term.trim(),
      translations: Object.fromEntries(
        Object.entries(translations).flatMap(([tag, text]) => (text.trim() ? [[tag, text.trim()]] : [])),
      ),
    }));
}

/** The tag as BCP 47 writes it: en-us → en-US, zh-hans-cn → zh-Hans-CN. Null if it cannot be one. */
export function languageTag(written) {
  try {
    return Intl.getCanonicalLocales(written.trim())[0] ?? null;
  } catch {
    return null;
  }
}
