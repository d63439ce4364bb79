// slow: starts many processes
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { cli, freshDirectory, lineFile } from '../../support/cli.ts'
import { runStatement } from '../../support/statement.ts'

describe('the database', () => {
  test('is brought to the newest schema by migrate, and by nothing else', async () => {
    const { connectionString: server, template } = inject('server')
    const name = `${template}_cli`
    await runStatement(server, `create database ${name} template template0`)
    const url = new URL(server)
    url.pathname = name
    const env = { DATABASE_URL: url.href }

    const early = await cli(['export'], env)
    expect(early).toEqual({
      code: 2,
      stdout: '',
      stderr: 'The database is not at the newest schema. Bring it there with: npm run cli -- migrate\n',
    })
    const { code, stdout } = await cli(['migrate', '--json'], env)
    expect(code).toBe(0)
    expect(JSON.parse(stdout).applied).toEqual(expect.arrayContaining(['0001_initial', 'enterprise/0001_initial']))
    expect(await cli(['migrate'], env)).toMatchObject({
      code: 0,
      stdout: 'The database is at the newest schema already.\n',
    })
    expect(await cli(['export'], env)).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test.each([
    [
      'postgresql://postgres@127.0.0.1:1/nowhere',
      /^The database does not answer \(connect ECONNREFUSED 127\.0\.0\.1:1\)/,
    ],
    ['nonsense', /^The settings cannot be used:\n {2}DATABASE_URL must be a URL/],
  ])('of %s cannot be used: 2', async (DATABASE_URL, stderr) => {
    const commands = ['export', 'bulk list', 'bulk watch last', 'enroll bob course-v1:a+b+c', 'why bob course-v1:a+b+c']
    for (const command of commands) {
      const ended = await cli(command.split(' '), { DATABASE_URL })
      expect([command, ended]).toEqual([command, { code: 2, stdout: '', stderr: expect.stringMatching(stderr) }])
    }
  })

  test('is the embedded one without a setting: started, brought to the newest schema and left in good order', async () => {
    const env = { DATABASE_URL: '', DATA_DIR: join(await freshDirectory(), 'data'), JWT_SECRET: '' }
    const path = await lineFile({ type: 'user', username: 'carol', email: 'carol@example.com' })
    expect(await cli(['import', path], env)).toMatchObject({ code: 0, stderr: '' })
    expect((await cli(['export'], env)).stdout).toContain('"carol"')
    // With a development secret of its own.
    expect(await cli(['token', 'carol'], env)).toMatchObject({ code: 0, stderr: '', stdout: /^ey/ })
  })
})
