const samplesMax = 1_000;

/** Counts what happens, and how much of it since it was last asked. */
export type Meter = {
  count(): void;
  measure(): { readonly total: number; readonly sinceLast: number; readonly perSecond: number };
};

export function createMeter(nowMs: () => number): Meter {
  const startedAtMs = nowMs();
  let total = 0;
  let measured = 0;
  return {
    count: () => {
      total += 1;
    },
    measure() {
      const sinceLast = total - measured;
      measured = total;
      const seconds = Math.max(1, (nowMs() - startedAtMs) / 1_000);
      return { total, sinceLast, perSecond: Math.round(total / seconds) };
    },
  };
}

export type Measurement = { readonly name: string; readonly valueMs: number };

/** How long answers took, over the latest of them. */
type Latencies = {
  add(tookMs: number): void;
  summary(): readonly Measurement[];
};

const quantiles: readonly (readonly [name: string, share: number])[] = [
  ["Median", 0.5],
  ["Fastest", 0],
  ["Quintile 1", 0.2],
  ["Quintile 2", 0.4],
  ["Quintile 3", 0.6],
  ["Quintile 4", 0.8],
  ["Quintile 5", 1],
  ["90%", 0.9],
  ["95%", 0.95],
  ["99%", 0.99],
  ["99.5%", 0.995],
  ["99.9%", 0.999],
  ["Highest", 1],
];

export function createLatencies(): Latencies {
  const samples: number[] = [];
  let next = 0;
  return {
    add: (tookMs) => {
      samples[next] = tookMs;
      next = (next + 1) % samplesMax;
    },
    summary() {
      const sorted = samples.toSorted((one, other) => one - other);
      const mean = sorted.reduce((sum, tookMs) => sum + tookMs, 0) / Math.max(1, sorted.length);
      return [
        { name: "Mean", valueMs: Math.round(mean) },
        ...quantiles.map(([name, share]) => ({ name, valueMs: Math.round(quantile(sorted, share)) })),
      ];
    },
  };
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
