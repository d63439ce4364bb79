// slow: starts many processes
import { afterAll, describe, expect, test } from 'vitest'
import { cli, cliAtTerminal, type Ended } from '../../support/cli.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const env = { DATABASE_URL: database.connectionString }

const bob = await addLearner(db, { username: 'bob', email: 'bob@example.com' })
const course = await addCourse(db)
const other = await addCourse(db)

describe('enrollment', () => {
  test('changes an enrollment, unenrolls, and shows each step of its history', async () => {
    expect(await cli(['enroll', 'bob@example.com', course], env)).toMatchObject({ code: 0 })
    expect(await enrollment('change', 'bob', course, '--mode', 'verified', '--reason', 'ticket 4711')).toEqual({
      code: 0,
      stdout: `bob has changed from audit to verified in ${course}.\n`,
      stderr: '',
    })
    expect(await enrollment('unenroll', '--email', bob.email, course)).toMatchObject({
      stdout: `bob is no longer enrolled in ${course} (verified, inactive).\n`,
    })
    const { stdout } = await enrollment('history', 'bob', course)
    const [created, changed, deactivated, ...rest] = stdout.split('\n')
    expect(created).toMatch(/created\s+bob\s.*\saudit\s+cli via cli$/)
    expect(changed).toMatch(/modeChanged\s.*audit → verified\s+cli via cli\s+ticket 4711$/)
    expect(deactivated).toMatch(/deactivated\s.*verified → verified \(inactive\)\s+cli via cli$/)
    expect(rest).toEqual([''])
    const shown = await cliAtTerminal(['enrollment', 'history', 'bob', course], env)
    expect(shown.stdout).toMatch(/^WHEN +WHAT +CHANGE +BY +WHY\n\S+Z {2}created +audit +cli via cli\n/)
    const events = jsonLines(await enrollment('history', 'bob', course, '--json'))
    expect(events.map(({ version, kind }) => [version, kind])).toEqual([
      [1, 'created'],
      [2, 'modeChanged'],
      [3, 'deactivated'],
    ])
  })

  test('gets, lists and searches, one JSON object a line', async () => {
    await cli(['enroll', 'bob', other], env)
    expect(JSON.parse((await enrollment('get', 'bob', course, '--json')).stdout)).toMatchObject({
      username: 'bob',
      courseId: course,
      isActive: false,
    })
    expect((await enrollment('get', 'bob', other)).stdout).toMatch(/^bob\s.*\saudit\s+active\s+1\s/)
    expect(jsonLines(await enrollment('list', 'bob', '--json'))).toHaveLength(1)
    expect(jsonLines(await enrollment('list', 'bob', '--inactive', '--json'))).toHaveLength(2)
    const found = await enrollment('search', '--user', 'bob', '--limit', '1', '--json')
    expect(jsonLines(found)).toEqual([expect.objectContaining({ courseId: other })])
    expect(found.stderr).toBe('There are more: --limit <number>, or --all.\n')
    const inactive = await enrollment('search', '--course', course, other, '--inactive', '--all', '--json')
    expect(jsonLines(inactive)).toEqual([expect.objectContaining({ courseId: course })])
    expect(await enrollment('search', '--changed-since', '2999-01-01')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'No enrollment fits.\n',
    })
  })

  test('says what is not there: 1', async () => {
    const { username } = await addLearner(db)
    const wrong: [args: string[], stderr: string][] = [
      [['get', 'nobody', course], "No account has the username 'nobody'.\n"],
      [['history', username, course], `The learner has no enrollment in '${course}'.\n`],
      [['list', 'no@example.com'], "No account has the e-mail address 'no@example.com'.\n"],
      [['change', username, course, '--mode', 'verified'], `The learner has no enrollment in '${course}'.\n`],
    ]
    for (const [args, stderr] of wrong) expect(await enrollment(...args)).toEqual({ code: 1, stdout: '', stderr })
    const { code, stdout } = await enrollment('change', 'bob', other, '--mode', 'gold', '--json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'modeUnavailable' } })
    expect(JSON.parse((await enrollment('get', username, course, '--json')).stdout)).toBeNull()
  })

  test('refuses wrong usage in words: 2', async () => {
    const wrong: [args: string[], words: string][] = [
      [['get', 'bob'], 'name the course run once'],
      [['get', 'bob', 'x', '--email', 'bob@example.com'], 'name the learner once'],
      [['change', 'bob', course], 'say what changes'],
      [['change', 'bob', course, '--active', '--inactive'], 'exclude each other'],
      [['change', 'bob', course, '--attribute', 'credit'], 'It is a namespace, a name and a value'],
      [['unenroll', 'bob', course, '--all'], 'leave the course run out'],
      [['search', '--limit', '0'], 'It is a whole number from 1 on.'],
      [['search', '--changed-since', 'soon'], 'It is 30m, 2h, 7d'],
      [['serch'], "unknown command 'serch'"],
    ]
    for (const [args, words] of wrong) {
      const { code, stderr } = await cli(['enrollment', ...args])
      expect([code, stderr]).toEqual([2, expect.stringContaining(words)])
    }
    expect(await enrollment('get', 'bob', 'no key')).toMatchObject({
      code: 2,
      stderr: "'no key' is not a course key.\n",
    })
  })
})

function enrollment(...args: string[]): Promise<Ended> {
  return cli(['enrollment', ...args], env)
}

function jsonLines({ stdout }: Ended): Record<string, unknown>[] {
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}
