// slow: starts many processes
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describe as describeProgress } from '../../../server/cli/progress.ts'
import { cli, lineFile } from '../../support/cli.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { exportAll } from '../../support/transfer.ts'

let database: TestDatabase
let env: Record<string, string>

beforeAll(async () => {
  database = await createTestDatabase()
  env = { DATABASE_URL: database.connectionString }
})
afterAll(() => database[Symbol.asyncDispose]())

describe('import', () => {
  const user = { type: 'user', username: 'carol', email: 'carol@example.com' }

  test('keeps the lines of a file and ends with 0; a second time nothing has to be changed', async () => {
    const path = await lineFile({ ...user, username: 'first', email: 'first@example.com' })
    expect(await cli(['import', path], env)).toEqual({
      code: 0,
      stdout: '1 line: 1 kept. 1 rows added or changed.\n',
      stderr: '',
    })
    expect(await cli(['import', path], env)).toMatchObject({
      code: 0,
      stdout: '1 line: 1 kept. Nothing had to be changed.\n',
    })
  })

  test('names bad lines by number and reason, keeps the others and ends with 1', async () => {
    const path = await lineFile('nonsense', user, { type: 'course', courseId: 'x' })
    const ended = await cli(['import', path, '--json'], env)
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/^line 1: not JSON: .*\nline 3: course: courseId: 'x' is not a course key\n$/)
    expect(JSON.parse(ended.stdout)).toEqual({
      lines: 3,
      kept: 1,
      failed: 2,
      written: 1,
      byType: {
        course: { created: 0, changed: 0, unchanged: 0, failed: 1 },
        user: { created: 1, changed: 0, unchanged: 0, failed: 0 },
      },
      failures: [
        { line: 1, type: null, reason: expect.stringContaining('not JSON') },
        { line: 3, type: 'course', reason: "course: courseId: 'x' is not a course key" },
      ],
    })
  })

  test('--strict keeps nothing then', async () => {
    const path = await lineFile({ ...user, username: 'strict', email: null }, 'nonsense')
    expect(await cli(['import', '--strict', path], env)).toMatchObject({
      code: 1,
      stdout: '2 lines, 1 of them bad: nothing was kept.\n',
    })
    expect(await exportAll(database.db)).not.toContain('"strict"')
  })

  test('- is standard input, and no progress is shown where no terminal is', async () => {
    const stdin = `${JSON.stringify({ ...user, username: 'piped', email: null })}\n`
    expect(await cli(['import', '-'], env, stdin)).toEqual({
      code: 0,
      stdout: '1 line: 1 kept. 1 rows added or changed.\n',
      stderr: '',
    })
    expect(await cli(['import', '-'], env)).toMatchObject({
      code: 0,
      stdout: '0 lines: 0 kept. Nothing had to be changed.\n',
    })
  })

  test.each([
    ['/no/such/file', "Cannot read '/no/such/file': there is no such file or directory.\n"],
    ['/', "Cannot read '/': it is a directory.\n"],
  ])('%s cannot be read: 2', async (path, stderr) => {
    expect(await cli(['import', path], env)).toEqual({ code: 2, stdout: '', stderr })
  })

  test('the progress bar says how far it is', () => {
    expect(describeProgress({ bytes: 250, lines: 5000, failed: 3 }, 1000, 2)).toBe(
      'Importing ██████░░░░░░░░░░░░░░░░░░ 25 %  5,000 lines, 3 bad  2,500 lines/s  6 s left',
    )
    expect(describeProgress({ bytes: 250, lines: 5000, failed: 0 }, null, 2)).toBe(
      'Importing  5,000 lines  2,500 lines/s',
    )
  })
})
