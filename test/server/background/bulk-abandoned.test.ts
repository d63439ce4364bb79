import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { enqueueAbandoned, lease, LEASE_MS, queueSchema } from '../../../core/bulk/queue.ts'
import { createCaller } from '../../../routers/index.ts'
import { bulkSteps } from '../../../server/background/bulk/steps.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

test('a killed process is missed in half of the 30 s after which another one has to go on', () => {
  const look = bulkSteps({ db, retentionDays: 30 }).find(({ name }) => name === 'looking for abandoned bulk jobs')
  expect(LEASE_MS + (look?.intervalMs ?? Infinity)).toBeLessThanOrEqual(15_000)
})

test('a job whose process was killed waits in the queue again when its lease is over, and not before', async () => {
  const { bulk } = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
  const items = [{ username: (await addLearner(db)).username, courseId: await addCourse(db) }]
  const { jobId } = await bulk.start({ source: { items } })
  const isWorkedOn = async (leftMs: number, sinceMs: number) => {
    await sql`update bulk_jobs set state = 'running', started = now(),
      leased_until = now() + ${leftMs}::float8 * interval '1 millisecond' where id = ${jobId}::uuid`.execute(db)
    await sql`update ${sql.ref(`${await queueSchema(db)}._private_jobs`)} set locked_by = 'killed',
      locked_at = now() - ${sinceMs}::float8 * interval '1 millisecond' where key = ${`bulk:${jobId}`}`.execute(db)
  }
  await isWorkedOn(LEASE_MS, 0)
  expect(await enqueueAbandoned(db)).toEqual([])
  // It has said so again, however long ago it began.
  await isWorkedOn(LEASE_MS, 10 * LEASE_MS)
  expect(await enqueueAbandoned(db)).toEqual([])
  // Somebody has just begun with it, and not said so yet.
  await isWorkedOn(-1_000, 0)
  expect(await enqueueAbandoned(db)).toEqual([])
  await isWorkedOn(-1_000, LEASE_MS + 1_000)
  expect(await enqueueAbandoned(db)).toEqual([jobId])
  expect(await waiting(jobId)).toBe(1)
  expect(await enqueueAbandoned(db), 'it waits already').toEqual([])
})

test('a process that works on a job hears that it has been cancelled', async () => {
  const { bulk } = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
  const items = [{ username: (await addLearner(db)).username, courseId: await addCourse(db) }]
  const { jobId } = await bulk.start({ source: { items } })
  const begun = { state: 'running', started: new Date().toISOString() }
  await db.updateTable('bulk_jobs').set(begun).where('id', '=', jobId).execute()
  expect(await lease(db, jobId)).toBe(true)
  await bulk.cancel({ jobId })
  expect(await lease(db, jobId)).toBe(false)
})

async function waiting(jobId: string): Promise<number> {
  const { rows } = await sql`select from bulk_queue where key = ${`bulk:${jobId}`} and locked_at is null`.execute(db)
  return rows.length
}
