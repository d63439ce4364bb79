import type { Registry } from '@prometheus-io/client'
import { jobStates } from '../../core/bulk/job.ts'
import { addGauge } from './sampled.ts'
import type { ReadSharedState } from './state.ts'

/** Makes the metrics of bulk jobs, which all processes share; while the database does not answer nothing is said of them. */
export function bulkMetrics(registry: Registry, read: ReadSharedState): void {
  addGauge(registry, {
    name: 'enrollment_bulk_jobs',
    help: 'Bulk jobs that are kept, by state',
    labels: ['state'],
    async samples() {
      const { bulkJobs } = (await read()) ?? {}
      if (bulkJobs === undefined) return []
      const byState = new Map(bulkJobs.map(({ state, jobs }) => [state, jobs]))
      return jobStates.map((state) => [byState.get(state) ?? 0, { state }] as const)
    },
  })
  addGauge(registry, {
    name: 'enrollment_bulk_lines_per_second',
    help: 'Lines of bulk jobs that all processes carry out, a second',
    async samples() {
      const { bulkJobs } = (await read()) ?? {}
      return bulkJobs === undefined ? [] : [[bulkJobs.reduce((sum, { linesPerSecond }) => sum + linesPerSecond, 0)]]
    },
  })
}
