import type { ImportReport, Remark, TypeCounts } from '../report.ts'
import type { Brought } from './bring-rows.ts'
import type { AsideRow } from './keep-aside.ts'
import { ATTRIBUTES, ENROLLMENTS, HISTORY, type LmsEnrollment } from './lms-enrollment.ts'
import type { RowPlan } from './plan-row.ts'

/** The types of the counts, by table. */
const TYPES: Readonly<Record<string, string>> = {
  [ENROLLMENTS]: 'enrollment',
  [ATTRIBUTES]: 'enrollmentAttribute',
  [HISTORY]: 'enrollmentHistory',
}

/** Counts and remarks of what became of rows. An enrollment counts with its attributes; its history counts by its events. */
export function reportBrought(report: ImportReport, { plans, unchanged, aside }: Brought): void {
  const counts: Pick<TypeCounts, 'created' | 'changed' | 'unchanged'> = {
    created: 0,
    changed: 0,
    unchanged: unchanged.length,
  }
  let events = 0
  for (const plan of plans) {
    counts[plan.outcome === 'kept' ? 'unchanged' : plan.outcome] += 1
    if (plan.outcome === 'created') events += plan.pair.steps.length
    if (plan.outcome === 'kept') remarkKept(report, plan)
    remarkBent(report, plan.lms, plan)
  }
  for (const enrollment of unchanged) remarkBent(report, enrollment)
  report.count('enrollment', counts)
  report.count('enrollmentHistory', { created: events })
  reportAside(report, aside)
}

/** Counts and remarks of rows that were left aside. */
export function reportAside(report: ImportReport, rows: readonly AsideRow[]): void {
  for (const { table, primaryKey, why } of rows) {
    report.remark({ table, primaryKey, what: 'leftAside', why })
    report.count(TYPES[table] ?? table, { leftAside: 1 })
  }
}

function remarkKept(report: ImportReport, { lms }: RowPlan): void {
  report.remark(bent(lms, 'it was changed here since, and is kept as it is here'))
}

function remarkBent(report: ImportReport, lms: LmsEnrollment, plan?: RowPlan): void {
  for (const why of lms.bent) report.remark(bent(lms, why))
  if (lms.created !== null) return
  const because = lms.content['created'] === null ? 'it has no instant of creation' : 'its instant of creation is none'
  const instead = lms.earliest === null ? 'that of the first import' : 'that of its first history row'
  const created = plan === undefined ? '' : `: ${plan.pair.state.created}`
  report.remark(bent(lms, `${because}; it has ${instead}${created}`))
}

function bent(lms: LmsEnrollment, why: string): Remark {
  return { table: ENROLLMENTS, primaryKey: String(lms.id), what: 'bent', why }
}
