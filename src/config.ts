import { existsSync } from "node:fs";
import { z } from "zod";
import { accessModes } from "./embedded/eventstore/access/accessMode.ts";

const integer = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(least, `must be at least ${least}`).max(most, `must be at most ${most}`));

const secondsIn = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const duration = z
  .string()
  .regex(/^[1-9]\d{0,6}[smhd]$/, "must be a number with its unit s, m, h or d, such as 15m")
  .transform((text) => Number(text.slice(0, -1)) * secondsIn[z.enum(["s", "m", "h", "d"]).parse(text.slice(-1))]);

const commaList = <T extends z.ZodType<unknown, string>>(item: T) =>
  z
    .string()
    .transform((text) => text.split(",").flatMap((part) => part.trim() || []))
    .pipe(z.array(item));

const Origin = z
  .string()
  .refine((text) => URL.canParse(text) && new URL(text).origin === text, "must be origins such as https://app.example");

const Role = z.enum(["api", "projections", "reactions"], "must be among api, projections, reactions");

const MasterKey = z
  .string()
  .regex(/^([0-9a-f]{64}|[\w+/-]{43}=?)$/i, "must be 32 bytes in hex or base64")
  .transform((text) => Buffer.from(text, text.length === 64 ? "hex" : "base64"));

const TrustProxy = z.union([
  z.literal("false").transform((): false => false),
  z
    .string()
    .regex(/^\d{1,2}$/)
    .transform(Number),
  commaList(z.string().regex(/^[\da-f.:]+(\/\d{1,3})?$/i)),
]);

const isBare = ({ username, password, hash }: URL) => `${username}${password}${hash}` === "";
/** A user name or a password in it would find its way into error texts, and a fragment is not sent at all. */
const PaymentUrl = z
  .url({ protocol: /^https?$/, error: "must be an https:// URL" })
  .refine(
    (text) => URL.canParse(text) && isBare(new URL(text)),
    "must hold neither a user name, nor a password, nor a fragment",
  );

/** Every variable there is. Durations come out in seconds, lists as arrays; an empty value counts as none. */
const Environment = z.object({
  NODE_ENV: z.enum(["development", "test", "production"]).default("development"),
  HOST: z.string().default("127.0.0.1"),
  PORT: integer(0, 65_535).default(3_000),
  DATA_DIR: z.string().default(".data"),
  ROLES: commaList(Role).default(["api", "projections", "reactions"]),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
  EVENTSTORE_URL: z
    .string()
    .regex(/^esdb(\+discover)?:\/\/\S+$/, "must start with esdb:// or esdb+discover://")
    .optional(),
  EVENTSTORE_EMBEDDED_ACCESS: z.enum(accessModes, `must be among ${accessModes.join(", ")}`).optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: "must be a postgres:// URL" }).optional(),
  DATABASE_POOL_MAX: integer(1, 1_000).default(10),
  DATABASE_IDLE_TIMEOUT_MS: integer(0, 3_600_000).default(30_000),
  DATABASE_STATEMENT_TIMEOUT_MS: integer(1, 3_600_000).default(15_000),
  LEDGERS_IN_MEMORY_MAX: integer(1, 10_000_000).default(50_000),
  COMMANDS_IN_MEMORY_MAX: integer(1_000, 100_000_000).default(300_000),
  PROJECTION_DELAY_MS: integer(0, 60_000).default(0),
  ENCRYPTION_MASTER_KEY: MasterKey.optional(),
  JWT_ACCESS_EXPIRY: duration.default(900),
  JWT_REFRESH_EXPIRY: duration.default(2_592_000),
  JWT_ISSUER: z.string().default("everfold"),
  JWT_AUDIENCE: z.string().default("everfold-api"),
  BCRYPT_COST: integer(4, 15).default(12),
  DEFAULT_PLAN: z.enum(["free", "pro", "enterprise"], "must be free, pro or enterprise").default("free"),
  CORS_ORIGIN: commaList(Origin).default([]),
  RATE_LIMIT_MAX: integer(0, 1_000_000).default(100),
  RATE_LIMIT_AUTH_MAX: integer(0, 1_000_000).default(5),
  BODY_LIMIT_BYTES: integer(1_024, 104_857_600).default(1_048_576),
  TRUST_PROXY: TrustProxy.default(false),
  SEAL_INTERVAL: duration.pipe(z.number().max(604_800, "must be at most 7d")).default(3_600),
  PAYMENT_PROVIDER: z.enum(["invoice", "http"], "must be invoice or http").default("invoice"),
  PAYMENT_URL: PaymentUrl.optional(),
  PAYMENT_SECRET: z.string().min(32, "must have at least 32 characters").optional(),
  PAYMENT_ALLOW_PRIVATE_ADDRESSES: z
    .enum(["true", "false"], "must be true or false")
    .transform((text) => text === "true")
    .default(false),
});
export type Config = z.output<typeof Environment>;

/** FND-02: what `.env.example` must list. */
export const variables: readonly string[] = Object.keys(Environment.shape);

/** Names every bad variable and never its value (FND-03). */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly variables: readonly string[];

  constructor(problems: readonly Problem[]) {
    super(["The configuration is not valid:", ...problems.map(({ name, says }) => `  ${name} ${says}`)].join("\n"));
    this.variables = [...new Set(problems.map(({ name }) => name))];
  }
}
type Problem = { name: string; says: string };

/** The process's own variables, and those of a `.env` file in the working directory that it does not have. */
export const environment = (): Readonly<Record<string, string | undefined>> => {
  if (existsSync(".env")) process.loadEnvFile(".env");
  return process.env;
};

/** Errors: `ConfigError`. */
export const readConfig = (environment: Readonly<Record<string, string | undefined>>): Config => {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = Environment.safeParse(given);
  const problems = [
    ...(parsed.error?.issues ?? []).map(({ path, message }) => ({ name: String(path[0]), says: message })),
    ...forbidden(given),
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return parsed.data;
};

/** What is well-formed and still not acceptable. */
const forbidden = (given: Readonly<Record<string, string | undefined>>): Problem[] => [
  ...problem(
    "JWT_SECRET" in given,
    "JWT_SECRET",
    "is not accepted: tokens are signed with RS256 keys kept in the vault",
  ),
  ...(given["NODE_ENV"] === "production"
    ? [
        ...problem(!("ENCRYPTION_MASTER_KEY" in given), "ENCRYPTION_MASTER_KEY", "must be given in production"),
        ...problem(Number(given["BCRYPT_COST"] ?? 12) < 12, "BCRYPT_COST", "must be at least 12 in production"),
      ]
    : []),
  ...unusablePayments(given),
];

const unusablePayments = (given: Readonly<Record<string, string | undefined>>): Problem[] => [
  ...(given["PAYMENT_PROVIDER"] === "http"
    ? ["PAYMENT_URL", "PAYMENT_SECRET"].flatMap((name) =>
        problem(!(name in given), name, "must be given when PAYMENT_PROVIDER is http"),
      )
    : []),
  ...problem(
    given["PAYMENT_ALLOW_PRIVATE_ADDRESSES"] !== "true" && /^\s*http:/i.test(given["PAYMENT_URL"] ?? ""),
    "PAYMENT_URL",
    "must be an https:// URL unless PAYMENT_ALLOW_PRIVATE_ADDRESSES is true",
  ),
];

const problem = (applies: boolean, name: string, says: string): Problem[] => (applies ? [{ name, says }] : []);
