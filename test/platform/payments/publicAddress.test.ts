import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPublicAddress } from "../../../src/platform/payments/publicAddress.ts";

const numberOf = (address: string) => address.split(".").reduce((number, byte) => number * 256 + Number(byte), 0);
const hextets = (address: string) => {
  const number = numberOf(address);
  return `${Math.floor(number / 65_536).toString(16)}:${(number % 65_536).toString(16)}`;
};

/** First and last addresses, counted rather than masked: another way to the same answer. */
const closedRanges = [
  ["0.0.0.0", "0.255.255.255"],
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["168.63.129.16", "168.63.129.16"],
  ["169.254.0.0", "169.254.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["192.0.0.0", "192.0.0.255"],
  ["192.0.2.0", "192.0.2.255"],
  ["192.88.99.0", "192.88.99.255"],
  ["192.168.0.0", "192.168.255.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["198.51.100.0", "198.51.100.255"],
  ["203.0.113.0", "203.0.113.255"],
  ["224.0.0.0", "255.255.255.255"],
].map(([first = "", last = ""]) => [numberOf(first), numberOf(last)] as const);

const dotted = (number: number) => [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
const anyAddress4 = fc.oneof(
  fc.nat(2 ** 32 - 1),
  ...closedRanges.map(([min, max]) => fc.integer({ min: Math.max(0, min - 2), max: Math.min(2 ** 32 - 1, max + 2) })),
);

describe("a public address", () => {
  it("of IPv4 lies in none of the ranges kept for something else", () => {
    fc.assert(
      fc.property(anyAddress4, (number) => {
        const isClosed = closedRanges.some(([first, last]) => number >= first && number <= last);
        expect(isPublicAddress(dotted(number))).toBe(!isClosed);
      }),
      { numRuns: 2_000 },
    );
  });

  it("is not one of IPv6 that holds one of IPv4, whichever", () => {
    fc.assert(
      fc.property(anyAddress4, (number) => {
        const inner = dotted(number);
        for (const address of [
          `::ffff:${inner}`,
          `::ffff:${hextets(inner)}`,
          `0:0:0:0:0:FFFF:${inner}`,
          `::${inner}`,
          `::ffff:0:${inner}`,
          `64:ff9b::${inner}`,
          `64:ff9b:1::${inner}`,
          `2002:${hextets(inner)}::1`,
          `2001:0:${hextets(inner)}::1`,
        ]) {
          expect(isPublicAddress(address), address).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("is, in IPv6, one of 2000::/3", () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const [first = ""] = new URL(`http://[${address}]`).hostname.slice(1).split(":");
        const isUnicast = Math.floor(Number.parseInt(first || "0", 16) / 0x2000) === 1;
        if (!isUnicast) expect(isPublicAddress(address), address).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each(["8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "2606:4700:4700::1111", "2a00:1450:4001:800::200e"])(
    "is %s",
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    "::",
    "::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "3fff::1",
    "100::1",
  ])("is not %s", (address) => expect(isPublicAddress(address)).toBe(false));

  it.each(["", "localhost", "127.1", "0x7f.0.0.1", "2606:4700::1%eth0", "[::1]", "8.8.8.8 "])(
    "is not what is no address at all: %j",
    (text) => expect(isPublicAddress(text)).toBe(false),
  );
});
