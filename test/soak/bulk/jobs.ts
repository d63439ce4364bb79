import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { writeUpload } from '../../../core/bulk/receive-upload.ts'
import { resultsFrom } from '../../../core/bulk/results.ts'
import type { Database } from '../../../core/database/open.ts'
import type { Caller } from '../../../routers/index.ts'
import { addCourse, addManyLearners } from '../../support/seed.ts'
import type { JobOutcome } from './verdict.ts'

export const rehearsedKinds = ['file', 'sync', 'undo'] as const
export type RehearsedKind = (typeof rehearsedKinds)[number]

/** Learners of the rehearsal; more lines are in more course runs. */
const LEARNERS = 10_000

/** Makes what a job needs, and answers what starts it; each time in course runs of their own, otherwise the same. */
export type NewJob = () => Promise<() => Promise<{ jobId: string }>>

/**
 * Makes jobs of one kind with about so many lines each, of all kinds of results: a third of a file, or of what is undone, is in
 * course runs with half as many seats.
 *
 * @param run carries out a job without disturbing it.
 */
export async function jobsOf(
  { db, caller }: { readonly db: Database; readonly caller: Caller },
  kind: RehearsedKind,
  { lines, run }: { readonly lines: number; readonly run: (jobId: string) => Promise<void> },
): Promise<NewJob> {
  const names = await addManyLearners(db, Math.min(lines, LEARNERS))
  const upload = (rows: Iterable<string>) =>
    writeUpload(db, bytesOf(rows), { actorName: 'soak', now: new Date() }).then((uploadId) => ({ uploadId }))
  const courses = async (isCapped: boolean) => {
    const keys: string[] = []
    for (let at = 0; at < lines; at += names.length) {
      const seats = isCapped && keys.length % 3 === 2 ? { max_enrollments: Math.ceil(names.length / 2) } : {}
      keys.push(await addCourse(db, seats))
    }
    return keys
  }
  const file = async () => {
    const keys = await courses(true)
    return upload(rowsOf(names, keys, lines))
  }

  if (kind === 'file') {
    return async () => {
      const source = await file()
      return () => caller.bulk.start({ source })
    }
  }
  if (kind === 'undo') {
    return async () => {
      const { jobId } = await caller.bulk.start({ source: await file() })
      await run(jobId)
      return () => caller.bulk.undo({ jobId })
    }
  }
  return async () => {
    const keys = await courses(false)
    const half = Math.floor(names.length / 2)
    const { jobId } = await caller.bulk.start({ source: await upload(rowsOf(names.slice(0, half), keys, lines)) })
    await run(jobId)
    // Some stay, some leave, some come.
    const source = await upload(rowsOf(names.slice(Math.floor(half / 2)), keys, lines))
    return () => caller.bulk.start({ source, action: 'sync', limits: { maxRemovals: '100%' } })
  }
}

function* rowsOf(names: readonly string[], courseIds: readonly string[], most: number): Generator<string> {
  const pairs = Iterator.from(courseIds).flatMap((courseId) => names.map((name) => `${name},${courseId}`))
  yield* pairs.take(most - 2)
  yield `nobody,${courseIds[0]}`
  // Said before.
  yield `${names[0]},${courseIds[0]}`
}

async function* bytesOf(rows: Iterable<string>): AsyncGenerator<Uint8Array> {
  let text = 'username,course_id\n'
  for (const row of rows) {
    text += `${row}\n`
    if (text.length < 500_000) continue
    yield Buffer.from(text)
    text = ''
  }
  yield Buffer.from(text)
}

/**
 * What came of a job: of each line the number, what was done, and to whom. Whoever leaves has the place in which they came, and that is
 * another one each time, as two pieces of a file are written at a time: they are told without a number.
 */
export async function outcomeOf(db: Database, caller: Caller, jobId: string): Promise<JobOutcome> {
  const { state, total, done, counts } = await caller.bulk.get({ jobId })
  const told: string[] = []
  for await (const { result } of resultsFrom(db, { id: jobId }, { onlyFailed: false })) {
    const { line, outcome } = result
    const name = line.item !== null && 'username' in line.item ? line.item.username : ''
    const what = outcome.ok ? outcome.outcome.kind : outcome.error.code
    told.push(`${what === 'deactivated' ? '' : line.line} ${name} ${what}\n`)
  }
  const digest = createHash('sha256')
  for (const text of told.toSorted()) digest.update(text)
  const { rows } = await sql<{ events: number; enrollments: number }>`
    select count(*)::integer as events, count(distinct enrollment_id)::integer as enrollments
    from enrollment_events where batch_id = ${jobId}::uuid`.execute(db)
  const { events, enrollments } = rows[0] ?? { events: 0, enrollments: 0 }
  return { state, total, done, counts, results: told.length, digest: digest.digest('hex'), events, enrollments }
}
