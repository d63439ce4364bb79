// slow: starts many processes
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterAll, describe, expect, test } from 'vitest'
import { createCaller } from '../../../routers/index.ts'
import { cli, startCli } from '../../support/cli.ts'
import { createTestDatabase } from '../../support/database.ts'
import { untilShown } from '../../support/feed.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = createCaller({ db, actor: { kind: 'service', name: 'shop' } })
const env = { DATABASE_URL: database.connectionString }

describe('events list', () => {
  test('lists the latest changes, or those of a batch from its first on, oldest first', async () => {
    const [course, other] = [await addCourse(db), await addCourse(db)]
    const learners = await addLearners(db, 5)
    const items = learners.map(({ username }) => ({ username, courseId: course }))
    const { batchId } = await enrollment.enrollMany({ items })
    await enrollment.enroll({ username: learners[0]?.username ?? '', courseId: other, reason: 'a gift' })

    expect(await list('--limit', '2')).toEqual([
      [learners[4]?.username, course],
      [learners[0]?.username, other],
    ])
    expect(await list('--course', course, '--limit', '2')).toEqual(
      learners.slice(3).map(({ username }) => [username, course]),
    )
    expect(await list('--user', learners[0]?.username ?? '')).toHaveLength(2)
    expect(await list('--batch', batchId, '--limit', '2')).toEqual(
      learners.slice(0, 2).map(({ username }) => [username, course]),
    )
    expect(await list('--kind', 'deactivated')).toEqual([])
    const { stdout } = await cli(['events', 'list', '--course', other], env)
    expect(stdout).toMatch(/created\s.*\saudit\s+shop via caller\s+a gift\n$/)
  })

  test('lists what was since an instant, or after a cursor', async () => {
    const course = await addCourse(db)
    const at = (minute: number) => new Date(Date.UTC(2026, 5, 1, 12, minute))
    for (let minute = 0; minute < 4; minute += 1) {
      const { username } = await addLearner(db)
      const caller = createCaller({ db, actor: { kind: 'service', name: 'shop' }, now: () => at(minute) })
      await caller.enrollment.enroll({ username, courseId: course })
    }
    const since = async (when: string) => (await lines('--course', course, '--since', when)).map((event) => event['at'])
    const instants = (from: number) =>
      [0, 1, 2, 3].slice(from).map((minute) => at(minute).toISOString().replace('.000', ''))
    expect((await since('2026-06-01T12:02:00Z')).map((when) => String(when).replace(/\.0+Z/, 'Z'))).toEqual(instants(2))
    const [first] = await lines('--course', course, '--since', '2026-06-01', '--limit', '1')
    expect(await since(String(first?.['cursor']))).toHaveLength(3)
    expect(await since('1s')).toEqual([])
  })

  test('refuses a course run that cannot be one: 2', async () => {
    expect(await cli(['events', 'list', '--course', 'no key'], env)).toEqual({
      code: 2,
      stdout: '',
      stderr: "'no key' is not a course key.\n",
    })
  })
})

describe('events watch', () => {
  test('prints changes as they happen until Ctrl-C, only those that fit', async () => {
    const course = await addCourse(db)
    const other = await addCourse(db)
    const { username } = await addLearner(db)
    await enrollment.enroll({ username, courseId: course })
    const child = startCli(['events', 'watch', '--course', course, '--since', '1h', '--json'], env)
    const closed = once(child, 'close')
    const read = createInterface(child.stdout)[Symbol.asyncIterator]()
    const next = async () => JSON.parse((await read.next()).value ?? '{}') as Record<string, unknown>
    expect(await next()).toMatchObject({ kind: 'created', username })
    await enrollment.enroll({ username, courseId: other })
    await enrollment.change({ username, courseId: course, mode: 'verified' })
    expect(await next()).toMatchObject({ kind: 'modeChanged', username, courseId: course })
    child.kill('SIGINT')
    expect(await closed).toEqual([130, null])
  })
})

async function list(...args: string[]): Promise<unknown[]> {
  return (await lines(...args)).map(({ username, courseId }) => [username, courseId])
}

async function lines(...args: string[]): Promise<Record<string, unknown>[]> {
  await untilShown(db)
  const { code, stdout } = await cli(['events', 'list', '--json', ...args], env)
  expect(code).toBe(0)
  const texts = stdout.split('\n').filter((line) => line !== '')
  return texts.map((line) => JSON.parse(line) as Record<string, unknown>)
}
