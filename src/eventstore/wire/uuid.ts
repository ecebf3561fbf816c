import { type MessageReader, messageIn, nextField, textIn, unsignedIn } from "./protobufReader.ts";

const field = { structured: 1, text: 2, mostSignificant: 1, leastSignificant: 2 };

/** Servers write an id as text or as two 64-bit numbers. */
export const uuidIn = (message: MessageReader): string => {
  const id = messageIn(message);
  let text = "";
  while (nextField(id)) {
    if (id.field === field.text) text = textIn(id);
    else if (id.field === field.structured) text = structured(messageIn(id));
  }
  return text;
};

const structured = (halves: MessageReader): string => {
  let bits = 0n;
  while (nextField(halves)) {
    if (halves.field === field.mostSignificant) bits |= unsignedIn(halves) << 64n;
    else if (halves.field === field.leastSignificant) bits |= unsignedIn(halves);
  }
  const hex = bits.toString(16).padStart(32, "0");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
};
