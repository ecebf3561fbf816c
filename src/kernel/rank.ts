/**
 * Places in an order as text, such that between any two there is always another: an item that moves gets a new one, and
 * no other item is touched. They are compared letter by letter, as ASCII has it; none ends with a 0, below which there
 * would be no room.
 */
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const base = digits.length;
/** Enough for milliseconds until the year 8888. */
const timeLength = 8;
const saltLength = 3;

/** Behind all that got their places before: whoever comes later stands further back. */
export const rankAtEnd = (now: string, id: string): string => `${written(Date.parse(now), timeLength)}${saltOf(id)}`;

/** What is put between two others; null is an end of the list. Where these have changed sides, behind the first. */
export const rankAmong = (
  { after, before }: { after: string | null; before: string | null },
  { now, id }: { now: string; id: string },
): string => {
  const end = rankAtEnd(now, id);
  if (after === null) return before === null ? end : `${between("", before)}${saltOf(id)}`;
  if (before === null && after < end) return end;
  return `${between(after, before !== null && after < before ? before : `${after}1`)}${saltOf(id)}`;
};

/** Two items that were put into one gap at the same time stand side by side, and not in one place. */
const saltOf = (id: string): string =>
  `${written(Number.parseInt(id.replaceAll("-", "").slice(-8), 16) % base ** saltLength, saltLength)}V`;

const written = (value: number, length: number): string => {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / base)) text = `${digits[rest % base]}${text}`;
  return text;
};

const digitAt = (text: string, index: number): number => digits.indexOf(text.charAt(index) || "0");

/** Above `low`, and below `high` whatever is appended to it. */
const between = (low: string, high: string): string => {
  let text = "";
  let isBelowHigh = false;
  for (let index = 0; ; index += 1) {
    const [from, to] = [digitAt(low, index), isBelowHigh ? base : digitAt(high, index)];
    if (to - from > 1) return `${text}${digits[Math.floor((from + to) / 2)]}`;
    text += digits[from];
    if (to > from) isBelowHigh = true;
  }
};
