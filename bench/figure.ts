import { median, table } from "./table.ts";

/** One line of what came out. Without a goal it is only told. */
export type Figure = { title: string; figure: string; goal?: string; isReached?: boolean };

/** What a benchmark has to say, shown only when everything was reconciled. */
export type Report = { detail: string; figures: readonly Figure[] };

export const figureTable = (figures: readonly Figure[]): string =>
  table(
    ["", "figure", "goal", ""],
    figures.map(({ title, figure, goal = "", isReached }) => [title, figure, goal, verdict(isReached)]),
  );

const verdict = (isReached: boolean | undefined): string =>
  isReached === undefined ? "" : isReached ? "reached" : "MISSED";

/** `ours` against `theirs`, round by round: the median of the ratios, and each of them. */
export const ratioOf = (ours: readonly number[], theirs: readonly number[]) => {
  const each = ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
  const middle = median(each);
  return { middle, text: `${times(middle)} (${each.map(times).join(", ")})` };
};

export const times = (value: number): string => `${value.toFixed(2)}×`;
