// The REST API as the console uses it. The key is in a private field of one object: no storage, no address, no form.

import { Refused } from "../access.js";

export class AdminApi {
  #key;

  constructor(key, send = (...given) => fetch(...given)) {
    this.#key = key;
    this._send = send;
  }

  /**
   * Answer of a route as `{data, etag, location}`. `data` is null without a body, and text where the route answers text.
   * Raises `Refused` with `details`, `[{field?, reason}]`, for an error response, and when nobody answers.
   */
  async request(method, path, { body, ifMatch } = {}) {
    const headers = { "X-API-Key": this.#key };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (ifMatch) headers["If-Match"] = ifMatch;
    let answer;
    try {
      answer = await this._send(path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
      });
    } catch {
      throw new Refused(0, "unreachable");
    }
    const json = (answer.headers.get("content-type") ?? "").startsWith("application/json");
    const data = answer.status === 204 ? null : await (json ? answer.json() : answer.text()).catch(() => null);
    if (answer.ok) return { data, etag: answer.headers.get("etag"), location: answer.headers.get("location") };
    const { code = `http_${answer.status}`, message, retry_after_ms: retryAfterMs, details = [] } = data?.error ?? {};
    throw Object.assign(new Refused(answer.status, code, message, retryAfterMs), { details: details ?? [] });
  }

  async get(path) {
    return (await this.request("GET", path)).data;
  }

  async post(path, body) {
    return (await this.request("POST", path, { body })).data;
  }
}

export const roomPath = (roomId, rest = "") => `/api/rooms/${encodeURIComponent(roomId)}${rest}`;

/** All items of a list that comes in pages, up to `most`. */
export async function allItems(api, path, most = 1000) {
  const items = [];
  let cursor = null;
  do {
    const mark = path.includes("?") ? "&" : "?";
    const page = await api.get(cursor === null ? path : `${path}${mark}cursor=${encodeURIComponent(cursor)}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null && items.length < most);
  return items;
}

const TEXTS = {
  not_found: "problem.gone",
  invalid_request: "problem.invalid",
  already_live: "problem.already_live",
  not_live: "problem.not_live",
  not_running: "problem.not_live",
  no_capacity: "problem.no_capacity",
  acs_refused: "problem.acs_refused",
  overloaded: "problem.overloaded",
  unavailable: "problem.unavailable",
  acs_unavailable: "problem.unavailable",
  replica_silent: "problem.unavailable",
  http_502: "problem.unavailable",
  http_503: "problem.unavailable",
};

/** What an error response says, for people: in their language where they can do something, else as the service says it. */
export function explain(error, t) {
  if (!(error instanceof Refused)) throw error;
  if (error.code === "unreachable") return t("problem.unreachable");
  if (error.status === 401) return t("key.wrong");
  if (error.status === 403) return t("problem.role");
  if (error.status === 412) return t("problem.changed");
  if (error.status === 429) return t("problem.rate_limited", { seconds: Math.ceil((error.retryAfterMs ?? 1000) / 1000) });
  const details = (error.details ?? [])
    .map(({ field, reason }) => (field ? `${field}: ${reason}` : reason))
    .filter(Boolean)
    .join("; ");
  const said = { details: details || error.message };
  if (Object.hasOwn(TEXTS, error.code)) return t(TEXTS[error.code], said);
  return details ? `${error.message} (${details})` : error.message;
}
