import { figureTable, type Report } from "../figure.ts";
import { openStage, type Stage } from "../ledger/stage.ts";
import { startDatabaseServer } from "../ledger/statements.ts";
import { measureAuthorization } from "./authorization.ts";
import { compareLists } from "./lists.ts";
import { compareRowSecurity } from "./rowSecurity.ts";

/** Lists come first: they show all the workspaces there are. */
const rows: readonly ((stage: Stage) => Promise<Report>)[] = [compareLists, measureAuthorization, compareRowSecurity];

const full = { rounds: 3, warmUpMs: 2_000, measuredMs: 6_000, share: 1 };
const quick = { rounds: 1, warmUpMs: 300, measuredMs: 1_000, share: 0.02 };

type Options = { directory: string; write: (text: string) => void; isQuick: boolean };

/** What it costs that requests are somebody's: who they are, what they may, and whose rows they see. */
export const measureHttp = async ({ directory, write, isQuick }: Options): Promise<void> => {
  const begun = performance.now();
  const progress = (line: string) => write(`  ${Math.round((performance.now() - begun) / 1_000)} s  ${line}\n`);
  write("\nHTTP\n");
  const reports: Report[] = [];
  {
    await using stack = new AsyncDisposableStack();
    const postgres = await startDatabaseServer(directory, false);
    stack.defer(() => postgres.stop());
    const pace = isQuick ? quick : full;
    const stage = await openStage({ directory, postgresUrl: postgres.url, pace, progress }, stack);
    for (const measure of rows) reports.push(await measure(stage));
  }
  for (const { detail } of reports) write(`\n${detail}\n`);
  write(`\n${figureTable(reports.flatMap(({ figures }) => figures))}\n`);
  if (isQuick) write("QUICK: everything ran, but these figures are not to be kept\n");
};
