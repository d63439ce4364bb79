import { readOwnManifest } from './own-manifest.ts'

/**
 * Libraries whose instances are shared with the code that uses the package: its Kysely is handed to us, its `catch` looks for
 * our `TRPCError`. The oldest and the newest version of each range are tested.
 */
export const PEERS: Readonly<Record<string, string>> = {
  '@trpc/client': '^11.16.0',
  '@trpc/server': '^11.16.0',
  kysely: '^0.29.0',
  pg: '^8.21.0',
  zod: '^4.3.0',
}

/** Declarations name types of these, which bring none along. */
const TYPES: Readonly<Record<string, string>> = { '@types/node': '>=22', '@types/pg': '^8.15.0' }

/**
 * What the package says of itself: its entries, and what it needs at run time. The Node.js and the PostgreSQL of this repository
 * are no part of it.
 *
 * @param packages what its modules import.
 * @throws {Error} for a package that package.json does not name.
 */
export async function packedManifest(root: string, packages: ReadonlySet<string>): Promise<object> {
  const { name, version, description, license, exports, dependencies } = await readOwnManifest(root)
  const needed = [...packages].filter((imported) => !(imported in PEERS)).toSorted()
  return {
    name,
    version,
    description,
    license,
    type: 'module',
    sideEffects: false,
    engines: { node: '>=22.19' },
    exports: { ...Object.fromEntries(Object.entries(exports).map(packedEntry)), './package.json': './package.json' },
    dependencies: {
      ...Object.fromEntries(needed.map((imported) => [imported, rangeOf(imported, dependencies)])),
      ...TYPES,
    },
    peerDependencies: PEERS,
  }
}

function packedEntry([entry, file]: [string, string]): [string, { types: string; default: string }] {
  const module = file.replace(/^\./, './dist').replace(/\.ts$/, '')
  return [entry, { types: `${module}.d.ts`, default: `${module}.js` }]
}

function rangeOf(imported: string, dependencies: Readonly<Record<string, string>>): string {
  const version = dependencies[imported]
  if (version === undefined)
    throw new Error(`${imported} is imported, and package.json does not name it as a dependency`)
  return `^${version}`
}
