import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { joinBackends, poolAs } from "./backends.ts";
import { blindIndexUnder } from "./blindIndex.ts";
import { Email, registeredUser, SetPlatformRole } from "./commands/accounts.ts";
import { environment, readConfig } from "./config.ts";
import { eventCodec } from "./eventstore/codec.ts";
import { eventStoreDb } from "./eventstore/esdb.ts";
import { isRejection } from "./kernel/rejection.ts";
import { keyVault } from "./platform/keyVault.ts";
import { createLog } from "./platform/log.ts";
import { openMasterKey } from "./platform/masterKey.ts";
import { writeSide } from "./writeSide.ts";

const usage = `Usage: npm run admin -- grant <e-mail>     makes the account a system admin
       npm run admin -- revoke <e-mail>    makes it an account like any other again
Beside a running Everfold as well, where it acts on the account's next request. A system admin may do everything in
every organization.
`;

const roleAfter = { grant: "system_admin", revoke: "user" } as const;
type Order = keyof typeof roleAfter;
const isOrder = (word: string | undefined): word is Order => word !== undefined && Object.hasOwn(roleAfter, word);

const run = async (order: Order, email: string): Promise<string> => {
  const config = readConfig(environment());
  const log = createLog("error");
  await using stack = new AsyncDisposableStack();
  const backends = await joinBackends(config, log, stack);
  const pool = poolAs("everfold_api", { config, backends, log }, stack);
  const masterKey = await openMasterKey(pool, { given: config.ENCRYPTION_MASTER_KEY, dataDir: config.DATA_DIR });
  const store = eventStoreDb({ url: backends.eventStoreUrl });
  stack.defer(() => store.close());
  const codec = eventCodec(keyVault({ pool, masterKey }));
  const handler = writeSide({ config, store, codec, pool, masterKey, log }, stack);

  const userId = await registeredUser(handler, blindIndexUnder(masterKey)("email", email));
  if (!userId) throw new Error(`There is no account with the address ${email}.`);
  const role = roleAfter[order];
  const outcome = await handler.handle(SetPlatformRole, { userId, role }, byOperator());
  if (isRejection(outcome)) throw new Error(outcome.message);
  return `${email} is ${role === "user" ? "no" : "a"} system admin.`;
};

const byOperator = () => {
  const requestId = randomUUID();
  return {
    ...{ commandId: requestId, requestId, causationId: requestId, now: new Date().toISOString() },
    actor: { kind: "system", id: null } as const,
    ...{ organizationId: null, workspaceId: null, sessionId: null, ip: null, userAgent: null },
  };
};

const [order, address, ...rest] = parseArgs({ allowPositionals: true }).positionals;
const email = Email.safeParse(address);
if (isOrder(order) && email.success && rest.length === 0) {
  await run(order, email.data).then(
    (done) => process.stdout.write(`${done}\n`),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
      process.exitCode = 1;
    },
  );
} else {
  process.stderr.write(usage);
  process.exitCode = 2;
}
