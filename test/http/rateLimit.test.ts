import { afterEach, describe, expect, it, vi } from "vitest";
import { slidingWindow } from "../../src/http/rateLimit.ts";
import { errorOf, type Served, serveGreetings } from "./greetings.ts";

describe("rate limits", () => {
  let served: Served;
  afterEach(() => served?.server.close());

  const signIn = (headers: Record<string, string> = {}) =>
    fetch(`${served.url}/api/v1/sign-in`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ name: "Ada" }),
    });
  const statuses = async (count: number, send: () => Promise<Response>) => {
    const found: number[] = [];
    for (let index = 0; index < count; index += 1) found.push((await send()).status);
    return found;
  };

  it("AUTH-23: refuse the sixth sign-in of an address within a minute, and say when to come back", async () => {
    served = await serveGreetings({ RATE_LIMIT_AUTH_MAX: 5 });
    expect(await statuses(5, signIn)).toEqual([200, 200, 200, 200, 200]);
    const sixth = await signIn();
    expect([sixth.status, await errorOf(sixth)]).toEqual([
      429,
      { code: "RATE_LIMITED", message: "Too many requests; wait a while.", details: {} },
    ]);
    const retryAfter = Number(sixth.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(sixth.headers.get("x-ratelimit-limit")).toBe("5");
  });

  it("count all other requests together, unknown routes among them, but never probes", async () => {
    served = await serveGreetings({ RATE_LIMIT_MAX: 2, RATE_LIMIT_AUTH_MAX: 1 });
    const nowhere = () => fetch(`${served.url}/nowhere`);
    expect(await statuses(3, nowhere)).toEqual([404, 404, 429]);
    expect(await statuses(2, signIn)).toEqual([200, 429]);
    expect(await statuses(5, () => fetch(`${served.url}/health`))).toEqual([200, 200, 200, 200, 200]);
  });

  it("count by the client's address, which only a trusted proxy may name", async () => {
    const from = (address: string) => () => signIn({ "x-forwarded-for": address });
    served = await serveGreetings({ RATE_LIMIT_AUTH_MAX: 1 });
    expect([...(await statuses(1, from("10.0.0.1"))), ...(await statuses(1, from("10.0.0.2")))]).toEqual([200, 429]);
    await served.server.close();
    served = await serveGreetings({ RATE_LIMIT_AUTH_MAX: 1, TRUST_PROXY: 1 });
    expect([...(await statuses(1, from("10.0.0.1"))), ...(await statuses(2, from("10.0.0.2")))]).toEqual([
      200, 200, 429,
    ]);
    expect(await statuses(1, from("10.0.0.3, 10.0.0.2"))).toEqual([429]);
  });

  it("AUTH-23: hold for any sixty seconds, not only for those of a clock", () => {
    const clock = vi.spyOn(performance, "now");
    const store = new slidingWindow({});
    const countAt = (seconds: number): { isPassed: boolean; ttlS: number } => {
      clock.mockReturnValue(seconds * 1_000);
      let counted = { current: 0, ttl: 0 };
      store.incr(
        "10.0.0.1",
        (_, result) => {
          counted = result ?? counted;
        },
        60_000,
        3,
      );
      return { isPassed: counted.current <= 3, ttlS: counted.ttl / 1_000 };
    };
    expect([50, 55, 59].map((second) => countAt(second).isPassed)).toEqual([true, true, true]);
    expect(countAt(61)).toEqual({ isPassed: false, ttlS: 49 });
    expect(countAt(109)).toEqual({ isPassed: false, ttlS: 1 });
    expect(countAt(110).isPassed).toBe(true);
    expect(countAt(111)).toEqual({ isPassed: false, ttlS: 4 });
    clock.mockRestore();
  });
});
