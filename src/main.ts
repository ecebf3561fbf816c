import { ledgerExport } from "./audit/export.ts";
import { type Backends, poolAs, startBackends } from "./backends.ts";
import { blindIndexUnder } from "./blindIndex.ts";
import { accessControl, type Permission, permissions } from "./commands/access.ts";
import { type AccessNotes, accessNotes } from "./commands/accessLog.ts";
import { apiKeyAuthentication, callerBehind } from "./commands/apiKeyAuthentication.ts";
import { apiKeyCreation, apiKeyRolling, apiKeyScopesChange } from "./commands/apiKeyIssue.ts";
import type { BlindIndex } from "./commands/claims.ts";
import { bulkDebit } from "./commands/credits/bulk.ts";
import { refund } from "./commands/credits/refunds.ts";
import { sealLedger } from "./commands/credits/seals.ts";
import { transfer } from "./commands/credits/transfers.ts";
import { effectivePermissions } from "./commands/effectivePermissions.ts";
import type { Handler } from "./commands/handler.ts";
import { invitationAcceptance, invitationPreview, invitedRegistration } from "./commands/invitationAcceptance.ts";
import {
  invitationRenewal,
  invitationRevocation,
  workspaceInvitationRenewal,
  workspaceInvitationRevocation,
} from "./commands/invitationUpkeep.ts";
import { organizationInvitation } from "./commands/inviting.ts";
import { organizationCreation, organizationRenaming } from "./commands/organizationCreation.ts";
import { organizationMemberAddition, organizationMemberRemoval } from "./commands/organizationMembership.ts";
import { organizationSwitch } from "./commands/organizationSwitch.ts";
import { planningOperations } from "./commands/planning.ts";
import { registration } from "./commands/registration.ts";
import { repositoryOperations } from "./commands/repositories.ts";
import { sessionStanding } from "./commands/sessions.ts";
import { login, logout, logoutEverywhere, refresh } from "./commands/signIn.ts";
import { workspaceCreation } from "./commands/workspaceCreation.ts";
import { memberAddition, memberRemoval, memberRoleChange } from "./commands/workspaceMembership.ts";
import { type Config, ConfigError, environment, readConfig } from "./config.ts";
import { creditLedger } from "./domain/credits/creditLedger.ts";
import { checkpointsOf } from "./eventstore/checkpoints.ts";
import { type Codec, eventCodec } from "./eventstore/codec.ts";
import { eventStoreDb } from "./eventstore/esdb.ts";
import { refuseForeign } from "./eventstore/foreignCheckpoints.ts";
import { opening } from "./eventstore/sealedFields.ts";
import { type EventStore, EventStoreUnavailable } from "./eventstore/store.ts";
import { type Followers, startFollowers } from "./followers.ts";
import { accountRoutes } from "./http/accounts.ts";
import { apiKeyRoutes } from "./http/apiKeys.ts";
import { auditRoutes } from "./http/audit.ts";
import { billingRoutes } from "./http/billing/routes.ts";
import type { App } from "./http/binder.ts";
import { credentialRoutes } from "./http/credentials.ts";
import { invitationRoutes } from "./http/invitations.ts";
import { organizationRoutes } from "./http/organizations.ts";
import { planningRoutes } from "./http/planning.ts";
import { repositoryRoutes } from "./http/repositories.ts";
import type { Route } from "./http/route.ts";
import { createServer } from "./http/server.ts";
import { workspaceRoutes } from "./http/workspaces.ts";
import { accessTokens } from "./platform/accessTokens.ts";
import { deriveKey } from "./platform/encryption.ts";
import { type KeyVault, keyVault } from "./platform/keyVault.ts";
import { aborted } from "./platform/lease.ts";
import { createLog, type Log, type LogDestination, standardOutput } from "./platform/log.ts";
import { openMasterKey } from "./platform/masterKey.ts";
import { migrate } from "./platform/migrations.ts";
import { passwords } from "./platform/passwords.ts";
import { type Pool, readAsTenant } from "./platform/postgres.ts";
import type { SealKeys } from "./platform/sealKeys.ts";
import { openSigningKeys } from "./platform/signingKeys.ts";
import { tenantContext } from "./platform/tenantContext.ts";
import { projections } from "./projections/all.ts";
import { systemOrganizationId } from "./projections/audit/auditLog.ts";
import { followProjected, ownWrites } from "./projections/positions.ts";
import { type Readiness, readiness } from "./readiness.ts";
import { installedSealKeys, sealingWith } from "./sealing.ts";
import { writeSide } from "./writeSide.ts";

export type Everfold = {
  /** Where the API listens; absent where the role `api` is not among the process's. */
  url: string | undefined;
  /** What is served there. */
  routes: readonly Route[];
  handler: Handler;
  /** A newcomer's first request must find everything there. */
  untilReady: Readiness["untilReady"];
  /** In order: requests are finished, projections store what they have, everything started here is stopped. */
  stop(): Promise<void>;
};

/**
 * Starts what ROLES asks for, and logs to `destination`. Whatever was started is stopped again when something after it
 * cannot be.
 */
export const start = async (config: Config, destination: LogDestination = standardOutput()): Promise<Everfold> => {
  const log = createLog(config.LOG_LEVEL, destination);
  await using stack = new AsyncDisposableStack();
  const endpoints = await startBackends(config, log, stack);
  await migrate(endpoints.databaseUrl, { log: (line) => log.debug({ backend: "postgres" }, line) });

  const pool = poolAs("everfold_api", { config, backends: endpoints, log }, stack);
  const masterKey = await openMasterKey(pool, { given: config.ENCRYPTION_MASTER_KEY, dataDir: config.DATA_DIR });
  const backends: Backends = { ...endpoints, masterKey };
  const store = eventStoreDb({ url: backends.eventStoreUrl });
  stack.defer(() => store.close());
  await refuseForeignCheckpoints(pool, store);
  const vault = keyVault({ pool, masterKey: backends.masterKey });
  const codec = eventCodec(vault);
  const handler = writeSide({ config, store, codec, pool, masterKey, log }, stack);

  const within: Within = { config, log, backends, pool, store, vault, codec, handler, stack };
  const followers = follow(within, (line) => destination.write(line));
  const served = config.ROLES.includes("api")
    ? await serve(within, followers)
    : { url: undefined, routes: [], untilReady: readiness({ pool, store, followers }).untilReady };
  const resources = stack.move();
  return { ...served, handler, stop: () => resources.disposeAsync() };
};

/** An event store that is away says nothing: projections look again before they go on. */
const refuseForeignCheckpoints = async (pool: Pool, store: EventStore): Promise<void> => {
  const names = projections.map(({ name }) => name);
  try {
    await refuseForeign(store, (await checkpointsOf(pool, names)).values());
  } catch (error) {
    if (!(error instanceof EventStoreUnavailable)) throw error;
  }
};

type Within = {
  config: Config;
  log: Log;
  backends: Backends;
  /** Of the API's role. */
  pool: Pool;
  store: ReturnType<typeof eventStoreDb>;
  vault: KeyVault;
  codec: Codec;
  handler: Handler;
  stack: AsyncDisposableStack;
};

const follow = ({ config, backends, stack }: Within, onLogLine: (line: string) => void): Followers | undefined => {
  if (!config.ROLES.some((role) => role !== "api")) return undefined;
  const followers = startFollowers({ config, backends }, onLogLine);
  stack.defer(() => followers.stop());
  return followers;
};

const serve = async (
  within: Within,
  followers: Followers | undefined,
): Promise<Pick<Everfold, "url" | "routes" | "untilReady">> => {
  const { config, log, backends, pool, store, handler, stack } = within;
  const projected = followProjected(pool, projections, log);
  stack.defer(() => projected.stop());
  const tokens = accessTokens({
    keys: await openSigningKeys(pool, deriveKey(backends.masterKey, "signing-keys")),
    issuer: config.JWT_ISSUER,
    audience: config.JWT_AUDIENCE,
    lifetimeS: config.JWT_ACCESS_EXPIRY,
  });
  const sealKeys = await installedSealKeys(pool, backends.masterKey);
  const { check } = accessControl(handler);
  const apiKeys = apiKeyAuthentication({
    handler,
    warn: (error) => log.warn({ error }, "the use of an API key was not recorded"),
  });
  stack.defer(() => apiKeys.settled());
  const now = () => new Date().toISOString();
  const notes = accessNotes({ handler, now, warn: (details, message) => log.warn(details, message) });
  stack.defer(() => notes.stop());
  const { dependencies, untilReady } = readiness({ pool, store, followers, projected });
  const server = await createServer({
    settings: config,
    log,
    ports: {
      handler,
      tokens,
      sessions: { standing: sessionStanding(handler) },
      apiKeys,
      access: {
        permissions,
        check: (permission, caller, place) => check(permission as Permission, caller, place),
      },
      accessNotes: notes,
      writes: ownWrites(ownersRemembered),
      projected,
      readAsTenant: (work) => readAsTenant(pool, work),
      now,
    },
    keys: { jwks: () => tokens.jwks(), ledgerKeys: async () => ({ keys: [...(await sealKeys.publicKeys())] }) },
    dependencies,
    features: features(within, { tokens, sealKeys, now, notes }),
  });
  stack.defer(() => server.close());
  const url = await server.listen({ host: config.HOST, port: config.PORT });
  return { url, routes: server.routes, untilReady };
};

/** Of so many users and workspaces the process knows what they wrote last. */
const ownersRemembered = 100_000;

type Served = { tokens: ReturnType<typeof accessTokens>; sealKeys: SealKeys; now: () => string; notes: AccessNotes };

const features =
  ({ config, backends, handler, store, vault, codec, pool }: Within, { tokens, sealKeys, now, notes }: Served) =>
  (app: App): void => {
    const blindIndex = blindIndexUnder(backends.masterKey);
    const hashing = passwords({ cost: config.BCRYPT_COST, pepper: deriveKey(backends.masterKey, "password-pepper") });
    const signIn = {
      handler,
      blindIndex,
      passwordMatches: hashing.matches,
      signAccessToken: tokens.sign,
      refreshLifetimeMs: config.JWT_REFRESH_EXPIRY * 1_000,
      accessNotes: notes,
    };
    const register = registration({
      ...{ handler, blindIndex, plan: config.DEFAULT_PLAN },
      ...{ hashPassword: hashing.hash, passwordMatches: hashing.matches },
    });
    accountRoutes(app, {
      register,
      login: login(signIn),
      refresh: refresh(signIn),
      logout: logout({ handler }),
      logoutEverywhere: logoutEverywhere({ handler }),
      switchOrganization: organizationSwitch({ handler, signAccessToken: tokens.sign }),
      permissionsOf: effectivePermissions(handler),
    });
    organizationRoutes(app, {
      createOrganization: organizationCreation({ handler, blindIndex, plan: config.DEFAULT_PLAN }),
      renameOrganization: organizationRenaming({ handler, blindIndex }),
      addMember: organizationMemberAddition({ handler, blindIndex }),
      removeMember: organizationMemberRemoval({ handler }),
    });
    invitationRoutes(app, invitationOperations({ handler, vault }, blindIndex, register));
    workspaceRoutes(app, {
      createWorkspace: workspaceCreation({ handler, blindIndex }),
      addMember: memberAddition({ handler, blindIndex }),
      changeMemberRole: memberRoleChange({ handler }),
      removeMember: memberRemoval({ handler }),
    });
    smallFeatures(app, { handler, blindIndex });
    auditRoutes(app, auditReading(pool, codec));
    apiKeyRoutes(app, {
      createApiKey: apiKeyCreation({ handler }),
      rollApiKey: apiKeyRolling({ handler }),
      changeApiKeyScopes: apiKeyScopesChange({ handler }),
    });
    const { check } = accessControl(handler);
    billingRoutes(app, now, {
      bulkDebit: bulkDebit({ handler }),
      refund: refund({ handler }),
      transfer: transfer({
        handler,
        mayReceive: async ({ actor, organizationId }, workspaceId) =>
          check("credits:transfer", await callerBehind(handler)(actor, organizationId), { workspaceId }),
      }),
      seal: sealLedger(sealingWith({ handler, store, keys: sealKeys })),
      // Reading writes nothing: who wants the newest events sealed asks for that first.
      ledgerExport: ledgerExport({ store, seal: async () => undefined }),
      ledgerEvents: async function* (workspaceId) {
        for await (const { stream, revision, position, ...event } of store.read(
          `${creditLedger.category}-${workspaceId}`,
        ))
          yield { revision: String(revision), position: String(position), ...event };
      },
    });
  };

/** What needs nothing but the handler and claims. */
const smallFeatures = (app: App, means: { handler: Handler; blindIndex: BlindIndex }): void => {
  credentialRoutes(app);
  repositoryRoutes(app, repositoryOperations(means));
  planningRoutes(app, planningOperations(means));
};

const invitationOperations = (
  { handler, vault }: Pick<Within, "handler" | "vault">,
  blindIndex: BlindIndex,
  register: ReturnType<typeof registration>,
) => ({
  inviteToOrganization: organizationInvitation({ handler, blindIndex }),
  renew: invitationRenewal({ handler }),
  revoke: invitationRevocation({ handler }),
  renewInWorkspace: workspaceInvitationRenewal({ handler }),
  revokeInWorkspace: workspaceInvitationRevocation({ handler }),
  preview: invitationPreview({ handler }),
  accept: invitationAcceptance({ handler }),
  registerInvited: invitedRegistration({ handler, register }),
  open: opening(vault),
});

/** Only here is it said whose rows are read, and they are no tenant's. */
const auditReading = (pool: Pool, codec: Codec): Parameters<typeof auditRoutes>[1] => ({
  codec,
  read: (work) => readAsTenant(pool, work),
  readAsSystem: (work) => tenantContext.run({ organizationId: systemOrganizationId }, () => readAsTenant(pool, work)),
});

const print = (line: string) => process.stdout.write(`${line}\n`);

/** What a person is to be told in one line; anything else is a bug and comes with its stack. */
const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && error.code === "EADDRINUSE") return `${error.message}. Stop what uses it, or set PORT.`;
  return error instanceof ConfigError ? error.message : `Everfold cannot start: ${error.message}`;
};

const run = async (): Promise<void> => {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopping.abort());
  try {
    const config = readConfig(environment());
    const everfold = await start(config);
    await everfold.untilReady(stopping.signal, (faults) => print(`Everfold is not ready yet: ${faults.join(", ")}`));
    if (!stopping.signal.aborted)
      print(
        everfold.url
          ? `Everfold is ready: ${everfold.url} – documentation at ${everfold.url}/api/v1/docs`
          : `Everfold is ready: ${config.ROLES.join(" and ")}`,
      );
    await aborted(stopping.signal);
    await everfold.stop();
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = 1;
  }
};

if (import.meta.main) await run();
