import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Envelope, errorOf, type Served, serveGreetings, workspaceId } from "./greetings.ts";

describe("authentication", () => {
  let served: Served;
  beforeAll(async () => {
    served = await serveGreetings();
  });
  afterAll(() => served.server.close());

  const greetings = `/api/v1/workspaces/${workspaceId}/greetings`;
  const ask = (authorization: string | undefined, requestId: string, path = greetings) =>
    fetch(`${served.url}${path}`, {
      headers: { "x-request-id": requestId, ...(authorization === undefined ? {} : { authorization }) },
    });

  it("AUTH-13: is asked for on every route that is not public, before anything else is looked at", async () => {
    for (const { method, path, permission } of served.server.routes) {
      if (permission === "public") continue;
      const answer = await fetch(`${served.url}${path.replaceAll(/:\w+/g, "no-uuid")}`, { method });
      expect([path, answer.status, (await errorOf(answer)).code]).toEqual([path, 401, "UNAUTHENTICATED"]);
    }
  });

  it("AUTH-14: gives one answer to whatever is wrong, and the reason to the log", async () => {
    const reasons = new Map<string | undefined, string>([
      [undefined, "no_credentials"],
      ["Basic YWRhOmFkYQ==", "no_bearer"],
      ["Bearer", "no_bearer"],
      ["Bearer two tokens", "no_bearer"],
      ["Bearer forged", "wrong_signature"],
      ["Bearer left", "session_ended"],
    ]);
    for (const [authorization, reason] of reasons) {
      const requestId = randomUUID();
      const answer = await ask(authorization, requestId);
      expect([answer.status, answer.headers.get("www-authenticate"), await answer.json()]).toEqual([
        401,
        "Bearer",
        {
          success: false,
          data: null,
          error: { code: "UNAUTHENTICATED", message: "Sign in to use this.", details: {} },
          meta: { requestId },
        },
      ]);
      expect(await served.lineOf(requestId)).toMatchObject({ reason, userId: null, outcome: "refused" });
    }
  });

  it("AUTH-14: tells an expired token apart, so that the client refreshes it", async () => {
    expect((await errorOf(await ask("Bearer old", randomUUID()))).code).toBe("TOKEN_EXPIRED");
  });

  it("takes the scheme's name in any case", async () => {
    expect((await ask("bearer ada", randomUUID())).status).toBe(200);
  });

  it("RBAC-01, RBAC-04: lets in whom the access control lets in, and logs the tier that decided", async () => {
    const requestId = randomUUID();
    await ask("Bearer ada", requestId);
    expect(await served.lineOf(requestId)).toMatchObject({ tier: "workspace", role: "admin", workspaceId });
    const foreign = greetings.replace(workspaceId, "0190d5f0-0000-4000-8000-0000000000a1");
    const answer = await ask("Bearer ada", randomUUID(), foreign);
    expect([answer.status, (await errorOf(answer)).code]).toEqual([404, "RESOURCE_NOT_FOUND"]);
    const forbidden = await ask("Bearer ada", randomUUID(), `${greetings}/forbidden`);
    expect([forbidden.status, Envelope.parse(await forbidden.json()).error]).toMatchObject([
      403,
      { code: "FORBIDDEN" },
    ]);
  });
});
