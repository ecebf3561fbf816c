import pg from "pg";
import { startPostgres } from "../../src/embedded/postgres.ts";

// A program that has an embedded Postgres, as Everfold does: on Ctrl-C it still needs the database, then stops it.
const [directory = ""] = process.argv.slice(2);
try {
  const postgres = await startPostgres({ directory });
  process.once("SIGINT", async () => {
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    const { rows } = await client.query("select 'still answering' as said");
    await client.end();
    await postgres.stop();
    process.stdout.write(`${rows[0]?.said}\n`);
  });
  process.stdout.write(`${postgres.url}\n`);
} catch (error) {
  process.stdout.write(`${error}\n`);
}
