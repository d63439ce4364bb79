import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { findCheckout, HERE, startOptions } from '../../bench/checkout.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(inject('scratch'), 'checkout-'))
  for (const folder of ['core', 'routers', 'server', 'bench', 'node_modules/kysely']) {
    await mkdir(join(directory, folder), { recursive: true })
  }
  const files = {
    'core/errors.ts': `import { where } from './where.ts'\nimport { sql } from 'kysely'\nexport const found = where + sql`,
    'core/where.ts': `export const where: string = 'core of the other, '`,
    'bench/table.ts': `throw new Error('Not this one')`,
    'node_modules/kysely/package.json': '{ "type": "module", "exports": "./index.js" }',
    'node_modules/kysely/index.js': `export const sql = 'kysely of the other'`,
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
})

describe('a process that measures another checkout', () => {
  test('takes the service and its packages from there, and the benchmark from here', async () => {
    expect(await importedIn(directory)).toBe('core of the other, kysely of the other; function')
  })

  test('takes everything from here for this one', async () => {
    expect(await importedIn(HERE)).toBe('undefined; function')
  })
})

describe('a directory is refused', () => {
  test('where there is no code of the service', async () => {
    await expect(findCheckout(join(directory, 'core'))).rejects.toThrow(/has no core: name a checkout/)
  })

  test('where packages are not installed', async () => {
    const bare = await mkdtemp(join(inject('scratch'), 'checkout-'))
    for (const folder of ['core', 'routers', 'server']) await mkdir(join(bare, folder))
    await expect(findCheckout(bare)).rejects.toThrow(
      'has no node_modules: name a checkout of this project in which npm ci',
    )
  })
})

/** What a file in the place of the benchmark gets: of `core/errors.ts`, and whether it gets the table of this checkout. */
async function importedIn(path: string): Promise<string> {
  const { env } = startOptions({ directory: path, version: '' })
  const hook = startOptions({ directory: path, version: '' }).execArgv.slice(process.execArgv.length)
  const code = `
    const { found } = await import('./core/errors.ts')
    const { table } = await import('./bench/table.ts')
    console.log(found + '; ' + typeof table)`
  const words = [...hook, '--input-type=module', '-e', code]
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: HERE, env })
  return stdout.trim()
}
