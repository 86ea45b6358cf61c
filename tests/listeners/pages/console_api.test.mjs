import assert from "node:assert/strict";
import { test } from "node:test";

import { Refused } from "../../../listeners/pages/modules/access.js";
import { AdminApi, allItems, explain, roomPath } from "../../../listeners/pages/modules/console/api.js";

const KEY = "a-key";
const t = (key, values) => (values ? `${key} ${JSON.stringify(values)}` : key);

function scripted(...answers) {
  const asked = [];
  const send = async (path, options) => {
    asked.push({ path, ...options });
    const { status = 200, body = {}, headers = { "content-type": "application/json" } } = answers.shift();
    if (status === 0) throw new TypeError("no network");
    return new Response(status === 204 ? null : typeof body === "string" ? body : JSON.stringify(body), { status, headers });
  };
  return { api: new AdminApi(KEY, send), asked };
}

test("the key goes into a header, and is nowhere to be read in the object", async () => {
  const { api, asked } = scripted({ body: { items: [] } });
  await api.get("/api/rooms");
  assert.equal(asked[0].headers["X-API-Key"], KEY);
  assert.equal(asked[0].path.includes(KEY), false);
  assert.equal(JSON.stringify(api), "{}");
  assert.equal(Object.values(api).includes(KEY), false);
});

test("a change names the version it is made to, and the answer the version it has led to", async () => {
  const headers = { "content-type": "application/json", etag: '"5"' };
  const { api, asked } = scripted({ body: { version: 5 }, headers });
  const { etag, data } = await api.request("PUT", "/api/rooms/r/glossary", { body: { terms: [] }, ifMatch: '"4"' });
  assert.deepEqual([asked[0].headers["If-Match"], etag, data.version], ['"4"', '"5"', 5]);
  assert.deepEqual([asked[0].credentials, asked[0].cache], ["omit", "no-store"]);
});

test("an answer may be text, or empty", async () => {
  const { api } = scripted({ body: "WEBVTT", headers: { "content-type": "text/vtt" } }, { status: 204 });
  assert.equal(await api.get("/transcript"), "WEBVTT");
  assert.equal((await api.request("DELETE", "/api/rooms/r")).data, null);
});

test("all pages of a list are read, up to a bound", async () => {
  const page = (item, next) => ({ body: { items: [item], next_cursor: next } });
  const { api, asked } = scripted(page(1, "a/b"), page(2, null));
  assert.deepEqual(await allItems(api, "/api/rooms?limit=1"), [1, 2]);
  assert.equal(asked[1].path, "/api/rooms?limit=1&cursor=a%2Fb");
  const endless = scripted(page(1, "a"), page(2, "b"), page(3, "c"));
  assert.equal((await allItems(endless.api, "/api/refusals", 2)).length, 2);
  assert.equal(endless.asked[1].path, "/api/refusals?cursor=a");
});

for (const [status, error, expected] of [
  [401, { code: "unauthorized", message: "no" }, "key.wrong"],
  [403, { code: "forbidden", message: "no" }, "problem.role"],
  [412, { code: "precondition_failed", message: "no" }, "problem.changed"],
  [429, { code: "rate_limited", message: "no", retry_after_ms: 1500 }, 'problem.rate_limited {"seconds":2}'],
  [409, { code: "conflict", message: "the room has ended" }, "the room has ended"],
  [400, { code: "invalid_request", message: "fields are not valid", details: [{ field: "name", reason: "is empty" }, { reason: "two" }] },
    'problem.invalid {"details":"name: is empty; two"}'],
  [409, { code: "not_running", message: "no" }, 'problem.not_live {"details":"no"}'],
  [502, { code: "acs_refused", message: "no such user" }, 'problem.acs_refused {"details":"no such user"}'],
]) {
  test(`an error response ${status} is told in words`, async () => {
    const { api } = scripted({ status, body: { error } });
    await assert.rejects(api.get("/api/rooms"), (caught) => explain(caught, t) === expected);
  });
}

test("nobody answers, or something that is no answer of the service", async () => {
  const { api } = scripted({ status: 0 }, { status: 502, body: "<html>", headers: { "content-type": "text/html" } });
  await assert.rejects(api.get("/api/rooms"), (caught) => explain(caught, t) === "problem.unreachable");
  await assert.rejects(api.get("/api/rooms"), (caught) => caught instanceof Refused && explain(caught, t).startsWith("problem.unavailable"));
});

test("a fault of the page itself is not told as one of the service", () => {
  assert.throws(() => explain(new TypeError("of ours"), t), TypeError);
});

test("ids are escaped in paths", () => {
  assert.equal(roomPath("a/../b", "/usage"), "/api/rooms/a%2F..%2Fb/usage");
});
