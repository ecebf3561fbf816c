import { lookup as resolveName } from "node:dns/promises";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { isPublicAddress } from "./publicAddress.ts";

/** More than any answer that is meant for us. */
const ANSWER_BYTES_MAX = 65_536;

/** The host is, or its name leads to, an address that is closed to calls from here. Nothing was sent. */
export class AddressClosed extends Error {
  override readonly name = "AddressClosed";
}

type Address = { readonly address: string; readonly family: number };
export type Resolve = (hostname: string) => Promise<readonly Address[]>;

export type Destination = {
  readonly url: URL;
  readonly allowPrivateAddresses: boolean;
  /** Whose certificates are trusted, in place of the authorities that Node knows. */
  readonly certificateAuthority?: string | undefined;
  readonly resolve?: Resolve | undefined;
};

type Message = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
};

/** `body` is absent where it was longer than an answer may be. */
export type Answer = { readonly status: number; readonly retryAfter?: string | undefined; readonly body?: string };

/**
 * One POST to a URL that an operator named and an attacker may have a say in. A redirect is an answer like any other.
 * Every call has a connection of its own, made to an address that was checked: a name that is resolved once more
 * between the check and the connection (DNS rebinding) would make the check worthless.
 * Throws `AddressClosed`, and whatever befalls a connection.
 */
export const guardedPost = async (destination: Destination, message: Message): Promise<Answer> => {
  const { url, allowPrivateAddresses } = destination;
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  // No look-up is made for what is an address already, in whichever spelling: the URL's parser has made it a plain one.
  if (isIP(host) !== 0 && !allowPrivateAddresses) assertPublic(host, [host]);
  const response = await responseTo(destination, message);
  const retryAfter = response.headers["retry-after"];
  return { status: response.statusCode ?? 0, retryAfter, ...(await bodyOf(response)) };
};

const responseTo = (destination: Destination, { headers, body, signal }: Message): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const { url, certificateAuthority } = destination;
    const request = (url.protocol === "https:" ? requestHttps : requestHttp)(url, {
      method: "POST",
      agent: false,
      lookup: guardedLookup(destination),
      headers: { ...headers, "Content-Length": Buffer.byteLength(body) },
      signal,
      // Said here so that no variable of the environment can say otherwise.
      rejectUnauthorized: true,
      ...(certificateAuthority === undefined ? {} : { ca: certificateAuthority }),
    });
    request.on("response", resolve);
    request.on("error", reject);
    request.on("close", () => reject(new Error("the connection was closed without an answer")));
    request.end(body);
  });

const resolveAll: Resolve = (hostname) => resolveName(hostname, { all: true });

/** Answers the connection being made with the addresses that were checked, so that it is made to one of them. */
const guardedLookup =
  ({ allowPrivateAddresses, resolve = resolveAll }: Destination): LookupFunction =>
  (hostname, { all }, callback) => {
    const checked = async () => {
      const addresses = await resolve(hostname);
      if (!allowPrivateAddresses) {
        assertPublic(
          hostname,
          addresses.map(({ address }) => address),
        );
      }
      return addresses;
    };
    checked().then(
      (addresses) => {
        const [first] = addresses;
        if (!first) return callback(new Error(`${hostname} has no address`), "");
        return all === true ? callback(null, [...addresses]) : callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ""),
    );
  };

/** One closed address among several is enough: which of them would be connected to is not ours to choose. */
const assertPublic = (host: string, addresses: readonly string[]): void => {
  const closed = addresses.find((address) => !isPublicAddress(address));
  if (closed === undefined) return;
  throw new AddressClosed(
    closed === host ? `${host} is not public` : `${host} leads to ${closed}, which is not public`,
  );
};

const bodyOf = async (response: IncomingMessage): Promise<{ body?: string }> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) return {};
  }
  return { body: Buffer.concat(chunks).toString("utf8") };
};
