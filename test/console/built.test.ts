import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

test('the page in the repository is what its sources make (`npm run console:build`)', async () => {
  const outDir = await mkdtemp(join(inject('scratch'), 'built-'))
  const command = ['node_modules/vite/bin/vite.js', 'build', '--config', 'console/vite.config.ts', '--outDir', outDir]
  // Without the variables of the tests, one of which would make another page.
  await promisify(execFile)(process.execPath, command, { cwd: root, env: {} })
  expect(digestsOf(await filesOf(join(root, 'console/built')))).toEqual(digestsOf(await filesOf(outDir)))
})

test('it is small, and asks nobody else for anything', async () => {
  const files = await filesOf(join(root, 'console/built'))
  expect([...files.keys()].toSorted()).toEqual([
    'assets/console.css',
    'assets/console.js',
    'assets/console.svg',
    'index.html',
  ])
  const text = [...files.values()].join('')
  expect(text.length).toBeLessThan(150_000)
  expect(text.match(/(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?\/\//g)).toBeNull()
})

/** So that a difference is told in a line. */
function digestsOf(files: Map<string, string>): Record<string, string> {
  const digest = (text: string) => createHash('sha256').update(text).digest('hex')
  return Object.fromEntries([...files].map(([name, text]) => [name, digest(text)]))
}

async function filesOf(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = names.filter((each) => each.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  return new Map(
    await Promise.all(
      files.toSorted().map(async (path) => [path.slice(folder.length + 1), await readFile(path, 'utf8')] as const),
    ),
  )
}
