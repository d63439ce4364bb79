import type { Registry } from '@prometheus-io/client'
import { boundsOf, callLoad } from '../../core/database/deadline.ts'
import type { Database } from '../../core/database/open.ts'
import { connectionsOf } from '../../core/database/own-pools.ts'
import { addGauge } from './sampled.ts'

/** Makes the metrics of a pool: its connections, and the calls that work with it. */
export function databaseMetrics(registry: Registry, db: Database): void {
  addGauge(registry, {
    name: 'enrollment_calls',
    help: 'Calls that have no answer yet',
    samples: () => [[callLoad(db).active]],
  })
  addGauge(registry, {
    name: 'enrollment_calls_limit',
    help: 'Calls beyond which further ones are refused',
    samples: () => [[boundsOf(db).maxCalls]],
  })
  addGauge(registry, {
    name: 'enrollment_oldest_call_seconds',
    help: 'Age of the oldest call without an answer',
    samples: () => [[callLoad(db).oldestMs / 1_000]],
  })
  addGauge(registry, {
    name: 'enrollment_database_connections',
    help: 'Connections of the pool, by what they do',
    labels: ['state'],
    samples() {
      const { size, idle } = connectionsOf(db)
      return [
        [idle, { state: 'idle' }],
        [size - idle, { state: 'busy' }],
      ]
    },
  })
  addGauge(registry, {
    name: 'enrollment_database_connections_limit',
    help: 'The most connections of the pool',
    samples: () => [[connectionsOf(db).limit]],
  })
  addGauge(registry, {
    name: 'enrollment_database_waiting',
    help: 'Statements that wait for a connection',
    samples: () => [[connectionsOf(db).waiting]],
  })
}
