import { globSync, readFileSync } from "node:fs";
import { join } from "node:path/posix";
import { type ESTree, type ParseResult, parseSync, Visitor } from "rolldown/utils";

/** What one TypeScript file says to the checks of this folder; paths are relative to the root, with `/`. */
export type SourceFile = {
  path: string;
  lines: readonly string[];
  imports: readonly Import[];
  exports: readonly Named[];
  /** Files named in string literals: `new URL("./server.ts", import.meta.url)`. */
  mentions: readonly string[];
  functions: readonly Extent[];
  /** Texts put together at run time, by a template or by `+`; `…` stands where something is put in. */
  composed: readonly ComposedText[];
  /** `as` anything but `const`. */
  assertions: readonly { line: number }[];
  comments: readonly Named[];
};
/** `target` is the path of a file of ours, or the package's name; `names` is "all" where anything may be used. */
export type Import = { target: string; names: readonly string[] | "all"; line: number };
type Named = { name: string; line: number };
type Extent = { line: number; lineCount: number };
type ComposedText = { tag: string | null; text: string; line: number };

export const readSources = (root: string, ...patterns: readonly string[]): readonly SourceFile[] =>
  globSync(patterns, { cwd: root })
    .sort()
    .map((path) => parseSource(path, readFileSync(join(root, path), "utf8")));

export const parseSource = (path: string, text: string): SourceFile => {
  const parsed = parseSync(path, text, { lang: "ts", sourceType: "module" });
  const [error] = parsed.errors;
  if (error !== undefined) throw new Error(`${path} cannot be parsed: ${error.message}`);
  const lineAt = (offset: number) => text.slice(0, offset).split("\n").length;
  return {
    path,
    lines: text.split("\n"),
    imports: importsOf(path, text, parsed, lineAt),
    exports: exportsOf(parsed, lineAt),
    comments: parsed.comments.map(({ value, start }) => ({ name: value, line: lineAt(start) })),
    ...bodyOf(path, text, parsed, lineAt),
  };
};

/** The package of a specifier: `@scope/name/deep` → `@scope/name`; `node:` modules stay as they are. */
const packageOf = (specifier: string): string => {
  if (specifier.startsWith("node:")) return specifier;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
};

const targetOf = (path: string, specifier: string): string =>
  specifier.startsWith(".") ? join(path, "..", specifier) : packageOf(specifier);

type LineAt = (offset: number) => number;

const importsOf = (path: string, text: string, { module }: ParseResult, lineAt: LineAt): Import[] => [
  ...module.staticImports.map(({ start, moduleRequest, entries }) => ({
    target: targetOf(path, moduleRequest.value),
    names: namesOf(entries.map(({ importName }) => importName)),
    line: lineAt(start),
  })),
  ...module.staticExports.flatMap(({ start, entries }) =>
    entries.flatMap(({ moduleRequest, importName }) =>
      moduleRequest === null
        ? []
        : [{ target: targetOf(path, moduleRequest.value), names: namesOf([importName]), line: lineAt(start) }],
    ),
  ),
  ...module.dynamicImports.flatMap(({ start, moduleRequest }) => {
    const [, specifier] = text.slice(moduleRequest.start, moduleRequest.end).match(/^["'`](.*)["'`]$/) ?? [];
    if (specifier === undefined) return [];
    return [{ target: targetOf(path, specifier), names: "all" as const, line: lineAt(start) }];
  }),
];

type ImportName = { kind: string; name?: string | null | undefined };

const namesOf = (names: readonly ImportName[]): string[] | "all" => {
  const known = names.flatMap(({ kind, name }) => {
    if (kind === "Default") return ["default"];
    return kind === "Name" && name ? [name] : [];
  });
  return known.length === names.length ? known : "all";
};

const exportsOf = ({ module }: ParseResult, lineAt: LineAt): Named[] =>
  module.staticExports.flatMap(({ start, entries }) =>
    entries.map(({ exportName: { kind, name } }) => ({
      name: kind === "Default" ? "default" : (name ?? "*"),
      line: lineAt(start),
    })),
  );

/** Where the specifiers of imports stand: they are string literals too, and mean something else. */
const specifierOffsets = ({ staticImports, staticExports, dynamicImports }: ParseResult["module"]) =>
  new Set(
    [...staticImports, ...staticExports.flatMap(({ entries }) => entries), ...dynamicImports].flatMap(
      ({ moduleRequest }) => (moduleRequest === null ? [] : [moduleRequest.start]),
    ),
  );

/** Whether a text is fixed when the file is written: a literal, a constant of the same file, or made of these. */
const isFixed = (part: ESTree.Node, constants: ReadonlySet<string>): boolean => {
  if (part.type === "Literal") return true;
  if (part.type === "Identifier") return constants.has(part.name);
  if (part.type === "TemplateLiteral") return part.expressions.every((each) => isFixed(each, constants));
  return part.type === "BinaryExpression" && isFixed(part.left, constants) && isFixed(part.right, constants);
};

const bodyOf = (path: string, text: string, { program, module }: ParseResult, lineAt: LineAt) => {
  const specifiers = specifierOffsets(module);
  const mentions: string[] = [];
  const functions: Extent[] = [];
  const composed: ComposedText[] = [];
  const assertions: { line: number }[] = [];
  const suites = new Set<number>();
  const tags = new Map<number, string>();
  const constants = new Set<string>();
  const measure = ({ start, end }: ESTree.Span) => {
    if (!suites.has(start)) functions.push({ line: lineAt(start), lineCount: lineAt(end) - lineAt(start) + 1 });
  };
  new Visitor({
    // A suite of tests is a chapter, not a function: its tests are measured one by one.
    CallExpression: ({ callee, arguments: given }) => {
      if (/^describe\b/.test(text.slice(callee.start, callee.end))) for (const { start } of given) suites.add(start);
    },
    FunctionDeclaration: measure,
    FunctionExpression: measure,
    ArrowFunctionExpression: measure,
    VariableDeclarator: ({ id, init }) => {
      if (id.type === "Identifier" && init !== null && isFixed(init, constants)) constants.add(id.name);
    },
    TSAsExpression: ({ typeAnnotation: { start, end } }) => {
      if (text.slice(start, end) !== "const") assertions.push({ line: lineAt(start) });
    },
    Literal: ({ value, start }) => {
      if (typeof value === "string" && value.endsWith(".ts") && !specifiers.has(start))
        mentions.push(targetOf(path, `./${value}`));
    },
    TaggedTemplateExpression: ({ tag, quasi }) => {
      tags.set(quasi.start, text.slice(tag.start, tag.end));
    },
    TemplateLiteral: (template) => {
      if (isFixed(template, constants)) return;
      const said = template.quasis.map(({ value }) => value.cooked ?? value.raw).join("…");
      composed.push({ tag: tags.get(template.start) ?? null, text: said, line: lineAt(template.start) });
    },
    BinaryExpression: (sum) => {
      if (sum.operator !== "+" || isFixed(sum, constants)) return;
      const said = [sum.left, sum.right].map((side) => (side.type === "Literal" ? String(side.value) : "…")).join("");
      composed.push({ tag: null, text: said, line: lineAt(sum.start) });
    },
  }).visit(program);
  return { mentions, functions, composed, assertions };
};
