import { glob, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { indentedByTabs } from './indentation.ts'

/**
 * Finishes the declarations that the compiler wrote: names modules as they are called at run time, and removes those that no
 * entry reaches.
 *
 * @param dist where they are.
 * @param entries the declarations of the entries, within `dist`.
 */
export async function finishDeclarations(dist: string, entries: readonly string[]): Promise<void> {
  const reached = new Set<string>(entries)
  // A set that grows while it is walked is walked to its end.
  for (const name of reached) {
    const text = indentedByTabs(nameModules(await readFile(join(dist, name), 'utf8')), 4)
    await writeFile(join(dist, name), text)
    for (const [, module = ''] of text.matchAll(MODULE)) reached.add(normalize(join(dirname(name), `${module}.d.ts`)))
  }
  for await (const name of glob('**/*.d.ts', { cwd: dist })) {
    if (reached.has(normalize(name))) continue
    await rm(join(dist, name))
  }
}

/** A module of ours in `from '…'` and `import('…')`, without its ending. */
const MODULE = /(?:\bfrom |\bimport\(|\bimport )['"](\.[^'"]*)\.js['"]/g

/** The compiler leaves `.ts` in the imports of declarations. */
function nameModules(text: string): string {
  return text.replaceAll(/((?:\bfrom |\bimport\(|\bimport )['"]\.[^'"]*)\.ts(?=['"])/g, '$1.js')
}
