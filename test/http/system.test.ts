import { expect, onTestFinished, test } from "vitest";
import type { Dependency } from "../../src/http/system.ts";
import { dataOf, errorOf, serveGreetings } from "./greetings.ts";

const ready = async (...dependencies: Dependency[]): Promise<Response> => {
  const { server, url } = await serveGreetings({}, { dependencies });
  onTestFinished(() => server.close());
  return fetch(`${url}/ready`);
};
const projections = { name: "projections", fault: async () => undefined };

test("FND-14: is ready although somebody has to see to something, and says what", async () => {
  const answer = await ready({ ...projections, notice: async () => "some events are parked" });
  expect([answer.status, await dataOf(answer)]).toEqual([
    200,
    { status: "ready", dependencies: [{ name: "projections", status: "up", reason: "some events are parked" }] },
  ]);
});

test("FND-14: what is wrong comes before what is to be seen to", async () => {
  const answer = await ready({ ...projections, fault: async () => "lag behind", notice: async () => "a notice" });
  expect((await errorOf(answer)).details).toEqual({
    dependencies: [{ name: "projections", status: "down", reason: "lag behind" }],
  });
});

test("FND-14: a dependency that never answers holds up nobody", async () => {
  const answer = await ready({ name: "postgres", fault: () => new Promise(() => undefined) });
  expect((await errorOf(answer)).details).toEqual({
    dependencies: [{ name: "postgres", status: "down", reason: "does not answer" }],
  });
});
