// slow: takes the database away for seconds
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { escapeIdentifier } from 'pg'
import { afterAll, expect, test } from 'vitest'
import { queueSchema } from '../../../core/bulk/queue.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { createCaller } from '../../../routers/index.ts'
import { bulkSteps } from '../../../server/background/bulk/steps.ts'
import { startBulkWorker } from '../../../server/background/bulk/worker.ts'
import { repeat } from '../../../server/background/loop.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { addCourse, addManyLearners } from '../../support/seed.ts'
import { runStatement } from '../../support/statement.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())
const log = { error() {}, warn() {} }

test('a database that is away for a while costs the process nothing: its worker goes on, again and again', async () => {
  await using _worker = await startBulkWorker({ db, connectionString, policy: defaultPolicy, log })
  const end = new AbortController()
  const repeated = Promise.all(bulkSteps({ db, retentionDays: 30 }).map((step) => repeat(step, log, end.signal)))
  const caller = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
  const courseId = await addCourse(db)
  const names = await addManyLearners(db, 6_000)
  const csv = ['username,course_id', ...names.map((name) => `${name},${courseId}`)].join('\n')
  await makeEnrollmentsSlow()
  const { jobId } = await caller.bulk.start({ source: { csv } })
  for (let outage = 0; outage < 2; outage += 1) {
    const { done } = await caller.bulk.get({ jobId })
    await eventually(async () => expect((await caller.bulk.get({ jobId })).done).toBeGreaterThan(done))
    await letNobodyIn()
    await sleep(1_500)
    await letAllIn()
  }
  await eventually(
    async () => expect(await caller.bulk.get({ jobId })).toMatchObject({ state: 'done', done: 6_000 }),
    50,
  )
  end.abort()
  await repeated
})

test('a worker whose first look at its queue fails is none: it would fail at each look after that', async () => {
  const tasks = sql.ref(`${await queueSchema(db)}._private_tasks`)
  const start = () => startBulkWorker({ db, connectionString, policy: defaultPolicy, log })
  await sql`alter table ${tasks} rename to tasks_elsewhere`.execute(db)
  try {
    await expect(start()).rejects.toThrow('_private_tasks')
  } finally {
    await sql`alter table ${sql.ref(`${await queueSchema(db)}.tasks_elsewhere`)} rename to _private_tasks`.execute(db)
  }
  await using _worker = await start()
})

/** Half a second for each chunk, so that the database goes away in the middle of them on any machine. */
async function makeEnrollmentsSlow(): Promise<void> {
  await sql`create function be_slow() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.5); return null; end $$`.execute(db)
  await sql`create trigger slow before insert on enrollments for each statement execute function be_slow()`.execute(db)
}

const url = new URL(connectionString)
const name = decodeURIComponent(url.pathname.slice(1))
url.pathname = '/postgres'

async function letNobodyIn(): Promise<void> {
  await runStatement(url.href, `alter database ${escapeIdentifier(name)} allow_connections false`)
  await runStatement(url.href, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)
}

async function letAllIn(): Promise<void> {
  await runStatement(url.href, `alter database ${escapeIdentifier(name)} allow_connections true`)
}
