import type { Kysely } from 'kysely'
import { parseCourseKey } from '../../../core/course/key.ts'
import type { LmsDB } from '../../database/schema.ts'
import { foldKey } from '../../source/fold-key.ts'
import type { LmsSource } from '../../source/source.ts'
import { locate, planRows, type BringOptions, type Brought } from './bring-rows.ts'
import type { FindCourseRun } from './course-runs.ts'
import type { LmsEnrollment } from './lms-enrollment.ts'
import { readStored } from './read-stored.ts'

/** Finds what is here, and what would be here once the course runs of the LMS have come over; those have ids below zero. */
export async function withPlannedRuns(find: FindCourseRun, source: LmsSource): Promise<FindCourseRun> {
  const planned = new Map<string, { id: number; courseKey: string }>()
  const pages = source.pages('course_overviews_courseoverview', { key: 'id', columns: ['id'] })
  for await (const page of pages) {
    for (const { id } of page) {
      const key = parseCourseKey(String(id))
      if (key !== null) planned.set(foldKey(String(id)), { id: -1 - planned.size, courseKey: key.stored })
    }
  }
  return (text) => find(text) ?? planned.get(foldKey(text))
}

/** What would become of rows; nothing is written. */
export async function tryRows(
  db: Kysely<LmsDB>,
  enrollments: readonly LmsEnrollment[],
  options: BringOptions,
): Promise<Brought> {
  const { located, homeless } = locate(enrollments, options.find)
  if (located.length === 0) return { plans: [], unchanged: [], aside: homeless, notOwned: [] }
  const stored = await readStored(db, located)
  const missing = stored.filter((row) => row.learner_id === null)
  const coming = await accountsOf(
    options.source,
    missing.map(({ n }) => located[n - 1]?.userId ?? 0),
  )
  const planned = stored.map((row) => {
    const userId = located[row.n - 1]?.userId ?? 0
    // An account that would come along has no id here yet, and so no enrollment.
    return row.learner_id === null && coming.has(userId) ? { ...row, learner_id: -userId } : row
  })
  const { plans, aside } = await planRows(db, located, planned, options)
  const differing = new Set(stored.map(({ n }) => n - 1))
  const unchanged = located.filter((_, index) => !differing.has(index))
  return { plans, unchanged, aside: [...homeless, ...aside], notOwned: [] }
}

async function accountsOf(source: LmsSource, userIds: readonly number[]): Promise<ReadonlySet<number>> {
  if (userIds.length === 0 || (await source.columns('auth_user')).size === 0) return new Set()
  const rows = await source.query<{ id: number | string }>('select id from auth_user where id in (?)', [
    [...new Set(userIds)],
  ])
  return new Set(rows.map(({ id }) => Number(id)))
}
