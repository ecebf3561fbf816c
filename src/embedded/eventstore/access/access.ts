import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join, resolve } from "node:path";
import { ServerCredentials, type ServerInterceptor } from "@grpc/grpc-js";
import { replaceFile } from "../replaceFile.ts";
import type { AccessMode, Credentials } from "./accessMode.ts";
import { askForCredentials } from "./authentication.ts";
import { showsListener } from "./connectionTable.ts";
import { createPeerCheck } from "./peerCheck.ts";

const username = "admin";
const passwordBytes = 24;

/** Tells why a connection is not let in; undefined when it is. */
export type Admission = (socket: Socket) => Promise<string | undefined>;

/** What one of the access modes means for the server. */
export type Access = {
  readonly credentials: ServerCredentials;
  readonly interceptors: readonly ServerInterceptor[];
  /** For the port that is listened on. Undefined where every connection is let in. */
  admission(port: number): Promise<Admission | undefined>;
  /** For the official client; it holds the password where there is one. */
  connectionString(address: string): string;
};

type AccessOptions = {
  readonly mode: AccessMode;
  /** Where the certificate and the password are kept. */
  readonly directory: string;
  /** In place of those that are made and kept. */
  readonly credentials?: Credentials | undefined;
};

/** Rejects when the folder cannot hold a certificate and a password. */
export async function openAccess({ mode, directory, credentials }: AccessOptions): Promise<Access> {
  if (mode === "tls") return openTls(join(resolve(directory), "tls"), credentials);
  return {
    credentials: ServerCredentials.createInsecure(),
    interceptors: [],
    admission: async (port) => (mode === "same-user" ? sameUser(port) : undefined),
    connectionString: (address) => `esdb://${address}?tls=false`,
  };
}

async function sameUser(port: number): Promise<Admission> {
  const uid = process.geteuid?.();
  if (uid === undefined || !(await showsListener(port, uid)))
    throw new Error("Whose process connects cannot be told on this system: choose tls or insecure access.");
  return createPeerCheck(port, uid);
}

async function openTls(folder: string, given: Credentials | undefined): Promise<Access> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  // What makes certificates takes a while to load, which every other start can do without.
  const { openCertificate } = await import("./certificate.ts");
  const { certificate, key, file } = await openCertificate(folder, Date.now);
  const credentials = given ?? { username, password: await openPassword(join(folder, "password")) };
  const userInfo = [credentials.username, credentials.password].map(encodeURIComponent).join(":");
  const caFile = file.split("/").map(encodeURIComponent).join("/");
  return {
    credentials: ServerCredentials.createSsl(null, [
      { cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) },
    ]),
    interceptors: [askForCredentials(credentials)],
    admission: async () => undefined,
    connectionString: (address) => `esdb://${userInfo}@${address}?tls=true&tlsCAFile=${caFile}`,
  };
}

async function openPassword(file: string): Promise<string> {
  const kept = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  if (kept.trim() !== "") {
    await chmod(file, 0o600);
    return kept.trim();
  }
  const password = randomBytes(passwordBytes).toString("base64url");
  await replaceFile(file, password);
  return password;
}
