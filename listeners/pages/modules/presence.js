// Who is in the meeting, who speaks, and what the interpreter does: from the messages of the signaling socket.

import { seconds, t } from "./i18n.js";

/** Follows the signaling socket. `apply(message)` says whether anything changed. */
export class Presence {
  constructor() {
    this.members = new Map(); // member_id → member
    this.speaking = new Set(); // speaker ids
    this.names = new Map(); // speaker id → name, of people without a socket too
    this.listeners = 0;
    this.me = null; // own member_id
    this.interpreter = { state: "listening" };
    this.roomState = "created";
  }

  apply(message) {
    switch (message.type ?? message.event) {
      case "hello":
        this.members = new Map((message.members ?? []).map((member) => [member.member_id, member]));
        this.me = message.member_id ?? null;
        this.speaking = new Set(message.speaking ?? []);
        this.listeners = message.listener_count ?? 0;
        this.interpreter = message.interpreter ?? this.interpreter;
        this.roomState = message.room_state ?? this.roomState;
        return true;
      case "joined":
      case "renamed":
      case "muted":
      case "unmuted": {
        const { member } = message;
        if (!member) return this._renamed(message);
        this.members.set(member.member_id, { ...this.members.get(member.member_id), ...member });
        return true;
      }
      case "left":
        return this.members.delete(message.member?.member_id ?? message.member_id);
      case "speaking":
        if (message.speaking) this.speaking.add(message.speaker_id);
        else this.speaking.delete(message.speaker_id);
        return true;
      case "listener_count":
        this.listeners = message.count;
        return true;
      case "interpreter":
        this.interpreter = message;
        return true;
      case "room":
        this.roomState = message.state;
        if (message.state !== "active") this.speaking.clear();
        return true;
      default:
        return false;
    }
  }

  /** Notes a name that a caption brings. */
  name(speakerId, name) {
    if (speakerId && name) this.names.set(speakerId, name);
  }

  /** Whether a speaker id is one's own. */
  isMe(speakerId) {
    const own = this.members.get(this.me);
    return Boolean(speakerId) && own?.speaker_id === speakerId;
  }

  /** Everybody to be shown: `{id, name, speaks, muted, speaking, isMe}`, oneself first. */
  get people() {
    const shown = new Map();
    const known = new Set();
    for (const member of this.members.values()) {
      known.add(member.speaker_id);
      if (!member.participant_id && !member.name) continue; // a listener
      const id = member.participant_id ?? member.member_id;
      const before = shown.get(id);
      const isMe = member.member_id === this.me || Boolean(before?.isMe);
      const speaking = this.speaking.has(member.speaker_id);
      if (!before || isMe) shown.set(id, { id, name: member.name, speaks: member.speaks, muted: Boolean(member.muted), speaking, isMe });
    }
    for (const id of this.speaking) {
      if (!known.has(id)) shown.set(id, { id, name: this.names.get(id) ?? "", muted: false, speaking: true, isMe: false });
    }
    return [...shown.values()].sort((one, other) => other.isMe - one.isMe);
  }

  _renamed({ member_id: id, name }) {
    const member = this.members.get(id);
    if (member) this.members.set(id, { ...member, name });
    return Boolean(member);
  }
}

/** What the state pill shows: `{text, tone, reason}` for a room state and an interpreter state. */
export function stateShown(roomState, interpreter = {}) {
  if (roomState === "ended") return { text: t("state.ended"), tone: "", reason: "" };
  if (roomState === "paused") return { text: t("state.paused"), tone: "floor", reason: "" };
  const state = interpreter.state ?? "listening";
  if (roomState === "created" && ["listening", "off"].includes(state)) return { text: t("state.created"), tone: "", reason: "" };
  const tone = { interpreting: "voice", behind: "floor", captions_only: "floor", paused: "floor", off: "problem" }[state] ?? "good";
  const text = t(`state.${state}`, { seconds: seconds(interpreter.behind_ms ?? 0, 0) });
  if (state !== "captions_only") return { text, tone, reason: "" };
  const why = { quota: "reason.quota", usage_cap: "reason.usage_cap" }[interpreter.reason] ?? "reason.other";
  return { text, tone, reason: t(why) };
}
