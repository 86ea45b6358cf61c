// Who is in the room and who is invited, ready to be shown; touches no document.

// Bots have ids of this form, people have others ("8:acs:…").
const BOT = "28:";
const ORDER = ["you", "person", "interpreter"];

/** The roster with yourself first, then people by name, then interpreters, which have no name of their own. */
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

/** Who came and who went, as a sentence to be read out; "" when nobody did. */
export function changes(before, after) {
  const names = (list, other) => list.filter((one) => !other.some((same) => same.id === one.id)).map((one) => one.name);
  const came = names(after, before).map((name) => `${name} joined.`);
  const went = names(before, after).map((name) => `${name} left.`);
  return [...came, ...went].join(" ");
}

/** "en-US" as "English"; with the region when `siblings` has another of the same language. */
export function languageName(tag, siblings = []) {
  const language = tag.split("-")[0];
  const alone = siblings.filter((other) => other.split("-")[0] === language && other !== tag).length === 0;
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(alone ? language : tag) ?? tag;
  } catch {
    return tag; // not a language tag
  }
}

/** The letters in the circle beside a name. */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => Array.from(word)[0].toUpperCase()).join("") || "?";
}
