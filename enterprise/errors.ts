import type { Learner } from '../routers/index.ts'

/** Why a whole request is refused, and what each reason tells. */
export interface EnterpriseErrorDetails {
  customerNotFound: { customer: string }
  /** The customer is not linked with such a learner, or no longer. */
  learnerNotLinked: { customer: string; learner: Learner }
  /** `issues`: those of zod, with the path of each. */
  invalidRequest: { issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] }
}

export type EnterpriseErrorCode = keyof EnterpriseErrorDetails

/** Nothing of the request was done, because it cannot even begin. Rows that fail alone are outcomes, not errors. */
export class EnterpriseError<C extends EnterpriseErrorCode = EnterpriseErrorCode> extends Error {
  override readonly name = 'EnterpriseError'
  readonly code: C
  readonly details: EnterpriseErrorDetails[C]

  constructor(code: C, details: EnterpriseErrorDetails[C]) {
    super(messages[code](details))
    this.code = code
    this.details = details
  }
}

const messages: { [C in EnterpriseErrorCode]: (details: EnterpriseErrorDetails[C]) => string } = {
  customerNotFound: ({ customer }) => `No customer has the UUID '${customer}'.`,
  learnerNotLinked: ({ customer }) => `No such learner is linked with the customer '${customer}'.`,
  invalidRequest: ({ issues }) => issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
}
