/**
 * The part of `wardian build` that runs in Node, from beside the locked toolchain.
 *
 *     node build.mjs types REQUEST        write what an editor and the type check need
 *     node build.mjs component REQUEST    bundle the plugin and turn it into a component
 *
 * REQUEST is JSON: { plugin, wit, world, sdk, scratch, output, wasi }, paths absolute; `wit` has
 * the contract among its deps, `scratch` is the plugin's `.wardian-build` folder.
 */

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { componentize } from "@bytecodealliance/componentize-js";
import { types } from "@bytecodealliance/jco";
import { build } from "esbuild";

// A component's imports look like `wardian:plugin/kv@1.0.0`.
const WIT_IMPORT = /^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*\//;

const TSCONFIG = {
  compilerOptions: {
    target: "es2022",
    lib: ["es2023"],
    module: "esnext",
    moduleResolution: "bundler",
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    isolatedModules: true,
    noUncheckedIndexedAccess: true,
    paths: { "@wardian/sdk": ["./sdk/index.ts"], "@wardian/sdk/*": ["./sdk/*.ts"] },
  },
  include: ["./types/**/*.d.ts", "./sdk/_globals.d.ts", "./conforms.ts", "../src/**/*.ts"],
};

async function writeTypes({ wit, world, sdk, scratch }) {
  const folder = join(scratch, "types");
  await rm(folder, { recursive: true, force: true });
  const files = await types(wit, { worldName: world, guest: true });
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  await rm(join(scratch, "sdk"), { recursive: true, force: true });
  await cp(join(sdk, "src"), join(scratch, "sdk"), { recursive: true });
  await writeFile(join(scratch, "tsconfig.json"), JSON.stringify(TSCONFIG, null, 2) + "\n");
  await writeFile(join(scratch, "conforms.ts"), await conformity(folder, world));
}

/** A module that compiles only if the plugin exports what its world promises. */
async function conformity(folder, world) {
  const text = await readFile(join(folder, `${world}.d.ts`), "utf8");
  const name = /declare module '([^']+)'/.exec(text)?.[1];
  return [
    "// An error here means that the plugin's exports have not the types that wit/ promises.",
    `import type * as promised from ${JSON.stringify(name)};`,
    'import * as plugin from "../src/plugin";',
    "// Each may be async: the call ends when its promise does.",
    "type Answering<T> = T extends (...given: infer Given) => infer Answer",
    "  ? (...given: Given) => Answer | Promise<Answer>",
    "  : { [Name in keyof T]: Answering<T[Name]> };",
    "const exported: Answering<typeof promised> = plugin;",
    "void exported;",
    "",
  ].join("\n");
}

async function writeComponent({ plugin, wit, world, sdk, scratch, output, wasi }) {
  const bundle = join(scratch, "bundle.js");
  await build({
    entryPoints: [join(plugin, "src", "plugin.ts")],
    outfile: bundle,
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["import", "module", "browser"],
    target: "es2022",
    alias: { "@wardian/sdk": join(sdk, "src") },
    plugins: [
      {
        name: "wit-imports",
        setup: (hooks) =>
          hooks.onResolve({ filter: WIT_IMPORT }, ({ path }) =>
            // `node:fs/promises` looks like one, and there is no Node inside a plugin.
            path.startsWith("node:") ? undefined : { path, external: true },
          ),
      },
    ],
  });
  const never = ["http", "fetch-event"];
  const { component } = await componentize({
    sourcePath: bundle,
    witPath: wit,
    worldName: world,
    disableFeatures: wasi ? never : ["stdio", "random", "clocks", ...never],
  });
  await writeFile(output, component);
}

const [, , command, request] = process.argv;
const run = { types: writeTypes, component: writeComponent }[command];
try {
  await run(JSON.parse(request));
} catch (error) {
  // esbuild has printed what is wrong with the sources already; its stack says nothing more.
  if (!error.errors) console.error(error.message ?? String(error));
  process.exit(1);
}
