import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ada, attempts, type Served, serveGreetings, workspaceId } from "./greetings.ts";

let served: Served;
beforeAll(async () => {
  served = await serveGreetings();
});
afterAll(() => served.server.close());
beforeEach(() => attempts.splice(0));

const ask = (token: string | undefined, workspace = workspaceId, requestId: string = randomUUID()) =>
  fetch(`${served.url}/api/v1/workspaces/${workspace}/greetings`, {
    headers: { "x-request-id": requestId, "user-agent": "curl", ...(token && { authorization: `Bearer ${token}` }) },
  });

describe("RBAC-11 AUTH-25: what is noted of requests", () => {
  test("is who was refused what, and why", async () => {
    const [foreign, requestId] = ["0190d5f0-0000-4000-8000-0000000000a1", randomUUID()];
    expect((await ask("ada", foreign, requestId)).status).toBe(404);
    expect(attempts).toEqual([
      [
        {
          type: "AccessDenied",
          data: {
            ...{ organizationId: ada.organizationId, operation: "ListGreetings", code: "RESOURCE_NOT_FOUND" },
            ...{ reason: "workspace_role", tier: "workspace", role: "admin" },
            ...{ targetOrganizationId: null, targetWorkspaceId: foreign },
          },
        },
        {
          ...{ requestId, sessionId: ada.sessionId, workspaceId: foreign, ip: "127.0.0.1", userAgent: "curl" },
          actor: { kind: "user", id: ada.userId },
        },
      ],
    ]);
  });

  test.each(["forged", "left"])("is a token that is none of ours, or was ended: %s", async (token) => {
    expect((await ask(token)).status).toBe(401);
    expect(attempts).toMatchObject([
      [
        { data: { code: "UNAUTHENTICATED", organizationId: null, tier: null } },
        { actor: { kind: "anonymous", id: null } },
      ],
    ]);
  });

  test.each([undefined, "old", "ada"])(
    "is nothing of who has yet to sign in, to refresh, or may: %s",
    async (token) => {
      await ask(token);
      expect(attempts).toEqual([]);
    },
  );
});
