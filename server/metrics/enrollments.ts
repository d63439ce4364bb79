import { Histogram, type Registry } from '@prometheus-io/client'
import type { Database } from '../../core/database/open.ts'
import { observeEnrollments } from '../../core/enrollment/observer.ts'
import { addCounter } from './sampled.ts'

/** Calls; the largest round has 500. */
const SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500]

/** Seconds. */
const WAITS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5]

/** Makes the metrics of commands: what became of them, and in which rounds they were carried out. */
export function enrollmentMetrics(registry: Registry, db: Database): Disposable {
  const registers = [registry]
  const sizes = new Histogram({
    name: 'enrollment_round_size',
    help: 'Single calls that were carried out together',
    labelNames: ['batcher'],
    buckets: SIZES,
    registers,
  })
  const waits = new Histogram({
    name: 'enrollment_round_wait_seconds',
    help: 'How long the first call of a round waited for it',
    labelNames: ['batcher'],
    buckets: WAITS,
    registers,
  })
  // A batch may have ten thousand of them: they are put down here, and become samples when somebody asks.
  const decided = new Map<string, Map<string, number>>()
  addCounter(registry, {
    name: 'enrollment_outcomes_total',
    help: 'Commands that were decided, by API and by the kind of the outcome or the code of the error',
    labels: ['via', 'code'],
    samples: () =>
      [...decided].flatMap(([via, byCode]) => [...byCode].map(([code, count]) => [count, { via, code }] as const)),
  })
  return observeEnrollments(db, {
    decided(via, code) {
      const byCode = decided.get(via)
      if (byCode === undefined) decided.set(via, new Map([[code, 1]]))
      else byCode.set(code, (byCode.get(code) ?? 0) + 1)
    },
    roundBegins({ batcher, size, waitMs }) {
      sizes.observe({ batcher }, size)
      waits.observe({ batcher }, waitMs / 1_000)
    },
  })
}
