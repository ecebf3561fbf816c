import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Served, serveGreetings, workspaceId } from "./greetings.ts";

describe("a server with one feature", () => {
  let served: Served;
  beforeAll(async () => {
    served = await serveGreetings();
  });
  afterAll(() => served.server.close());

  it("FND-13: says that it is alive", async () => {
    const answer = await fetch(`${served.url}/api/v1/health`);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { success: true, data: { status: "ok" }, error: null, meta: {} },
    ]);
  });

  it("executes a command", async () => {
    const answer = await fetch(`${served.url}/api/v1/workspaces/${workspaceId}/greetings`, {
      method: "POST",
      headers: { authorization: "Bearer ada", "content-type": "application/json" },
      body: JSON.stringify({ text: "Good morning" }),
    });
    expect(await answer.json()).toMatchObject({ success: true, data: { text: "Good morning" } });
    expect(answer.status).toBe(201);
  });
});
