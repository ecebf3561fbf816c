import type { Import, SourceFile } from "./sourceFile.ts";

/** A breach of a rule, as a sentence that begins with the place to go to. */
type Breach = string;
export type Rule = (files: readonly SourceFile[]) => readonly Breach[];

/** What the files of a folder of src/ may import from the other folders; their own folder is always open to them. */
const openFolders: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  eventstore: ["kernel", "platform"],
  domain: ["kernel"],
  commands: ["kernel", "domain"],
  projections: ["kernel", "domain", "eventstore", "platform"],
  reactions: ["kernel", "domain", "eventstore", "commands", "platform"],
  http: ["kernel", "commands", "projections", "platform"],
  audit: ["kernel", "domain", "eventstore", "commands", "platform"],
  platform: [],
  embedded: [],
};

/** The handler and its lanes are where commands meet the store. */
const openToFile: Readonly<Record<string, readonly string[]>> = {
  "src/commands/handler.ts": ["eventstore"],
  "src/commands/lanes.ts": ["eventstore"],
};

/** Packages that belong to some folders alone. */
const packageHomes: readonly { packages: RegExp; folders: readonly string[] }[] = [
  { packages: /^@eventstore\/db-client$/, folders: ["eventstore", "embedded"] },
  { packages: /^(@fastify\/|fastify)/, folders: ["http"] },
  { packages: /^pg$/, folders: ["platform"] },
];

/** The pure core: what these folders may import from outside. */
const purePackages: Readonly<Record<string, readonly string[]>> = {
  kernel: ["zod", "node:crypto"],
  domain: ["zod"],
};

/** The folder of src/ a path is in; "" for an entry, which stands in src/ itself. */
const folderOf = (path: string): string => {
  const [, folder = "", ...rest] = path.split("/");
  return rest.length === 0 ? "" : folder;
};

const isOurs = (target: string) => target.startsWith("src/");

const imports = function* (files: readonly SourceFile[]): Generator<[SourceFile, Import]> {
  for (const file of files) for (const each of file.imports) yield [file, each];
};

const at = ({ path }: SourceFile, { line }: { line: number }) => `${path}:${line}`;

/** Entries (main.ts and the command lines beside it) may import everything; nobody else imports them. */
export const importDirection: Rule = (files) =>
  [...imports(files.filter(({ path }) => isOurs(path)))].flatMap(([file, imported]) => {
    const folder = folderOf(file.path);
    if (folder === "") return [];
    const { target } = imported;
    if (!isOurs(target)) return target.includes(".ts") ? [`${at(file, imported)} reaches out of src/: ${target}`] : [];
    const open = [folder, ...(openFolders[folder] ?? []), ...(openToFile[file.path] ?? [])];
    return open.includes(folderOf(target)) ? [] : [`${at(file, imported)} imports ${target}: closed to ${folder}`];
  });

/** Another context of the domain appears only as an id; the files of src/domain itself may list all of them. */
export const separateContexts: Rule = (files) =>
  [...imports(files)].flatMap(([file, imported]) => {
    const contextOf = (path: string) => path.match(/^src\/domain\/([^/]+)\//)?.[1];
    const [from, to] = [contextOf(file.path), contextOf(imported.target)];
    if (from === undefined || to === undefined || from === to) return [];
    return [`${at(file, imported)} imports ${imported.target}: ${to} is another context than ${from}`];
  });

const eventStore = "src/embedded/eventstore/";

/** The folders of the embedded event store, and what each may import from the others; all of them what lies beside. */
const eventStoreFolders: Readonly<Record<string, readonly string[]>> = {
  access: [],
  storage: [],
  streams: ["storage"],
  protocol: ["storage", "streams"],
  persistent: ["storage", "streams", "protocol"],
};

export const eventStoreLayers: Rule = (files) =>
  [...imports(files.filter(({ path }) => path.startsWith(eventStore)))].flatMap(([file, imported]) => {
    const folderIn = (path: string) => path.slice(eventStore.length).match(/^([^/]+)\//)?.[1];
    const [from, to] = [folderIn(file.path), folderIn(imported.target)];
    if (from === undefined || to === undefined || from === to || !imported.target.startsWith(eventStore)) return [];
    const isOpen = eventStoreFolders[from]?.includes(to) === true;
    return isOpen ? [] : [`${at(file, imported)} imports ${imported.target}: closed to ${from}`];
  });

export const packagesAtHome: Rule = (files) =>
  [...imports(files.filter(({ path }) => isOurs(path)))].flatMap(([file, imported]) => {
    const { target } = imported;
    const folder = folderOf(file.path);
    const foreign = packageHomes.some(({ packages, folders }) => packages.test(target) && !folders.includes(folder));
    const impure = !isOurs(target) && purePackages[folder]?.includes(target) === false;
    return foreign || impure ? [`${at(file, imported)} imports ${target}: not in ${folder || "an entry"}`] : [];
  });

export const noCycles: Rule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const search = (path: string, trail: readonly string[]): Breach[] => {
    const start = trail.indexOf(path);
    if (start >= 0) return [[...trail.slice(start), path].join(" → ")];
    if (done.has(path)) return [];
    const found = (byPath.get(path)?.imports ?? []).flatMap(({ target }) => search(target, [...trail, path]));
    done.add(path);
    return found;
  };
  return files.flatMap(({ path }) => search(path, []));
};

const functionLinesMax = 70;
const fileLinesMax = 400;
const lineLengthMax = 120;

/** A ratchet: the bounds are far above what is usual here, and nothing may grow over them. */
export const bounded: Rule = (files) =>
  files.flatMap((file) => [
    ...(file.lines.length > fileLinesMax ? [`${file.path} has ${file.lines.length} lines`] : []),
    ...file.functions
      .filter(({ lineCount }) => lineCount > functionLinesMax)
      .map((long) => `${at(file, long)} is a function of ${long.lineCount} lines`),
    ...file.lines.flatMap(({ length }, index) =>
      length > lineLengthMax ? [`${file.path}:${index + 1} is ${length} characters long`] : [],
    ),
  ]);

const sqlShape = new RegExp(
  [
    String.raw`\bselect\b.+\bfrom\b`,
    String.raw`\binsert\s+into\b`,
    String.raw`\bupdate\s+\S+\s+set\b`,
    String.raw`\bdelete\s+from\b`,
    String.raw`\b(create|alter|drop)\s+(table|schema|database|role|user|index|view|policy|type|extension)\b`,
    String.raw`^\s*(pragma|truncate|set\s+(local|role|session)|listen|notify|grant|revoke)\b`,
  ].join("|"),
  "is",
);

/** BEGIN and the tenant's ids travel in one message, which takes no parameters: the ids are checked to be UUIDs. */
const composedOnPurpose: ReadonlySet<string> = new Set(["src/platform/postgres.ts"]);

/** What the `sql` tag puts together keeps its values apart from its text; nothing else may put SQL together. */
export const noComposedSql: Rule = (files) =>
  files
    .filter(({ path }) => !composedOnPurpose.has(path))
    .flatMap((file) =>
      file.composed
        .filter(({ tag, text }) => tag !== "sql" && sqlShape.test(text))
        .map((text) => `${at(file, text)} puts SQL together`),
    );

/** What features are handed to cannot know their types. */
const machinery: ReadonlySet<string> = new Set([...Object.keys(openToFile), "src/reactions/runner.ts"]);
/** In features the compiler is asked, and never told. */
const isFeature = (path: string) => /^src\/(domain|commands|reactions)\//.test(path) && !machinery.has(path);

export const noAssertions: Rule = (files) =>
  files
    .filter(({ path }) => isFeature(path))
    .flatMap((file) => file.assertions.map((assertion) => `${at(file, assertion)} tells the compiler a type`));

const vagueNames = new Set(["utils", "util", "helpers", "helper", "types", "common", "manager", "misc", "index"]);

/** A file is named after what it is for. */
export const speakingNames: Rule = (files) =>
  files
    .filter(({ path }) => path.split("/").some((part) => vagueNames.has(part.replace(/(\.test)?\.ts$/, ""))))
    .map(({ path }) => `${path} has a name that says nothing`);

/** What is left to do stands in an issue. */
export const noLeftovers: Rule = (files) =>
  files.flatMap((file) =>
    file.comments
      .filter(({ name }) => /\b(TODO|FIXME|XXX|HACK)\b/.test(name))
      .map((comment) => `${at(file, comment)} leaves something to do`),
  );
