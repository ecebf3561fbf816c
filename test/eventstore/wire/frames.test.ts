import fc from "fast-check";
import { expect, test } from "vitest";
import { framed, unframing } from "../../../src/eventstore/wire/frames.ts";

test("messages come out of their frames as they went in, wherever the bytes are cut", () => {
  const sizes = fc.array(fc.nat({ max: 40 }), { maxLength: 20, minLength: 1 });
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), sizes, (messages, cuts) => {
      const bytes = framed(messages);
      const messagesIn = unframing();
      const out: Buffer[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const size = 1 + (cuts[turn % cuts.length] ?? 0);
        out.push(...messagesIn(bytes.subarray(at, at + size)));
        at += size;
      }
      expect(out).toEqual(messages.map((message) => Buffer.from(message)));
    }),
    { numRuns: 300 },
  );
});

test.each([
  ["compressed", [1, 0, 0, 0, 0]],
  ["too long to be one of a store's", [0, 1, 16, 0, 1]],
])("a message that is %s is refused before it has come", (_, prefix) => {
  expect(() => unframing()(Buffer.from(prefix))).toThrow("compressed or too long");
});
