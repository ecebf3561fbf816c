import pg from "pg";
import { type Contender, creditsEach, openWallets } from "./contender.ts";
import { startBaseline, startContender } from "./contenders.ts";
import { applyLoad, type Measured } from "./load.ts";
import { NotReconciled, reconcile } from "./reconciliation.ts";
import { median, table, tenths, whole } from "./table.ts";

const ROUNDS = 3;
const CONNECTIONS = 64;
const WARM_UP_MS = 2_000;
const MEASURED_MS = 8_000;

export type Scenario = { title: string; wallets: number; goal: number };
/** A contender, its wallets, and all that was ever acknowledged in them. */
type Side = { contender: Contender; wallets: readonly string[]; acknowledged: number[] };
type Round = Measured & Lag;
/** What the read side had still to show when the last debit was acknowledged, and how long that took it. */
type Lag = { debitsBehind: number; drainedMs: number };
type Rounds = Record<Contender["name"], Round[]>;

/**
 * Both sides in turn, several times over, on one Postgres server: whatever else the machine does meets both of them,
 * and neither has settings, a disk or a cache of its own. Errors: `NotReconciled`, and then no figure is reported.
 */
export const compareDebits = async (
  scenarios: readonly Scenario[],
  { postgresUrl, directory, write }: { postgresUrl: string; directory: string; write: (text: string) => void },
): Promise<void> => {
  await using running = new AsyncDisposableStack();
  const postgres = await connected(postgresUrl);
  running.defer(() => postgres.end());
  const urls = { baseline: databaseUrl(postgresUrl, "baseline"), everfold: databaseUrl(postgresUrl, "everfold") };
  await postgres.query("create database baseline");
  await postgres.query("create database everfold");
  const baseline = await startBaseline(urls.baseline);
  running.defer(baseline.stop);
  const everfold = await startContender(directory, urls.everfold);
  running.defer(everfold.stop);
  const readModels = await connected(urls.everfold);
  running.defer(() => readModels.end());

  for (const scenario of scenarios) {
    write(`\n${scenario.title}\n`);
    const sides = [await sideOf(baseline, scenario), await sideOf(everfold, scenario)];
    const rounds: Rounds = { baseline: [], everfold: [] };
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const side of sides) {
        // What one side left to be written to the disk is not written on the other one's time.
        await postgres.query("checkpoint");
        const measured = await turn(side, readModels);
        const { name } = side.contender;
        rounds[name].push(measured);
        write(`  round ${round}, ${name}: ${whole(measured.debitsPerSecond)} debits/s\n`);
      }
    }
    write(`${report(scenario, rounds)}\n`);
  }
};

const connected = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client(url);
  await client.connect();
  return client;
};

const databaseUrl = (server: string, name: string): string => {
  const url = new URL(server);
  url.pathname = name;
  return url.href;
};

const sideOf = async (contender: Contender, { wallets: count }: Scenario): Promise<Side> => {
  const wallets = await openWallets(contender, count);
  return { contender, wallets, acknowledged: wallets.map(() => 0) };
};

const turn = async (side: Side, readModels: pg.Client): Promise<Round> => {
  const { contender, wallets, acknowledged } = side;
  const { port, token } = contender;
  const load = { port, token, wallets, connections: CONNECTIONS, warmUpMs: WARM_UP_MS, measuredMs: MEASURED_MS };
  const measured = await applyLoad(load);
  for (const [index, debits] of measured.acknowledged.entries())
    acknowledged[index] = (acknowledged[index] ?? 0) + debits;
  const debitsBehind = contender.name === "everfold" ? await notShown(side, readModels) : 0;
  const { drainedMs, differences } = await reconcile(contender, wallets, acknowledged);
  const wrong = [...measured.faults.map((fault) => `${contender.name}: ${fault}`), ...differences];
  if (wrong.length > 0) throw new NotReconciled(wrong.join("\n"));
  return { ...measured, debitsBehind, drainedMs };
};

/** Acknowledged debits the read model does not show yet, asked behind the API's back: the API would wait for them. */
const notShown = async ({ wallets, acknowledged }: Side, readModels: pg.Client): Promise<number> => {
  const { rows } = await readModels.query<{ shown: string }>(
    "select sum(credit_balance) as shown from read_model.billing where workspace_id = any($1)",
    [wallets],
  );
  const left = wallets.length * creditsEach - acknowledged.reduce((sum, debits) => sum + debits, 0);
  return Number(rows[0]?.shown) - left;
};

const report = ({ goal }: Scenario, { baseline, everfold }: Rounds): string => {
  const row = (name: string, rounds: readonly Round[]) => {
    const of = (figure: (round: Round) => number) => median(rounds.map(figure));
    return [
      name,
      whole(of(({ debitsPerSecond }) => debitsPerSecond)),
      tenths(of(({ p50Ms }) => p50Ms)),
      tenths(of(({ p99Ms }) => p99Ms)),
      of(({ generatorCores }) => generatorCores).toFixed(2),
      whole(of(({ debitsBehind }) => debitsBehind)),
      whole(of(({ drainedMs }) => drainedMs)),
    ];
  };
  const ratios = everfold.map(
    (round, index) => round.debitsPerSecond / (baseline[index]?.debitsPerSecond ?? Number.NaN),
  );
  const ratio = median(ratios);
  return [
    table(
      ["median of rounds", "debits/s", "p50 ms", "p99 ms", "generator cores", "debits behind", "drained ms"],
      [row("baseline", baseline), row("everfold", everfold)],
    ),
    `ratio ${ratio.toFixed(2)}× (${ratios.map((each) => `${each.toFixed(2)}×`).join(", ")}), ` +
      `goal ≥ ${goal}×: ${ratio >= goal ? "reached" : "MISSED"}`,
    "reconciled: credits paid in = debits acknowledged + balance left, in every wallet of both, after every round",
  ].join("\n");
};
