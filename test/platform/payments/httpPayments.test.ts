import { once } from "node:events";
import { inspect } from "node:util";
import { generate } from "selfsigned";
import { describe, expect, it } from "vitest";
import {
  type HttpPaymentsOptions,
  httpPayments,
  PaymentSetupError,
} from "../../../src/platform/payments/httpPayments.ts";
import { verifySignature } from "../../../src/platform/payments/signature.ts";
import { Unavailable } from "../../../src/platform/unavailable.ts";
import { accepted, declined, hangsUp, json, paymentEndpoint, type Reply } from "./paymentEndpoint.ts";

const secret = "canary-secret-of-more-than-32-characters";
const request = {
  rechargeId: "5d2c7e58-8f0e-8a51-9c0c-0d9f2b7a1c11",
  workspaceId: "0b8a3f0e-3c61-8d1d-a1a7-6d4c2d8a9e22",
  organizationId: "f4f2f9a0-6f5b-8c2e-b6b1-1c6a3e5d7f33",
  amount: 500,
};

const charge = (url: string, options: Partial<HttpPaymentsOptions> = {}) =>
  httpPayments({ url, secret, allowPrivateAddresses: true, backoffMinMs: 1, ...options }).charge(request);

/** What a charge throws. Whatever it is, the secret is nowhere in it. */
const failure = async (charging: Promise<unknown>): Promise<unknown> => {
  const error = await charging.then(
    (outcome) => expect.fail(`was charged: ${inspect(outcome)}`),
    (thrown: unknown) => thrown,
  );
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secret);
  return error;
};

const answeredBy = async (replies: readonly Reply[], options?: Partial<HttpPaymentsOptions>) => {
  await using endpoint = await paymentEndpoint(replies);
  const outcome = await charge(endpoint.url, options);
  return { outcome, received: endpoint.received };
};
const refusedBy = async (replies: readonly Reply[], options?: Partial<HttpPaymentsOptions>) => {
  await using endpoint = await paymentEndpoint(replies);
  const error = await failure(charge(endpoint.url, options));
  return { error, received: endpoint.received };
};

describe("a charge by http", () => {
  it("is a signed POST of what is to be paid, under the recharge's id", async () => {
    const { outcome, received } = await answeredBy([accepted]);
    expect(outcome).toEqual({ outcome: "accepted", reference: "charge-1" });
    const [{ path, headers, body } = { path: "", headers: {}, body: "" }] = received;
    expect(path).toBe("/charges");
    expect(JSON.parse(body)).toEqual(request);
    expect(headers).toMatchObject({ "content-type": "application/json", "idempotency-key": request.rechargeId });
    const signature = String(headers["everfold-signature"]);
    expect(verifySignature(signature, body, { secret, now: Date.now() })).toBe(true);
    expect(verifySignature(signature, `${body} `, { secret, now: Date.now() })).toBe(false);
  });

  it.each([200, 402])("is declined where a %d says so", async (status) => {
    const { outcome } = await answeredBy([
      json(status, { outcome: "declined", reason: "the card\u0000 has expired " }),
    ]);
    expect(outcome).toEqual({ outcome: "declined", reason: "the card has expired" });
  });

  it("is asked for again, under the same key, until it is known what came of it", async () => {
    const unreadable: Reply = (response) => response.writeHead(200).end("<html>");
    const { outcome, received } = await answeredBy([json(503, {}), hangsUp, unreadable, accepted]);
    expect(outcome).toEqual({ outcome: "accepted", reference: "charge-1" });
    expect(new Set(received.map(({ headers }) => headers["idempotency-key"]))).toEqual(new Set([request.rechargeId]));
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    const now = Date.now();
    const areSigned = received.map(({ headers, body }) =>
      verifySignature(String(headers["everfold-signature"]), body, { secret, now }),
    );
    expect(areSigned).toEqual([true, true, true, true]);
  });

  it("signs each attempt anew", async () => {
    let now = Date.now();
    const tomorrow = () => {
      now += 86_400_000;
      return now;
    };
    const { received } = await answeredBy([json(500, {}), declined], { now: tomorrow });
    expect(new Set(received.map(({ headers }) => headers["everfold-signature"])).size).toBe(2);
  });

  it.each([408, 409, 425, 429, 500, 502, 503, 504])("is not known after a %d, for ever", async (status) => {
    const { error, received } = await refusedBy([json(status, { outcome: "declined", reason: "maybe" })]);
    expect(error).toBeInstanceOf(Unavailable);
    expect(received).toHaveLength(4);
  });

  it.each([
    ["no JSON", (response) => response.end("accepted")],
    ["no outcome", json(200, {})],
    ["another outcome", json(200, { outcome: "pending" })],
    ["no reference", json(200, { outcome: "accepted" })],
    ["a reference of more than one line", json(200, { outcome: "accepted", reference: "a\nb" })],
    ["half an answer", (response) => response.writeHead(200, { "Content-Length": 500 }).end('{"outcome":')],
    ["nothing", (response) => response.writeHead(204).end()],
  ] satisfies [string, Reply][])("is not known after a success with %s", async (_, reply) => {
    const { error, received } = await refusedBy([reply]);
    expect(error).toBeInstanceOf(Unavailable);
    expect(received).toHaveLength(4);
  });

  it.each([400, 401, 403, 404, 410, 422])(
    "is neither made nor declined by a %d: the operator is told",
    async (status) => {
      const { error, received } = await refusedBy([json(status, { outcome: "declined", reason: "you" })]);
      expect(error).toBeInstanceOf(PaymentSetupError);
      expect(String(error)).toContain(`answered ${status}`);
      expect(received).toHaveLength(1);
    },
  );

  it("is not declined by a 402 that does not say so", async () => {
    const { error } = await refusedBy([json(402, { error: "payment required" })]);
    expect(error).toBeInstanceOf(PaymentSetupError);
    const { error: unlikely } = await refusedBy([json(402, { outcome: "accepted", reference: "charge-1" })]);
    expect(unlikely).toBeInstanceOf(PaymentSetupError);
  });

  it.each([301, 302, 303, 307, 308])("does not follow a redirect (%d)", async (status) => {
    await using elsewhere = await paymentEndpoint([accepted]);
    const { error } = await refusedBy([json(status, {}, { Location: elsewhere.url })]);
    expect(error).toBeInstanceOf(PaymentSetupError);
    expect(elsewhere.connections()).toBe(0);
  });

  it("comes back later than the call may last when the endpoint says so", async () => {
    const { error, received } = await refusedBy([json(503, {}, { "Retry-After": "120" })]);
    expect(error).toMatchObject({ retryAfterSeconds: 120 });
    expect(error).toBeInstanceOf(Unavailable);
    expect(received).toHaveLength(1);
  });
});

describe("an endpoint that is slow or endless", () => {
  const drip = (text: string, begin: (write: (text: string) => void) => void): Reply => {
    return (response) => {
      const { socket } = response;
      begin((start) => socket?.write(start));
      const timer = setInterval(() => socket?.write(text), 5);
      socket?.once("close", () => clearInterval(timer));
    };
  };

  it.each([
    ["says nothing", () => {}],
    ["drips its headers", drip("x: y\r\n", (write) => write("HTTP/1.1 200 OK\r\n"))],
    ["drips its body", drip(" ", (write) => write("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"))],
  ] satisfies [string, Reply][])("and %s is given up", async (_, reply) => {
    const { error, received } = await refusedBy([reply], { timeoutMs: 100 });
    expect(error).toBeInstanceOf(Unavailable);
    expect(String(error)).toContain("did not answer in time");
    expect(received.length).toBeGreaterThan(1);
  });

  it("is given up in all when the call's time is over", async () => {
    const { received } = await refusedBy([() => {}], { timeoutMs: 60_000, callTimeoutMs: 100 });
    expect(received).toHaveLength(1);
  });

  it("is given up while its name is being looked up", async () => {
    const resolve = () => new Promise<never>(() => {});
    const error = await failure(charge("https://pay.example/", { resolve, timeoutMs: 20 }));
    expect(String(error)).toContain("did not answer in time");
  });

  it("is not read to its end", async () => {
    const hungUp: Promise<unknown>[] = [];
    const endless: Reply = (response) => {
      hungUp.push(once(response, "close"));
      const write = () => {
        while (response.write(" ".repeat(16_384)));
      };
      response.writeHead(200).on("drain", write);
      write();
    };
    const { error } = await refusedBy([endless]);
    expect(error).toBeInstanceOf(Unavailable);
    await Promise.all(hungUp);
    expect(hungUp).toHaveLength(4);
  });

  it("is not read for a long header either", async () => {
    const { error } = await refusedBy([json(200, {}, { "X-Long": "x".repeat(100_000) })]);
    expect(error).toBeInstanceOf(Unavailable);
  });

  it("is away where nobody listens", async () => {
    const gone = await paymentEndpoint([]);
    await gone[Symbol.asyncDispose]();
    expect(await failure(charge(gone.url))).toBeInstanceOf(Unavailable);
  });
});

describe("the address of a payment endpoint", () => {
  const closed = { allowPrivateAddresses: false };

  it.each([
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "１２７.0.0.1",
    "0",
    "10.1.2.3",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "0xa9fea9fe",
    "192.168.0.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "localhost",
  ])("is not %s", async (host) => {
    await using endpoint = await paymentEndpoint([accepted]);
    const error = await failure(charge(`https://${host}:${endpoint.port}/`, closed));
    expect(error).toBeInstanceOf(PaymentSetupError);
    expect(String(error)).toContain("not public");
    expect(endpoint.connections()).toBe(0);
  });

  it("is none of several when one of them is not public", async () => {
    const resolve = async () => [
      { address: "203.0.114.7", family: 4 },
      { address: "::ffff:10.0.0.1", family: 6 },
    ];
    const error = await failure(charge("https://pay.example/", { ...closed, resolve }));
    expect(error).toBeInstanceOf(PaymentSetupError);
    expect(String(error)).toContain("pay.example leads to ::ffff:10.0.0.1, which is not public");
  });

  it("is asked for by https alone unless private addresses are allowed", () => {
    expect(() => charge("http://pay.example/", closed)).toThrow(PaymentSetupError);
    expect(() => charge("ftp://pay.example/")).toThrow(PaymentSetupError);
  });

  it("is looked up once for each attempt, and what was looked up is connected to", async () => {
    await using endpoint = await paymentEndpoint([json(503, {}), accepted]);
    const names: string[] = [];
    const resolve = async (name: string) => {
      names.push(name);
      return [{ address: "127.0.0.1", family: 4 }];
    };
    await charge(`http://pay.example:${endpoint.port}/`, { resolve });
    expect(names).toEqual(["pay.example", "pay.example"]);
    expect(endpoint.received[0]?.headers.host).toBe(`pay.example:${endpoint.port}`);
  });

  it("that no name leads to is not known to have charged", async () => {
    const resolve = async () => Promise.reject(new Error("getaddrinfo ENOTFOUND pay.example"));
    expect(await failure(charge("https://pay.example/", { resolve }))).toBeInstanceOf(Unavailable);
    expect(await failure(charge("https://pay.example/", { resolve: async () => [] }))).toBeInstanceOf(Unavailable);
  });
});

describe("a payment endpoint with a certificate", () => {
  const certificateFor = async (name: string) => {
    const extensions = [{ name: "subjectAltName" as const, altNames: [{ type: 2 as const, value: name }] }];
    const { cert, private: key } = await generate([{ name: "commonName", value: name }], { keyType: "ec", extensions });
    return { cert, key };
  };
  const resolve = async () => [{ address: "127.0.0.1", family: 4 }];

  it("is asked when the certificate is for the URL's name", async () => {
    const tls = await certificateFor("pay.example");
    await using endpoint = await paymentEndpoint([accepted], tls);
    const options = { resolve, certificateAuthority: tls.cert };
    const outcome = await charge(`https://pay.example:${endpoint.port}/`, options);
    expect(outcome).toEqual({ outcome: "accepted", reference: "charge-1" });
  });

  it("is told nothing when it is for another name, or nobody trusts it", async () => {
    const tls = await certificateFor("other.example");
    await using endpoint = await paymentEndpoint([accepted], tls);
    const url = `https://pay.example:${endpoint.port}/`;
    const other = await failure(charge(url, { resolve, certificateAuthority: tls.cert }));
    expect(inspect(other)).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
    const unknown = await failure(charge(url.replace("pay.", "other."), { resolve }));
    expect(inspect(unknown)).toContain("DEPTH_ZERO_SELF_SIGNED_CERT");
    expect([other, unknown]).toEqual([expect.any(Unavailable), expect.any(Unavailable)]);
    expect(endpoint.received).toEqual([]);
  });
});
