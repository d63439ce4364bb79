import type { Kysely } from 'kysely'
import type { Cancellation } from '../../routers/extension.ts'
import type { Customer } from '../customer.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import type { OperationContext } from '../operation.ts'
import type { NamedLicenses } from './named-licenses.ts'
import type { EnrollLearnersOptions } from './request.ts'

/** What all rows of one batch share. Its `reason` holds for every row that has none of its own. */
export interface BatchContext extends OperationContext {
  readonly batchId: string
  readonly customer: Customer
  readonly options: EnrollLearnersOptions
  /** How many rows the request has. */
  readonly rowCount: number
  /** Says when nobody waits for the answer any more: what has not begun is not done then. */
  readonly cancellation?: Cancellation | undefined
  /** The licenses that the whole request names, read when they are asked for first. */
  readonly namedLicenses: (db: Kysely<EnterpriseDB>) => Promise<NamedLicenses>
  /** Whether nobody waits for the answer any more: what has not been kept by then is not kept. */
  readonly isGivenUp: () => boolean
  /** Whether the time of the request is over: what has not been kept by then is refused with `busy`. */
  readonly isOverdue: () => boolean
}
