// Prepares the roster and invitations for display; uses no document.

// Prefix of bots' ids; people have others ("8:acs:…").
const BOT = "28:";
const ORDER = ["you", "person", "interpreter"];

/** Sort the roster: yourself, then people by name, then interpreters, which have no display name. */
export function arrange(participants, ownId) {
  return participants
    .map((one) => {
      const kind = one.id === ownId ? "you" : one.id.startsWith(BOT) ? "interpreter" : "person";
      return {
        id: one.id,
        name: kind === "interpreter" ? "Interpreter" : one.display_name || "Somebody",
        kind,
        muted: Boolean(one.muted),
        speaking: Boolean(one.speaking) && !one.muted,
      };
    })
    .sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || a.name.localeCompare(b.name));
}

/** Describe who joined and left, for screen readers; "" for no change. */
export function changes(before, after) {
  const names = (list, other) => list.filter((one) => !other.some((same) => same.id === one.id)).map((one) => one.name);
  const came = names(after, before).map((name) => `${name} joined.`);
  const went = names(before, after).map((name) => `${name} left.`);
  return [...came, ...went].join(" ");
}

/** Return "English" for "en-US", with the region if `siblings` has another tag of that language. */
export function languageName(tag, siblings = []) {
  const language = tag.split("-")[0];
  const alone = siblings.filter((other) => other.split("-")[0] === language && other !== tag).length === 0;
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(alone ? language : tag) ?? tag;
  } catch {
    return tag; // not a language tag
  }
}

/** Return the initials shown beside a name. */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => Array.from(word)[0].toUpperCase()).join("") || "?";
}
