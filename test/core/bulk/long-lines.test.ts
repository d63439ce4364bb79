import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import type { BulkResult } from '../../../core/bulk/job.ts'
import { resultFileOf } from '../../../core/bulk/result-lines.ts'
import { splitRecords } from '../../../core/bulk/csv/records.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { createCaller } from '../../../routers/index.ts'
import { startBulkWorker } from '../../../server/background/bulk/worker.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addManyLearners } from '../../support/seed.ts'

// A record may be as long as 1 MiB (bulk.md §2): a thousand of them at a time would be a gigabyte in memory.

const database = await createTestDatabase()
const { db, connectionString } = database
const log = { error: console.error, warn: console.warn }
const worker = await startBulkWorker({ db, connectionString, policy: defaultPolicy, log })
afterAll(async () => {
  await worker[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const MOST = 5 * 2 ** 20

test('long lines are kept, carried out and given back few at a time', async () => {
  const { bulk } = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
  const names = await addManyLearners(db, 10)
  const courseId = await addCourse(db)
  const csv = ['username,course_id,note', ...names.map((name) => `${name},${courseId},${'x'.repeat(600_000)}`)]
  const { jobId } = await bulk.start({ source: { csv: csv.join('\n') } })
  for await (const { data: job } of bulk.watch({ jobId })) {
    if (job.endedAt !== null) expect(job).toMatchObject({ state: 'done', counts: { created: 10 } })
  }
  const { rows } = await sql<{ lines: number; length: number }>`
    select line_count as lines, length(cells) as length from bulk_chunks where job_id = ${jobId}::uuid`.execute(db)
  expect(rows.reduce((sum, { lines }) => sum + lines, 0)).toBe(10)
  expect(Math.max(...rows.map(({ length }) => length))).toBeLessThan(MOST)

  const found: BulkResult[] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: Awaited<ReturnType<typeof bulk.results>> = await bulk.results({ jobId, limit: 1_000, cursor })
    expect(JSON.stringify(page).length).toBeLessThan(MOST)
    found.push(...page.items)
    cursor = page.nextCursor
  }
  expect(found.map(({ line }) => line)).toEqual(names.map((_, index) => index + 2))

  let written = 0
  for await (const piece of await resultFileOf(db, jobId, { onlyFailed: false })) {
    expect(piece.length).toBeLessThan(MOST)
    written += piece.length
  }
  expect(written).toBeGreaterThan(10 * 600_000)
})

test('a page of a file has few records where they are long, and none is lost', async () => {
  const text = async function* () {
    yield `${'x'.repeat(700_000)}\n`.repeat(5)
  }
  const pages = await Array.fromAsync(splitRecords(text(), () => ','))
  expect(pages.map((page) => page.length)).not.toContain(5)
  expect(pages.flat().map(({ line }) => line)).toEqual([1, 2, 3, 4, 5])
})
