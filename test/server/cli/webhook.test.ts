// slow: starts many processes
import { afterAll, describe, expect, test } from 'vitest'
import { fanOut } from '../../../core/webhook/fan-out.ts'
import { cli, type Ended } from '../../support/cli.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { webhookCaller } from '../../support/webhooks.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = webhookCaller(db)
const env = { DATABASE_URL: database.connectionString, WEBHOOK_SECRET_KEY: 'key-of-the-tests-1234' }

describe('webhook', () => {
  test('makes, lists, changes and deletes an endpoint, for people', async () => {
    const created = await webhook('create', 'https://example.org/hook', '--kind', 'created', 'deactivated')
    expect(created).toMatchObject({ code: 0, stderr: expect.stringContaining('cannot be shown again') })
    const [id = '', secret] = created.stdout.split('\n')
    expect(secret).toMatch(/^whsec_/)
    const listed = await webhook('list')
    expect((await webhook('get', id)).stdout).toBe(listed.stdout)
    expect(listed.stdout).toContain(
      `${id}  https://example.org/hook\n  enabled, created, deactivated of all course runs`,
    )
    expect(listed.stdout).toMatch(/position \d+-\d+, 0 events and 0 s behind/)
    expect(listed.stdout).not.toContain(secret)
    expect(await webhook('update', id, '--state', 'disabled')).toMatchObject({
      code: 0,
      stdout: `https://example.org/hook is disabled (${id}).\n`,
    })
    expect((await webhook('list')).stdout).toContain('disabled (requested)')
    expect(await webhook('delete', id)).toMatchObject({ code: 0 })
    expect(await webhook('list')).toMatchObject({ stdout: 'There are no webhooks.\n' })
  })

  test('shows position, lag and deliveries as JSON, and replays', async () => {
    const courseId = await addCourse(db)
    const { id, secret } = json(await webhook('create', 'https://example.org/', '--course', courseId, '--json'))
    const rotated = json(await webhook('rotate-secret', String(id), '--overlap-hours', '2', '--json'))
    expect(rotated['secret']).not.toBe(secret)
    const { username } = await addLearner(db)
    await enrollment.enroll({ username, courseId })
    await eventually(async () => expect((await fanOut(db, new Date())).deliveries).toBe(1))
    const { webhooks } = json(await webhook('list', '--json')) as { webhooks: unknown[] }
    expect(webhooks).toEqual([
      expect.objectContaining({
        id,
        lagEvents: 1,
        lagSeconds: expect.any(Number),
        cursor: expect.any(String),
        lastError: null,
      }),
    ])
    expect(json(await webhook('test', String(id), '--json'))).toMatchObject({ eventId: null, state: 'pending' })
    const { items } = json(await webhook('deliveries', String(id), '--state', 'pending', '--json')) as {
      items: { id: string }[]
    }
    expect(items).toHaveLength(2)
    expect((await webhook('deliveries', String(id))).stdout).toMatch(/ test {2}pending after 0 attempts/)
    expect(json(await webhook('replay', String(id), '--after', '0-0', '--json'))).toEqual({
      through: expect.stringMatching(/^\d+-\d+$/),
    })
    expect(json(await webhook('replay', String(id), '--delivery', items[0]?.id ?? '', '--json'))).toEqual({
      through: null,
    })
  })

  test('ends with 2 and plain words where something is wrong', async () => {
    const unknown = '00000000-0000-4000-8000-000000000000'
    const wrong: [args: string[], words: string][] = [
      [['create', 'https://10.0.0.1/'], 'Nothing can be sent to this URL: its address is private'],
      [['create', 'https://example.org/', '--kind', 'nothing'], 'kinds.0: '],
      [['delete', unknown], `There is no webhook '${unknown}'.`],
      [['replay', unknown], 'name what is sent again by one of --after and --delivery'],
      [['replay', unknown, '--after', 'latest'], 'Not a cursor of the feed'],
      [['rotate-secret', unknown, '--overlap-hours', 'x'], 'It is a number from 0 to 720.'],
    ]
    for (const [args, words] of wrong) {
      const ended = await webhook(...args)
      expect(ended).toMatchObject({ code: 2, stdout: '' })
      expect(ended.stderr).toContain(words)
    }
  })

  test('needs a key beside a database of its own', async () => {
    const { DATABASE_URL } = env
    const ended = await cli(['webhook', 'create', 'https://example.org/'], { DATABASE_URL })
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('WEBHOOK_SECRET_KEY') })
  })

  test.each(['create', 'list', 'get', 'update', 'delete', 'rotate-secret', 'test', 'deliveries', 'replay'])(
    '%s explains itself',
    async (name) => {
      const { code, stdout } = await cli(['webhook', name, '--help'])
      expect(code).toBe(0)
      expect(stdout).toContain('--json')
    },
  )
})

function webhook(...args: string[]): Promise<Ended> {
  return cli(['webhook', ...args], env)
}

function json({ stdout }: Ended): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown> // The command prints one object.
}
