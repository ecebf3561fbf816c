import { describe, expect, test, vi } from "vitest";
import { type Attempt, accessNotes } from "../../src/commands/accessLog.ts";
import { accessLogIdOf } from "../../src/domain/audit/accessLog.ts";
import { id } from "../spec.ts";

type Handle = Parameters<typeof accessNotes>[0]["handler"]["handle"];
type Written = { input: Parameters<Handle>[1]; context: Parameters<Handle>[2] };

const start = Date.parse("2026-03-01T09:00:00.000Z");
const at = (second: number) => new Date(start + second * 1_000).toISOString();

/** Notes with a clock of their own, and what they write; `isAway` says whether it can be written for now. */
const noting = async (use: (given: ReturnType<typeof side>) => Promise<void>) => {
  vi.useFakeTimers({ now: start, toFake: ["setInterval", "clearInterval", "Date"] });
  try {
    await use(side());
  } finally {
    vi.useRealTimers();
  }
};
const side = () => {
  const written: Written[] = [];
  const state = { isAway: false };
  const handle: Handle = async (_, input, context) => {
    if (state.isAway) throw new Error("the store is away");
    written.push({ input, context });
    return { answer: null as never, revision: 0n, position: 0n, replayed: false };
  };
  const notes = accessNotes({ handler: { handle }, now: () => new Date().toISOString(), warn: () => undefined });
  return { notes, written, state, seconds: (count: number) => vi.advanceTimersByTimeAsync(count * 1_000) };
};

const denied = (operation: string, reason = "role_too_low"): Attempt => ({
  type: "AccessDenied",
  data: {
    ...{ organizationId: id("acme"), operation, code: "FORBIDDEN", reason, tier: "workspace", role: "viewer" },
    ...{ targetOrganizationId: null, targetWorkspaceId: id("wonderland") },
  },
});
const person = (name: string) => ({
  ...{ requestId: id("request"), sessionId: null, workspaceId: null, ip: "203.0.113.7", userAgent: "curl" },
  actor: { kind: "user" as const, id: id(name) },
});
const nobody = (ip: string) => ({ ...person("nobody"), ip, actor: { kind: "anonymous" as const, id: null } });

describe("RBAC-11 AUTH-25: what was refused", () => {
  test("is written soon after, and what is tried again within the minute once more when that is over", () =>
    noting(async ({ notes, written, seconds }) => {
      for (let attempt = 0; attempt < 500; attempt += 1) notes.note(denied("AddCredits"), person("ada"));
      await seconds(1);
      expect(written.map(({ input }) => input["data"])).toMatchObject([{ attempts: 500, firstAt: at(0) }]);
      for (let second = 1; second < 59; second += 1) {
        notes.note(denied("AddCredits"), person("ada"));
        await seconds(1);
      }
      expect(written).toHaveLength(1);
      await seconds(2);
      expect(written.map(({ input }) => input["data"])).toMatchObject([
        { attempts: 500 },
        { attempts: 58, firstAt: at(1), lastAt: at(58) },
      ]);
    }));

  test("is told apart by caller, route and reason, and not by what was asked for", () =>
    noting(async ({ notes, written, seconds }) => {
      notes.note(denied("AddCredits"), person("ada"));
      notes.note(denied("AddCredits"), person("bob"));
      notes.note(denied("DeleteWorkspace"), person("ada"));
      notes.note(denied("DeleteWorkspace", "no_membership"), person("ada"));
      for (const ip of ["203.0.113.7", "203.0.113.8", "203.0.113.8"]) notes.note(denied("AddCredits"), nobody(ip));
      await seconds(1);
      expect(written.map(({ input }) => Object(input["data"]).attempts)).toEqual([1, 1, 1, 1, 1, 2]);
    }));

  test("by nobody known is kept under the key of the log, which is another one each day", () =>
    noting(async ({ notes, written, seconds }) => {
      notes.note(denied("AddCredits"), nobody("203.0.113.7"));
      await seconds(1);
      const log = accessLogIdOf(id("acme"), at(0));
      expect(written[0]?.context).toMatchObject({ actor: { kind: "anonymous", id: log }, ip: "203.0.113.7" });
      expect(accessLogIdOf(id("acme"), at(86_400))).not.toBe(log);
      expect(accessLogIdOf(null, at(0))).not.toBe(log);
    }));

  test("cannot flood: callers beyond what is remembered are not written", () =>
    noting(async ({ notes, written, seconds }) => {
      for (let caller = 0; caller < 12_000; caller += 1) notes.note(denied("AddCredits"), nobody(`caller ${caller}`));
      await seconds(1);
      expect(written).toHaveLength(10_000);
    }));

  test("waits for a store that is away, as the same command, and is not lost when the process ends", () =>
    noting(async ({ notes, written, state, seconds }) => {
      state.isAway = true;
      notes.note(denied("AddCredits"), person("ada"));
      await seconds(5);
      notes.note(denied("AddCredits"), person("ada"));
      state.isAway = false;
      await notes.stop();
      expect(written.map(({ input }) => Object(input["data"]).attempts)).toEqual([1, 1]);
      expect(new Set(written.map(({ context }) => context.commandId)).size).toBe(2);
    }));
});
