import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";
import { replaceFile } from "../replaceFile.ts";

const dayMs = 86_400_000;
/** Some operating systems take no certificate of a server that is good for longer than 825 days. */
const lifeDays = 800;
const renewalDays = 90;

type Certificate = { readonly file: string; readonly certificate: string; readonly key: string };

/** The certificate kept in `folder`, or a new one where there is none that can be read and is good for long enough. */
export async function openCertificate(folder: string, now: () => number): Promise<Certificate> {
  const file = join(folder, "certificate.pem");
  const keyFile = join(folder, "key.pem");
  const kept = await Promise.all([readFile(file, "utf8"), readFile(keyFile, "utf8")]).catch(() => undefined);
  if (kept && isGood(kept[0], kept[1], now())) return { file, certificate: kept[0], key: kept[1] };
  const made = await make(now());
  await replaceFile(keyFile, made.private);
  await replaceFile(file, made.cert);
  return { file, certificate: made.cert, key: made.private };
}

function isGood(certificate: string, key: string, now: number): boolean {
  try {
    const { validFromDate, validToDate, ...parsed } = partsOf(new X509Certificate(certificate));
    const endsLate = validToDate.getTime() > now + renewalDays * dayMs;
    return endsLate && validFromDate.getTime() <= now && parsed.belongsTo(key);
  } catch {
    return false;
  }
}

const partsOf = (certificate: X509Certificate) => ({
  validFromDate: certificate.validFromDate,
  validToDate: certificate.validToDate,
  belongsTo: (key: string) => certificate.checkPrivateKey(createPrivateKey(key)),
});

const make = (now: number) =>
  generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    algorithm: "sha256",
    // A clock that is set back a little must not make it invalid.
    notBeforeDate: new Date(now - dayMs),
    notAfterDate: new Date(now + lifeDays * dayMs),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
          { type: 7, ip: "::1" },
        ],
      },
    ],
  });
