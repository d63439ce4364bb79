import type { Transaction } from 'kysely'
import { createCaller, type Caller, type Context } from '../../routers/index.ts'
import type { EnrollLearnersOrder } from './request.ts'
import type { Customer } from '../customer.ts'
import type { EnterpriseDB } from '../database/schema.ts'

/** What all rows of one request share. */
export interface Unit {
  readonly context: Omit<Context, 'db' | 'now' | 'requestId'>
  readonly customer: Customer
  readonly order: Omit<EnrollLearnersOrder, 'customer' | 'rows'>
  /** How many rows the request has. */
  readonly rowCount: number
  readonly batchId: string
  readonly requestId: string
  /** ISO 8601, UTC. */
  readonly at: string
}

/** The house's caller inside a transaction of the tenant. */
export function callerIn(
  trx: Transaction<EnterpriseDB>,
  { context, requestId, at }: Pick<Unit, 'context' | 'requestId' | 'at'>,
): Caller {
  return createCaller({ ...context, db: trx, requestId, now: () => new Date(at) })
}
