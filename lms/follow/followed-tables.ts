import type { Kysely } from 'kysely'
import type { LmsDB } from '../database/schema.ts'
import { syncTable } from '../import/import-lms.ts'
import type { Remark } from '../import/report.ts'
import type { Subject } from '../import/subject.ts'
import { accounts } from '../import/subjects/accounts.ts'
import { allowances } from '../import/subjects/allowances.ts'
import { cohortMemberships, cohortUsers } from '../import/subjects/cohort-members.ts'
import { cohortPreassignments } from '../import/subjects/cohort-preassignments.ts'
import { cohorts } from '../import/subjects/cohorts.ts'
import { courses } from '../import/subjects/courses.ts'
import { modes } from '../import/subjects/modes.ts'
import { retirementRequests, retirements } from '../import/subjects/retirements.ts'
import { roles } from '../import/subjects/roles.ts'
import type { FollowedTable, FollowedTables } from './follow-table.ts'
import type { StreamName } from './streams.ts'
import type { DigestedTable } from './table-digest.ts'

interface Followed {
  readonly name: StreamName
  readonly subjects: readonly Subject[]
  readonly after: readonly StreamName[]
}

const FOLLOWED: readonly Followed[] = [
  { name: 'accounts', subjects: [accounts], after: [] },
  { name: 'course-runs', subjects: [courses], after: [] },
  { name: 'modes', subjects: [modes], after: ['course-runs'] },
  { name: 'cohorts', subjects: [cohorts], after: ['course-runs'] },
  { name: 'roles', subjects: [roles], after: ['accounts', 'course-runs'] },
  { name: 'allowances', subjects: [allowances], after: ['accounts', 'course-runs'] },
  {
    name: 'cohort-members',
    subjects: [cohortMemberships, cohortUsers, cohortPreassignments],
    after: ['accounts', 'course-runs', 'cohorts'],
  },
  { name: 'retirements', subjects: [retirements, retirementRequests], after: ['accounts'] },
]

/**
 * What is followed beside the enrollments (adoption.md §4), by the rules of the import: what was changed here since stays.
 *
 * @param onAside is told of rows that have no place here.
 */
export function followedTables(db: Kysely<LmsDB>, onAside: (remark: Remark) => void): FollowedTables[] {
  return FOLLOWED.map(({ name, subjects, after }) => ({
    name,
    after,
    tables: subjects.map(followedTable),
    async sync(source, table, ranges) {
      let changes = 0
      const report = {
        remark: (remark: Remark) => void (remark.what === 'leftAside' && onAside(remark)),
        count: (_type: string, { created = 0, changed = 0 }) => void (changes += created + changed),
      }
      const mode = { dryRun: false, prefer: 'here', now: new Date() } as const
      await syncTable(db, source, table, { ...mode, report, ...(ranges !== null && { ranges }) })
      return changes
    },
  }))
}

/** What a subject reads: its own columns, and those of tables that have a row for each of its rows. */
function followedTable({ table, key, columns, joins = [] }: Subject): FollowedTable {
  const hasBuckets = table !== courses.table // Their keys are no numbers.
  const references = joins.flatMap(({ on: [outer] }) => (outer.startsWith('t.') ? outer.slice(2) : []))
  const digested = (name: string, own: string, read: readonly string[]): DigestedTable => ({
    table: name,
    columns: [...new Set([own, ...read])],
    bucketBy: hasBuckets ? own : undefined,
  })
  const companions = joins
    .filter(({ on: [outer] }) => outer === `t.${key}`)
    .map(({ table: name, on: [, inner], columns: read }) => digested(name, inner, Object.values(read)))
  return { table, digested: [digested(table, key, [...columns, ...references]), ...companions] }
}
