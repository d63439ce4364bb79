// slow: a whole afternoon: a MariaDB, an LMS that goes on working, servers and command lines as processes
import { randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { cli, freshDirectory, type Ended } from '../../support/cli.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { openLmsRest, type LmsRest } from '../../support/lms-rest.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'
import { SECRETS, startServer } from '../../support/server-process.ts'
import { differences, falseEvents } from './agreement.ts'
import { growLms, RUNS, username } from './lms.ts'

const LEARNERS = 150
/** The first of them, whom people and clients change; what nobody touches tells what else has touched it. */
const TOUCHED = 140
const LMS = 'edxapp'

describe.skipIf(!hasMariadb)('an afternoon', () => {
  const undo = new AsyncDisposableStack()
  afterAll(() => undo.disposeAsync())

  test('a living LMS is imported, followed, shadowed, cut over run by run under load, mirrored, and taken back', async () => {
    const mariadb = undo.use(await openMariadb())
    const lmsUrl = await mariadb.createDatabase(LMS)
    await growLms(mariadb, LMS, LEARNERS)
    const lms = undo.use(await openLmsRest(lmsUrl))
    const database = undo.use(await createTestDatabase())
    const env = {
      DATABASE_URL: database.connectionString,
      LMS_DATABASE_URL: lmsUrl,
      LMS_URL: lms.url,
      LMS_API_KEY: lms.apiKey,
      RATE_LIMITS: 'off',
      LOG_LEVEL: 'warn',
      ...SECRETS,
    }
    const run = (...args: string[]) => cli(args, env)
    const alone = oneAtATime()
    const lmsSide = peopleOfTheLms(lms, alone)
    undo.defer(() => lmsSide.stop())

    // Import, while the LMS goes on.
    const imported = await run('lms', 'import', '--json')
    expect(imported.code, imported.stderr).toBe(1)
    const { counts } = lastJson(imported) as { counts: Record<string, { created: number; leftAside: number }> }
    expect(counts['enrollment']?.created).toBeGreaterThan(LEARNERS)
    expect(counts['enrollment']?.leftAside).toBeGreaterThan(0)

    // Follow.
    const server = startServer({
      ...env,
      LMS_FOLLOW: 'on',
      LMS_MIRROR: 'on',
      LMS_FORWARD: 'on',
      LMS_MIRROR_RATE: '1000/s',
    })
    const { url } = await server.ready
    await agree('while the LMS goes on working')

    // What leaves no trace in the LMS is found by a comparison, and repaired.
    await lmsSide.pause()
    await agree('before differences are planted')
    // The comparison with which following begins would find them too.
    await eventually(async () => expect(await firstComparison(), 'the first comparison').toEqual([{ is_done: true }]))
    // And so would that of the night, if one began right now.
    await sql`update lms_streams set position = jsonb_set(position, '{done}', '"2999-01-01T00:00:00Z"') where name = 'comparison'`.execute(
      database.db,
    )
    const planted = await plant(mariadb)
    const compared = await run('lms', 'compare', '--json')
    expect(compared.code, compared.stderr).toBe(1)
    expect(compared.stdout).toContain('"different":1')
    const file = join(await freshDirectory(), 'differences.ndjson')
    expect((await run('lms', 'compare', '--report', file, '--fix', 'here')).code).toBe(0)
    expect((await run('lms', 'compare')).code).toBe(0)
    expect(await differences(database.db, mariadb, LMS)).toEqual([])
    expect(planted).toBe(1)
    lmsSide.goOn()

    // Shadow.
    const log = join(await freshDirectory(), 'access.ndjson')
    await writeFile(log, accessLog())
    const shadow = await run('lms', 'shadow', log, '--lms', url, '--here', url, '--key', SECRETS.EDX_API_KEY)
    expect(shadow.code, shadow.stdout + shadow.stderr).toBe(0)

    // Clients of this service, on all course runs: those of the LMS are passed on to it.
    const clients = clientsOf(url, alone)
    undo.defer(() => clients.stop())
    await underLoad()

    // Cut over run by run, under load from both sides.
    const [first, ...others] = RUNS
    await lmsSide.leave(first)
    const cut = await run('lms', 'owner', first, 'here', '--wait', '60s')
    expect(cut.code, cut.stdout + cut.stderr).toBe(0)
    await underLoad()
    for (const courseId of others) await lmsSide.leave(courseId)
    const all = await run('lms', 'owner', '--all', 'here', '--wait', '60s')
    expect(all.code, all.stdout + all.stderr).toBe(0)
    await underLoad()

    // The mirror.
    await clients.pause()
    await agree('after the cut over')
    expect((await run('lms', 'compare')).code).toBe(0)
    const listed = lastJson(await run('lms', 'mirror', 'list', '--json')) as { pairs: { state: string }[] }
    expect(listed.pairs.filter(({ state }) => state !== 'unsent')).toEqual([])
    clients.goOn()
    await underLoad()

    // Back.
    const back = await run('lms', 'owner', '--all', 'lms', '--wait', '60s')
    expect(back.code, back.stdout + back.stderr).toBe(0)
    await clients.stop()
    await lmsSide.stop()
    await agree('at the end')
    expect((await run('lms', 'compare')).code).toBe(0)

    expect(await falseEvents(database.db)).toEqual([])
    expect(clients.faults).toEqual([])
    expect(await lost(clients.kept)).toEqual([])
    expect(await enrolledTwice()).toEqual([])

    async function firstComparison(): Promise<unknown[]> {
      const { rows } = await sql`
        select (position ->> 'done') is not null as is_done from lms_streams where name = 'comparison'`.execute(
        database.db,
      )
      return rows
    }

    /** Until clients were told of ten more changes. */
    async function underLoad(): Promise<void> {
      const before = clients.kept.size
      await eventually(() => expect(clients.kept.size).toBeGreaterThanOrEqual(before + 10))
    }

    /** Waits until both databases say the same, the LMS's own people waiting for a moment. */
    async function agree(when: string): Promise<void> {
      await lmsSide.pause()
      const check = async () => expect(await differences(database.db, mariadb, LMS), when).toEqual([])
      await vi.waitFor(check, { timeout: 240_000, interval: 200 })
      lmsSide.goOn()
    }

    /** Clients that were told of a change nobody sees: no event says it. */
    async function lost(kept: ReadonlySet<string>): Promise<string[]> {
      const { rows } = await sql<{ state: string }>`
        select distinct l.username || ' in ' || c.course_key || ': ' || v.after_mode || ' ' || v.after_is_active as state
        from enrollment_events v join enrollments e on e.id = v.enrollment_id
        join learners l on l.id = e.learner_id join courses c on c.id = e.course_id`.execute(database.db)
      const seen = new Set(rows.map(({ state }) => state))
      return [...kept].filter((state) => !seen.has(state))
    }

    async function enrolledTwice(): Promise<unknown[]> {
      return mariadb.rows(
        LMS,
        'select user_id, lower(course_id), count(*) from student_courseenrollment group by 1, 2 having count(*) > 1',
      )
    }
  }, 600_000)
})

/** The last line of output that is JSON. */
function lastJson({ stdout }: Ended): unknown {
  const line = stdout.trim().split('\n').at(-1) ?? ''
  return line === '' ? undefined : JSON.parse(line)
}

/** A change by `update()`, which leaves no history, of an enrollment that nobody touches. */
async function plant(mariadb: TestMariadb): Promise<number> {
  const [row] = await mariadb.rows<{ id: number }>(
    LMS,
    `select e.id from student_courseenrollment e join student_courseenrollment_history h on h.id = e.id
     where e.course_id = '${RUNS[0]}' and e.is_active = 1 group by e.id having count(*) = 1 order by e.id desc limit 1`,
  )
  await mariadb.run(LMS, `update student_courseenrollment set mode = 'honor' where id = ${row?.id ?? 0}`)
  return row === undefined ? 0 : 1
}

function accessLog(): string {
  const lines = RUNS.flatMap((courseId) => [
    { request_method: 'GET', request_uri: `/api/enrollment/v1/course/${encodeURIComponent(courseId)}`, status: 200 },
    {
      request_method: 'GET',
      request_uri: `/api/enrollment/v1/enrollment/${username(LEARNERS - 2)},${encodeURIComponent(courseId)}`,
      status: 200,
    },
  ])
  return `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`
}

interface Worker {
  pause(): Promise<void>
  goOn(): void
  stop(): Promise<void>
}

/** Repeats a piece of work until it is stopped. */
function repeating(work: () => Promise<void>, pauseMs: number): Worker {
  let isRunning = true
  let paused = 0
  let turn = Promise.resolve()
  const loop = (async () => {
    while (isRunning) {
      if (paused === 0) {
        turn = work()
        await turn
      }
      await sleep(pauseMs)
    }
  })()
  return {
    async pause() {
      paused += 1
      await turn
    },
    goOn() {
      paused -= 1
    },
    async stop() {
      isRunning = false
      await loop
    },
  }
}

/** Does work on a pair, unless somebody is at it. */
type Alone = (user: string, courseId: string, work: () => Promise<void>) => Promise<void>

/**
 * What a client was told of an enrollment is seen here unless somebody changes it in the LMS before it is read there: so nobody
 * changes a pair while somebody else is at it.
 */
function oneAtATime(): Alone {
  const busy = new Set<string>()
  return async (user, courseId, work) => {
    const pair = `${user} in ${courseId}`
    if (busy.has(pair)) return
    busy.add(pair)
    await work().finally(() => busy.delete(pair))
  }
}

/** People who go on working in the LMS itself, in course runs that it owns; one that they leave is left when it is answered. */
function peopleOfTheLms(lms: LmsRest, alone: Alone): Worker & { leave(courseId: string): Promise<void> } {
  const runs = new Set<string>(RUNS)
  const work = async () => {
    const courseId = [...runs][randomInt(Math.max(1, runs.size))]
    if (courseId === undefined) return
    const user = username(randomInt(TOUCHED))
    await alone(user, courseId, () => lms.enroll({ user, courseId, ...someChange() }))
  }
  const worker = repeating(work, 20)
  const leave = async (courseId: string) => {
    runs.delete(courseId)
    await worker.pause()
    worker.goOn()
  }
  return { ...worker, leave }
}

/** Clients of the REST API of this service, in all course runs. */
function clientsOf(url: string, alone: Alone): Worker & { kept: ReadonlySet<string>; faults: readonly string[] } {
  const kept = new Set<string>()
  const faults: string[] = []
  const work = async () => {
    const [user, courseId] = [username(randomInt(TOUCHED)), RUNS[randomInt(RUNS.length)] ?? '']
    await alone(user, courseId, () => ask(user, courseId))
  }
  const ask = async (user: string, courseId: string) => {
    const { mode, isActive } = someChange()
    const response = await fetch(`${url}/api/enrollment/v1/enrollment`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-edx-api-key': SECRETS.EDX_API_KEY },
      body: JSON.stringify({ user, mode, is_active: isActive, course_details: { course_id: courseId } }),
    })
    const text = await response.text()
    // A mode that does not fit what is active is refused in words; whoever comes while a course run changes its owner is asked to
    // come again.
    if (response.status === 200) {
      const answer = JSON.parse(text) as { mode: string; is_active: boolean }
      kept.add(`${user} in ${courseId}: ${answer.mode} ${String(answer.is_active)}`)
    } else if (!(response.status === 400 || (response.status === 503 && response.headers.has('retry-after'))))
      faults.push(`${response.status} ${text}`)
  }
  return { ...repeating(work, 10), kept, faults }
}

function someChange(): { mode: string; isActive: boolean } {
  return { mode: ['audit', 'verified'][randomInt(2)] ?? 'audit', isActive: randomInt(4) > 0 }
}
