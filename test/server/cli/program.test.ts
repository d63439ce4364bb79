import { describe, expect, test } from 'vitest'
import { cli, cliProcess } from '../../support/cli.ts'

const COURSE = 'course-v1:edX+DemoX+2026'

describe('wrong usage ends with 2 and says how it is right', () => {
  test.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [['import'], "missing required argument 'file'"],
    [['import', 'a', 'b'], 'too many arguments'],
    [['export', '--bogus'], "unknown option '--bogus'"],
    [['token', 'bob', '--expires', 'soon'], '30s, 15m, 1h, 7d'],
    [['enroll', 'bob'], 'name the course run once'],
    [['enroll'], 'name the learner once'],
    [['enroll', 'bob', COURSE, '--email', 'bob@example.com'], 'name the learner once'],
    [['enroll', 'bob', COURSE, '--course', COURSE], 'name the course run once'],
  ])('%j', async (args, words) => {
    const { code, stdout, stderr } = await cli(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(words)
    expect(stderr).toContain('--help')
  })

  test('also as a process', async () => {
    expect(await cliProcess(['nonsense'], {})).toMatchObject({ code: 2, stdout: '' })
    expect(await cliProcess(['--help'], { DATABASE_URL: 'not even read' })).toMatchObject({ code: 0, stderr: '' })
  })

  test('no command at all shows what there is', async () => {
    const { code, stderr } = await cli([])
    expect(code).toBe(2)
    expect(stderr).toContain('migrate')
  })

  test.each(['migrate', 'import', 'export', 'token', 'enroll'])('%s --help has examples: 0', async (command) => {
    const { code, stdout, stderr } = await cli([command, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Examples:')
    expect(stdout).toContain('--json')
  })
})
