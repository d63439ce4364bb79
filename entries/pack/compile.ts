import { execFile } from 'node:child_process'
import { glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { finishDeclarations } from './declarations.ts'
import { readOwnManifest } from './own-manifest.ts'
import { indentedByTabs } from './indentation.ts'
import { plainSource } from './plain-source.ts'
import { mapLines } from './source-maps.ts'

/**
 * Compiles all that the public entries reach: modules with declarations under `dist/`, the sources that their maps point to
 * under `src/`.
 *
 * @param root of this repository.
 * @param target an absolute path, where nothing is yet.
 * @returns the names of the packages that the modules import.
 * @throws {Error} with what the compiler says.
 */
export async function compile(root: string, target: string): Promise<Set<string>> {
  const dist = join(target, 'dist')
  const entries = Object.values((await readOwnManifest(root)).exports)
  await mkdir(dist, { recursive: true })
  // The comments of a declaration are what an editor shows; those of the code are in the sources.
  await runCompiler(root, dist, entries, { declaration: true, emitDeclarationOnly: true })
  await runCompiler(root, dist, entries, { removeComments: true, sourceMap: true })
  await finishDeclarations(
    dist,
    entries.map((entry) => relative('.', entry).replace(/\.ts$/, '.d.ts')),
  )
  const packages = new Set<string>()
  for await (const name of glob('**/*.js', { cwd: dist })) {
    const path = join(dist, name)
    const text = await readFile(path, 'utf8')
    for (const [, imported = ''] of text.matchAll(IMPORT)) packages.add(imported)
    await finishModule(root, target, path, text)
  }
  return packages
}

/** What holds nothing but types needs no map: its declaration says all. */
async function finishModule(root: string, target: string, path: string, text: string): Promise<void> {
  if (NOTHING.test(text)) {
    await writeFile(path, 'export {};\n')
    await rm(`${path}.map`)
    return
  }
  await writeFile(path, indentedByTabs(text, 4))
  await shipSources(root, target, `${path}.map`, text)
}

const NOTHING = /^export \{\};\s*(\/\/# sourceMappingURL=\S+\s*)?$/

async function runCompiler(
  root: string,
  outDir: string,
  entries: readonly string[],
  emitted: Readonly<Record<string, boolean>>,
): Promise<void> {
  const compilerOptions = {
    noEmit: false,
    // It is made anew each time, and nothing of it is kept beside the sources.
    incremental: false,
    tsBuildInfoFile: null,
    outDir,
    rootDir: root,
    // What Node.js 22 understands.
    target: 'es2024',
    ...emitted,
    rewriteRelativeImportExtensions: true,
    typeRoots: [join(root, 'node_modules/@types')],
  }
  const files = entries.map((entry) => join(root, entry))
  const config = join(outDir, '../tsconfig.json')
  await writeFile(config, JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [] }))
  try {
    await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', config])
  } catch (cause) {
    const said = cause instanceof Error && 'stdout' in cause ? String(cause.stdout) : String(cause)
    throw new Error(`The package does not compile:\n${said}`, { cause })
  } finally {
    await rm(config)
  }
}

/** Points a map, line by line, to a copy of its sources, which the package brings along; what no reader of maps needs is left out. */
async function shipSources(root: string, target: string, path: string, text: string): Promise<void> {
  const map = JSON.parse(await readFile(path, 'utf8')) as SourceMap // as the compiler writes it
  const sources: string[] = []
  for (const source of map.sources) {
    const original = join(dirname(path), source)
    const copy = join(target, 'src', relative(root, original))
    await mkdir(dirname(copy), { recursive: true })
    await writeFile(copy, indentedByTabs(plainSource(await readFile(original, 'utf8')), 2))
    sources.push(relative(dirname(path), copy))
  }
  const { version, mappings } = map
  await writeFile(path, JSON.stringify({ version, sources, mappings: mapLines(mappings, text) }))
}

interface SourceMap {
  readonly version: number
  readonly sources: readonly string[]
  readonly mappings: string
}

/** A package in `import … from 'x'`, `export … from 'x'`, `import 'x'` and `import('x')`. */
const IMPORT =
  /(?:^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*|^\s*import\s*|\bimport\()['"]((?:@[\w.-]+\/)?[\w-][\w.-]*)(?:\/[^'"]*)?['"]/gm
