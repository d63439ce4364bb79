import type { Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { EnrollmentEvent } from '../../routers/index.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { applyEvents, type AppliedEvents } from './apply-events.ts'

/** What keeps the records of all customers up to date with the changes of enrollments, whichever API they came through. */
export interface EnterpriseConsumer {
  readonly name: 'enterprise'
  apply(trx: Transaction<DB>, events: readonly EnrollmentEvent[]): Promise<AppliedEvents>
}

/** @param now fixes the clock. */
export function enterpriseConsumer(now: () => Date = () => new Date()): EnterpriseConsumer {
  return {
    name: 'enterprise',
    apply: (trx, events) => applyEvents(trx.$extendTables<EnterpriseTables>(), events, now().toISOString()),
  }
}
