import type { ListedLearner } from '../../../../enterprise/learner/listed-learners.ts'
import type { EnterpriseApi } from '../api.ts'
import type { EnterpriseRequest } from '../serve.ts'
import type { Item } from './items.ts'

/** An item whose learner and course run are known. */
export interface NamedItem {
  /** The place in the list. */
  readonly index: number
  readonly item: Item
  readonly learner: ListedLearner
  /** As the key is stored. */
  readonly courseKey: string
}

/** What all items of a request share. */
export interface ListContext {
  readonly api: EnterpriseApi
  /** The UUID of the customer. */
  readonly customer: string
  /** Whether the customer puts learners into cohorts. */
  readonly hasCohorts: boolean
  readonly request: EnterpriseRequest
}
