import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Account } from '../learner/account.ts'
import { pairHash } from './chunks.ts'
import { unpackLines, unpackOutcomes } from './pack.ts'

/** A line of a file that failed. */
export interface FailedLine {
  readonly jobId: string
  readonly line: number
  /** ISO 8601, UTC. */
  readonly at: string
  readonly message: string
}

/**
 * Finds lines of files that failed for a learner and a course run, by whichever name the file has for them, as long as the results
 * of jobs are kept; oldest first.
 *
 * @param who.email folded.
 * @param who.courseId as it is stored: files may name it with branch or version, and are not found then.
 */
export async function failedLinesOf(
  db: Kysely<DB>,
  who: { readonly account: Account | null; readonly email: string | null; readonly courseId: string },
): Promise<FailedLine[]> {
  const { account, email, courseId } = who
  const names = [
    ...(account === null ? [] : [{ username: account.username }, { userId: String(account.userId) }]),
    ...(email === null ? [] : [{ email }]),
  ]
  const hashes = names.map((name) => pairHash({ ...name, courseId }))
  const chunks = await db
    .selectFrom('bulk_chunks as c')
    .innerJoin('bulk_jobs as j', 'j.id', 'c.job_id')
    .select(['c.job_id', 'c.lines', 'c.results', 'c.done', 'c.pairs'])
    .where('j.is_dry_run', '=', false)
    .where('c.failed', '>', 0)
    .where(sql<boolean>`c.pairs && ${hashes}::bigint[]`)
    .orderBy('c.done', 'desc')
    .limit(MOST)
    .execute()
  const wanted = new Set(hashes)
  const found = chunks.flatMap((chunk) => {
    const outcomes = unpackOutcomes(chunk.results ?? '[]')
    return unpackLines(chunk.lines).flatMap(({ line }, index) => {
      const outcome = outcomes[index]
      if (outcome === undefined || outcome.ok || !wanted.has(String(chunk.pairs?.[index]))) return []
      return { jobId: chunk.job_id, line, at: chunk.done ?? '', message: outcome.error.message }
    })
  })
  return found.toReversed()
}

/** Chunks that are looked into, the latest first. */
const MOST = 20
