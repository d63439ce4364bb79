import type { Cancellation } from '../../routers/extension.ts'
import type { Customer } from '../customer.ts'
import type { OperationContext } from '../operation.ts'
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
}
