// slow: waits for a worker
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultPolicy } from '../../../../core/policy.ts'
import { createCaller } from '../../../../routers/index.ts'
import { startBulkWorker } from '../../../../server/background/bulk/worker.ts'
import { cli, cliAtTerminal, freshDirectory } from '../../../support/cli.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { untilShown } from '../../../support/feed.ts'
import { addCourse, addLearners } from '../../../support/seed.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database
const { enrollment } = createCaller({ db, actor: { kind: 'service', name: 'shop' } })
const env = { DATABASE_URL: connectionString }

let worker: AsyncDisposable
beforeAll(async () => {
  const log = { error() {}, warn() {} }
  worker = await startBulkWorker({ db, connectionString, policy: defaultPolicy, log })
})
afterAll(() => worker[Symbol.asyncDispose]())

describe('in front of a terminal', () => {
  test('a file is shown, asked about, started and followed; a no starts nothing', async () => {
    const course = await addCourse(db)
    const learners = await names(2)
    const path = await file(...learners.map((name) => `${name},${course}`), `no-body,${course}`)

    const refused = await cliAtTerminal(['bulk', 'start', path], env, { typed: 'n\n' })
    expect(refused).toMatchObject({
      code: 2,
      stdout: expect.stringMatching(/^This would happen to 3 lines:\n {2}2 {2}created\n/),
    })
    expect(refused.stderr).toContain('Change 2 enrollments, and leave out the 1 that fail? [y/N] ')
    expect(refused.stderr).toMatch(/Nothing was started\.\n$/)
    expect(await activeIn(course)).toEqual([])
    // Nothing but a return is a no too, and so is a terminal that is closed.
    for (const typed of ['\n', '']) {
      const { code } = await cliAtTerminal(['bulk', 'start', path], env, { typed, isClosed: true })
      expect([typed, code, await activeIn(course)]).toEqual([typed, 2, []])
    }

    const { code, stdout, stderr } = await cliAtTerminal(['bulk', 'start', path], env, { typed: 'y\n', columns: 60 })
    expect(code).toBe(1)
    expect(stderr).toMatch(/Job \S+\. Ctrl-C leaves it\s+running\.\n/)
    expect(stdout).toMatch(
      /Job \S+ is done: 3 lines\s+in\s+\d+ s\.\n {2}2 {2}created\n {2}1 {2}learnerNotFound \(failed\)\n/,
    )
    expect(await activeIn(course)).toEqual(learners)

    const results = await cliAtTerminal(['bulk', 'results', 'last', '--only-failed'], env)
    expect(results.stdout).toMatch(/^LINE +RESULT +WHAT +SAYS\n +4 +learnerNotFound +no-body /)
    const again = await cliAtTerminal(['bulk', 'start', await file(`${learners[0]},${course}`)], env)
    expect(again).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Nothing would change, so nothing was started.'),
    })
  })

  test('"last" is the last job where it is undone, not the dry run of that', async () => {
    const course = await addCourse(db)
    const [learner = ''] = await names(1)
    await cli(['bulk', 'start', await file(`${learner},${course}`), '--yes', '--watch'], env)
    expect(await cli(['bulk', 'undo', 'last', '--dry-run'], env)).toMatchObject({ code: 0 })
    expect(await activeIn(course)).toEqual([learner])
    const undone = await cliAtTerminal(['bulk', 'undo', 'last'], env, { typed: 'yes\n' })
    expect(undone).toMatchObject({ code: 0, stderr: expect.stringContaining('Change 1 enrollment? [y/N] ') })
    expect(await activeIn(course)).toEqual([])
  })

  test('a batch that was no job is undone by its id, and its events are found by it', async () => {
    const course = await addCourse(db)
    const learners = await names(2)
    const { batchId } = await enrollment.enrollMany({
      items: learners.map((username) => ({ username, courseId: course })),
    })
    await untilShown(db)
    expect((await cli(['events', 'list', '--batch', batchId, '--json'], env)).stdout.split('\n')).toHaveLength(3)
    expect(await cli(['bulk', 'undo', batchId, '--yes', '--watch'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('  2  deactivated\n'),
    })
    expect(await activeIn(course)).toEqual([])
  })
})

describe('a roster', () => {
  test('is applied as it was planned: who is not on it is unenrolled', async () => {
    const course = await addCourse(db)
    const [stays = '', leaves = '', comes = ''] = await names(3)
    for (const username of [stays, leaves]) await enrollment.enroll({ username, courseId: course })
    const args = ['bulk', 'start', await file(`${stays},${course}`, `${comes},${course}`), '--action', 'sync']
    const { code, stdout } = await cliAtTerminal(args, env, { typed: 'y\n' })
    expect([code, stdout]).toEqual([0, expect.stringContaining('  1  created\n  1  deactivated\n  1  unchanged\n')])
    expect(await activeIn(course)).toEqual([stays, comes].toSorted())
    expect((await cli(['bulk', 'results', 'last', '--code', 'deactivated'], env)).stdout).toBe(
      `username,course_id,outcome,code,message\n${leaves},${course},deactivated,,\n`,
    )
    expect((await cliAtTerminal(['bulk', 'results', 'last', '--code', 'deactivated'], env)).stdout).toContain(leaves)
  })

  test('of addresses names those who are not on it in columns of their own', async () => {
    const course = await addCourse(db)
    const [stays, leaves] = await addLearners(db, 2)
    for (const learner of [stays, leaves])
      await enrollment.enroll({ username: learner?.username ?? '', courseId: course })
    const path = join(await freshDirectory(), 'roster.txt')
    await writeFile(path, `${stays?.email}\n`)
    await cli(['bulk', 'start', path, '--course', course, '--action', 'sync', '--dry-run'], env)
    const { stdout } = await cli(['bulk', 'results', 'last'], env)
    expect(stdout.trim().split('\n').toSorted()).toEqual(
      [
        'username,course_id,user,outcome,code,message',
        `,,${stays?.email},unchanged,,`,
        `${leaves?.username},${course},,deactivated,,`,
      ].toSorted(),
    )
  })

  test('that would remove too many does nothing: 2, until the limit is raised', async () => {
    const course = await addCourse(db)
    const [stays = '', ...leave] = await names(7)
    for (const username of [stays, ...leave]) await enrollment.enroll({ username, courseId: course })
    const args = ['bulk', 'start', await file(`${stays},${course}`), '--action', 'sync', '--yes', '--watch']
    const refused = await cli(args, env)
    expect(refused).toMatchObject({ code: 2, stdout: expect.stringContaining('tooManyRemovals: ') })
    expect(await activeIn(course)).toHaveLength(7)
    expect(await cli([...args, '--max-removals', '6'], env)).toMatchObject({ code: 0 })
    expect(await activeIn(course)).toEqual([stays])
  })
})

async function names(count: number): Promise<string[]> {
  return (await addLearners(db, count)).map(({ username }) => username).toSorted()
}

async function activeIn(course: string): Promise<string[]> {
  const { items } = await enrollment.search({ courseIds: [course], isActive: true })
  return items.map(({ username }) => username).toSorted()
}

async function file(...lines: string[]): Promise<string> {
  const path = join(await freshDirectory(), 'lines.csv')
  await writeFile(path, ['username,course_id', ...lines].map((line) => `${line}\n`).join(''))
  return path
}
