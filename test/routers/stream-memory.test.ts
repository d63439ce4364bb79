// slow: starts many processes
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { addCourse } from '../support/seed.ts'
import type { Streamed, StreamingOptions } from '../support/streaming-process.ts'

const COUNT = 20_000
const CHUNK = 1_000
const MEGABYTE = 1024 * 1024
const PROGRAM = join(import.meta.dirname, '../support/streaming-process.ts')

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())

beforeAll(async () => {
  await sql`insert into learners (username) select 'learner ' || n from generate_series(0, ${COUNT} - 1) n`.execute(db)
})

test('a stream of twenty thousand items takes them as they are needed, and keeps none of them', async () => {
  const streamed = await stream({ keepsResults: false })
  expect(streamed.created).toBe(COUNT)
  // One chunk waits while two run.
  expect(streamed.mostAhead).toBeLessThanOrEqual(3 * CHUNK)
  // Up to three chunks are in memory, whose parts differ from one moment to the other.
  expect(streamed.growth).toBeLessThan(4 * MEGABYTE)
})

test('the heap of one who keeps the results grows (so the measure sees it)', async () => {
  const streamed = await stream({ keepsResults: true })
  expect(streamed.created).toBe(COUNT)
  expect(streamed.growth).toBeGreaterThan(4 * MEGABYTE)
})

async function stream({ keepsResults }: Pick<StreamingOptions, 'keepsResults'>): Promise<Streamed> {
  const options: StreamingOptions = { connectionString, courseId: await addCourse(db), count: COUNT, keepsResults }
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', PROGRAM, JSON.stringify(options)])
  return JSON.parse(stdout) as Streamed // our own program wrote it
}
