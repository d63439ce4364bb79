import type { Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'

/** Knows enrollments that somebody pays for, as customers of enterprise do: a roster leaves them alone unless it says otherwise. */
export interface FundingSource {
  readonly name: string
  /** @returns those of the ids of enrollments that it pays for. */
  readonly fundedEnrollments: (db: Kysely<DB>, enrollmentIds: readonly string[]) => Promise<ReadonlySet<string>>
}

/** Those of the ids of enrollments that any of the sources pays for. */
export async function fundedAmong(
  db: Kysely<DB>,
  sources: readonly FundingSource[],
  enrollmentIds: readonly string[],
): Promise<Set<string>> {
  const funded = new Set<string>()
  if (enrollmentIds.length === 0) return funded
  for (const source of sources) {
    for (const id of await source.fundedEnrollments(db, enrollmentIds)) funded.add(id)
  }
  return funded
}
