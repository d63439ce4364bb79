import { Gauge, type Registry } from '@prometheus-io/client'
import { boundsOf, callLoad } from '../../core/database/deadline.ts'
import type { Database } from '../../core/database/open.ts'
import { connectionsOf } from '../../core/database/own-pools.ts'

/** Makes the metrics of a pool: its connections, and the calls that work with it. They are looked at when somebody asks. */
export function databaseMetrics(registry: Registry, db: Database): void {
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value())
      },
    })
  gauge('enrollment_calls', 'Calls that have no answer yet', () => callLoad(db).active)
  gauge('enrollment_calls_limit', 'Calls beyond which further ones are refused', () => boundsOf(db).maxCalls)
  gauge(
    'enrollment_oldest_call_seconds',
    'Age of the oldest call without an answer',
    () => callLoad(db).oldestMs / 1_000,
  )
  new Gauge({
    name: 'enrollment_database_connections',
    help: 'Connections of the pool, by what they do',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { size, idle } = connectionsOf(db)
      this.set({ state: 'idle' }, idle)
      this.set({ state: 'busy' }, size - idle)
    },
  })
  gauge('enrollment_database_connections_limit', 'The most connections of the pool', () => connectionsOf(db).limit)
  gauge('enrollment_database_waiting', 'Statements that wait for a connection', () => connectionsOf(db).waiting)
}
