// slow: starts many processes
import { once } from 'node:events'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli, freshDirectory, startCli } from '../../support/cli.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { exportAll, importAll } from '../../support/transfer.ts'

let database: TestDatabase
let env: Record<string, string>

beforeAll(async () => {
  database = await createTestDatabase()
  env = { DATABASE_URL: database.connectionString }
  await importAll(database.db, [
    { type: 'user', username: 'alice', email: 'alice@example.com', name: 'Alice Ärden' },
    { type: 'course', courseId: 'course-v1:edX+DemoX+2026' },
    { type: 'enrollment', username: 'alice', courseId: 'course-v1:edX+DemoX+2026', mode: 'audit' },
  ])
})
afterAll(() => database[Symbol.asyncDispose]())

describe('export', () => {
  test('writes what import reads, to standard output or to a file of the owner', async () => {
    const everything = await exportAll(database.db)
    expect(await cli(['export'], env)).toEqual({ code: 0, stdout: everything, stderr: '' })
    const path = join(await freshDirectory(), 'all.ndjson')
    const lines = everything.split('\n').length - 1
    expect(await cli(['export', '--output', path, '--json'], env)).toEqual({
      code: 0,
      stdout: `${JSON.stringify({ lines, bytes: Buffer.byteLength(everything), output: path })}\n`,
      stderr: '',
    })
    expect(await readFile(path, 'utf8')).toBe(everything)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(path, '..'))).toEqual(['all.ndjson'])
  })

  test('ends without a word when its reader goes away', async () => {
    await using full = await createTestDatabase()
    const users = Array.from({ length: 5000 }, (_, n) => ({ type: 'user', username: `u${n}`, email: null }))
    await importAll(full.db, users)
    const child = startCli(['export'], { DATABASE_URL: full.connectionString })
    const closed = once(child, 'close')
    const stderr = text(child.stderr)
    await once(child.stdout, 'data')
    child.stdout.destroy()
    expect(await closed).toEqual([0, null])
    expect(await stderr).toBe('')
  })

  test('a place that cannot be written to: 2', async () => {
    expect(await cli(['export', '--output', '/no/such/place'], env)).toEqual({
      code: 2,
      stdout: '',
      stderr: "Cannot write '/no/such/place': there is no such file or directory.\n",
    })
  })
})
