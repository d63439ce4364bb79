import type { ImportReport, Remark, TypeCounts } from '../../../lms/import/report.ts'

export interface ListedReport extends ImportReport {
  readonly remarks: Remark[]
  readonly counts: Record<string, Partial<TypeCounts>>
}

/** A report that keeps what it is told. */
export function listReport(): ListedReport {
  const remarks: Remark[] = []
  const counts: Record<string, Partial<TypeCounts>> = {}
  return {
    remarks,
    counts,
    remark: (remark) => void remarks.push(remark),
    count(type, added) {
      const sum = (counts[type] ??= {})
      for (const [key, value] of Object.entries(added) as [keyof TypeCounts, number][]) {
        if (value !== 0) sum[key] = (sum[key] ?? 0) + value
      }
    },
  }
}
