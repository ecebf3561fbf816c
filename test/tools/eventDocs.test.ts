import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { event } from "../../src/kernel/decider.ts";
import { personal } from "../../src/kernel/personal.ts";
import { eventDocuments, outdated } from "../../tools/eventDocs.ts";

const guests = {
  category: "guest",
  events: {
    GuestArrived: event(
      z.object({ guestId: z.uuid(), name: personal(z.string(), { subject: "guestId", erased: "erased" }) }),
      (older) => ({ ...older, name: "unknown" }),
    ),
    GuestLeft: event(z.object({ guestId: z.uuid() })),
  },
};

test("an event's document says its version, its category and what is personal in it", () => {
  const document = JSON.parse(eventDocuments([guests]).get("GuestArrived.json") ?? "");
  expect(document).toMatchObject({
    title: "GuestArrived",
    "x-category": "guest",
    "x-version": 2,
    required: ["guestId", "name"],
    properties: { name: { type: "string", "x-personal": { subject: "guestId", erased: "erased" } } },
  });
  expect(document.properties.guestId).not.toHaveProperty("x-personal");
});

test("a missing document, a changed one and one of an event that is gone are told", () => {
  const folder = mkdtempSync(join(tmpdir(), "everfold-docs-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const documents = eventDocuments([guests]);
  for (const [file, text] of documents) writeFileSync(join(folder, file), text);
  expect(outdated(folder, documents)).toEqual([]);

  rmSync(join(folder, "GuestLeft.json"));
  writeFileSync(join(folder, "GuestArrived.json"), "{}\n");
  writeFileSync(join(folder, "GuestPaid.json"), "{}\n");
  expect(outdated(folder, documents)).toEqual([
    "GuestArrived.json is not what the code says",
    "GuestLeft.json is missing",
    "GuestPaid.json speaks of an event that does not exist",
  ]);
});
