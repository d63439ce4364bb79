// slow: minutes, as it runs the commands of the documents
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { startServer } from '../support/server-process.ts'
import { readFiles, root } from './files.ts'
import { codeBlocksOf } from './markdown.ts'

const run = promisify(execFile)

/** Documents whose blocks can be pasted one after another, beside a server that `npm start` has started. */
const DOCUMENTS = [
  'README.md',
  'docs/watching.md',
  'docs/enterprise.md',
  'docs/command-line.md',
  'docs/bulk.md',
  'docs/rest-clients.md',
]

/** Installs, and starts what runs here already. */
const NOT_HERE = /^npm ci\b/

describe('the README', () => {
  test('is a front door: at most 200 lines', () => {
    const [readme] = readFiles('README.md')
    expect(readme?.text.split('\n').length).toBeLessThanOrEqual(201)
  })
})

describe('commands of documents run as they are pasted', { timeout: 600_000 }, () => {
  const place = { directory: '', url: '', internalUrl: '' }

  beforeAll(async () => {
    place.directory = await freshClone()
  })

  test('in order, beside one server', async () => {
    const server = startServer({ DATA_DIR: join(place.directory, '.data') })
    const { url, internalUrl = '' } = await server.ready
    const outputs: Record<string, string[]> = {}
    for (const { path, text } of readFiles(...DOCUMENTS)) {
      outputs[path] = []
      for (const { code } of codeBlocksOf(text).filter(({ language }) => language === 'sh')) {
        if (NOT_HERE.test(code)) continue
        const here = code.replaceAll('http://127.0.0.1:8000', url).replaceAll('http://127.0.0.1:8001', internalUrl)
        outputs[path].push(await paste(here, place.directory))
      }
    }
    expect(outputs['README.md']).toEqual([
      expect.stringContaining('"is_active":true'),
      expect.stringContaining("kind: 'created'"),
      expect.stringContaining("kind: 'created'"),
      expect.stringContaining('Usage: npm run cli'),
    ])
    expect(outputs['docs/watching.md']).toEqual([expect.stringMatching(/^\d+-\d+ created alice /)])
    expect(outputs['docs/enterprise.md']).toEqual([
      expect.any(String),
      expect.stringContaining('applied { created: 1, pendingCreated: 1 }'),
      expect.stringContaining('"successes":[{"user_id":'),
    ])
    expect(outputs['docs/bulk.md']).toEqual([
      expect.stringContaining('some lines failed'),
      expect.stringContaining('is done: 1 line in '),
      expect.stringContaining('  1  deactivated\n'),
      expect.stringContaining('This would happen to '),
      expect.stringMatching(/\{"uploadId":".*done \{ created: 1 \}/s),
    ])
    expect(Object.keys(outputs).toSorted()).toEqual(DOCUMENTS.toSorted())
  })

  test('a command that fails is seen', async () => {
    await expect(paste('npm run --silent cli -- no-such-command', place.directory)).rejects.toThrow('Command failed')
    await expect(paste('false\ntrue', place.directory)).rejects.toThrow('Command failed')
  })
})

/** A directory like a fresh clone after `npm ci`, without data. */
async function freshClone(): Promise<string> {
  const directory = await mkdtemp(join(inject('scratch'), 'clone-'))
  const names = await readdir(root)
  const kept = names.filter((name) => !['.git', '.data', '.env'].includes(name))
  await Promise.all(kept.map((name) => symlink(join(root, name), join(directory, name))))
  return directory
}

/** Runs a block as a shell does, in the directory, with nothing of the environment of the tests but what it needs. */
async function paste(code: string, cwd: string): Promise<string> {
  const { PATH = '', HOME = '' } = process.env
  const { stdout } = await run('bash', ['-e', '-o', 'pipefail', '-c', code], { cwd, env: { PATH, HOME } })
  return stdout
}
